/** Of several copies of what we posted the oldest stays; a status says what the newest of them says. */
import type { Repository } from "../domain/repository.ts";
import { editComment } from "./comments.ts";
import { findComments, findReplies, type Found } from "./find-comments.ts";
import type { Suspect } from "./heal.ts";
import { isNewer, renderingIn } from "./marker.ts";
import { at } from "./calls.ts";
import { portErrorOf, statusOf } from "./outcome.ts";
import { WRITE } from "./cost.ts";
import type { Performing } from "./performer.ts";

/** What is left of the copies; null = there is none, or there was one only. Throws PortError. */
export async function removeDoubles(
  performing: Performing,
  suspect: Suspect,
): Promise<Found | null> {
  const copies = await find(performing, suspect);
  const [oldest, ...others] = copies;
  if (oldest === undefined || others.length === 0) return null;
  try {
    if (suspect.kind === "status") await keepNewest(performing, suspect, oldest, copies);
    for (const { id } of others)
      await remove(performing, suspect.repository, id, suspect.kind === "reply");
    return oldest;
  } catch (error) {
    throw portErrorOf(error, performing.clock.now());
  }
}

const find = (performing: Performing, suspect: Suspect): Promise<readonly Found[]> =>
  suspect.kind === "reply"
    ? findReplies(performing, suspect.repository, suspect.pullRequest, suspect.key)
    : findComments(performing, suspect.repository, suspect.number, suspect.key);

async function keepNewest(
  performing: Performing,
  { repository, key }: Suspect,
  oldest: Found,
  copies: readonly Found[],
): Promise<void> {
  const rendering = ({ body }: Found) => renderingIn(body, key, performing.markerSecret) ?? [0, 0];
  const newest = copies.reduce((best, one) =>
    isNewer(rendering(one), rendering(best)) ? one : best,
  );
  if (newest !== oldest) await editComment(performing, repository, oldest.id, () => newest.body);
}

async function remove(
  performing: Performing,
  repository: Repository,
  comment: number,
  isReply: boolean,
): Promise<void> {
  const set = isReply ? "pulls" : "issues";
  try {
    await performing.calls.write(repository, set, { ...WRITE, priority: 3 }, (client) =>
      isReply
        ? client.request("DELETE /repos/{owner}/{repo}/pulls/comments/{comment_id}", {
            ...at(repository),
            comment_id: comment,
          })
        : client.request("DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}", {
            ...at(repository),
            comment_id: comment,
          }),
    );
  } catch (error) {
    // Somebody was faster.
    if (statusOf(error) !== 404) throw error;
  }
}

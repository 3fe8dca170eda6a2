/**
 * The status comment: one per issue, edited in place. Its marker depends on the issue alone, so that it is found whatever
 * was lost; beside it stands which rendering it is, so that an older one never takes the place of a newer one, however
 * late it arrives.
 */
import type { Repository } from "../domain/repository.ts";
import { toMarkdown } from "../markdown/outgoing.ts";
import { at, orNull } from "./calls.ts";
import { createComment, editComment } from "./comments.ts";
import { findComments, lookTwice, type Found } from "./find-comments.ts";
import { isNewer, markerOf, renderingIn, renderingOf, withMarker } from "./marker.ts";
import type { EffectOf, Perform, Performing } from "./performer.ts";

export const updateStatus: Perform<"update-status"> = async (performing, effect, attempt) => {
  const { repository, number } = effect;
  const key = statusKey(effect);
  const again = attempt.number > 1;
  // Rendered when its turn has come: most tries in an outage end before that.
  const body = once(() => bodyOf(performing, effect, key));
  if (attempt.known !== null) {
    const id = Number(attempt.known);
    const current = again ? await readComment(performing, repository, id) : undefined;
    if (current !== null && (await show(performing, repository, { id, body: current }, body, key)))
      return { kind: "done", artifact: attempt.known };
    // Deleted by somebody: it comes back once, as a new comment.
  }
  const look = (): Promise<readonly Found[]> => findComments(performing, repository, number, key);
  const left = again ? await lookTwice(performing, look) : (await look())[0];
  if (left !== undefined && (await show(performing, repository, left, body, key)))
    return { kind: "done", artifact: String(left.id) };
  const posted = await createComment(performing, repository, number, body(), 4);
  // Also at a first try: an older rendering, whose answer was lost, may have made one that no list shows yet.
  await performing.suspect({ kind: "status", repository, number, key, question: null });
  return { kind: "done", artifact: String(posted.id) };
};

const statusKey = ({ repository, number }: EffectOf<"update-status">): string =>
  `status:${repository.id}#${number}`;

function bodyOf(performing: Performing, effect: EffectOf<"update-status">, key: string): string {
  const { markerSecret, epoch } = performing;
  const text = toMarkdown(effect.text, performing.outgoing());
  const rendering =
    effect.rev === undefined ? "" : `\n\n${renderingOf(key, [epoch, effect.rev], markerSecret)}`;
  return withMarker(`${text.trimEnd()}${rendering}`, markerOf(key, markerSecret));
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Makes the comment say this, unless it says so or something newer already. False = it is gone. */
async function show(
  performing: Performing,
  repository: Repository,
  current: { readonly id: number; readonly body: string | undefined },
  rendered: () => string,
  key: string,
): Promise<boolean> {
  const { markerSecret } = performing;
  if (current.body !== undefined) {
    const body = rendered();
    if (current.body === body) return true;
    const theirs = renderingIn(current.body, key, markerSecret);
    const ours = renderingIn(body, key, markerSecret);
    if (theirs !== null && ours !== null && isNewer(theirs, ours)) return true;
  }
  return editComment(performing, repository, current.id, rendered);
}

/** What a comment says; null = it is gone. */
async function readComment(
  performing: Performing,
  repository: Repository,
  comment: number,
): Promise<string | null> {
  const found = await orNull(
    performing.calls.read(repository, "facts", async (client) => {
      const route = "GET /repos/{owner}/{repo}/issues/comments/{comment_id}";
      return (await client.request(route, { ...at(repository), comment_id: comment })).data;
    }),
  );
  return found === null ? null : (found.body ?? "");
}

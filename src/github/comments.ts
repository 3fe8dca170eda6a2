/**
 * Comments on issues and replies to review comments. Each is posted once: from the second try on what an earlier try
 * left is looked for first, and a while later whether there are two after all.
 */
import type { Repository } from "../domain/repository.ts";
import { toMarkdown } from "../markdown/outgoing.ts";
import { at } from "./calls.ts";
import { findComments, findReplies, lookTwice, type Found } from "./find-comments.ts";
import { markerOf, withMarker } from "./marker.ts";
import { statusOf } from "./outcome.ts";
import { CONTENT } from "./cost.ts";
import type { Perform, Performing } from "./performer.ts";

export const postComment: Perform<"post-comment"> = async (performing, effect, attempt) => {
  const { repository, number, question } = effect;
  const { key } = attempt;
  const again = attempt.number > 1;
  const look = (): Promise<readonly Found[]> => findComments(performing, repository, number, key);
  const body = bodyOf(performing, effect.text, key);
  const left = again ? await lookTwice(performing, look) : undefined;
  const posted =
    left ?? (await createComment(performing, repository, number, body, question === null ? 3 : 1));
  if (again) await performing.suspect({ kind: "comment", repository, number, key, question });
  return {
    kind: "done",
    artifact: String(posted.id),
    events:
      question === null
        ? []
        : [{ kind: "question-posted", question, comment: posted.id, url: posted.url }],
  };
};

export const replyToReview: Perform<"reply-to-review"> = async (performing, effect, attempt) => {
  const { repository, pullRequest, thread } = effect;
  const { key } = attempt;
  const again = attempt.number > 1;
  const body = bodyOf(performing, effect.text, key);
  const look = (): Promise<readonly Found[]> =>
    findReplies(performing, repository, pullRequest, key);
  const left = again ? await lookTwice(performing, look) : undefined;
  const id = left?.id ?? (await createReply(performing, { repository, pullRequest, thread, body }));
  if (again) await performing.suspect({ kind: "reply", repository, pullRequest, key });
  return { kind: "done", artifact: String(id) };
};

const createReply = (
  performing: Performing,
  reply: {
    readonly repository: Repository;
    readonly pullRequest: number;
    readonly thread: number;
    readonly body: string;
  },
): Promise<number> =>
  performing.calls.write(reply.repository, "pulls", { ...CONTENT, priority: 3 }, async (client) => {
    const route = "POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies";
    const { pullRequest, thread, body } = reply;
    const parameters = { pull_number: pullRequest, comment_id: thread, body };
    const { data } = await client.request(route, { ...at(reply.repository), ...parameters });
    return Number(data.id);
  });

const bodyOf = (
  performing: Performing,
  text: Parameters<typeof toMarkdown>[0],
  key: string,
): string =>
  withMarker(toMarkdown(text, performing.outgoing()), markerOf(key, performing.markerSecret));

export const createComment = (
  performing: Performing,
  repository: Repository,
  number: number,
  body: string,
  priority: number,
): Promise<Found> =>
  performing.calls.write(repository, "issues", { ...CONTENT, priority }, async (client) => {
    const route = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
    const { data } = await client.request(route, { ...at(repository), issue_number: number, body });
    return { id: Number(data.id), url: data.html_url, body };
  });

/** `body` is asked for when its turn has come: rendering is most of the work of a try that has to wait. False when the comment is gone. */
export async function editComment(
  performing: Performing,
  repository: Repository,
  comment: number,
  body: () => string,
): Promise<boolean> {
  try {
    await performing.calls.write(repository, "issues", { ...CONTENT, priority: 4 }, (client) =>
      client.request("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", {
        ...at(repository),
        comment_id: comment,
        body: body(),
      }),
    );
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

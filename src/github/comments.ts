/**
 * Comments on issues and replies to review comments. Each is posted once: from the second try on, and for
 * the status comment always when its id is not known, what an earlier try left is looked for first.
 */
import type { Repository } from "../domain/repository.ts";
import { toMarkdown } from "../markdown/outgoing.ts";
import { at } from "./calls.ts";
import { allPages, lastPage, PAGE } from "./pages.ts";
import { hasMarker, markerOf, withMarker } from "./marker.ts";
import { statusOf } from "./outcome.ts";
import { CONTENT, WRITE } from "./pacing.ts";
import { pause, type Perform, type Performing } from "./performer.ts";

interface Found {
  readonly id: number;
  readonly url: string;
  readonly body: string;
}

export const postComment: Perform<"post-comment"> = async (performing, effect, attempt) => {
  const { repository, number, question } = effect;
  const look = (): Promise<readonly Found[]> =>
    findComments(performing, repository, number, attempt.key);
  const body = bodyOf(performing, effect.text, attempt.key);
  const left = attempt.number > 1 ? await lookTwice(performing, look) : undefined;
  const posted =
    left ?? (await createComment(performing, repository, number, body, question === null ? 3 : 1));
  if (attempt.number > 1) heal(performing, repository, look);
  return {
    kind: "done",
    artifact: String(posted.id),
    events:
      question === null
        ? []
        : [{ kind: "question-posted", question, comment: posted.id, url: posted.url }],
  };
};

/** One comment per issue: its marker depends on the issue alone, so that it is found whatever was lost. */
export const updateStatus: Perform<"update-status"> = async (performing, effect, attempt) => {
  const { repository, number } = effect;
  const key = `status:${repository.id}#${number}`;
  const body = bodyOf(performing, effect.text, key);
  const look = (): Promise<readonly Found[]> => findComments(performing, repository, number, key);
  if (attempt.known !== null) {
    const edited = await editComment(performing, repository, Number(attempt.known), body);
    if (edited) return { kind: "done", artifact: attempt.known };
    // Deleted by somebody: it comes back once, as a new comment.
  }
  const left = attempt.number > 1 ? await lookTwice(performing, look) : (await look())[0];
  if (left !== undefined && (await editComment(performing, repository, left.id, body)))
    return { kind: "done", artifact: String(left.id) };
  const posted = await createComment(performing, repository, number, body, 4);
  if (attempt.number > 1) heal(performing, repository, look);
  return { kind: "done", artifact: String(posted.id) };
};

export const replyToReview: Perform<"reply-to-review"> = async (performing, effect, attempt) => {
  const { repository, pullRequest, thread } = effect;
  const body = bodyOf(performing, effect.text, attempt.key);
  const look = (): Promise<readonly Found[]> =>
    findReplies(performing, repository, pullRequest, attempt.key);
  const left = attempt.number > 1 ? await lookTwice(performing, look) : undefined;
  if (left !== undefined) return { kind: "done", artifact: String(left.id) };
  const posted = await performing.calls.write(
    repository,
    "pulls",
    { ...CONTENT, priority: 3 },
    async (client) => {
      const route = "POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies";
      const parameters = { pull_number: pullRequest, comment_id: thread, body };
      return (await client.request(route, { ...at(repository), ...parameters })).data;
    },
  );
  return { kind: "done", artifact: String(posted.id) };
};

const bodyOf = (
  performing: Performing,
  text: Parameters<typeof toMarkdown>[0],
  key: string,
): string =>
  withMarker(toMarkdown(text, performing.outgoing()), markerOf(key, performing.markerSecret));

/** Lists may lag behind writes: not found is believed the second time only. */
async function lookTwice(
  performing: Performing,
  look: () => Promise<readonly Found[]>,
): Promise<Found | undefined> {
  const [first] = await look();
  if (first !== undefined) return first;
  await pause(performing.clock, performing.timings.lookAgainMs);
  return (await look())[0];
}

/** Comments looked through, newest first. An older one would have been found by an earlier try. */
const PAGES_MAX = 10;

/** Our comments that carry this key, oldest first. */
async function findComments(
  performing: Performing,
  repository: Repository,
  number: number,
  key: string,
): Promise<readonly Found[]> {
  const { appId, botId } = await performing.auth.own(repository);
  const read = (page: number) =>
    performing.calls.read(repository, "facts", (client) =>
      client.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
        ...at(repository),
        issue_number: number,
        per_page: PAGE,
        page,
      }),
    );
  const first = await read(1);
  const last = lastPage(first.headers.link);
  const comments = [...first.data];
  for (let page = last; page > Math.max(1, last - PAGES_MAX); page -= 1)
    comments.push(...(await read(page)).data);
  return comments
    .filter(
      ({ user, performed_via_github_app: via, body }) =>
        (via?.id === appId || user?.id === botId) &&
        hasMarker(body ?? "", key, performing.markerSecret),
    )
    .map((comment) => ({
      id: Number(comment.id),
      url: comment.html_url,
      body: comment.body ?? "",
    }))
    .toSorted((a, b) => a.id - b.id);
}

async function findReplies(
  performing: Performing,
  repository: Repository,
  pullRequest: number,
  key: string,
): Promise<readonly Found[]> {
  const { botId } = await performing.auth.own(repository);
  const comments = await allPages(PAGES_MAX, (page) =>
    performing.calls.read(repository, "facts", async (client) => {
      const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}/comments";
      const parameters = { pull_number: pullRequest, per_page: PAGE, page };
      const newest = { sort: "created", direction: "desc" } as const;
      return (await client.request(route, { ...at(repository), ...parameters, ...newest })).data;
    }),
  );
  return comments
    .filter(({ user, body }) => user?.id === botId && hasMarker(body, key, performing.markerSecret))
    .map((comment) => ({ id: Number(comment.id), url: comment.html_url, body: comment.body }))
    .toSorted((a, b) => a.id - b.id);
}

const createComment = (
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

/** False when the comment is gone. */
async function editComment(
  performing: Performing,
  repository: Repository,
  comment: number,
  body: string,
): Promise<boolean> {
  try {
    await performing.calls.write(repository, "issues", { ...WRITE, priority: 4 }, (client) =>
      client.request("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", {
        ...at(repository),
        comment_id: comment,
        body,
      }),
    );
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

/** If a lagging list let a double through after all, the older one stays. */
function heal(
  performing: Performing,
  repository: Repository,
  look: () => Promise<readonly Found[]>,
): void {
  performing.later(performing.timings.healMs, async () => {
    for (const { id } of (await look()).slice(1))
      await performing.calls.write(repository, "issues", { ...WRITE, priority: 3 }, (client) =>
        client.request("DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}", {
          ...at(repository),
          comment_id: id,
        }),
      );
  });
}

/** Opening, editing and marking ready of our pull requests; resolving review threads. */
import type { Repository } from "../domain/repository.ts";
import { PortError } from "../engine/ports.ts";
import { toMarkdown, toTitle } from "../markdown/outgoing.ts";
import { findAtHead, type PullAtHead } from "./at-head.ts";
import { at, type Calls } from "./calls.ts";
import { statusOf, validationText } from "./outcome.ts";
import { CONTENT, WRITE } from "./cost.ts";
import { DONE, type EffectOf, type Perform, type Performing } from "./performer.ts";

type Opened = Pick<PullAtHead, "number" | "html_url" | "draft">;

/** A head branch is unique per session: by it an earlier try's pull request is found and adopted. */
export const openPullRequest: Perform<"open-pull-request"> = async (
  performing,
  effect,
  attempt,
) => {
  const { session, repository } = effect;
  const left =
    attempt.number > 1 ? (await findAtHead(performing, repository, effect.head)).ours : null;
  const opened = left ?? (await create(performing, effect));
  if (opened === null)
    return {
      kind: "unknown",
      reason: `GitHub has one for ${effect.head} and does not list it yet`,
    };
  return {
    kind: "done",
    artifact: String(opened.number),
    events: [
      {
        kind: "pull-request-opened",
        session,
        number: opened.number,
        url: opened.html_url,
        draft: opened.draft === true,
      },
    ],
  };
};

/** null = there is one already, and lists do not show it yet. */
async function create(
  performing: Performing,
  effect: EffectOf<"open-pull-request">,
): Promise<Opened | null> {
  const post = (draft: boolean): Promise<Opened> =>
    performing.calls.write(
      effect.repository,
      "pulls",
      { ...CONTENT, priority: 3 },
      async (client) => {
        const { data } = await client.request("POST /repos/{owner}/{repo}/pulls", {
          ...at(effect.repository),
          head: effect.head,
          base: effect.base,
          title: toTitle(effect.title, performing.outgoing()),
          body: toMarkdown(effect.text, performing.outgoing()),
          draft,
        });
        return data;
      },
    );
  try {
    return await post(effect.draft);
  } catch (error) {
    const words = statusOf(error) === 422 ? validationText(error) : "";
    // Private repositories on some plans have no drafts (422, so nothing was made).
    if (effect.draft && /draft/iu.test(words)) return post(false);
    if (!/already exists/iu.test(words)) throw error;
    const { ours, anybody } = await findAtHead(performing, effect.repository, effect.head);
    // Somebody else's is none of ours: GitHub refuses for as long as it is there.
    if (ours === null && anybody) throw error;
    return ours;
  }
}

export const editPullRequest: Perform<"edit-pull-request"> = async (performing, effect) => {
  const { repository, pullRequest } = effect;
  await performing.calls.write(repository, "pulls", { ...CONTENT, priority: 3 }, (client) =>
    client.request("PATCH /repos/{owner}/{repo}/pulls/{pull_number}", {
      ...at(repository),
      pull_number: pullRequest,
      title: toTitle(effect.title, performing.outgoing()),
      body: toMarkdown(effect.text, performing.outgoing()),
    }),
  );
  return DONE;
};

/** Only GraphQL can: REST has no way out of a draft. */
export const markReady: Perform<"mark-ready"> = async (performing, effect) => {
  const { repository, pullRequest } = effect;
  const pull = await readPull(performing.calls, repository, pullRequest);
  if (pull.state !== "open" || pull.draft !== true) return DONE;
  await performing.calls.write(repository, "threads", { ...WRITE, priority: 3 }, (client) =>
    client.graphql(
      `mutation ready($id: ID!) {
        markPullRequestReadyForReview(input: { pullRequestId: $id }) { pullRequest { isDraft } }
      }`,
      { id: pull.node_id },
    ),
  );
  return DONE;
};

export const resolveThread: Perform<"resolve-thread"> = async (performing, effect) => {
  await performing.calls.write(effect.repository, "threads", { ...WRITE, priority: 3 }, (client) =>
    client.graphql(
      `mutation resolve($id: ID!) {
        resolveReviewThread(input: { threadId: $id }) { thread { isResolved } }
      }`,
      { id: effect.threadNode },
    ),
  );
  return DONE;
};

/** A pull request as it is now. Throws PortError. */
const readPull = (calls: Calls, repository: Repository, number: number) =>
  calls.read(repository, "facts", async (client) => {
    const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}";
    const { data } = await client.request(route, { ...at(repository), pull_number: number });
    if (data.number !== number) throw new PortError("gone", `pull request #${number} is gone`);
    return data;
  });

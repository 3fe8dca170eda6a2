/** What only GraphQL can do: threads, leaving draft, hiding comments; reactions too, as `gh` uses it for them. */
import { demand } from "../access.ts";
import { issueNeed, need } from "../act/needs.ts";
import { setDraft } from "../act/pulls.ts";
import { react } from "../act/reactions.ts";
import { replyTo, setResolved } from "../act/reviews.ts";
import type { Hub } from "../hub.ts";
import { type Actor, reactionContents } from "../model.ts";
import { Problem } from "../problem.ts";
import { findNode, findPull, findThread, type Found } from "./find.ts";
import {
  lineCommentNode,
  node,
  type Node,
  pullNode,
  reactionNames,
  reactionNode,
  threadNode,
} from "./nodes.ts";

interface Input {
  readonly input: Readonly<Record<string, string>> & { readonly clientMutationId?: string };
}

export function mutations(hub: Hub, actor: Actor): Node {
  const view = { hub, actor };
  const resolve = (resolved: boolean): unknown =>
    mutation((read) => {
      const thread = findThread(hub, actor, read("threadId"));
      setResolved(hub, actor, thread, resolved);
      return { thread: threadNode(view, thread) };
    });
  const draft = (wanted: boolean): unknown =>
    mutation((read) => {
      const pull = findPull(hub, actor, read("pullRequestId"));
      setDraft(hub, actor, pull, wanted);
      return { pullRequest: pullNode(view, pull) };
    });
  return {
    resolveReviewThread: resolve(true),
    unresolveReviewThread: resolve(false),
    convertPullRequestToDraft: draft(true),
    markPullRequestReadyForReview: draft(false),
    addPullRequestReviewThreadReply: mutation((read) => {
      const thread = findThread(hub, actor, read("pullRequestReviewThreadId"));
      const [first] = thread.comments;
      if (first === undefined) throw new Problem(404, "The thread has no comments.");
      const reply = replyTo(hub, actor, thread.pull, first, read("body"));
      return { comment: lineCommentNode(view, reply) };
    }),
    addReaction: mutation((read) => addReaction(hub, actor, read("subjectId"), read("content"))),
    minimizeComment: mutation((read) => ({
      minimizedComment: minimize(hub, actor, read("subjectId"), read("classifier")),
    })),
    unminimizeComment: mutation((read) => ({
      unminimizedComment: minimize(hub, actor, read("subjectId"), undefined),
    })),
  };
}

/** A resolver that reads texts from its input and echoes `clientMutationId`. */
function mutation(work: (read: (name: string) => string) => Node): (args: Input) => Node {
  return ({ input }) => {
    const result = work((name) => input[name] ?? "");
    return { clientMutationId: input.clientMutationId ?? null, ...result };
  };
}

function addReaction(hub: Hub, actor: Actor, id: string, name: string): Node {
  const view = { hub, actor };
  const found = findNode(hub, actor, id);
  const content = reactionContents.find((known) => reactionNames[known] === name);
  const { subject, repository, wanted } = reactable(found);
  const { reaction } = react(hub, actor, repository, wanted, subject, content);
  return { reaction: reactionNode(view, reaction), subject: node(view, found) };
}

interface Target {
  readonly subject: Parameters<typeof react>[4];
  readonly repository: Parameters<typeof react>[2];
  readonly wanted: Parameters<typeof react>[3];
}

function reactable(found: Found): Target {
  switch (found.kind) {
    case "issue":
    case "comment": {
      const issue = found.kind === "issue" ? found.value : found.value.issue;
      const { repository } = issue;
      return { subject: found.value, repository, wanted: issueNeed(issue, "read") };
    }
    case "pull": {
      const { issue } = found.value;
      return { subject: issue, repository: issue.repository, wanted: issueNeed(issue, "read") };
    }
    case "line-comment": {
      const { repository } = found.value.thread.pull.issue;
      return { subject: found.value, repository, wanted: need.review };
    }
    case "repository":
    case "review":
    case "thread":
      throw new Problem(422, `a ${found.kind} cannot be reacted to here`);
  }
}

/** Hides a comment (or shows it again); for writers and Apps. */
function minimize(hub: Hub, actor: Actor, id: string, classifier: string | undefined): Node {
  const found = findNode(hub, actor, id);
  if (found.kind !== "comment" && found.kind !== "line-comment") {
    throw new Problem(422, `a ${found.kind} cannot be minimized here`);
  }
  if (found.kind === "comment") {
    const { issue } = found.value;
    demand(actor, issue.repository, issueNeed(issue, "write"));
  } else demand(actor, found.value.thread.pull.issue.repository, need.editPull);
  found.value.minimized = classifier?.toLowerCase().replaceAll("_", "-");
  hub.touch();
  return node({ hub, actor }, found);
}

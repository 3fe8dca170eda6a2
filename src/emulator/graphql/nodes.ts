/** The model as GraphQL objects. Fields that cost something or lead further are functions, called when asked for. */
import { atLeast, roleOf } from "../access.ts";
import { fullName, type Hub } from "../hub.ts";
import type {
  Account,
  Actor,
  Comment,
  Issue,
  Pull,
  Reaction,
  ReactionContent,
  Repository,
  Review,
  ReviewComment,
  Thread,
} from "../model.ts";
import { Problem } from "../problem.ts";
import { issuePage } from "../shape/issue.ts";
import { repositoryPage } from "../shape/repository.ts";
import { iso } from "../shape/time.ts";
import { connection, type ConnectionArgs } from "./connection.ts";
import { type Found, findNode } from "./find.ts";

export type Node = Record<string, unknown>;

/** What resolvers need besides the thing itself. */
export interface View {
  readonly hub: Hub;
  readonly actor: Actor;
}

export const reactionNames: Readonly<Record<ReactionContent, string>> = {
  "+1": "THUMBS_UP",
  "-1": "THUMBS_DOWN",
  laugh: "LAUGH",
  confused: "CONFUSED",
  heart: "HEART",
  hooray: "HOORAY",
  rocket: "ROCKET",
  eyes: "EYES",
};

export function nodeOf(view: View, id: string): Node {
  return node(view, findNode(view.hub, view.actor, id));
}

export function node(view: View, found: Found): Node {
  switch (found.kind) {
    case "repository":
      return repositoryNode(view, found.value);
    case "issue":
      return issueNode(view, found.value);
    case "comment":
      return commentNode(view, found.value);
    case "pull":
      return pullNode(view, found.value);
    case "review":
      return reviewNode(view, found.value);
    case "thread":
      return threadNode(view, found.value);
    case "line-comment":
      return lineCommentNode(view, found.value);
  }
}

export function accountNode({ hub }: View, account: Account): Node {
  return {
    __typename: account.kind,
    id: account.nodeId,
    databaseId: account.id,
    // GraphQL gives bots without the suffix that REST shows.
    login: account.login.replace(/\[bot\]$/u, ""),
    url: `${hub.url}/${encodeURIComponent(account.login)}`,
  };
}

export function repositoryNode(view: View, repository: Repository): Node {
  const issue = (number: number): Issue => {
    const found = repository.issues.get(number);
    if (found !== undefined) return found;
    throw new Problem(404, `Could not resolve to an Issue with the number of ${number}.`);
  };
  return {
    __typename: "Repository",
    id: repository.nodeId,
    databaseId: repository.id,
    name: repository.name,
    nameWithOwner: fullName(repository),
    isPrivate: repository.private,
    url: repositoryPage(view.hub, repository),
    owner: () => accountNode(view, repository.owner),
    issue: (args: { number: number }) => issueNode(view, issue(args.number)),
    pullRequest: (args: { number: number }) => {
      const { pull } = repository.issues.get(args.number) ?? {};
      if (pull !== undefined) return pullNode(view, pull);
      const what = `a PullRequest with the number of ${args.number}`;
      throw new Problem(404, `Could not resolve to ${what}.`);
    },
  };
}

function issueNode(view: View, issue: Issue): Node {
  return {
    __typename: "Issue",
    id: issue.nodeId,
    databaseId: issue.id,
    state: issue.state.toUpperCase(),
    editor: () => (issue.edited === undefined ? null : accountNode(view, issue.edited.by)),
    lastEditedAt: iso(issue.edited?.atMs),
    ...conversation(view, issue),
  };
}

export function pullNode(view: View, pull: Pull): Node {
  const { issue, stats } = pull;
  const merged = pull.mergedAtMs !== undefined;
  return {
    __typename: "PullRequest",
    id: pull.nodeId,
    databaseId: pull.id,
    ...conversation(view, issue),
    state: merged ? "MERGED" : issue.state.toUpperCase(),
    isDraft: pull.draft,
    merged,
    mergeable:
      stats.mergeable === undefined || issue.state === "closed"
        ? "UNKNOWN"
        : stats.mergeable
          ? "MERGEABLE"
          : "CONFLICTING",
    headRefName: pull.headRef,
    headRefOid: pull.headSha,
    baseRefName: pull.baseRef,
    reviewThreads: (args: ConnectionArgs) =>
      connection("reviewThreads", threadsOf(view, pull), args, (thread) =>
        threadNode(view, thread),
      ),
    reviews: (args: ReviewArgs) =>
      connection("reviews", reviewsOf(view, pull, args), args, (review) =>
        reviewNode(view, review),
      ),
  };
}

interface ReviewArgs extends ConnectionArgs {
  readonly author?: string | null;
  readonly states?: readonly string[] | null;
}

function reviewsOf({ hub }: View, pull: Pull, { author, states }: ReviewArgs): Review[] {
  const wanted = author?.toLowerCase();
  return hub.lag
    .listed(pull.reviews)
    .filter((review) => wanted === undefined || review.author.login.toLowerCase() === wanted)
    .filter(({ state }) => states?.includes(state) ?? true);
}

/** A thread is listed when the comment that began it is. */
function threadsOf({ hub }: View, pull: Pull): Thread[] {
  return pull.threads.filter((thread) => hub.lag.listed(thread.comments.slice(0, 1)).length > 0);
}

function conversation(view: View, issue: Issue): Node {
  return {
    number: issue.number,
    title: issue.title,
    body: issue.body ?? "",
    url: issuePage(view.hub, issue),
    author: () => accountNode(view, issue.author),
    comments: (args: ConnectionArgs) =>
      connection("comments", view.hub.lag.listed(issue.comments), args, (comment) =>
        commentNode(view, comment),
      ),
  };
}

function commentNode(view: View, comment: Comment): Node {
  return {
    __typename: "IssueComment",
    id: comment.nodeId,
    databaseId: comment.id,
    body: comment.body,
    createdAt: iso(comment.createdAtMs),
    isMinimized: comment.minimized !== undefined,
    minimizedReason: comment.minimized ?? null,
    url: `${issuePage(view.hub, comment.issue)}#issuecomment-${comment.id}`,
    author: () => accountNode(view, comment.author),
  };
}

function reviewNode(view: View, review: Review): Node {
  return {
    __typename: "PullRequestReview",
    id: review.nodeId,
    databaseId: review.id,
    state: review.state,
    submittedAt: iso(review.submittedAtMs),
    body: review.body,
    author: () => accountNode(view, review.author),
  };
}

export function threadNode(view: View, thread: Thread): Node {
  const { pull, resolvedBy } = thread;
  const resolved = resolvedBy !== undefined;
  const may = mayResolve(view.actor, pull);
  return {
    __typename: "PullRequestReviewThread",
    id: thread.nodeId,
    isResolved: resolved,
    isOutdated: thread.outdated,
    isCollapsed: resolved,
    path: thread.path,
    line: thread.outdated ? null : (thread.line ?? null),
    startLine: thread.outdated ? null : (thread.startLine ?? null),
    originalLine: thread.originalLine ?? null,
    diffSide: thread.side,
    subjectType: thread.originalLine === undefined ? "FILE" : "LINE",
    viewerCanReply: true,
    viewerCanResolve: may && !resolved,
    viewerCanUnresolve: may && resolved,
    // The schema has room for people only.
    resolvedBy: () => (resolvedBy?.kind === "User" ? accountNode(view, resolvedBy) : null),
    pullRequest: () => pullNode(view, pull),
    comments: (args: ConnectionArgs) =>
      connection("comments", view.hub.lag.listed(thread.comments), args, (comment) =>
        lineCommentNode(view, comment),
      ),
  };
}

export function lineCommentNode(view: View, comment: ReviewComment): Node {
  const { thread, inReplyTo } = comment;
  return {
    __typename: "PullRequestReviewComment",
    id: comment.nodeId,
    databaseId: comment.id,
    fullDatabaseId: String(comment.id),
    body: comment.body,
    createdAt: iso(comment.createdAtMs),
    diffHunk: thread.diffHunk,
    path: thread.path,
    line: thread.outdated ? null : (thread.line ?? null),
    outdated: thread.outdated,
    isMinimized: comment.minimized !== undefined,
    minimizedReason: comment.minimized ?? null,
    url: `${issuePage(view.hub, thread.pull.issue)}#discussion_r${comment.id}`,
    author: () => accountNode(view, comment.author),
    pullRequestReview: () => reviewNode(view, comment.review),
    replyTo: () => (inReplyTo === undefined ? null : lineCommentNode(view, inReplyTo)),
  };
}

export function reactionNode(view: View, reaction: Reaction): Node {
  return {
    __typename: "Reaction",
    id: reaction.nodeId,
    databaseId: reaction.id,
    content: reactionNames[reaction.content],
    user: () => (reaction.user.kind === "User" ? accountNode(view, reaction.user) : null),
  };
}

function mayResolve(actor: Actor, pull: Pull): boolean {
  if (actor.kind !== "user") return actor.kind === "installation";
  return (
    actor.account === pull.issue.author ||
    atLeast(roleOf(pull.issue.repository, actor.account), "write")
  );
}

/** Reviews, comments on lines of a diff, the threads they form. */
import { accountOfActor, atLeast, demand, roleOf } from "../access.ts";
import { type FileChange, locate } from "../git/diff.ts";
import type { Hub } from "../hub.ts";
import type { Actor, Pull, Review, ReviewComment, Thread } from "../model.ts";
import { invalid, notFound, Problem } from "../problem.ts";
import { reviewCommentShape, reviewShape, simplePullShape, threadShape } from "../shape/pull.ts";
import { need } from "./needs.ts";
import { pullStateNeed } from "./pulls.ts";
import { checkBody, checkComment } from "./text.ts";

export type ReviewEvent = "COMMENT" | "APPROVE" | "REQUEST_CHANGES";

export interface NewLineComment {
  readonly path: string;
  readonly body: string | undefined;
  /** Undefined for a comment on the whole file. */
  readonly line?: number | undefined;
  readonly side?: "LEFT" | "RIGHT" | undefined;
  readonly startLine?: number | undefined;
}

export interface NewReview {
  readonly event: ReviewEvent;
  readonly body?: string | undefined;
  readonly comments?: readonly NewLineComment[] | undefined;
  readonly commitId?: string | undefined;
}

const states = {
  COMMENT: "COMMENTED",
  APPROVE: "APPROVED",
  REQUEST_CHANGES: "CHANGES_REQUESTED",
} as const;

/** Submits a review with all of its comments at once; every comment starts a thread. */
export async function submitReview(
  hub: Hub,
  actor: Actor,
  pull: Pull,
  wanted: NewReview,
): Promise<Review> {
  demand(actor, pull.issue.repository, need.review);
  checkReview(actor, pull, wanted);
  const files = await changesOf(pull);
  const places = (wanted.comments ?? []).map((comment) => place(files, comment));
  const review = addReview(hub, actor, pull, wanted);
  const comments = places.map((found) =>
    addLineComment(hub, actor, newThread(hub, pull, found), review, found.body),
  );
  pull.requestedReviewers = pull.requestedReviewers.filter((other) => other !== review.author);
  emitReview(hub, actor, review, "submitted");
  for (const comment of comments) emitLineComment(hub, actor, comment, "created");
  return review;
}

/** A single comment on a line, outside any review; GitHub makes a review of one for it. */
export async function commentOnLine(
  hub: Hub,
  actor: Actor,
  pull: Pull,
  wanted: NewLineComment,
): Promise<ReviewComment> {
  const review = await submitReview(hub, actor, pull, { event: "COMMENT", comments: [wanted] });
  const found = commentsOf(review)[0];
  if (found === undefined) throw new Error(`review ${review.id} lost its comment`);
  return found;
}

/** Answers in a thread. Only its first comment can be answered; an answer to an answer is 422. */
export function replyTo(
  hub: Hub,
  actor: Actor,
  pull: Pull,
  comment: ReviewComment,
  text: string | undefined,
): ReviewComment {
  demand(actor, pull.issue.repository, need.review);
  if (comment.thread.pull !== pull) throw notFound();
  if (comment.inReplyTo !== undefined) {
    throw invalid({ resource: "PullRequestReviewComment", code: "invalid", field: "in_reply_to" });
  }
  const body = checkComment("PullRequestReviewComment", text);
  const review = addReview(hub, actor, pull, { event: "COMMENT" });
  const reply = addLineComment(hub, actor, comment.thread, review, body);
  emitReview(hub, actor, review, "submitted");
  emitLineComment(hub, actor, reply, "created");
  return reply;
}

export function editLineComment(
  hub: Hub,
  actor: Actor,
  comment: ReviewComment,
  text: string | undefined,
): void {
  demandOwn(actor, comment);
  const body = checkComment("PullRequestReviewComment", text);
  const from = comment.body;
  if (from === body) return;
  comment.body = body;
  comment.updatedAtMs = hub.nowMs();
  emitLineComment(hub, actor, comment, "edited", { changes: { body: { from } } });
}

export function deleteLineComment(hub: Hub, actor: Actor, comment: ReviewComment): void {
  demandOwn(actor, comment);
  const { thread } = comment;
  thread.pull.issue.repository.reviewComments.delete(comment.id);
  thread.comments.splice(thread.comments.indexOf(comment), 1);
  if (thread.comments.length === 0)
    thread.pull.threads.splice(thread.pull.threads.indexOf(thread), 1);
  emitLineComment(hub, actor, comment, "deleted");
}

export function editReview(hub: Hub, actor: Actor, review: Review, body: string): void {
  demand(actor, review.pull.issue.repository, need.review);
  if (accountOfActor(actor) !== review.author) throw notFound();
  checkBody("PullRequestReview", body);
  const from = review.body;
  if (from === body) return;
  review.body = body;
  review.updatedAtMs = hub.nowMs();
  emitReview(hub, actor, review, "edited", { changes: { body: { from } } });
}

export function dismissReview(hub: Hub, actor: Actor, review: Review, message: string): void {
  demand(actor, review.pull.issue.repository, need.editPull);
  if (review.state !== "APPROVED" && review.state !== "CHANGES_REQUESTED") {
    throw new Problem(422, "Can not dismiss a commented pull request review");
  }
  checkComment("PullRequestReview", message);
  review.state = "DISMISSED";
  review.updatedAtMs = hub.nowMs();
  emitReview(hub, actor, review, "dismissed");
}

/** Resolves or reopens a thread; no event when nothing changes. */
export function setResolved(hub: Hub, actor: Actor, thread: Thread, resolved: boolean): void {
  const { pull } = thread;
  demand(actor, pull.issue.repository, pullStateNeed(actor, pull));
  if ((thread.resolvedBy !== undefined) === resolved) return;
  thread.resolvedBy = resolved ? accountOfActor(actor) : undefined;
  hub.emit({
    event: "pull_request_review_thread",
    action: resolved ? "resolved" : "unresolved",
    sender: accountOfActor(actor),
    repository: pull.issue.repository,
    payload: {
      pull_request: simplePullShape(hub, pull),
      thread: threadShape(hub, thread),
      updated_at: null,
    },
  });
}

export function commentsOf(review: Review): ReviewComment[] {
  return review.pull.threads
    .flatMap((thread) => thread.comments)
    .filter((comment) => comment.review === review);
}

/** The files of a pull request as its "Files changed" page shows them. */
export async function changesOf(pull: Pull): Promise<FileChange[]> {
  const { git, refs } = pull.issue.repository;
  const merged = pull.mergedAtMs !== undefined;
  const base = (merged ? undefined : refs.get(`refs/heads/${pull.baseRef}`)) ?? pull.baseSha;
  return git.diffFiles(await git.mergeBase(base, pull.headSha), pull.headSha);
}

type Place = Omit<NewLineComment, "body"> & {
  readonly body: string;
  readonly side: "LEFT" | "RIGHT";
  readonly hunk: string;
  readonly position: number | undefined;
};

function place(files: readonly FileChange[], comment: NewLineComment): Place {
  const resource = "PullRequestReviewComment";
  const body = checkComment(resource, comment.body);
  const side = comment.side ?? "RIGHT";
  const file = files.find((other) => other.path === comment.path);
  if (file === undefined) {
    throw invalid({ resource, code: "invalid", field: "pull_request_review_thread.path" });
  }
  if (comment.line === undefined) return { ...comment, body, side, hunk: "", position: undefined };
  const found = locate(file.patch ?? "", side, comment.line);
  if (found === undefined) {
    const field = "pull_request_review_thread.line";
    const message = `${field} must be part of the diff`;
    throw invalid({ resource, code: "custom", field, message });
  }
  return { ...comment, body, side, ...found };
}

function checkReview(actor: Actor, pull: Pull, wanted: NewReview): void {
  const own = accountOfActor(actor) === pull.issue.author;
  if (own && wanted.event === "APPROVE") throw refuse("Can not approve your own pull request");
  if (own && wanted.event === "REQUEST_CHANGES") {
    throw refuse("Can not request changes on your own pull request");
  }
  const blank = (wanted.body ?? "").trim() === "";
  if (blank && wanted.event === "REQUEST_CHANGES") {
    throw refuse("You need to leave a comment indicating the requested changes.");
  }
  if (blank && wanted.event === "COMMENT" && (wanted.comments ?? []).length === 0) {
    throw refuse("Body can't be blank");
  }
  checkBody("PullRequestReview", wanted.body);
}

function refuse(message: string): Problem {
  return new Problem(422, "Unprocessable Entity", { errors: [message] });
}

function addReview(hub: Hub, actor: Actor, pull: Pull, wanted: NewReview): Review {
  const id = hub.nextId();
  const review: Review = {
    id,
    nodeId: hub.nodeId("PRR", id),
    pull,
    author: accountOfActor(actor),
    commitId: wanted.commitId ?? pull.headSha,
    submittedAtMs: hub.nowMs(),
    body: wanted.body ?? "",
    state: states[wanted.event],
    updatedAtMs: hub.nowMs(),
  };
  hub.lag.begin(review);
  pull.reviews.push(review);
  pull.issue.updatedAtMs = hub.nowMs();
  return review;
}

function newThread(hub: Hub, pull: Pull, found: Place): Thread {
  const thread: Thread = {
    nodeId: hub.nodeId("PRRT", hub.nextId()),
    pull,
    path: found.path,
    side: found.side,
    startLine: found.startLine,
    originalLine: found.line,
    line: found.line,
    diffHunk: found.hunk,
    position: found.position,
    comments: [],
    outdated: false,
    resolvedBy: undefined,
  };
  pull.threads.push(thread);
  return thread;
}

function addLineComment(
  hub: Hub,
  actor: Actor,
  thread: Thread,
  review: Review,
  body: string,
): ReviewComment {
  const id = hub.nextId();
  const comment: ReviewComment = {
    id,
    nodeId: hub.nodeId("PRRC", id),
    thread,
    review,
    author: accountOfActor(actor),
    inReplyTo: thread.comments[0],
    originalCommitId: review.commitId,
    createdAtMs: hub.nowMs(),
    reactions: new Map(),
    commitId: review.commitId,
    body,
    updatedAtMs: hub.nowMs(),
    minimized: undefined,
  };
  hub.lag.begin(comment);
  thread.comments.push(comment);
  thread.pull.issue.repository.reviewComments.set(id, comment);
  return comment;
}

function demandOwn(actor: Actor, comment: ReviewComment): void {
  const { repository } = comment.thread.pull.issue;
  demand(actor, repository, need.review);
  const account = accountOfActor(actor);
  if (account !== comment.author && !atLeast(roleOf(repository, account), "write")) {
    throw new Problem(403, "Resource not accessible");
  }
}

function emitReview(
  hub: Hub,
  actor: Actor,
  review: Review,
  action: string,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const shape = reviewShape(hub, review);
  // Webhooks spell the state in small letters and an empty body as null; the REST API does neither.
  const shaped = { ...shape, state: review.state.toLowerCase(), body: review.body || null };
  hub.emit({
    event: "pull_request_review",
    action,
    sender: accountOfActor(actor),
    repository: review.pull.issue.repository,
    payload: { review: shaped, pull_request: simplePullShape(hub, review.pull), ...more },
  });
}

function emitLineComment(
  hub: Hub,
  actor: Actor,
  comment: ReviewComment,
  action: string,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const { pull } = comment.thread;
  hub.emit({
    event: "pull_request_review_comment",
    action,
    sender: accountOfActor(actor),
    repository: pull.issue.repository,
    payload: {
      comment: reviewCommentShape(hub, comment),
      pull_request: simplePullShape(hub, pull),
      ...more,
    },
  });
}

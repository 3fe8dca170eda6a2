/** Reviews of pull requests and comments on lines of their diffs. */
import { demand } from "../access.ts";
import { need } from "../act/needs.ts";
import {
  commentOnLine,
  commentsOf,
  deleteLineComment,
  dismissReview,
  editLineComment,
  editReview,
  type NewLineComment,
  replyTo,
  type ReviewEvent,
  submitReview,
} from "../act/reviews.ts";
import { oneOf } from "../act/text.ts";
import {
  type Answer,
  type Body,
  type Context,
  created,
  integer,
  isBody,
  list,
  noContent,
  numberParam,
  ok,
  repositoryIn,
  type Route,
  route,
  text,
} from "../http/request.ts";
import { page, since } from "../http/paging.ts";
import type { Review, ReviewComment } from "../model.ts";
import { invalid, notFound, Problem } from "../problem.ts";
import { reviewCommentShape, reviewShape } from "../shape/pull.ts";
import { pullIn } from "./pulls.ts";

const base = "/repos/{owner}/{repo}/pulls";
const one = `${base}/{pull_number}`;
const events: readonly ReviewEvent[] = ["APPROVE", "REQUEST_CHANGES", "COMMENT"];

export const reviewRoutes: readonly Route[] = [
  route("GET", `${one}/reviews`, (context) => {
    const reviews = context.hub.lag.listed(pullIn(context).reviews);
    return page(context, reviews, (entry) => reviewShape(context.hub, entry));
  }),
  route("POST", `${one}/reviews`, review),
  route("GET", `${one}/reviews/{review_id}`, (context) =>
    ok(reviewShape(context.hub, reviewIn(context))),
  ),
  route("PUT", `${one}/reviews/{review_id}`, (context) => {
    const found = reviewIn(context);
    editReview(context.hub, context.actor, found, text(context.body, "body") ?? "");
    return ok(reviewShape(context.hub, found));
  }),
  route("PUT", `${one}/reviews/{review_id}/dismissals`, (context) => {
    const found = reviewIn(context);
    dismissReview(context.hub, context.actor, found, text(context.body, "message") ?? "");
    return ok(reviewShape(context.hub, found));
  }),
  route("GET", `${one}/reviews/{review_id}/comments`, (context) => {
    const comments = context.hub.lag.listed(commentsOf(reviewIn(context)));
    return page(context, comments, legacyShaper(context));
  }),
  route("GET", `${base}/comments`, (context) => {
    const repository = repositoryIn(context);
    demand(context.actor, repository, need.readPulls);
    return pageOfComments(context, [...repository.reviewComments.values()]);
  }),
  route("GET", `${one}/comments`, (context) => {
    const comments = pullIn(context).threads.flatMap((thread) => thread.comments);
    return pageOfComments(context, comments);
  }),
  route("POST", `${one}/comments`, comment),
  route("POST", `${one}/comments/{comment_id}/replies`, (context) => {
    const target = lineCommentIn(context);
    const body = text(context.body, "body");
    const reply = replyTo(context.hub, context.actor, pullIn(context), target, body);
    return created(reviewCommentShape(context.hub, reply));
  }),
  route("GET", `${base}/comments/{comment_id}`, (context) =>
    ok(reviewCommentShape(context.hub, lineCommentIn(context))),
  ),
  route("PATCH", `${base}/comments/{comment_id}`, (context) => {
    const found = lineCommentIn(context);
    editLineComment(context.hub, context.actor, found, text(context.body, "body"));
    return ok(reviewCommentShape(context.hub, found));
  }),
  route("DELETE", `${base}/comments/{comment_id}`, (context) => {
    deleteLineComment(context.hub, context.actor, lineCommentIn(context));
    return noContent();
  }),
];

/** The review comment of the path, when it may be read. */
export function lineCommentIn(context: Context): ReviewComment {
  const repository = repositoryIn(context);
  demand(context.actor, repository, need.readPulls);
  const found = repository.reviewComments.get(numberParam(context, "comment_id"));
  if (found === undefined) throw notFound();
  return found;
}

function reviewIn(context: Context): Review {
  const id = numberParam(context, "review_id");
  const found = pullIn(context).reviews.find((entry) => entry.id === id);
  if (found === undefined) throw notFound();
  return found;
}

/** GitHub answers 200 here, not 201. A review without `event` would stay pending, which is not supported. */
async function review(context: Context): Promise<Answer> {
  const { body } = context;
  const event = oneOf(text(body, "event"), events, "event");
  if (event === undefined) {
    throw new Problem(422, "pending reviews are not supported by this emulator: give an event");
  }
  const commitId = text(body, "commit_id");
  const done = await submitReview(context.hub, context.actor, pullIn(context), {
    event,
    body: text(body, "body"),
    comments: (list(body, "comments") ?? []).map(lineComment),
    ...(commitId === undefined ? {} : { commitId }),
  });
  return ok(reviewShape(context.hub, done));
}

async function comment(context: Context): Promise<Answer> {
  const { body, hub, actor } = context;
  const pull = pullIn(context);
  const parentId = integer(body, "in_reply_to");
  if (parentId !== undefined) {
    const parent = pull.issue.repository.reviewComments.get(parentId);
    if (parent === undefined) throw notFound();
    const reply = replyTo(hub, actor, pull, parent, text(body, "body"));
    return created(reviewCommentShape(hub, reply));
  }
  const commitId = text(body, "commit_id");
  if (commitId === undefined) {
    const resource = "PullRequestReviewComment";
    throw invalid({ resource, code: "missing_field", field: "commit_id" });
  }
  const done = await commentOnLine(hub, actor, pull, lineComment(body));
  return created(reviewCommentShape(hub, done));
}

function lineComment(value: unknown): NewLineComment {
  if (!isBody(value)) throw new Problem(422, "Invalid request.\n\ncomments holds no object.");
  const body: Body = value;
  if (body["position"] !== undefined && body["line"] === undefined) {
    throw new Problem(422, "comments by position are not supported by this emulator: give a line");
  }
  return {
    path: text(body, "path") ?? "",
    body: text(body, "body"),
    line: integer(body, "line"),
    side: oneOf(text(body, "side"), ["LEFT", "RIGHT"] as const, "side"),
    startLine: integer(body, "start_line"),
  };
}

function pageOfComments(context: Context, comments: readonly ReviewComment[]): Answer {
  const byUpdate = context.query.get("sort") === "updated";
  const sign = context.query.get("direction") === "desc" ? -1 : 1;
  const key = (entry: ReviewComment): number => (byUpdate ? entry.updatedAtMs : entry.id);
  const listed = context.hub.lag.listed(comments);
  const sorted = since(context, listed, (entry) => entry.updatedAtMs).toSorted(
    (a, b) => sign * (key(a) - key(b)),
  );
  return page(context, sorted, (entry) => reviewCommentShape(context.hub, entry));
}

/** Comments of one review come in an older shape, without the line. */
function legacyShaper(context: Context): (comment: ReviewComment) => unknown {
  return (entry) => {
    const { subject_type: _, ...shape } = reviewCommentShape(context.hub, entry);
    return shape;
  };
}

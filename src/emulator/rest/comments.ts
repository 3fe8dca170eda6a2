/** Comments on issues and pull requests, and reactions to issues, comments and review comments. */
import { demand, type Need } from "../access.ts";
import { addComment, deleteComment, editComment } from "../act/comments.ts";
import { issueNeed, need } from "../act/needs.ts";
import { react, type Reactable, unreact } from "../act/reactions.ts";
import {
  type Context,
  created,
  noContent,
  numberParam,
  ok,
  repositoryIn,
  type Route,
  route,
  text,
} from "../http/request.ts";
import { page, since } from "../http/paging.ts";
import type { Comment, Repository } from "../model.ts";
import { notFound } from "../problem.ts";
import { commentShape, reactionShape } from "../shape/issue.ts";
import { issueIn } from "./issues.ts";
import { lineCommentIn } from "./reviews.ts";

const base = "/repos/{owner}/{repo}";

export const commentRoutes: readonly Route[] = [
  route("GET", `${base}/issues/{issue_number}/comments`, (context) => {
    const listed = context.hub.lag.listed(issueIn(context).comments);
    const comments = since(context, listed, (comment) => comment.updatedAtMs);
    return page(context, comments, (comment) => commentShape(context.hub, comment));
  }),
  route("POST", `${base}/issues/{issue_number}/comments`, (context) => {
    const body = text(context.body, "body");
    return created(
      commentShape(context.hub, addComment(context.hub, context.actor, issueIn(context), body)),
    );
  }),
  route("GET", `${base}/issues/comments`, (context) => {
    const repository = repositoryIn(context);
    demand(context.actor, repository, need.readIssues);
    const byUpdate = context.query.get("sort") === "updated";
    const sign = context.query.get("direction") === "desc" ? -1 : 1;
    const listed = context.hub.lag.listed([...repository.comments.values()]);
    const found = since(context, listed, (entry) => entry.updatedAtMs);
    const key = (comment: Comment): number => (byUpdate ? comment.updatedAtMs : comment.id);
    const sorted = found.toSorted((a, b) => sign * (key(a) - key(b)));
    return page(context, sorted, (comment) => commentShape(context.hub, comment));
  }),
  route("GET", `${base}/issues/comments/{comment_id}`, (context) =>
    ok(commentShape(context.hub, commentIn(context))),
  ),
  route("PATCH", `${base}/issues/comments/{comment_id}`, (context) => {
    const comment = commentIn(context);
    editComment(context.hub, context.actor, comment, text(context.body, "body"));
    return ok(commentShape(context.hub, comment));
  }),
  route("DELETE", `${base}/issues/comments/{comment_id}`, (context) => {
    deleteComment(context.hub, context.actor, commentIn(context));
    return noContent();
  }),
  ...reactionRoutes(`${base}/issues/{issue_number}`, (context) => {
    const issue = issueIn(context);
    return { subject: issue, repository: issue.repository, need: issueNeed(issue, "read") };
  }),
  ...reactionRoutes(`${base}/issues/comments/{comment_id}`, (context) => {
    const comment = commentIn(context);
    const { issue } = comment;
    return { subject: comment, repository: issue.repository, need: issueNeed(issue, "read") };
  }),
  ...reactionRoutes(`${base}/pulls/comments/{comment_id}`, (context) => {
    const comment = lineCommentIn(context);
    const { repository } = comment.thread.pull.issue;
    return { subject: comment, repository, need: need.review };
  }),
];

interface Subject {
  readonly subject: Reactable;
  readonly repository: Repository;
  readonly need: Need;
}

function reactionRoutes(path: string, find: (context: Context) => Subject): Route[] {
  return [
    route("GET", `${path}/reactions`, (context) => {
      const wanted = context.query.get("content");
      const all = [...find(context).subject.reactions.values()].filter(
        (reaction) => wanted === null || reaction.content === wanted,
      );
      return page(context, all, (reaction) => reactionShape(context.hub, reaction));
    }),
    route("POST", `${path}/reactions`, (context) => {
      const { subject, repository, need: needed } = find(context);
      const content = text(context.body, "content");
      const done = react(context.hub, context.actor, repository, needed, subject, content);
      const body = reactionShape(context.hub, done.reaction);
      return done.created ? created(body) : ok(body);
    }),
    route("DELETE", `${path}/reactions/{reaction_id}`, (context) => {
      const { subject, repository, need: needed } = find(context);
      const id = numberParam(context, "reaction_id");
      unreact(context.hub, context.actor, repository, needed, subject, id);
      return noContent();
    }),
  ];
}

function commentIn(context: Context): Comment {
  const repository = repositoryIn(context);
  demand(context.actor, repository, need.readIssues);
  const found = repository.comments.get(numberParam(context, "comment_id"));
  if (found === undefined) throw notFound();
  return found;
}

/** Comments on issues and pull requests (not those on lines of a diff, see `reviews.ts`). */
import { accountOfActor, demand } from "../access.ts";
import type { Hub } from "../hub.ts";
import type { Actor, Comment, Issue } from "../model.ts";
import { commentShape, issueShape } from "../shape/issue.ts";
import { appOf } from "./emit.ts";
import { issueNeed } from "./needs.ts";
import { checkComment } from "./text.ts";

export function addComment(
  hub: Hub,
  actor: Actor,
  issue: Issue,
  text: string | undefined,
): Comment {
  demand(actor, issue.repository, issueNeed(issue, "read"));
  const body = checkComment("IssueComment", text);
  const id = hub.nextId();
  const comment: Comment = {
    id,
    nodeId: hub.nodeId("IC", id),
    issue,
    author: accountOfActor(actor),
    viaApp: appOf(actor),
    createdAtMs: hub.nowMs(),
    reactions: new Map(),
    body,
    updatedAtMs: hub.nowMs(),
    minimized: undefined,
  };
  hub.lag.begin(comment);
  issue.comments.push(comment);
  issue.repository.comments.set(id, comment);
  issue.updatedAtMs = hub.nowMs();
  emitComment(hub, actor, comment, "created");
  return comment;
}

export function editComment(
  hub: Hub,
  actor: Actor,
  comment: Comment,
  text: string | undefined,
): void {
  const own = accountOfActor(actor) === comment.author;
  demand(actor, comment.issue.repository, issueNeed(comment.issue, own ? "read" : "write"));
  const body = checkComment("IssueComment", text);
  const from = comment.body;
  if (from === body) return;
  comment.body = body;
  comment.updatedAtMs = hub.nowMs();
  comment.issue.updatedAtMs = hub.nowMs();
  emitComment(hub, actor, comment, "edited", { changes: { body: { from } } });
}

export function deleteComment(hub: Hub, actor: Actor, comment: Comment): void {
  const { issue } = comment;
  const own = accountOfActor(actor) === comment.author;
  demand(actor, issue.repository, issueNeed(issue, own ? "read" : "write"));
  issue.repository.comments.delete(comment.id);
  issue.comments.splice(issue.comments.indexOf(comment), 1);
  issue.updatedAtMs = hub.nowMs();
  emitComment(hub, actor, comment, "deleted");
}

function emitComment(
  hub: Hub,
  actor: Actor,
  comment: Comment,
  action: string,
  more: Readonly<Record<string, unknown>> = {},
): void {
  hub.emit({
    event: "issue_comment",
    action,
    sender: accountOfActor(actor),
    repository: comment.issue.repository,
    payload: {
      issue: issueShape(hub, comment.issue),
      comment: commentShape(hub, comment),
      ...more,
    },
  });
}

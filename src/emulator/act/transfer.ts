/**
 * Moves an issue to another repository of the same owner, as GitHub does: a new issue there, with its comments and the
 * labels that exist there; the old number leads on to it.
 */
import { accountOfActor, demand } from "../access.ts";
import type { Hub } from "../hub.ts";
import type { Actor, Comment, Issue, Repository } from "../model.ts";
import { Problem } from "../problem.ts";
import { issueShape } from "../shape/issue.ts";
import { repositoryShape } from "../shape/repository.ts";

/** Writers of both repositories may. Returns the new issue. */
export function transferIssue(hub: Hub, actor: Actor, issue: Issue, to: Repository): Issue {
  const from = issue.repository;
  demand(actor, from, { app: [], role: "write" });
  demand(actor, to, { app: [], role: "write" });
  checkTransfer(issue, to);
  const moved = copyTo(hub, issue, to);
  const sender = accountOfActor(actor);
  const [oldShape, newShape] = [issueShape(hub, issue), issueShape(hub, moved)];
  const changes = { new_issue: newShape, new_repository: repositoryShape(hub, to) };
  const told = { event: "issues", sender } as const;
  const payload = { issue: oldShape, changes };
  hub.emit({ ...told, action: "transferred", repository: from, payload });
  from.issues.delete(issue.number);
  for (const comment of issue.comments) from.comments.delete(comment.id);
  from.transferred.set(issue.number, moved);
  const origin = { old_issue: oldShape, old_repository: repositoryShape(hub, from) };
  const opened = { issue: newShape, changes: origin };
  hub.emit({ ...told, action: "opened", repository: to, payload: opened });
  return moved;
}

function checkTransfer(issue: Issue, to: Repository): void {
  const from = issue.repository;
  const possible = issue.pull === undefined && from !== to && from.owner === to.owner;
  if (!possible || (from.private && !to.private)) {
    throw new Problem(422, "Issue cannot be transferred to this repository.");
  }
}

/** Everything but its number and ids; what the list of the other repository lacks is left behind. */
function copyTo(hub: Hub, issue: Issue, to: Repository): Issue {
  const id = hub.nextId();
  to.lastNumber += 1;
  const comments: Comment[] = [];
  const moved: Issue = {
    ...issue,
    id,
    nodeId: hub.nodeId("I", id),
    number: to.lastNumber,
    repository: to,
    comments,
    labels: issue.labels.flatMap(({ name }) => to.labels.get(name.toLowerCase()) ?? []),
    updatedAtMs: hub.nowMs(),
    events: [...issue.events],
  };
  for (const comment of issue.comments) {
    const commentId = hub.nextId();
    const nodeId = hub.nodeId("IC", commentId);
    const copy: Comment = { ...comment, id: commentId, nodeId, issue: moved };
    comments.push(copy);
    to.comments.set(commentId, copy);
  }
  hub.lag.begin(moved);
  to.issues.set(moved.number, moved);
  return moved;
}

/** The events of issues and pull requests, which share a number and much of their life. */
import { accountOfActor } from "../access.ts";
import type { Hub } from "../hub.ts";
import type { Actor, App, Issue, IssueChange, Label } from "../model.ts";
import { issueShape, labelShape } from "../shape/issue.ts";
import { pullShape } from "../shape/pull.ts";

/** Emits the event of the issue, or of the pull request that it is. */
export function emitIssue(
  hub: Hub,
  actor: Actor,
  issue: Issue,
  action: string,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const { pull, repository } = issue;
  const sender = accountOfActor(actor);
  if (pull === undefined) {
    const payload = { issue: issueShape(hub, issue), ...more };
    hub.emit({ event: "issues", action, sender, repository, payload });
  } else {
    const payload = { number: issue.number, pull_request: pullShape(hub, pull), ...more };
    hub.emit({ event: "pull_request", action, sender, repository, payload });
  }
}

export function emitLabeled(
  hub: Hub,
  actor: Actor,
  issue: Issue,
  label: Label,
  action: "labeled" | "unlabeled",
): void {
  const { name, color } = label;
  remember(hub, actor, issue, { kind: action, label: { name, color } });
  emitIssue(hub, actor, issue, action, { label: labelShape(hub, issue.repository, label) });
}

/** Puts it on the list of what happened to the issue. */
export function remember(hub: Hub, actor: Actor, issue: Issue, change: IssueChange): void {
  const id = hub.nextId();
  const event = {
    id,
    nodeId: hub.nodeId("IE", id),
    actor: accountOfActor(actor),
    viaApp: appOf(actor),
    createdAtMs: hub.nowMs(),
    change,
  };
  hub.lag.begin(event);
  issue.events.push(event);
}

export function appOf(actor: Actor): App | undefined {
  return actor.kind === "installation" || actor.kind === "app" ? actor.app : undefined;
}

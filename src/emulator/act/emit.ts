/** The events of issues and pull requests, which share a number and much of their life. */
import { accountOfActor } from "../access.ts";
import type { Hub } from "../hub.ts";
import type { Actor, App, Issue, Label } from "../model.ts";
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
  emitIssue(hub, actor, issue, action, { label: labelShape(hub, issue.repository, label) });
}

export function appOf(actor: Actor): App | undefined {
  return actor.kind === "installation" || actor.kind === "app" ? actor.app : undefined;
}

/** Opens, edits, closes and reopens issues; the issue half of pull requests too. */
import { accountOfActor, atLeast, demand, roleOf } from "../access.ts";
import { accountOf, type Hub } from "../hub.ts";
import type { Account, Actor, Issue, Repository } from "../model.ts";
import { invalid } from "../problem.ts";
import { userShape } from "../shape/account.ts";
import { appOf, emitIssue, emitLabeled, remember } from "./emit.ts";
import { ensureLabels } from "./labels.ts";
import { issueNeed, need } from "./needs.ts";
import { checkBody, checkTitle } from "./text.ts";

export interface NewIssue {
  readonly title: string | undefined;
  readonly body?: string | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly assignees?: readonly string[] | undefined;
}

export function openIssue(hub: Hub, actor: Actor, repository: Repository, wanted: NewIssue): Issue {
  demand(actor, repository, need.openIssue);
  const issue = addIssue(hub, actor, repository, wanted);
  emitIssue(hub, actor, issue, "opened");
  for (const label of issue.labels) emitLabeled(hub, actor, issue, label, "labeled");
  for (const account of issue.assignees) emitAssigned(hub, actor, issue, account, "assigned");
  return issue;
}

/** Makes the issue without telling anybody; pull requests start here too. */
export function addIssue(hub: Hub, actor: Actor, repository: Repository, wanted: NewIssue): Issue {
  const title = checkTitle("Issue", wanted.title);
  checkBody("Issue", wanted.body);
  const author = accountOfActor(actor);
  // People without triage may name labels and assignees when they open an issue; GitHub drops them silently.
  const trusted = actor.kind === "installation" || atLeast(roleOf(repository, author), "triage");
  const id = hub.nextId();
  repository.lastNumber += 1;
  const issue: Issue = {
    id,
    nodeId: hub.nodeId("I", id),
    number: repository.lastNumber,
    repository,
    author,
    viaApp: appOf(actor),
    createdAtMs: hub.nowMs(),
    reactions: new Map(),
    comments: [],
    title,
    body: wanted.body === "" ? undefined : wanted.body,
    state: "open",
    stateReason: undefined,
    closedAtMs: undefined,
    closedBy: undefined,
    updatedAtMs: hub.nowMs(),
    labels: trusted ? ensureLabels(hub, actor, repository, wanted.labels ?? []) : [],
    assignees: trusted ? assignable(hub, repository, wanted.assignees ?? []) : [],
    pull: undefined,
    events: [],
    edited: undefined,
  };
  hub.lag.begin(issue);
  repository.issues.set(issue.number, issue);
  return issue;
}

export interface IssueEdit {
  readonly title?: string | undefined;
  readonly body?: string | null | undefined;
  readonly state?: "open" | "closed" | undefined;
  readonly stateReason?: Issue["stateReason"] | undefined;
}

export function editIssue(hub: Hub, actor: Actor, issue: Issue, edit: IssueEdit): void {
  const own = accountOfActor(actor) === issue.author;
  demand(actor, issue.repository, issueNeed(issue, own ? "read" : "triage"));
  const title = edit.title === undefined ? issue.title : checkTitle("Issue", edit.title);
  const body = edit.body === undefined ? issue.body : (edit.body ?? undefined);
  checkBody("Issue", body);
  const changes: Record<string, unknown> = {};
  if (title !== issue.title) {
    changes["title"] = { from: issue.title };
    remember(hub, actor, issue, { kind: "renamed", rename: { from: issue.title, to: title } });
  }
  if (body !== issue.body) {
    changes["body"] = { from: issue.body ?? "" };
    issue.edited = { by: accountOfActor(actor), atMs: hub.nowMs() };
  }
  issue.title = title;
  issue.body = body;
  if (Object.keys(changes).length > 0) {
    issue.updatedAtMs = hub.nowMs();
    emitIssue(hub, actor, issue, "edited", { changes });
  }
  if (edit.state !== undefined) setState(hub, actor, issue, edit.state, edit.stateReason);
}

/** Opens or closes; no event when nothing changes. A merged pull request cannot be reopened. */
export function setState(
  hub: Hub,
  actor: Actor,
  issue: Issue,
  state: "open" | "closed",
  reason?: Issue["stateReason"],
): void {
  if (issue.state === state) return;
  const { pull } = issue;
  if (state === "open" && pull !== undefined) {
    const gone = pull.issue.repository.refs.get(`refs/heads/${pull.headRef}`) === undefined;
    if (pull.mergedAtMs !== undefined || gone) {
      const message = gone
        ? `The ${pull.headRef} branch was deleted.`
        : "The pull request is merged.";
      throw invalid({ resource: "PullRequest", code: "custom", field: "state", message });
    }
  }
  issue.state = state;
  issue.updatedAtMs = hub.nowMs();
  issue.closedAtMs = state === "closed" ? hub.nowMs() : undefined;
  issue.closedBy = state === "closed" ? accountOfActor(actor) : undefined;
  if (pull === undefined) {
    issue.stateReason = state === "closed" ? (reason ?? "completed") : "reopened";
  }
  const kind = state === "closed" ? "closed" : "reopened";
  remember(hub, actor, issue, { kind });
  emitIssue(hub, actor, issue, kind);
}

/** Only administrators may; GitHub answers 410 for its number from then on. */
export function deleteIssue(hub: Hub, actor: Actor, issue: Issue): void {
  demand(actor, issue.repository, { app: [], role: "admin" });
  issue.repository.issues.delete(issue.number);
  for (const comment of issue.comments) issue.repository.comments.delete(comment.id);
  emitIssue(hub, actor, issue, "deleted");
}

export function assign(
  hub: Hub,
  actor: Actor,
  issue: Issue,
  change: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
): void {
  demand(actor, issue.repository, issueNeed(issue, "triage"));
  for (const account of assignable(hub, issue.repository, change.add ?? [])) {
    if (issue.assignees.includes(account)) continue;
    issue.assignees = [...issue.assignees, account];
    emitAssigned(hub, actor, issue, account, "assigned");
  }
  for (const login of change.remove ?? []) {
    const account = accountOf(hub, login);
    if (account === undefined || !issue.assignees.includes(account)) continue;
    issue.assignees = issue.assignees.filter((other) => other !== account);
    emitAssigned(hub, actor, issue, account, "unassigned");
  }
}

function emitAssigned(
  hub: Hub,
  actor: Actor,
  issue: Issue,
  account: Account,
  action: "assigned" | "unassigned",
): void {
  issue.updatedAtMs = hub.nowMs();
  remember(hub, actor, issue, { kind: action, assignee: account });
  emitIssue(hub, actor, issue, action, { assignee: userShape(hub, account) });
}

/** Those of the logins that may be assigned; GitHub ignores the others. */
function assignable(hub: Hub, repository: Repository, logins: readonly string[]): Account[] {
  return logins
    .map((login) => accountOf(hub, login))
    .filter((account) => account !== undefined)
    .filter((account) => account.kind === "User")
    .filter((account) => atLeast(roleOf(repository, account), "read"))
    .slice(0, 10);
}

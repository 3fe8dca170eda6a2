/** Check suites, check runs and commit statuses. Only Apps may write checks. */
import { accountOfActor, demand } from "../access.ts";
import { type Hub, installationFor } from "../hub.ts";
import type {
  Account,
  Actor,
  App,
  CheckAction,
  CheckOutput,
  CheckRun,
  CheckStatus,
  CheckSuite,
  CommitStatus,
  Repository,
} from "../model.ts";
import { invalid, notAccessible, Problem } from "../problem.ts";
import { checkRunEventShape, checkSuiteEventShape, suiteConclusion } from "../shape/check.ts";
import { need } from "./needs.ts";
import { oneOf } from "./text.ts";

const textCharactersMax = 65_535;
const annotationsPerRequestMax = 50;
const actionsMax = 3;
const statuses = ["queued", "in_progress", "completed"] as const;

/** What a request may say about a check run; undefined leaves it as it is. */
export interface CheckEdit {
  readonly name?: string | undefined;
  readonly headSha?: string | undefined;
  readonly externalId?: string | undefined;
  readonly detailsUrl?: string | undefined;
  readonly status?: string | undefined;
  readonly conclusion?: string | undefined;
  readonly output?: Partial<CheckOutput> | undefined;
  readonly actions?: readonly CheckAction[] | undefined;
}

/** After a push every App with checks:write gets a suite and `check_suite.requested`. */
export function createSuites(
  hub: Hub,
  repository: Repository,
  sender: Account,
  sha: string,
  branch: string,
): void {
  for (const app of hub.apps.values()) {
    if (app.permissions["checks"] !== "write") continue;
    if (installationFor(hub, app, repository) === undefined) continue;
    const suite = suiteFor(hub, repository, app, sha, branch);
    emitSuite(hub, repository, sender, suite, "requested");
  }
}

export function createRun(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  wanted: CheckEdit,
): CheckRun {
  const app = checkWriter(actor, repository);
  const { name, headSha } = wanted;
  if (name === undefined || headSha === undefined) {
    const field = name === undefined ? "name" : "head_sha";
    throw invalid({ resource: "CheckRun", code: "missing_field", field });
  }
  const branch = [...repository.refs].find(([, sha]) => sha === headSha)?.[0];
  const id = hub.nextId();
  const run: CheckRun = {
    id,
    nodeId: hub.nodeId("CR", id),
    suite: suiteFor(hub, repository, app, headSha, branch?.replace("refs/heads/", "")),
    headSha,
    name,
    externalId: "",
    detailsUrl: undefined,
    status: "queued",
    conclusion: undefined,
    startedAtMs: hub.nowMs(),
    completedAtMs: undefined,
    output: { title: undefined, summary: undefined, text: undefined, annotations: [] },
    actions: [],
  };
  change(hub, run, wanted);
  repository.checkRuns.set(id, run);
  emitRun(hub, actor, repository, run, "created");
  if (run.status === "completed") completed(hub, actor, repository, run);
  return run;
}

export function editRun(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  run: CheckRun,
  edit: CheckEdit,
): void {
  const app = checkWriter(actor, repository);
  if (run.suite.app !== app)
    throw new Problem(
      403,
      "Invalid app_id `${app.id}` - check run can only be modified by the GitHub App that created it.",
    );
  const before = run.status;
  change(hub, run, edit);
  hub.touch();
  if (run.status === "completed" && before !== "completed") completed(hub, actor, repository, run);
}

/** A person presses "Re-run" or one of the buttons of a check run. */
export function requestOnRun(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  run: CheckRun,
  identifier: string | undefined,
): void {
  demand(actor, repository, { app: [], role: "write" });
  const action = identifier === undefined ? "rerequested" : "requested_action";
  const more = identifier === undefined ? {} : { requested_action: { identifier } };
  emitRun(hub, actor, repository, run, action, more);
}

export function requestOnSuite(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  suite: CheckSuite,
): void {
  demand(actor, repository, { app: [], role: "write" });
  emitSuite(hub, repository, accountOfActor(actor), suite, "rerequested");
}

export function addStatus(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  wanted: {
    readonly sha: string;
    readonly state: CommitStatus["state"];
    readonly context: string;
    readonly description: string | undefined;
    readonly targetUrl: string | undefined;
  },
): CommitStatus {
  demand(actor, repository, need.writeStatuses);
  const id = hub.nextId();
  const creator = accountOfActor(actor);
  const nodeId = hub.nodeId("SC", id);
  const status: CommitStatus = { ...wanted, id, nodeId, creator, createdAtMs: hub.nowMs() };
  repository.statuses.push(status);
  hub.touch();
  return status;
}

function checkWriter(actor: Actor, repository: Repository): App {
  demand(actor, repository, need.writeChecks);
  if (actor.kind !== "installation") {
    throw new Problem(403, "You must authenticate via a GitHub App.");
  }
  if (actor.token.permissions["checks"] !== "write") throw notAccessible("checks=write");
  return actor.app;
}

function change(hub: Hub, run: CheckRun, edit: CheckEdit): void {
  checkLimits(edit);
  const status: CheckStatus | undefined = oneOf(edit.status, statuses, "status");
  run.name = edit.name ?? run.name;
  run.externalId = edit.externalId ?? run.externalId;
  run.detailsUrl = edit.detailsUrl ?? run.detailsUrl;
  run.status = edit.conclusion === undefined ? (status ?? run.status) : "completed";
  run.conclusion = edit.conclusion ?? (run.status === "completed" ? run.conclusion : undefined);
  if (run.status === "completed" && run.conclusion === undefined) {
    throw invalid({ resource: "CheckRun", code: "missing_field", field: "conclusion" });
  }
  run.completedAtMs = run.status === "completed" ? hub.nowMs() : undefined;
  run.actions = edit.actions ?? run.actions;
  if (edit.output === undefined) return;
  run.output = {
    title: edit.output.title ?? run.output.title,
    summary: edit.output.summary ?? run.output.summary,
    text: edit.output.text ?? run.output.text,
    annotations: [...run.output.annotations, ...(edit.output.annotations ?? [])],
  };
}

function checkLimits(edit: CheckEdit): void {
  const { output } = edit;
  for (const [field, text] of [
    ["summary", output?.summary],
    ["text", output?.text],
  ] as const) {
    if ((text?.length ?? 0) <= textCharactersMax) continue;
    const message = `Only ${textCharactersMax} characters are allowed; ${text?.length} were supplied.`;
    throw new Problem(422, `Invalid request.\n\n${message} (output.${field})`);
  }
  if ((output?.annotations?.length ?? 0) > annotationsPerRequestMax) {
    throw new Problem(
      422,
      `Invalid request.\n\nNo more than ${annotationsPerRequestMax} annotations are allowed.`,
    );
  }
  if ((edit.actions?.length ?? 0) > actionsMax) {
    throw new Problem(422, `Invalid request.\n\nNo more than ${actionsMax} actions are allowed.`);
  }
}

function completed(hub: Hub, actor: Actor, repository: Repository, run: CheckRun): void {
  emitRun(hub, actor, repository, run, "completed");
  if (suiteConclusion(repository, run.suite) === null) return;
  emitSuite(hub, repository, accountOfActor(actor), run.suite, "completed");
}

function suiteFor(
  hub: Hub,
  repository: Repository,
  app: App,
  headSha: string,
  headBranch: string | undefined,
): CheckSuite {
  for (const suite of repository.checkSuites.values()) {
    if (suite.app === app && suite.headSha === headSha) return suite;
  }
  const id = hub.nextId();
  const nowMs = hub.nowMs();
  const nodeId = hub.nodeId("CS", id);
  const suite = { id, nodeId, app, headSha, headBranch, createdAtMs: nowMs, updatedAtMs: nowMs };
  repository.checkSuites.set(id, suite);
  return suite;
}

function emitSuite(
  hub: Hub,
  repository: Repository,
  sender: Account,
  suite: CheckSuite,
  action: string,
): void {
  const payload = { check_suite: checkSuiteEventShape(hub, repository, suite) };
  // Requests go to the App that shall check; "completed" to everybody.
  const app = action === "completed" ? {} : { app: suite.app };
  hub.emit({ event: "check_suite", action, sender, repository, ...app, payload });
}

function emitRun(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  run: CheckRun,
  action: string,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const payload = { check_run: checkRunEventShape(hub, repository, run), ...more };
  const app =
    action === "rerequested" || action === "requested_action" ? { app: run.suite.app } : {};
  hub.emit({
    event: "check_run",
    action,
    sender: accountOfActor(actor),
    repository,
    ...app,
    payload,
  });
}

/**
 * An issue becomes an objective, or stops being one.
 *
 * Label, unlabel, close, reopen and edit only mean "look at the issue now": what counts is whether it is
 * open and labelled at this moment, so flapping and reordering collapse.
 */
import type { GitHubEvent } from "./event.ts";
import type { ConfigFact, IssueFact } from "./facts.ts";
import { cancelObjective, mayBeMerged, stopRest } from "./finish.ts";
import { objectiveId, sessionId } from "./id.ts";
import { isOver, type Objective, type Placement, type Session } from "./objective.ts";
import { mayCommand } from "./people.ts";
import { editedIssueMessage, managerBrief } from "./prompt.ts";
import { configProblemText, refusalText } from "./render.ts";
import { agentOf, type Repository } from "./repository.ts";
import { emitted, Step, uuid, type Context, type Decision } from "./step.ts";

type IssueChanged = Extract<GitHubEvent, { kind: "issue-changed" }>;

const DAY_MS = 24 * 60 * 60 * 1000;

export function onIssueChanged(
  latest: Objective | null,
  repository: Repository,
  event: IssueChanged,
  context: Context,
): Decision {
  const { issue = null, config } = context.facts;
  if (config === undefined)
    throw new TypeError("issue-changed was decided without the configuration");
  const wanted = issue !== null && issue.open && issue.labels.includes(config.config.label);
  const placement = placementOf(issue === null ? [] : issue.labels);
  if (latest !== null && !isOver(latest))
    return onLive(new Step(latest, context), event, issue, wanted ? placement : undefined);
  const starts = event.labels.includes(config.config.label);
  // Our own closing of the issue is no wish of anybody's.
  if (latest !== null && !wanted && event.actor.type !== "own")
    return onUnwantedAfterEnd(new Step(latest, context), event);
  if (!wanted || !starts)
    return nothing(latest, `issue is ${wanted ? "" : "not "}wanted, ${event.cause} starts nothing`);
  if (latest !== null && isOlder(event, latest))
    return nothing(latest, `${event.cause} was before the label of revision ${latest.revision}`);
  if (event.actor.type !== "user") return nothing(latest, `${event.actor.login} is not a person`);
  if (!mayCommand(context.facts.permission ?? "none"))
    return refuse(latest, repository, event, config, context);
  return start(latest, repository, event, config, { ...context, placement });
}

/** The times of an issue and of the event that changed it may differ by GitHub's second. */
const SAME_LABEL_MS = 1_000;

/**
 * A late webhook: the revision that is over knew of a newer label, so nothing is started by this one. Where one of the two
 * was found by looking, they may be the same label. Labels of the same second are told apart by their webhooks alone.
 */
const isOlder = ({ at, found }: IssueChanged, { labelledAt, labelFound }: Objective): boolean =>
  at !== undefined &&
  labelledAt !== undefined &&
  (labelFound === true || found === true ? at <= labelledAt + SAME_LABEL_MS : at < labelledAt);

function onUnwantedAfterEnd(step: Step, { cause }: IssueChanged): Decision {
  step.note(`${cause} after the end`);
  stopRest(step);
  return step.done();
}

const nothing = (objective: Objective | null, note: string): Decision => ({
  objective,
  effects: [],
  timers: [],
  notes: [note],
});

/** 😕 and one line, once per issue and day (decision 25). */
function refuse(
  latest: Objective | null,
  repository: Repository,
  event: IssueChanged,
  config: ConfigFact,
  { now, deriveFixed }: Context,
): Decision {
  const { number, actor } = event;
  const once = `refusal:${repository.id}#${number}:${Math.floor(now / DAY_MS)}`;
  return {
    ...nothing(latest, `${actor.login} may not start an objective`),
    effects: [
      emitted(
        {
          kind: "react",
          repository,
          number,
          target: { kind: "issue", number },
          content: "confused",
        },
        deriveFixed(`${once}:reaction`),
      ),
      emitted(
        {
          kind: "post-comment",
          repository,
          number,
          purpose: "notice",
          question: null,
          text: refusalText(actor.login, config.config.label),
        },
        deriveFixed(`${once}:comment`),
      ),
    ],
  };
}

function start(
  latest: Objective | null,
  repository: Repository,
  event: IssueChanged,
  config: ConfigFact,
  context: Context & { readonly placement: Placement | null },
): Decision {
  const { snapshot, number, actor } = event;
  const revision = (latest?.revision ?? 0) + 1;
  const { placement } = context;
  const id = context
    .deriveFixed(`objective:${repository.id}:${snapshot.id}:${revision}`)
    .slice(0, 20);
  const objective: Objective = {
    id: objectiveId(`obj_${id}`),
    repository,
    issue: { id: snapshot.id, number },
    revision,
    state: { kind: "active" },
    title: snapshot.title,
    body: snapshot.body,
    url: snapshot.url,
    startedBy: actor,
    startedAt: context.now,
    ...(event.at === undefined ? {} : { labelledAt: event.at }),
    ...(event.found === undefined ? {} : { labelFound: event.found }),
    config: config.config,
    defaultBranch: config.defaultBranch,
    ...(placement === null ? {} : { placement }),
    sessions: [
      newSession(
        {
          id: `ses_${id}`,
          role: "manager",
          title: "manager",
          goal: snapshot.title,
          agent: agentOf(config.config, "manager"),
          pin: placement?.runner ?? null,
        },
        context.now,
      ),
    ],
    questions: [],
    pullRequests: [],
    ignored: 0,
    reportedConfig: null,
    nudges: 0,
    status: "",
  };
  // Whatever told of the label: a start that is repeated after a restore writes nothing twice.
  const derive = (name: string): string => context.deriveFixed(`start:${objective.id}:${name}`);
  const step = new Step(objective, { ...context, derive });
  step.note(`started by ${actor.login}, revision ${revision}`);
  step.emit({
    kind: "react",
    repository,
    number,
    target: { kind: "issue", number },
    content: "eyes",
  });
  step.tell(step.manager, managerBrief(objective, derive("nonce"), context.rules), "work");
  reportConfigProblem(step, config);
  return step.done();
}

export const newSession = (
  given: Pick<Session, "role" | "title" | "goal" | "agent"> & {
    readonly id: string;
    readonly dependsOn?: Session["dependsOn"];
    readonly pin?: string | null;
    readonly labels?: readonly string[];
  },
  now: number,
): Session => ({
  ...given,
  id: sessionId(given.id),
  dependsOn: given.dependsOn ?? [],
  pin: given.pin ?? null,
  state: { kind: "queued", purpose: "work", since: now },
  attempt: 0,
  failures: 0,
  conversation: null,
  runner: null,
  workspace: null,
  checkouts: 0,
  freshCheckout: true,
  mailbox: [],
  mailed: 0,
  progress: null,
  result: null,
  calls: [],
  followUp: null,
  push: null,
  hold: null,
});

/** A broken configuration file is pointed out once per version; the last good one stays in force. */
function reportConfigProblem(step: Step, { problem }: ConfigFact): void {
  const { repository, issue, reportedConfig } = step.objective;
  if (problem === null || problem.sha === reportedConfig) return;
  step.change({ reportedConfig: problem.sha });
  step.emit({
    kind: "post-comment",
    repository,
    number: issue.number,
    purpose: "notice",
    question: null,
    text: configProblemText(problem),
  });
}

/** Labels that say where and how soon; null = none does. Of several runners the first by name. */
function placementOf(labels: readonly string[]): Placement | null {
  const runner = labels
    .flatMap(
      (label) => /^runner:(?<name>[A-Za-z0-9][\w.-]{0,63})$/u.exec(label)?.groups?.["name"] ?? [],
    )
    .toSorted()[0];
  const priority = labels.includes("priority:high")
    ? "high"
    : labels.includes("priority:low")
      ? "low"
      : "normal";
  return runner === undefined && priority === "normal"
    ? null
    : { runner: runner ?? null, priority };
}

function onLive(
  step: Step,
  event: IssueChanged,
  issue: IssueFact | null,
  placement: Placement | null | undefined,
): Decision {
  // Nobody wants it any more.
  if (placement === undefined) {
    const reason =
      issue === null
        ? "the issue is gone"
        : issue.open
          ? "the label was removed"
          : "the issue was closed";
    if (event.cause === "closed" && mayBeMerged(step)) awaitMerge(step);
    else cancelObjective(step, reason);
    return step.done();
  }
  if (placement !== null || step.objective.placement !== undefined)
    step.change({ placement: placement ?? { runner: null, priority: "normal" } });
  if (event.cause === "reopened") step.timer(CLOSED_TIMER, null);
  if (event.cause === "edited") edited(step, event);
  else step.note("already at work");
  if (event.cause === "labeled") remember(step, event);
  return step.done();
}

/** Off and on again in between: whoever hears of that label after the end has not heard of a wish to begin anew. */
function remember(step: Step, { at, labels }: IssueChanged): void {
  const { config, labelledAt = 0 } = step.objective;
  if (at !== undefined && at > labelledAt && labels.includes(config.label))
    step.change({ labelledAt: at });
}

const CLOSED_TIMER = "closed";
/** How much later than the closing of its issue a merge may be told: GitHub keeps no order between the two. */
const MERGE_WAIT_MS = 10_000;

/** A merge of “Closes #12” closes the issue: then everything is done, not canceled. */
function awaitMerge(step: Step): void {
  step.note("the issue was closed: waiting whether a merge closed it");
  step.timer(CLOSED_TIMER, step.context.now + MERGE_WAIT_MS);
}

export function onClosedTimer(step: Step): void {
  const { kind } = step.objective.state;
  if (kind === "active") cancelObjective(step, "the issue was closed");
  // The end may still be taken back by new work, which a closed issue does not want.
  if (kind === "finishing") step.timer(CLOSED_TIMER, step.context.now + MERGE_WAIT_MS);
}

function edited(step: Step, { actor, snapshot }: IssueChanged): void {
  if (actor.type !== "user" || !mayCommand(step.context.facts.permission ?? "none")) {
    step.change({ ignored: step.objective.ignored + 1 });
    step.note(`an edit by ${actor.login} was not passed on`);
    return;
  }
  const { title, body } = snapshot;
  if (title === step.objective.title && body === step.objective.body) return;
  step.change({ title, body });
  const nonce = step.context.derive("nonce");
  step.tell(step.manager, editedIssueMessage(actor, title, body, nonce), "message");
}

/** The uuid form is what agents use for messages; sessions keep the short one. */
export const sessionIdOf = (hex: string): string =>
  `ses_${uuid(hex).replaceAll("-", "").slice(0, 20)}`;

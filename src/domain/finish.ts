/**
 * How an objective ends: canceled at once when its issue is closed or unlabelled; done when every
 * published pull request is merged or waived by a person, every worker has reported and no question is
 * open. Then the manager writes a summary, or we do.
 */
import { cancelQuestions } from "./ask.ts";
import {
  isOver,
  openQuestions,
  pullRequestOf,
  type Objective,
  type PullRequest,
  type Question,
  type Session,
} from "./objective.ts";
import { stopNow } from "./park.ts";
import { renderedSummary, summaryText } from "./render.ts";
import { isLive, isTerminal } from "./session.ts";
import type { Step } from "./step.ts";

const SUMMARY_TIMER = "summary";
const LINGER_TIMER = "linger";
/** How long a manager may go on after the end before its process is stopped. */
const LINGER_MS = 60_000;

export function cancelObjective(step: Step, reason: string): void {
  step.change({ state: { kind: "canceled", at: step.context.now, reason } });
  step.note(`canceled: ${reason}`);
  cancelQuestions(step, null, reason);
  for (const session of step.objective.sessions)
    if (!isTerminal(session.state)) step.stop(session, "canceled", reason);
}

/** What still has to happen before the objective can end; empty = nothing. Each line names the thing. */
function openEnds({ sessions, pullRequests, questions }: Objective): readonly string[] {
  const [, ...workers] = sessions;
  return [
    ...workers
      .filter((worker) => !isTerminal(worker.state) && isUnreported(worker))
      .map(({ title, role, state }) => `${role} "${title}" is ${state.kind}`),
    ...workers
      .filter(({ push }) => push !== null)
      .map(({ title }) => `the commits of "${title}" are being published`),
    ...pullRequests
      .filter((pull) => pull.state !== "merged" && pull.state !== "waived")
      .filter((pull) => !isGivenUp(pull, workers))
      .map(
        ({ number, title, state }) =>
          `pull request ${number === null ? `"${title}"` : `#${number}`} is ${state}`,
      ),
    ...questions
      .filter(({ state }) => state.kind === "open")
      .map(({ number }) => `question ${number} is not answered`),
    ...questions
      .filter((question) => isInstead(question))
      .map(({ number }) => `the answer to question ${number} is on its way`),
  ];
}

/** GitHub did not open it and its session was canceled: nothing more comes of it. */
const isGivenUp = ({ number, session }: PullRequest, workers: readonly Session[]): boolean =>
  number === null && workers.some(({ id, state }) => id === session && isTerminal(state));

/** What a person wants instead of a closed pull request; the manager has not read it yet. */
const isInstead = ({ about, state }: Question): boolean =>
  about.kind === "pull-request-closed" &&
  state.kind === "answered" &&
  state.delivery.kind !== "delivered";

/** Nothing but pull requests is open, or not even those: the next merge may be the end, or was it. */
export function mayBeMerged({ objective }: Step): boolean {
  if (objective.state.kind === "finishing") return true;
  const going = objective.pullRequests.filter(({ state }) => state === "draft" || state === "open");
  return going.length > 0 && openEnds(objective).length === going.length;
}

/** A worker that has reported and only ends its turn is not in the way. */
const isUnreported = ({ state, result, followUp, verdict }: Session): boolean =>
  (result === null && verdict === undefined) ||
  followUp !== null ||
  state.kind === "queued" ||
  state.kind === "starting" ||
  state.kind === "paused";

/** After every step: is everything merged or waived now? */
export function settle(step: Step): void {
  if (isOver(step.objective)) return;
  withdrawQuestions(step);
  const { objective } = step;
  const ends = openEnds(objective);
  if (objective.state.kind === "finishing") {
    if (ends.length > 0) {
      step.change({ state: { kind: "active" } });
      step.timer(SUMMARY_TIMER, null);
    }
    return;
  }
  if (ends.length > 0 || objective.pullRequests.every(({ number }) => number === null)) return;
  step.change({ state: { kind: "finishing" } });
  step.timer(SUMMARY_TIMER, step.context.now + step.context.rules.summaryWaitMs);
  step.tell(
    step.manager,
    "Every pull request is merged or waived. Call finish_objective with a summary of what changed, for the issue.",
    "message",
  );
}

/** Nobody could act on an answer: its session is over, or it asks which question is meant and no other is open. */
function withdrawQuestions(step: Step): void {
  for (const session of step.objective.sessions)
    if (isTerminal(session.state)) cancelQuestions(step, session, "its session is over");
  if (openQuestions(step.objective).every(({ about }) => about.kind === "which-question"))
    cancelQuestions(step, null, "no other question is open");
}

export function onSummaryTimer(step: Step): void {
  if (step.objective.state.kind !== "finishing") return;
  if (mayYetPublish(step))
    step.timer(SUMMARY_TIMER, step.context.now + step.context.rules.summaryWaitMs);
  else finish(step, renderedSummary(step.objective));
}

/** A result that nobody has published, and a manager that is at work or about to be: its turns have limits of their own. */
const mayYetPublish = ({ manager, workers, objective }: Step): boolean =>
  (isLive(manager.state) || manager.state.kind === "queued") &&
  workers.some(
    ({ id, result, unpublished }) =>
      result !== null && unpublished === true && pullRequestOf(objective, id) === undefined,
  );

/** Ends the objective well. Workers that still run are stopped and become succeeded when their process is gone. */
export function finish(step: Step, summary: string): void {
  const { objective, context } = step;
  const { repository, issue, config } = objective;
  step.change({ state: { kind: "succeeded", at: context.now, summary } });
  step.timer(SUMMARY_TIMER, null);
  for (const session of step.objective.sessions) endWell(step, session);
  if (isLive(step.manager.state)) step.timer(LINGER_TIMER, context.now + LINGER_MS);
  const number = issue.number;
  step.emit({
    kind: "post-comment",
    repository,
    number,
    purpose: "result",
    question: null,
    text: summaryText(step.objective, summary),
  });
  if (config.onDone === "close") step.emit({ kind: "close-issue", repository, number });
}

/** The manager may end its turn: it has just been told that this is the end. */
function endWell(step: Step, session: Session): void {
  if (!isTerminal(session.state) && !isLive(session.state))
    step.move(session, { kind: "end", as: { kind: "succeeded" } });
  else if (session.role !== "manager") stopNow(step, session);
}

/** Stops what still runs of an objective that is over: its last minute has passed, or a person wants it. */
export function stopRest(step: Step): void {
  if (!isOver(step.objective)) return;
  for (const session of step.objective.sessions) stopNow(step, session);
}

/** For refusals: everything that is open, in one line. */
export const openEndsLine = (objective: Objective): string => openEnds(objective).join("; ");

export const hasOpenQuestion = (objective: Objective, session: Session): boolean =>
  openQuestions(objective).some((question) => question.session === session.id);

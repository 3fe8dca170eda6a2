/**
 * The one place that decides what happens next: (objective, event, facts, now) → (objective', effects).
 * Pure: no I/O, no clock, no randomness. `test/domain` holds every rule without a mock.
 */
import { callSettled } from "./ask.ts";
import * as attempt from "./attempt.ts";
import { onBehindTimer } from "./behind.ts";
import { onRunnerChanged, onWaitReason } from "./away.ts";
import { onComment, onPosted, onReview } from "./conversation.ts";
import type {
  ObjectiveEvent,
  OperatorEvent,
  ResultEvent,
  RunnerEvent,
  TakeoverEvent,
} from "./event.ts";
import { cancelObjective, onSummaryTimer, settle, stopRest } from "./finish.ts";
import { hasHandedOver, onLimit } from "./limit.ts";
import * as manager from "./manager-tools.ts";
import { isOver, named, type Objective, type Session } from "./objective.ts";
import { cancelDoomed } from "./plan.ts";
import * as publish from "./publish.ts";
import { statusText } from "./render.ts";
import { messagePeer } from "./peers.ts";
import { refused, replyToCall, sayAgain, type CallReply } from "./reply.ts";
import type { Repository } from "./repository.ts";
import { endReviews, requestReview, submitReview } from "./review.ts";
import { isLive, isTerminal } from "./session.ts";
import { onClosedTimer, onIssueChanged } from "./start.ts";
import { onSaid } from "./said.ts";
import { Step, type Context, type Decision } from "./step.ts";
import { cancelSession, nudge, questionLost } from "./stuck.ts";
import { onGivenBack, onTakeover } from "./takeover.ts";
import { spend } from "./usage.ts";
import * as worker from "./worker-tools.ts";

/** `latest` = the newest revision for the issue this event is about; null = there is none. */
export function decide(
  latest: Objective | null,
  repository: Repository,
  event: ObjectiveEvent,
  context: Context,
): Decision {
  const decision =
    event.kind === "issue-changed"
      ? onIssueChanged(latest, repository, event, context)
      : latest === null
        ? { objective: null, effects: [], timers: [], notes: [`${event.kind}: no objective`] }
        : onObjective(new Step({ ...latest, repository }, context), event);
  return decision.objective === null ? decision : withStatus(decision, decision.objective, context);
}

function onObjective(
  step: Step,
  event: Exclude<ObjectiveEvent, { kind: "issue-changed" }>,
): Decision {
  switch (event.kind) {
    case "comment-created":
    case "comment-edited":
      onComment(step, event);
      break;
    case "review-submitted":
      onReview(step, event);
      break;
    case "pull-request-changed":
      publish.onPullRequestChanged(step, event);
      break;
    case "access-lost":
      if (!isOver(step.objective)) cancelObjective(step, event.reason);
      break;
    case "timer-fired":
      onTimer(step, event.name);
      break;
    case "wait-reason":
      onWaitReason(step, event);
      break;
    case "runner-changed":
      onRunnerChanged(step, event);
      break;
    case "cancel-requested":
      onCancel(step, event.by, event.session);
      break;
    case "takeover-requested":
    case "resume-requested":
    case "operator-said":
      onHands(step, event);
      break;
    case "slot-claimed":
    case "attempt-prepared":
    case "attempt-unstartable":
    case "attempt-spawned":
    case "conversation-known":
    case "message-delivered":
    case "message-queued":
    case "turn-ended":
    case "limit-hit":
    case "tool-called":
    case "tool-misused":
    case "call-settled":
    case "attempt-exited":
    case "branch-pushed":
    case "push-refused":
    case "pull-request-opened":
    case "question-posted":
    case "effect-failed":
      onSession(step, event);
      break;
  }
  return step.done();
}

/** What a person does with one session. */
function onHands(step: Step, event: TakeoverEvent | OperatorEvent): void {
  const session = step.session(event.session);
  if (session === undefined) step.note(`${event.kind}: no such session`);
  else if (event.kind === "takeover-requested") onTakeover(step, session, event);
  else if (event.kind === "resume-requested") onGivenBack(step, session, event);
  else onSaid(step, session, event);
}

function onCancel(step: Step, by: string, id: Session["id"] | null): void {
  const session = id === null ? step.manager : step.session(id);
  if (isOver(step.objective) || session === undefined || isTerminal(session.state)) {
    step.note(`${by} canceled what is over`);
    stopRest(step);
    return;
  }
  // An objective without its manager could never end.
  if (session.role === "manager") {
    cancelObjective(step, by);
    return;
  }
  cancelSession(step, session, by);
  step.tell(step.manager, `${named(session)} was canceled by ${by}.`, "message");
}

function onTimer(step: Step, name: string): void {
  const [what, id = "", attemptOf = ""] = name.split(":");
  if (what === "summary") onSummaryTimer(step);
  if (what === "linger") stopRest(step);
  if (what === "closed") onClosedTimer(step);
  if (what === "ask") attempt.onAskTimer(step, id);
  const session = step.session(id);
  if (session === undefined) return;
  if (what === "resume") attempt.onResumeTimer(step, session);
  if (what === "turn") attempt.onTurnTimer(step, session, attemptOf);
  if (what === "behind") onBehindTimer(step, session, attemptOf);
}

type SessionEvent = RunnerEvent | ResultEvent;

function onSession(step: Step, event: SessionEvent): void {
  if (event.kind === "question-posted") {
    onPosted(step, event.question, event.comment, event.url);
    return;
  }
  if (event.kind === "effect-failed" && event.question !== undefined) {
    questionLost(step, event.question, event.reason);
    return;
  }
  const session = event.session === null ? undefined : step.session(event.session);
  if (session === undefined) {
    step.note(`${event.kind}: no such session`);
    return;
  }
  // Spent is spent, however late we hear of it.
  if ("usage" in event && event.usage !== undefined) spend(step, session, event.usage);
  if (event.kind !== "effect-failed" && "attempt" in event) {
    if (event.attempt === session.attempt && isLive(session.state)) onAttempt(step, session, event);
    else step.note(`${session.title}: ${event.kind} of attempt ${event.attempt} came late`);
  } else onResult(step, session, event);
}

function onResult(
  step: Step,
  session: Session,
  event:
    | Extract<ResultEvent, { session: Session["id"] | null }>
    | Extract<RunnerEvent, { kind: "slot-claimed" }>,
): void {
  switch (event.kind) {
    case "slot-claimed":
      attempt.onClaimed(step, session, event);
      return;
    case "branch-pushed":
      publish.onPushed(step, session, event);
      return;
    case "push-refused":
      publish.onPushRefused(step, session, event);
      return;
    case "pull-request-opened":
      publish.onOpened(step, session, event);
      return;
    case "effect-failed":
      onEffectFailed(step, session, event);
      return;
  }
}

function onEffectFailed(
  step: Step,
  session: Session,
  event: Extract<ResultEvent, { kind: "effect-failed" }>,
): void {
  const { reason } = event;
  if (event.effect === "start-attempt") {
    const isOfNow = (event.attempt ?? session.attempt) === session.attempt;
    if (!isOfNow || !isLive(session.state)) {
      step.note(`${session.title}: a start that failed came late: ${reason}`);
      return;
    }
    // Nobody knows what became of it: a process may be there all the same.
    step.stopProcess(session, session.state.runner);
    attempt.onUnstartable(step, session, {
      kind: "attempt-unstartable",
      session: session.id,
      attempt: session.attempt,
      stage: "start",
      reason,
      retry: true,
    });
  } else if (event.effect === "open-pull-request") publish.onOpenRefused(step, session, reason);
  else if (event.effect === "push-branch")
    publish.onPushRefused(step, session, {
      kind: "push-refused",
      session: session.id,
      code: "failed",
      reason,
    });
  else step.note(`${event.effect} failed: ${reason}`);
}

function onAttempt(
  step: Step,
  session: Session,
  event: Extract<SessionEvent, { attempt: number }>,
): void {
  switch (event.kind) {
    case "attempt-prepared":
      attempt.onPrepared(step, session, event);
      return;
    case "attempt-unstartable":
      attempt.onUnstartable(step, session, event);
      return;
    case "attempt-spawned":
      attempt.onSpawned(step, session);
      return;
    case "conversation-known":
      if (!hasHandedOver(session))
        step.changeSession(session.id, { conversation: event.conversation });
      return;
    case "message-delivered":
      attempt.onDelivered(step, session, event);
      return;
    case "message-queued":
      attempt.onQueued(step, session, event.message);
      return;
    case "turn-ended":
      attempt.onTurnEnded(step, session, event);
      return;
    case "limit-hit":
      onLimit(step, session, event);
      return;
    case "tool-called":
      onTool(step, session, event);
      return;
    case "tool-misused":
      replyToCall(step, session, event, refused(`${event.tool}: ${event.reason}`));
      return;
    case "call-settled":
      callSettled(step, session, event.call, event.won);
      return;
    case "attempt-exited":
      attempt.onExited(step, session, event);
      return;
  }
}

function onTool(
  step: Step,
  session: Session,
  event: Extract<RunnerEvent, { kind: "tool-called" }>,
): void {
  if (sayAgain(step, session, event.call)) return;
  const reply = isOver(step.objective)
    ? refused("this objective is over; end your turn")
    : callTool(step, session, event);
  if (reply !== null) replyToCall(step, step.fresh(session), event, reply);
}

/** null = answered later, or already. */
function callTool(
  step: Step,
  session: Session,
  { call, request }: Extract<RunnerEvent, { kind: "tool-called" }>,
): CallReply | null {
  switch (request.tool) {
    case "spawn_session":
      return manager.spawnSession(step, request);
    case "message_session":
      return manager.messageSession(step, request);
    case "list_sessions":
      return manager.listSessions(step);
    case "get_session":
      return manager.getSession(step, request);
    case "cancel_session":
      return manager.cancelSession(step, request);
    case "publish_pr":
      return manager.publishPullRequest(step, session, call, request);
    case "finish_objective":
      return manager.finishObjective(step, session, call, request);
    case "ask_human":
      return worker.askHuman(step, session, call, request);
    case "report_progress":
      return worker.reportProgress(step, session, request);
    case "report_problem":
      return worker.reportProblem(step, session, request);
    case "report_result":
      return worker.reportResult(step, session, request);
    case "message_manager":
      return worker.messageManager(step, session, request);
    case "reply_to_review":
      return worker.replyToReview(step, session, request);
    case "propose_plan":
      return manager.proposePlan(step, request);
    case "request_review":
      return requestReview(step, request);
    case "message_peer":
      return messagePeer(step, session, request);
    case "submit_review":
      return submitReview(step, session, request);
  }
}

/** Of one revision; the next one begins above it. */
const RENDERS_MAX = 1_000_000;

/** After everything settles, the status comment equals the state: it is sent whenever its text changes. */
function withStatus(decision: Decision, objective: Objective, context: Context): Decision {
  const step = new Step(objective, context);
  attempt.endLost(step);
  if (!isOver(step.objective)) {
    endReviews(step);
    cancelDoomed(step);
  }
  settle(step);
  nudge(step);
  const text = statusText(step.objective);
  const status = JSON.stringify(text);
  if (status !== step.objective.status && context.superseded !== true) {
    const { repository, issue, revision, renders = 0 } = step.objective;
    step.change({ status, renders: renders + 1 });
    const rev = revision * RENDERS_MAX + renders + 1;
    step.emit({ kind: "update-status", repository, number: issue.number, text, rev });
  }
  const later = step.done();
  const offset = decision.effects.length;
  return {
    objective: later.objective,
    effects: [
      ...decision.effects,
      ...later.effects.map((effect, index) => ({
        ...effect,
        key: context.derive(`effect:${offset + index}`),
      })),
    ],
    timers: [...decision.timers, ...later.timers],
    notes: [...decision.notes, ...later.notes],
    ...(decision.exhausted === undefined ? {} : { exhausted: decision.exhausted }),
  };
}

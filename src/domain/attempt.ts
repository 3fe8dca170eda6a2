/** What happens to attempts on runners: claimed, prepared, spawned, turn over, gone. */
import { watchBehind } from "./behind.ts";
import { cancelQuestions, closeCall, messageDelivered } from "./ask.ts";
import { isStranded, leaveFor, lostEnds, processLost } from "./away.ts";
import type { RunnerEvent } from "./event.ts";
import { hasOpenQuestion } from "./finish.ts";
import { notLoggedIn } from "./login.ts";
import { beginAnew, freeAgent, handOver, hasHandedOver, holdOf, isBound } from "./limit.ts";
import { checkoutMessage } from "./prompt.ts";
import { isOver, isTaken, named, pullRequestOf, readingOf, type Session } from "./objective.ts";
import { park, stopNow } from "./park.ts";
import { problemText } from "./render.ts";
import { isPushable, pushFollowUp } from "./publish.ts";
import type { ParkedState } from "./session.ts";
import { SENT_MAX, type Step } from "./step.ts";
import { managerStuck } from "./stuck.ts";
import { paused } from "./takeover.ts";
import { checkout, reuse, workspacePath } from "./workspace.ts";

type Of<K extends RunnerEvent["kind"]> = Extract<RunnerEvent, { kind: K }>;

export function onClaimed(step: Step, given: Session, event: Of<"slot-claimed">): void {
  const { runner, slot } = event;
  const by = freeAgent(step, given);
  if (by === null) {
    holdBack(step, given, event);
    return;
  }
  leaveFor(step, given, event);
  if (by !== given.agent) handOver(step, given, by);
  else if (given.freshCheckout && step.fresh(given).conversation !== null && isBound(step, given))
    beginAnew(step, given);
  const session = step.fresh(given);
  if (!step.move(session, { kind: "claim", runner, slot })) return;
  const attempt = session.attempt + 1;
  const kept = session.freshCheckout || session.runner !== runner ? null : session.workspace;
  const fresh = kept === null;
  const checkouts = session.checkouts + (fresh ? 1 : 0);
  const workspace = kept === null ? checkout(step.objective, session, checkouts) : reuse(kept);
  const messages = session.mailbox.slice(0, SENT_MAX).map(({ id, text }) => ({ id, text }));
  step.changeSession(session.id, {
    attempt,
    runner,
    checkouts,
    freshCheckout: fresh,
    hold: null,
    waits: null,
    replied: [],
    steeredAt: null,
    mailbox: session.mailbox.map((mail, index) => ({
      ...mail,
      sentTo: index < SENT_MAX ? attempt : null,
    })),
  });
  const { repository, config } = step.objective;
  step.emit({
    kind: "start-attempt",
    repository,
    runner,
    session: session.id,
    attempt,
    role: session.role,
    agent: session.agent,
    conversation: session.runner === runner ? session.conversation : null,
    workspace,
    setup: fresh ? config.setup : [],
    messages,
  });
}

/** Its agents are exhausted, all of them: it waits without the slot, and without a machine if it has lost its own. */
function holdBack(step: Step, given: Session, event: Of<"slot-claimed">): void {
  const { runner, slot } = event;
  if (isStranded(step.objective, given)) {
    leaveFor(step, given, event);
    step.changeSession(given.id, { runner: null });
  }
  const session = step.fresh(given);
  if (!step.move(session, { kind: "claim", runner, slot })) return;
  const hold = holdOf(step, session);
  step.changeSession(session.id, { hold, waits: null });
  step.timer(resumeTimer(session), hold.until);
  step.move(session, { kind: "exit", next: { kind: "waiting_limit", ...hold } });
}

/** The path is ours to know: runners say where it is on their disk, which means nothing here. */
export function onPrepared(
  step: Step,
  session: Session,
  { base, notes = [] }: Of<"attempt-prepared">,
): void {
  if (!session.freshCheckout) return;
  const path = workspacePath(step.objective.repository, session.id, session.checkouts);
  step.changeSession(session.id, { workspace: { path, base }, freshCheckout: false });
  if (session.behind !== undefined) step.changeSession(session.id, { behind: 0 });
  watchBehind(step, step.fresh(session));
  const fresh = notes.filter((note) => session.notes?.includes(note) !== true);
  if (fresh.length === 0) return;
  step.changeSession(session.id, { notes });
  step.tell(session, checkoutMessage(fresh), "message");
}

export function onSpawned(step: Step, session: Session): void {
  if (session.state.kind !== "starting" || !step.move(session, { kind: "spawn" })) return;
  limitTurn(step, session);
  if (session.role === "worker") step.changeSession(session.id, { unpublished: true });
  if (isTaken(session)) stopNow(step, session);
  step.sendMail(session);
}

/** The checkout or the start failed; no process ever ran. */
export function onUnstartable(
  step: Step,
  session: Session,
  event: Of<"attempt-unstartable">,
): void {
  const reason = `${event.stage}: ${event.reason}`;
  // A checkout that was only to be used again may hold commits that are nowhere else.
  const gone = event.stage === "workspace" && !event.retry;
  const fresh = { freshCheckout: session.freshCheckout || gone };
  step.changeSession(session.id, fresh);
  if (!event.retry) ended(step, { ...session, ...fresh }, { kind: "hopeless", reason });
  else ended(step, { ...session, ...fresh }, { kind: "later", reason });
}

/** Newest messages of a turn, and of each as much, that another agent would be told. */
const READING_MAX = 5;
const READING_CHARACTERS = 10_000;

export function onDelivered(
  step: Step,
  session: Session,
  { message, how }: Of<"message-delivered">,
): void {
  // Whoever took it is gone, and with it what it made of it.
  if (hasHandedOver(session)) return;
  const taken = session.mailbox.find(({ id }) => id === message);
  if (taken === undefined) return;
  step.changeSession(session.id, {
    mailbox: session.mailbox.filter((mail) => mail !== taken),
    reading: [...readingOf(session), taken.text.slice(0, READING_CHARACTERS)].slice(-READING_MAX),
  });
  if (how !== undefined) steered(step, session, message);
  step.sendMail(session);
  messageDelivered(step, message);
}

function steered(step: Step, { id, said }: Session, message: string): void {
  step.changeSession(id, { steeredAt: step.context.now });
  if (said === undefined) return;
  const lines = said.lines.map((line) =>
    line.became.kind === "message" && line.became.message === message
      ? { ...line, became: { ...line.became, how: "steered" as const } }
      : line,
  );
  step.changeSession(id, { said: { ...said, lines } });
}

export function onQueued(step: Step, session: Session, message: string): void {
  const mark = (mail: Session["mailbox"][number]): Session["mailbox"][number] =>
    mail.id === message ? { ...mail, queued: true } : mail;
  step.changeSession(session.id, { mailbox: session.mailbox.map((mail) => mark(mail)) });
}

/** A new limit for the turn that begins; the one of an attempt that is over means nothing. */
const limitTurn = (step: Step, { id, attempt }: Session): void =>
  step.timer(`turn:${id}:${attempt}`, step.context.now + step.context.rules.turnMaxMs);

export function onTurnTimer(step: Step, session: Session, attempt: string): void {
  if (session.state.kind !== "running" || String(session.attempt) !== attempt) return;
  const reason = `its turn did not end within ${Math.round(step.context.rules.turnMaxMs / 60_000)} minutes`;
  turnFailed(step, session, { reason, retry: true });
}

/** The turn is over: the process is stopped and the slot freed, unless a message is still on its way to it. */
export function onTurnEnded(step: Step, session: Session, { failure }: Of<"turn-ended">): void {
  if (session.state.kind !== "running") return;
  if (failure !== null) {
    turnFailed(step, session, failure);
    return;
  }
  step.changeSession(session.id, { failures: 0, losses: 0, reading: [], steeredAt: null });
  if (session.mailbox.length > 0 && !isTaken(session)) {
    step.note(`${session.title}: the turn is over, a message is on its way`);
    limitTurn(step, session);
    return;
  }
  park(step, session);
}

function turnFailed(
  step: Step,
  session: Session,
  { reason, retry, login }: NonNullable<Of<"turn-ended">["failure"]>,
): void {
  if (isOver(step.objective) || isTaken(session)) park(step, session);
  else if (login === true) notLoggedIn(step, session, reason);
  else if (retry && session.failures + 1 < failuresMax(step, session)) {
    step.changeSession(session.id, { failures: session.failures + 1, hold: holdFor(step, reason) });
    park(step, session);
  } else if (session.role === "manager") {
    managerStuck(step, reason);
    park(step, session);
  } else fail(step, session, reason);
}

const failuresMax = ({ context: { rules } }: Step, { role }: Session): number =>
  role === "manager" ? rules.managerFailuresMax : rules.workerFailuresMax;

const holdFor = (
  { context: { now, rules } }: Step,
  reason: string,
): NonNullable<Session["hold"]> => ({
  until: now + rules.retryWaitMs,
  reason,
});

function fail(step: Step, session: Session, reason: string): void {
  step.stop(session, "failed", reason);
  const { repository, issue } = step.objective;
  step.emit({
    kind: "post-comment",
    repository,
    number: issue.number,
    purpose: "notice",
    question: null,
    text: problemText(session, reason),
  });
  cancelQuestions(step, session, reason);
  step.tell(
    step.manager,
    `${named(session)} failed: ${reason}. ${session.role === "reviewer" ? "Do without, or request_review again" : "Do not publish it"}.`,
    "message",
  );
}

export function onExited(step: Step, session: Session, event: Of<"attempt-exited">): void {
  processLost(step, session);
  const current = step.fresh(session);
  const reason = exitReason(event);
  const losses = (current.losses ?? 0) + 1;
  if (current.state.kind === "stopping") ended(step, current, { kind: "parked" });
  else if (event.cause === "keeper-lost" && losses <= LOSSES_MAX) {
    step.changeSession(session.id, { losses });
    ended(step, current, { kind: "lost", reason });
  } else ended(step, current, { kind: "crashed", reason });
}

/** A machine that went down is not the agent's doing; one that goes down under it again and again may be. */
const LOSSES_MAX = 10;

/** What was being stopped on a machine that is lost. */
export const endLost = (step: Step): void =>
  lostEnds(step, (session) => ended(step, session, { kind: "parked" }));

const exitReason = ({ code, signal, cause }: Of<"attempt-exited">): string =>
  cause === "keeper-lost"
    ? "its process was lost when the runner went down"
    : `its process ended in the middle of a turn (${signal === null ? `exit code ${code ?? "unknown"}` : signal})`;

type Ending =
  | { readonly kind: "parked" }
  | { readonly kind: "lost" | "crashed" | "later" | "hopeless"; readonly reason: string };

/** The process is gone (or never was): the slot is free, and the session goes where it belongs. */
function ended(step: Step, session: Session, ending: Ending): void {
  const isBad = ending.kind !== "parked" && ending.kind !== "lost";
  const failures = isBad ? session.failures + 1 : session.failures;
  const last = ending.kind === "hopeless" || (isBad && failures >= failuresMax(step, session));
  step.changeSession(session.id, { failures });
  const rests = isOver(step.objective) || isTaken(session) || session.state.kind === "stopping";
  if (ending.kind === "parked" || rests)
    step.move(session, { kind: "exit", next: parkedState(step, session) });
  else if (!last) again(step, session, ending.reason, ending.kind === "later");
  else if (session.role === "manager") {
    managerStuck(step, ending.reason);
    step.move(session, { kind: "exit", next: { kind: "waiting_user" } });
  } else {
    step.move(session, { kind: "exit", next: { kind: "failed", reason: ending.reason } });
    fail(step, session, ending.reason);
  }
  afterParking(step, session);
}

function parkedState(step: Step, session: Session): ParkedState {
  const pull = pullRequestOf(step.objective, session.id)?.state;
  if (pull === "merged" || pull === "waived" || step.objective.state.kind === "succeeded")
    return { kind: "succeeded" };
  if (session.verdict !== undefined) return { kind: "succeeded" };
  const { takeover = null } = session;
  if (takeover !== null) return { kind: "paused", by: takeover.by };
  if (session.hold !== null) {
    const until = Math.max(session.hold.until, step.context.now);
    step.timer(resumeTimer(session), until);
    return { kind: "waiting_limit", reason: session.hold.reason, until };
  }
  if (session.mailbox.length > 0) return { kind: "queued", purpose: "message" };
  return hasOpenQuestion(step.objective, session) ? { kind: "waiting_user" } : { kind: "idle" };
}

function again(step: Step, session: Session, reason: string, later: boolean): void {
  if (later) {
    const hold = holdFor(step, reason);
    step.changeSession(session.id, { hold });
    step.timer(resumeTimer(session), hold.until);
    step.move(session, { kind: "exit", next: { kind: "waiting_limit", ...hold } });
    return;
  }
  step.move(session, { kind: "exit", next: { kind: "queued", purpose: "message" } });
  if (session.mailbox.length === 0) step.tell(session, goOn(reason), "message");
}

const goOn = (reason: string): string =>
  `You were interrupted: ${reason}. Look at what is there and go on.`;

const resumeTimer = ({ id }: Session): string => `resume:${id}`;

export function onResumeTimer(step: Step, session: Session): void {
  if (session.state.kind !== "waiting_limit") return;
  const { reason } = session.state;
  step.changeSession(session.id, { hold: null });
  step.move(session, { kind: "wake", purpose: "message" });
  if (session.mailbox.length === 0) step.tell(session, goOn(reason), "message");
}

/** A worker that parked: its follow-up is published, or the manager hears that it said nothing. */
function afterParking(step: Step, before: Session): void {
  const session = step.fresh(before);
  if (session.state.kind === "paused") paused(step, session);
  if (session.state.kind !== "idle" || isOver(step.objective)) return;
  if (session.role === "manager") return;
  if (session.followUp !== null && isPushable(pullRequestOf(step.objective, session.id))) {
    if (session.push === null) pushFollowUp(step, session);
  } else if (session.result === null)
    step.tell(
      step.manager,
      `${named(session)} ended its turn without a result. Message it, or cancel it.`,
      "message",
    );
}

/** `ask_human` waited long enough: the call is parked, the answer will come as a message. */
export function onAskTimer(step: Step, question: string): void {
  for (const session of step.objective.sessions) {
    const call = session.calls.find((open) => open.kind === "ask" && open.question === question);
    if (call === undefined || session.state.kind !== "running") continue;
    closeCall(step, session, call);
    step.emit({
      kind: "answer-call",
      runner: session.state.runner,
      session: session.id,
      attempt: session.attempt,
      call: call.call,
      outcome: "parked",
      isError: false,
      content: JSON.stringify({
        status: "asked",
        question,
        next: "end your turn; the answer will come as a message",
      }),
    });
  }
}

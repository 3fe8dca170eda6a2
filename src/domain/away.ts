/**
 * Sessions whose machine cannot be reached, is lost or was disabled. Nothing fails by that, and no failure is counted.
 *
 * Unreachable: it is said, the agent works on. Lost: whoever is not bound to that machine may be placed elsewhere; until
 * that has happened its return changes nothing. Placing it elsewhere is the fence: in that one transaction the attempt's
 * number moves on, so that nothing the old one says, calls or exports counts any more, and its stop waits for its machine.
 * Disabled: its processes are stopped; their sessions go on there when it is enabled, or elsewhere before.
 */
import { callsLost } from "./ask.ts";
import type { RunnerChanged, RunnerEvent, WaitReason } from "./event.ts";
import {
  isOver,
  pullRequestOf,
  type LeftBehind,
  type Objective,
  type Session,
} from "./objective.ts";
import { stopNow } from "./park.ts";
import { newMachineBrief } from "./prompt.ts";
import { unpublishable } from "./publish.ts";
import { isTerminal } from "./session.ts";
import { uuid, type Step } from "./step.ts";

/** Checkouts left behind that a session remembers. */
const LEFT_MAX = 20;

export function onRunnerChanged(step: Step, { runner, away }: RunnerChanged): void {
  for (const session of step.objective.sessions) {
    if (session.runner !== runner || isTerminal(session.state)) continue;
    step.changeSession(session.id, { away });
    if (away?.is === "disabled") interrupt(step, session, `its machine ${runner} was disabled`);
    if (away?.is === "lost") unpublishable(step, session, `its machine ${runner} is lost`);
    if (away === null && session.away?.is === "lost") tellBack(step, session, runner);
  }
}

/** Told once per class, and only while it waits. */
export function onWaitReason(step: Step, { session: id, reason }: WaitReason): void {
  const session = step.session(id);
  const waits =
    session?.state.kind === "queued" || (session && isStranded(step.objective, session));
  if (session === undefined || waits !== true) return;
  step.changeSession(id, { waits: { reason, since: step.context.now } });
}

/** Its turn is not over: it goes on when it has a place again. */
function interrupt(step: Step, given: Session, reason: string): void {
  if (given.state.kind !== "running" && given.state.kind !== "starting") return;
  stopNow(step, given);
  const session = step.fresh(given);
  if (session.mailbox.length > 0 || isOver(step.objective)) return;
  const text = `You were interrupted: ${reason}. Look at what is there and go on.`;
  step.tell(session, text, "message");
}

/** What it had reported can be published after all. */
function tellBack(step: Step, session: Session, runner: string): void {
  const waits = session.state.kind === "idle" && session.result !== null;
  if (!waits || session.push !== null || isOver(step.objective)) return;
  if (pullRequestOf(step.objective, session.id) !== undefined) return;
  const text = `Runner ${runner} is back: worker "${session.title}" (${session.id}) can be published.`;
  step.tell(step.manager, text, "message");
}

/** Works, as far as anybody knows, on a machine that is lost, and is not bound to it. */
export const isStranded = (objective: Objective, session: Session): boolean =>
  (session.state.kind === "running" || session.state.kind === "starting") &&
  session.away?.is === "lost" &&
  session.pin === null &&
  !isOver(objective);

/** The machine where it has its conversation and checkout, and must go on; null = any will do. */
export const boundTo = ({ pin, runner, away }: Session): string | null =>
  pin ?? (away?.is === "lost" || away?.is === "disabled" ? null : runner);

/** What is being stopped on a lost machine is not waited for: nobody sees its end, and its slot there is nobody's. */
export function lostEnds(step: Step, ended: (session: Session) => void): void {
  for (const session of step.objective.sessions) {
    if (session.state.kind !== "stopping" || session.away?.is !== "lost") continue;
    step.stopProcess(session, session.state.runner);
    processLost(step, session);
    ended(step.fresh(session));
  }
}

/** The process is gone, or is nobody's any more: what was on its way to it is sent again, who asked asks no more. */
export function processLost(step: Step, session: Session): void {
  // What a push comes to is told in a message then.
  const calls = session.calls.filter(({ kind }) => kind === "publish");
  const mailbox = session.mailbox.map(({ id, text }) => ({ id, text, sentTo: null }));
  step.changeSession(session.id, { calls, mailbox });
  callsLost(step, session);
}

/**
 * It gets a place on another machine than the one that it worked on: fenced there, and without what is there, it begins
 * a new conversation in a new checkout. Returns whether it moves at all.
 */
export function leaveFor(
  step: Step,
  session: Session,
  { runner }: Extract<RunnerEvent, { kind: "slot-claimed" }>,
): boolean {
  const { runner: from, workspace, attempt, state, left = [], followUp } = session;
  if (from === null || from === runner) return false;
  if (isStranded(step.objective, session)) {
    step.stopProcess(session, from);
    processLost(step, session);
    step.move(session, { kind: "exit", next: { kind: "queued", purpose: "message" } });
  } else if (state.kind !== "queued") return false;
  unpublishable(step, session, `its machine ${from} is lost`);
  const behind: readonly LeftBehind[] =
    workspace === null ? [] : [{ runner: from, attempt, ...workspace }];
  brief(step, step.fresh(session), from);
  step.changeSession(session.id, {
    away: null,
    conversation: null,
    workspace: null,
    push: null,
    unpublished: false,
    // Replies speak of commits that are not here.
    followUp: followUp === null ? null : { ...followUp, replies: [] },
    left: [...left, ...behind].slice(-LEFT_MAX),
  });
  return true;
}

/** First of all it reads what it once was told; nothing when it never read anything. */
function brief(step: Step, session: Session, from: string): void {
  const { id, mailbox, mailed } = session;
  if (mailed === mailbox.length) return;
  const nonce = step.context.derive(`nonce:${id}`);
  const text = newMachineBrief(step.objective, session, from, {
    nonce,
    briefing: step.context.rules,
  });
  const mail = { id: uuid(step.context.derive(`mail:${id}:${mailed}`)), text, sentTo: null };
  step.changeSession(id, { mailbox: [mail, ...mailbox], mailed: mailed + 1 });
}

/**
 * A person takes a session over, works in its checkout by hand, and gives it back.
 *
 *     queued | idle | waiting_user | waiting_limit ──▶ paused
 *     starting | running ──(its next boundary, or at once)──▶ stopping ──exit──▶ paused ──resume──▶ queued
 *
 * Until the process is gone, `takeover` on the session says who waits for it. A paused session holds no slot; its
 * checkout, branch and conversation stay, and whatever comes for it waits in its mailbox.
 */
import type { HandsOn, TakeoverEvent } from "./event.ts";
import { isOver, isTaken, type Session } from "./objective.ts";
import { stopNow } from "./park.ts";
import { givenBackMessage, operatorMessage } from "./prompt.ts";
import { isLive, isTerminal } from "./session.ts";
import type { Step } from "./step.ts";

type Of<K extends TakeoverEvent["kind"]> = Extract<TakeoverEvent, { kind: K }>;

/** Twice is harmless; the second may be in a greater hurry. */
export function onTakeover(
  step: Step,
  session: Session,
  { by, now }: Of<"takeover-requested">,
): void {
  const { state, title } = session;
  const ends = state.kind === "stopping" && state.into !== "park";
  if (isOver(step.objective) || isTerminal(state) || ends) {
    step.note(`${by} would take over "${title}", which is over`);
    return;
  }
  if (state.kind === "paused") {
    step.note(`${by} would take over "${title}", which ${state.by} has`);
    return;
  }
  const { takeover = null } = session;
  if (takeover === null) {
    step.note(`${by} takes over "${title}"`);
    tellManager(step, session, `was taken over by ${by}, ${MEANWHILE}`);
  }
  if (!isLive(state)) pause(step, session, by);
  else {
    if (takeover === null) step.changeSession(session.id, { takeover: { by } });
    if (now) stopNow(step, session);
  }
}

const MEANWHILE =
  "who works in its checkout by hand: it hears nothing and cannot be published until it is given back";

const tellManager = (step: Step, { role, title, id }: Session, what: string): void => {
  if (role !== "manager")
    step.tell(step.manager, `Worker "${title}" (${id}) ${what}.`, "message", { wake: false });
};

function pause(step: Step, session: Session, by: string): void {
  step.move(session, { kind: "pause", by });
  paused(step, session);
}

/** It is a person's now: what they commit there is nowhere else, and nothing is to wake it. */
export function paused(step: Step, { id, role, workspace, unpublished = false }: Session): void {
  step.timer(`resume:${id}`, null);
  step.changeSession(id, {
    takeover: null,
    hold: null,
    failures: 0,
    unpublished: unpublished || (role === "worker" && workspace !== null),
  });
}

/** Back into the queue, with its conversation and what has changed meanwhile. */
export function onGivenBack(step: Step, session: Session, event: Of<"resume-requested">): void {
  const { id, state, attempt, freshCheckout } = session;
  const { by, changes } = event;
  if (state.kind !== "paused" && !isTaken(session)) {
    step.note(`${by} would give back "${session.title}", which nobody has taken over`);
    return;
  }
  step.note(`${by} gives back "${session.title}"`);
  // A new checkout would leave behind what was made by hand in this one.
  step.changeSession(id, {
    takeover: null,
    freshCheckout: freshCheckout && !hasChanged(changes),
  });
  const heard = messageOf(session, event);
  if (heard !== null) step.tell(session, heard, "message");
  if (state.kind === "paused")
    step.move(session, { kind: "wake", purpose: attempt > 0 ? "message" : "work" });
  tellManager(step, session, `was given back by ${by} and goes on`);
}

/** null = it was never stopped, and has nothing to hear. */
function messageOf(
  { state, attempt }: Session,
  { by, text, changes }: Of<"resume-requested">,
): string | null {
  const stopped = attempt > 0 && state.kind !== "running" && state.kind !== "starting";
  if (stopped) return givenBackMessage(by, text, changes);
  return text === null ? null : operatorMessage(by, text);
}

const hasChanged = (changes: HandsOn | null): boolean =>
  changes !== null && (changes.commits.length > 0 || changes.files.length > 0);

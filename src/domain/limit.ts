/**
 * Providers' limits. Who hits one says so for the whole server: that agent is exhausted until its provider's own reset
 * time, and nobody starts it before. A session goes on with the next agent of the chain that is not exhausted: a new
 * conversation, with a brief, in the checkout as it is. With none left it waits until the first of them is back.
 */
import type { RunnerEvent } from "./event.ts";
import { stopNow } from "./park.ts";
import { handoverBrief } from "./prompt.ts";
import { isOver, isTaken, type Session } from "./objective.ts";
import { uuid, type Step } from "./step.ts";

export interface Exhausted {
  /** In ms since the epoch; `at` = when the newest limit was hit. */
  readonly until: number;
  readonly at: number;
  /** Limits in a row whose end the provider did not say. */
  readonly strikes: number;
  readonly reason: string;
}

/** Longest pause without a reset time, in first pauses: an hour, when that is five minutes. */
const PAUSES_MAX = 12;
/** Weekly limits are the longest that there are; an agent prints whatever it is made to print. */
const RESET_MS_MAX = 8 * 24 * 60 * 60_000;
/** Not everybody comes back in the same second: up to two minutes later, or a tenth of a shorter wait. */
const JITTER_MS = 2 * 60_000;
const JITTER_SHARE = 10;
const PAST_MAX = 20;

export function onLimit(
  step: Step,
  session: Session,
  { resetAt, reason }: Extract<RunnerEvent, { kind: "limit-hit" }>,
): void {
  if (hasHandedOver(session)) return;
  exhaust(step, session.agent, resetAt, reason);
  if (!isOver(step.objective) && !isTaken(session)) {
    const next = freeAgent(step, session);
    if (next === null) step.changeSession(session.id, { hold: holdOf(step, session) });
    else handOver(step, session, next);
  }
  stopNow(step, session);
}

/** It has another agent than the one whose process is, or was, its newest. */
export const hasHandedOver = ({ past = [], attempt }: Session): boolean =>
  past.at(-1)?.attempt === attempt && attempt > 0;

function exhaust(step: Step, agent: string, resetAt: number | null, reason: string): void {
  const { now, rules } = step.context;
  const mostMs = rules.limitWaitMs * PAUSES_MAX;
  const before = step.exhausted(agent);
  const isKnown = resetAt !== null && resetAt > now;
  if (isKnown) {
    const until = Math.min(resetAt, now + RESET_MS_MAX);
    step.exhaust(agent, { until: Math.max(until, before.until), strikes: 0, reason, at: now });
    return;
  }
  // Somebody else has run into the same limit already.
  if (before.until > now) return;
  const recent = now < before.until + mostMs;
  const strikes = recent ? before.strikes + 1 : 0;
  const until = now + Math.min(rules.limitWaitMs * 2 ** strikes, mostMs);
  step.exhaust(agent, { until, strikes, reason, at: now });
}

const isFree = (step: Step, agent: string): boolean =>
  step.exhausted(agent).until <= step.context.now;

/** The agent that was asked for, and who takes over from whom. */
function chainOf(step: Step, { past = [], agent }: Session): readonly string[] {
  const { agents } = step.context.rules;
  const chain: string[] = [];
  for (
    let at: string | null = past[0]?.agent ?? agent;
    at !== null && !chain.includes(at);
    at = agents.find(({ name }) => name === at)?.next ?? null
  )
    chain.push(at);
  return chain.includes(agent) ? chain : [agent, ...chain];
}

/** Who may go on with it now: its own agent, else the first of its chain; null = nobody. */
export function freeAgent(step: Step, session: Session): string | null {
  if (isFree(step, session.agent)) return session.agent;
  return chainOf(step, session).find((agent) => isFree(step, agent)) ?? null;
}

/** Until the first of its chain is back, by a little that is its own. */
export function holdOf(step: Step, session: Session): NonNullable<Session["hold"]> {
  const waits = chainOf(step, session).map((agent) => step.exhausted(agent).until);
  const until = Math.min(...waits);
  const reason = step.exhausted(session.agent).reason;
  return {
    until: until + jitterOf(step, session, until),
    reason: `${session.agent} has reached a limit of its provider (${reason})`,
  };
}

function jitterOf({ context }: Step, { id }: Session, until: number): number {
  const share = Number.parseInt(context.deriveFixed(`jitter:${id}`).slice(0, 8), 16) / 2 ** 32;
  return Math.floor(share * Math.min(JITTER_MS, (until - context.now) / JITTER_SHARE));
}

/** Another agent goes on in the same checkout; it has heard nothing of all this. */
export function handOver(step: Step, given: Session, to: string): void {
  const session = step.fresh(given);
  const { id, agent, attempt, past = [], mailbox, mailed } = session;
  step.note(`${session.title}: ${to} takes over from ${agent}`);
  step.changeSession(id, {
    agent: to,
    past: [...past, { agent, attempt }].slice(-PAST_MAX),
    conversation: null,
    hold: null,
  });
  // Its brief is still there to be read.
  if (mailed > mailbox.length) briefAnew(step, session, agent);
}

/** In another checkout, with an agent whose conversation stays where it began: a new one, with a brief. */
export function beginAnew(step: Step, session: Session): void {
  step.note(`${session.title}: ${session.agent} begins anew in another checkout`);
  step.changeSession(session.id, { conversation: null });
  briefAnew(step, session, null);
}

export const isBound = ({ context: { rules } }: Step, { agent }: Session): boolean =>
  rules.agents.some(({ name, bound }) => name === agent && bound === true);

/** Before everything else that it is going to read. `from`: whose work it goes on with; null = its own. */
function briefAnew(step: Step, given: Session, from: string | null): void {
  const session = step.fresh(given);
  const { id, mailbox, mailed } = session;
  const { derive, rules } = step.context;
  const nonce = derive(`nonce:${id}`);
  const text = handoverBrief(step.objective, session, from, { nonce, briefing: rules });
  const mail = { id: uuid(derive(`mail:${id}:${mailed}`)), text, sentTo: null };
  step.changeSession(id, { mailbox: [mail, ...mailbox], mailed: mailed + 1, reading: [] });
}

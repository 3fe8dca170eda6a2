/**
 * Outbox → the world. One effect per lane at a time, in order; lanes do not wait for each other, so one
 * dead runner or slow request blocks nobody else. Each try is counted before its request is made: from the
 * second on, the performer looks for what the first may have left.
 */
import type { ObjectiveEvent } from "../domain/event.ts";
import { Flights } from "./flights.ts";
import { backoffMs } from "../lib/backoff.ts";
import { CRASHES_MAX, crashedReason, type OutboxItem, type Store } from "../store/port.ts";
import {
  PortError,
  type Clock,
  type EffectOutcome,
  type Fleet,
  type Forge,
  type Log,
  type PushGate,
} from "./ports.ts";

export interface DeliverPorts {
  readonly store: Store;
  readonly forge: Forge;
  readonly gate: PushGate;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
  /** Hears what every try came to. */
  readonly onPerformed?: (
    kind: OutboxItem["effect"]["kind"],
    outcome: EffectOutcome["kind"],
  ) => void;
}

/** Tries with an unknown outcome before an effect becomes a dead letter: about an hour with the backoff. */
const TRIES_MAX = 20;
/** Effects in the air at once; a checkout may take minutes, so this is not small. */
const IN_FLIGHT_MAX = 64;

export interface Deliver {
  /** Starts what is due and has a place; the number started. They end on their own. */
  once(): Promise<number>;
  /** Calls back when an effect has ended and its lane is free; the returned function unsubscribes. */
  onLanded(listener: () => void): () => void;
  /** Resolves when nothing is in the air. */
  idle(): Promise<void>;
}

export function openDeliver(ports: DeliverPorts): Deliver {
  const flights = new Flights(ports);
  return {
    async once() {
      const busy = flights.lanes;
      const limit = IN_FLIGHT_MAX - busy.size;
      if (limit <= 0) return 0;
      const items = await ports.store.takeOutbox({ now: ports.clock.now(), limit, busy });
      for (const item of items)
        flights.start(
          item.lane,
          () => deliver(ports, item),
          () => ports.store.letGo("outbox", item.seq),
        );
      return items.length;
    },
    onLanded: (listener) => flights.onLanded(listener),
    idle: () => flights.idle(),
  };
}

async function deliver(ports: DeliverPorts, item: OutboxItem): Promise<void> {
  const { key, lane, attempt, effect } = item;
  if (item.crashes >= CRASHES_MAX) {
    await giveUp(ports, item, crashedReason(item.crashes));
    return;
  }
  const outcome = await perform(ports, item);
  ports.onPerformed?.(effect.kind, outcome.kind);
  ports.log.debug(
    { effect: effect.kind, key, lane, attempt, outcome: outcome.kind },
    "effect performed",
  );
  await record(ports, item, outcome);
}

async function perform(
  ports: DeliverPorts,
  { effect, key, attempt, known }: OutboxItem,
): Promise<EffectOutcome> {
  const now = { key, number: attempt, known };
  try {
    switch (effect.kind) {
      case "push-branch":
        return await ports.gate.push(effect, now);
      case "start-attempt":
      case "send-message":
      case "stop-attempt":
      case "answer-call":
        return await ports.fleet.perform(effect, now);
      case "react":
      case "post-comment":
      case "update-status":
      case "open-pull-request":
      case "edit-pull-request":
      case "mark-ready":
      case "reply-to-review":
      case "resolve-thread":
      case "close-issue":
        return await ports.forge.perform(effect, now);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown failure";
    if (error instanceof PortError && error.kind === "rate-limited")
      return { kind: "later", reason, afterMs: error.retryAfterMs };
    return { kind: "unknown", reason };
  }
}

async function record(
  ports: DeliverPorts,
  item: OutboxItem,
  outcome: EffectOutcome,
): Promise<void> {
  const { store, clock, log } = ports;
  const now = clock.now();
  const wait = (afterMs: number | null): number => now + (afterMs ?? backoffMs(item.waits + 1));
  switch (outcome.kind) {
    case "done":
      await store.endEffect({
        item,
        now,
        state: "done",
        reason: null,
        events: outcome.events ?? [],
        ...(outcome.artifact === undefined ? {} : { artifact: outcome.artifact }),
      });
      return;
    case "refused":
      log.warn(
        { effect: item.effect.kind, key: item.key, reason: outcome.reason },
        "effect refused",
      );
      await store.endEffect({
        item,
        now,
        state: "refused",
        reason: outcome.reason,
        events: outcome.events ?? failed(item, outcome.reason),
      });
      return;
    case "later":
      await store.postponeEffect(item.seq, {
        notBefore: wait(outcome.afterMs),
        error: outcome.reason,
        sure: true,
      });
      return;
    case "unknown":
      if (item.attempt < TRIES_MAX || onRunner(item)) {
        log.warn(
          { effect: item.effect.kind, key: item.key, reason: outcome.reason },
          "effect has an unknown outcome",
        );
        await store.postponeEffect(item.seq, {
          notBefore: wait(null),
          error: outcome.reason,
          sure: false,
        });
        return;
      }
      await giveUp(ports, item, outcome.reason);
  }
}

async function giveUp(
  { store, clock, log }: DeliverPorts,
  item: OutboxItem,
  reason: string,
): Promise<void> {
  log.error({ effect: item.effect.kind, key: item.key, reason }, "effect given up");
  const events = failed(item, reason);
  await store.endEffect({ item, now: clock.now(), state: "dead", reason, events });
}

/** A runner that is away comes back, and everything asked of it may be asked again: waited for, not given up. */
const onRunner = ({ effect }: OutboxItem): boolean =>
  "runner" in effect && effect.kind !== "push-branch";

const failed = ({ effect }: OutboxItem, reason: string): readonly ObjectiveEvent[] => [
  {
    kind: "effect-failed",
    effect: effect.kind,
    session: "session" in effect ? effect.session : null,
    ...("attempt" in effect ? { attempt: effect.attempt } : {}),
    ...(effect.kind === "post-comment" && effect.question !== null
      ? { question: effect.question }
      : {}),
    reason,
  },
];

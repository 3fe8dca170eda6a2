/**
 * Webhooks that did not arrive. GitHub does not try again by itself, but keeps a log of its deliveries for three days:
 * what stands there and we do not have is asked for once more, or taken from the log itself where no webhook can reach
 * us. What counts is what we have, not what GitHub thinks: an answer may have been lost either way. A redelivery keeps
 * its GUID, so it enters once.
 */
import { PortError, type Clock, type Log } from "../engine/ports.ts";
import type { DeliveryInbox, Pressure, SweepStore } from "./port.ts";

export interface LoggedDelivery {
  readonly id: number;
  readonly guid: string;
  /** GitHub's time, in ms. */
  readonly deliveredAt: number;
  readonly event: string;
}

/** GitHub's delivery log, as far as the sweep needs it. Every method throws PortError. */
export interface DeliveryLog {
  /** Newest first; `cursor` null = from the newest on. */
  page(
    cursor: string | null,
  ): Promise<{ readonly deliveries: readonly LoggedDelivery[]; readonly next: string | null }>;
  redeliver(id: number): Promise<void>;
  /** Its body as JSON. */
  payload(id: number): Promise<string>;
}

export interface SweepOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly deliveries: DeliveryLog;
  readonly store: Pick<SweepStore, "accepted" | "mark" | "setMark"> & Pick<DeliveryInbox, "accept">;
  /** Events we handle; others may stay lost. */
  readonly events: ReadonlySet<string>;
  /** `ask` GitHub to deliver again, or `take` the payloads from the log. */
  readonly how: "ask" | "take";
  readonly everyMs: number;
  readonly pressure: Pressure;
}

export interface Sweep {
  /** One look at the log; the number of deliveries asked for or taken. Throws PortError. */
  once(): Promise<number>;
  close(): Promise<void>;
}

const POSITION = "deliveries";
/** A delivery may be logged a little late. */
const OVERLAP_MS = 10 * 60_000;
/** GitHub redelivers what is at most three days old. */
const AGE_MS_MAX = 3 * 24 * 60 * 60_000;
/** 100 deliveries a page, in one look; the next look goes on where this one stopped. */
const PAGES_MAX = 20;
/** A delivery that we refuse each time (too large, wrong secret) is not asked for for ever. */
const ASKED_MAX = 5;
const REMEMBERED_MAX = 5_000;
const RETRY_MS_MAX = 30 * 60_000;
/** There is more in the log than one look reads. */
const SOON_MS = 1_000;

/** Looks at once, and then periodically until closed. */
export function openSweep(options: SweepOptions): Sweep {
  const { clock, log, everyMs } = options;
  const state: State = { asked: new Map(), pass: null };
  let failures = 0;
  let closed = false;
  let cancel: (() => void) | null = null;

  const run = async (): Promise<void> => {
    let waitMs = everyMs;
    if (options.pressure() === "ok")
      try {
        const found = await look(options, state);
        failures = 0;
        if (state.pass !== null) waitMs = SOON_MS;
        if (found > 0) log.info({ found, how: options.how }, "webhooks that did not arrive");
      } catch (error) {
        const asked = error instanceof PortError ? error.retryAfterMs : null;
        waitMs = Math.max(asked ?? 0, everyMs, Math.min(RETRY_MS_MAX, everyMs * 2 ** failures));
        failures = Math.min(failures + 1, 10);
        log.warn(
          { error: error instanceof Error ? error.message : "unknown failure" },
          "delivery log not read",
        );
      }
    if (!closed)
      cancel = clock.after(waitMs, () => {
        running = run();
      });
  };
  let running = run();
  return {
    once: () => look(options, state),
    async close() {
      closed = true;
      cancel?.();
      await running;
    },
  };
}

interface State {
  /** How often a GUID was asked for in this process. */
  readonly asked: Map<string, number>;
  /** The log was not read to its end: where to go on, and what will be seen then. */
  pass: null | { readonly cursor: string; readonly newest: number; readonly since: number };
}

async function look(options: SweepOptions, state: State): Promise<number> {
  const { deliveries, store } = options;
  let cursor = state.pass?.cursor ?? null;
  let newest = state.pass?.newest ?? null;
  let since = state.pass?.since ?? null;
  let found = 0;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const listed = await deliveries.page(cursor);
    newest ??= listed.deliveries[0]?.deliveredAt ?? null;
    if (newest === null) return found;
    since ??= await readSince(options, newest);
    const from = since;
    const young = listed.deliveries.filter(({ deliveredAt }) => deliveredAt >= from);
    found += await recover(options, state, young);
    if (listed.next === null || young.length < listed.deliveries.length) {
      state.pass = null;
      await store.setMark(POSITION, String(newest));
      return found;
    }
    cursor = listed.next;
    state.pass = { cursor, newest, since };
  }
  return found;
}

/** GitHub's times only: ours may be wrong. */
async function readSince({ store }: SweepOptions, newest: number): Promise<number> {
  const mark = Number((await store.mark(POSITION)) ?? Number.NaN);
  const oldest = newest - AGE_MS_MAX;
  return Number.isFinite(mark) ? Math.max(oldest, mark - OVERLAP_MS) : oldest;
}

/** Those of a page that we do not have, oldest first; the number of them. */
async function recover(
  options: SweepOptions,
  state: State,
  listed: readonly LoggedDelivery[],
): Promise<number> {
  const { store, events, how } = options;
  const wanted = listed.filter(({ event }) => events.has(event));
  const have = await store.accepted(wanted.map(({ guid }) => guid.toLowerCase()));
  // The newest try of each: the list has it first.
  const missing = new Map(
    wanted
      .toReversed()
      .filter(({ guid }) => !have.has(guid.toLowerCase()))
      .map((delivery) => [delivery.guid, delivery]),
  );
  let found = 0;
  for (const delivery of missing.values()) {
    const asked = state.asked.get(delivery.guid) ?? 0;
    if (asked >= ASKED_MAX) continue;
    if (how === "ask") await options.deliveries.redeliver(delivery.id);
    else await take(options, delivery);
    if (state.asked.size >= REMEMBERED_MAX) state.asked.clear();
    state.asked.set(delivery.guid, asked + 1);
    found += 1;
  }
  return found;
}

async function take(
  { deliveries, store, clock }: SweepOptions,
  { id, guid, event }: LoggedDelivery,
): Promise<void> {
  const body = await deliveries.payload(id);
  const delivery = { guid: guid.toLowerCase(), name: event, body, receivedAt: clock.now() };
  await store.accept([delivery]);
}

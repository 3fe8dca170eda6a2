/**
 * Webhooks that did not arrive. GitHub does not try again by itself, but keeps a log of its deliveries for
 * three days: what failed there is asked for once more. A redelivery keeps its GUID, so what did arrive after
 * all changes nothing. Not a reconcile: what GitHub never tried to deliver is not in its log.
 */
import type { Clock, Log } from "../engine/ports.ts";

export interface LoggedDelivery {
  readonly id: number;
  readonly guid: string;
  readonly deliveredAt: number;
  readonly statusCode: number;
  readonly event: string;
}

/** GitHub's delivery log, as far as the sweep needs it. */
export interface DeliveryLog {
  /** Newest first; `cursor` null = from the newest on. Throws PortError. */
  page(
    cursor: string | null,
  ): Promise<{ readonly deliveries: readonly LoggedDelivery[]; readonly next: string | null }>;
  /** Throws PortError. */
  redeliver(id: number): Promise<void>;
}

export interface SweepOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly deliveries: DeliveryLog;
  /** Events we handle; others may stay lost. */
  readonly events: ReadonlySet<string>;
}

export interface Sweep {
  /** One look at the log; the number of redeliveries asked for. */
  once(): Promise<number>;
  close(): Promise<void>;
}

const EVERY_MS = 5 * 60_000;
/** GitHub redelivers what is at most three days old. */
const AGE_MS_MAX = 3 * 24 * 60 * 60_000;
/** 100 deliveries a page: an installation that misses more in one look gets the rest at the next. */
const PAGES_MAX = 20;
const REDELIVERIES_MAX = 200;

/** Looks at once, and then every five minutes until closed. */
export function openSweep(options: SweepOptions): Sweep {
  const { clock, log } = options;
  /** When we last looked at everything: older entries need no second look. */
  let seenUntil = 0;
  let closed = false;
  let cancel: (() => void) | null = null;
  const once = async (): Promise<number> => {
    const from = clock.now();
    const lost = await findLost(options, Math.max(seenUntil - EVERY_MS, from - AGE_MS_MAX));
    for (const { id } of lost.slice(0, REDELIVERIES_MAX)) await options.deliveries.redeliver(id);
    seenUntil = lost.length > REDELIVERIES_MAX ? seenUntil : from;
    return Math.min(lost.length, REDELIVERIES_MAX);
  };
  const run = async (): Promise<void> => {
    try {
      const asked = await once();
      if (asked > 0) log.info({ asked }, "asked GitHub to deliver webhooks again");
    } catch (error) {
      log.warn(
        { error: error instanceof Error ? error.message : "unknown failure" },
        "delivery log not read",
      );
    }
    if (!closed) cancel = clock.after(EVERY_MS, () => void run());
  };
  const running = run();
  return {
    once,
    async close() {
      closed = true;
      cancel?.();
      await running;
    },
  };
}

/** The newest try of every delivery that never succeeded, oldest first. */
async function findLost(
  { deliveries, events }: SweepOptions,
  since: number,
): Promise<readonly LoggedDelivery[]> {
  const arrived = new Set<string>();
  const failed = new Map<string, LoggedDelivery>();
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const { deliveries: found, next } = await deliveries.page(cursor);
    for (const delivery of found) {
      if (delivery.statusCode >= 200 && delivery.statusCode < 300) arrived.add(delivery.guid);
      else if (events.has(delivery.event) && !failed.has(delivery.guid))
        failed.set(delivery.guid, delivery);
    }
    const oldest = found.at(-1);
    if (next === null || oldest === undefined || oldest.deliveredAt < since) break;
    cursor = next;
  }
  return [...failed.values()]
    .filter(({ guid, deliveredAt }) => !arrived.has(guid) && deliveredAt >= since)
    .toReversed();
}

/**
 * Keeps each installation under GitHub's secondary limits. It decides when a call may go; it does not make
 * calls. Waiting callers are served by priority, lower first, then in order of asking.
 */
import { PortError, type Clock } from "../engine/ports.ts";
import { APP, type Cost } from "./cost.ts";
import {
  contentOf,
  HOUR_MS,
  MINUTE_MS,
  openLanes,
  waitOf,
  type Lane,
  type Waiting,
} from "./lane.ts";
import type { Ledger } from "./ledger.ts";
import type { Limits } from "./limits.ts";
import { resetMs } from "./outcome.ts";
import { isReserved, reserve } from "./reserving.ts";

export interface Pacing {
  /** 0 = go now, it is counted. Else nothing is counted: ask again after so many ms. */
  take(installation: number, cost: Cost, priority: number): { readonly waitMs: number };
  /** Waits for its turn. Resolves 0, or at once with the wait when it would be longer than `patienceMs`. */
  turn(
    installation: number,
    cost: Cost,
    priority: number,
    patienceMs: number,
  ): Promise<{ readonly waitMs: number }>;
  /**
   * GitHub said that it is too much: nothing goes for as long as it asked, and at least a minute, doubling each time it
   * says so again. `askedMs` null = it did not say how long. What was under way at the same time counts once.
   */
  limited(installation: number, askedMs: number | null): void;
  /** A call went well: the next "too much" begins with a minute again. */
  went(installation: number): void;
  /** Rate-limit headers of an answer: an exhausted primary limit stops the installation until its reset. */
  observe(installation: number, headers: Readonly<Record<string, unknown>>): void;
  /** What is left of the hour's requests, as GitHub last said (from 0 to 1), and how long it wants us to wait. */
  budget(installation: number): { readonly share: number; readonly pausedMs: number };
}

/** A reservation is a transaction: a moment. */
const RESERVING_MS = 5;
const RESERVE_AGAIN_MS = 1_000;

export interface PacingOptions {
  readonly limits: Limits;
  readonly clock: Clock;
  /** Time that never jumps, in ms from anywhere; default: the clock's, which people may set. */
  readonly elapsed?: () => number;
  /** How late a call may arrive at GitHub, which counts it then; default: at once. */
  readonly flightMs?: number;
  /** Remembers over restarts what was spent; missing: nothing does. */
  readonly ledger?: Ledger | undefined;
}

/** We hold ourselves back: GitHub was not asked. */
export class OwnPace extends PortError {
  constructor(installation: number, waitMs: number) {
    const whose = installation === APP ? "the App" : `installation ${installation}`;
    super("rate-limited", `our own pace: ${whose}`, { retryAfterMs: waitMs });
  }
}

/** Waits for its turn, or throws `OwnPace` when that takes longer than `patienceMs`. */
export async function takeTurn(
  pacing: Pick<Pacing, "turn">,
  installation: number,
  cost: Cost & { readonly priority: number },
  patienceMs: number,
): Promise<void> {
  const { waitMs } = await pacing.turn(installation, cost, cost.priority, patienceMs);
  if (waitMs > 0) throw new OwnPace(installation, waitMs);
}

export function openPacing(options: PacingOptions): Pacing {
  const { limits, clock, elapsed = () => clock.now(), ledger } = options;
  const rates = { limits, flightMs: Math.min(options.flightMs ?? 0, MINUTE_MS) };
  const laneOf = openLanes(elapsed);

  const take = (lane: Lane, cost: Cost): number => {
    const now = elapsed();
    const waitMs = waitOf(lane, cost, rates, now);
    if (waitMs > 0) return waitMs;
    if (ledger !== undefined && !isReserved(lane, cost, now)) {
      void fill(lane, cost, ledger);
      return RESERVING_MS;
    }
    lane.reserved.points -= cost.points;
    lane.reserved.content -= contentOf(cost);
    lane.spent.push({ at: now, points: cost.points, content: contentOf(cost) });
    if (cost.write) lane.lastWrite = now;
    return 0;
  };

  const fill = async (lane: Lane, cost: Cost, from: Ledger): Promise<void> => {
    if (lane.reserving) return;
    lane.reserving = true;
    try {
      await reserve(lane, cost, { ledger: from, limits, elapsed });
    } catch {
      // Without a disk nothing else goes either; the store says so where it is asked for more than this.
      lane.failedUntil = elapsed() + RESERVE_AGAIN_MS;
    }
    lane.reserving = false;
    serve(lane);
  };

  /** Serves whoever is first; plans the next look when it has to wait. */
  const serve = (lane: Lane): void => {
    lane.wake?.();
    lane.wake = null;
    for (let first = lane.waiting[0]; first !== undefined; first = lane.waiting[0]) {
      const waitMs = take(lane, first.cost);
      // That is a moment, and nobody's patience is asked for.
      if (lane.reserving) return;
      if (waitMs > 0 && elapsed() + waitMs <= first.deadline) {
        lane.wake = clock.after(waitMs, () => serve(lane));
        return;
      }
      lane.waiting.shift();
      first.resolve({ waitMs });
    }
  };

  const pause = (lane: Lane, durationMs: number): void => {
    const until = elapsed() + Math.min(Math.max(durationMs, 0), HOUR_MS);
    if (until <= lane.pausedUntil) return;
    lane.pausedUntil = until;
    // Not written: after a restart GitHub may have to say it again.
    ledger?.pause(lane.installation, until - elapsed()).catch(() => undefined);
    serve(lane);
  };

  return {
    take(installation, cost, priority) {
      const lane = laneOf(installation);
      const ahead = lane.waiting.some((other) => other.priority <= priority && cost.write);
      return { waitMs: ahead ? Math.max(limits.writeGapMs, 1) : take(lane, cost) };
    },
    turn(installation, cost, priority, patienceMs) {
      const lane = laneOf(installation);
      const { promise, resolve } = Promise.withResolvers<{ readonly waitMs: number }>();
      const at = lane.waiting.findIndex((other) => other.priority > priority);
      const entry: Waiting = { cost, priority, resolve, deadline: elapsed() + patienceMs };
      lane.waiting.splice(at === -1 ? lane.waiting.length : at, 0, entry);
      serve(lane);
      return promise;
    },
    ...hearing(laneOf, pause, elapsed, clock),
  };
}

/** What GitHub says of its limits. */
function hearing(
  laneOf: (installation: number) => Lane,
  pause: (lane: Lane, durationMs: number) => void,
  elapsed: () => number,
  clock: Clock,
): Pick<Pacing, "limited" | "went" | "observe" | "budget"> {
  return {
    limited(installation, askedMs) {
      const lane = laneOf(installation);
      if (lane.pausedUntil <= elapsed()) lane.strikes += 1;
      const first = lane.strikes === 1 && askedMs !== null;
      const doubled = MINUTE_MS * 2 ** Math.min(lane.strikes - 1, 10);
      pause(lane, first ? askedMs : Math.max(askedMs ?? 0, doubled));
    },
    went(installation) {
      const lane = laneOf(installation);
      if (lane.pausedUntil <= elapsed()) lane.strikes = 0;
    },
    observe(installation, headers) {
      const lane = laneOf(installation);
      const limit = Number(headers["x-ratelimit-limit"]);
      const remaining = Number(headers["x-ratelimit-remaining"]);
      const isCore = (headers["x-ratelimit-resource"] ?? "core") === "core";
      if (isCore && limit > 0 && remaining >= 0) lane.share = Math.min(1, remaining / limit);
      const waitMs = resetMs(headers, clock.now());
      if (waitMs !== null) pause(lane, waitMs);
    },
    budget(installation) {
      const { share, pausedUntil } = laneOf(installation);
      return { share, pausedMs: Math.max(0, pausedUntil - elapsed()) };
    },
  };
}

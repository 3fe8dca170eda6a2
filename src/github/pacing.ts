/**
 * Keeps each installation under GitHub's secondary limits. It decides when a call may go; it does not make
 * calls. Waiting callers are served by priority, lower first, then in order of asking.
 */
import type { Clock } from "../engine/ports.ts";
import type { Limits } from "./limits.ts";
import { resetMs } from "./outcome.ts";

export interface Cost {
  /** GitHub's points: a read 1, a write 5. */
  readonly points: number;
  readonly write: boolean;
  /** Makes something people are told about: comment, pull request, review reply. */
  readonly content: boolean;
}

export const READ: Cost = { points: 1, write: false, content: false };
export const WRITE: Cost = { points: 5, write: true, content: false };
export const CONTENT: Cost = { points: 5, write: true, content: true };

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

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Installations remembered; idle ones are forgotten first. */
const INSTALLATIONS_MAX = 10_000;

export interface PacingOptions {
  readonly limits: Limits;
  readonly clock: Clock;
  /** Time that never jumps, in ms from anywhere; default: the clock's, which people may set. */
  readonly elapsed?: () => number;
}

export function openPacing({ limits, clock, elapsed = () => clock.now() }: PacingOptions): Pacing {
  const laneOf = openLanes(elapsed);

  const take = (lane: Lane, cost: Cost): number => {
    const now = elapsed();
    const waitMs = waitOf(lane, cost, limits, now);
    if (waitMs > 0) return waitMs;
    lane.spent.push({ at: now, cost });
    if (cost.write) lane.lastWrite = now;
    return 0;
  };

  /** Serves whoever is first; plans the next look when it has to wait. */
  const serve = (lane: Lane): void => {
    lane.wake?.();
    lane.wake = null;
    for (let first = lane.waiting[0]; first !== undefined; first = lane.waiting[0]) {
      const waitMs = take(lane, first.cost);
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
    lane.pausedUntil = Math.max(lane.pausedUntil, until);
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

function openLanes(elapsed: () => number): (installation: number) => Lane {
  const lanes = new Map<number, Lane>();
  return (installation) => {
    const known = lanes.get(installation);
    if (known !== undefined) return known;
    if (lanes.size >= INSTALLATIONS_MAX)
      for (const [id, lane] of lanes)
        if (lane.waiting.length === 0 && lane.pausedUntil <= elapsed()) lanes.delete(id);
    const lane: Lane = {
      spent: [],
      lastWrite: -Infinity,
      pausedUntil: -Infinity,
      strikes: 0,
      share: 1,
      waiting: [],
      wake: null,
    };
    lanes.set(installation, lane);
    return lane;
  };
}

interface Waiting {
  readonly cost: Cost;
  readonly priority: number;
  readonly deadline: number;
  readonly resolve: (turn: { readonly waitMs: number }) => void;
}

/** All times are of `elapsed`. */
interface Lane {
  /** Calls of the last hour, oldest first. Reads older than a minute are dropped. */
  spent: { readonly at: number; readonly cost: Cost }[];
  lastWrite: number;
  pausedUntil: number;
  /** How often in a row GitHub said that it is too much. */
  strikes: number;
  share: number;
  readonly waiting: Waiting[];
  wake: (() => void) | null;
}

function waitOf(lane: Lane, cost: Cost, limits: Limits, now: number): number {
  // Without a time that never jumps, a clock that was set back leaves times in the future: they count as now.
  lane.lastWrite = Math.min(lane.lastWrite, now);
  lane.pausedUntil = Math.min(lane.pausedUntil, now + HOUR_MS);
  lane.spent = lane.spent
    .filter(({ at, cost: { content } }) => at > now - (content ? HOUR_MS : MINUTE_MS))
    .map(({ at, cost: spent }) => ({ at: Math.min(at, now), cost: spent }));
  const waits = [
    lane.pausedUntil - now,
    windowWait(lane, now, MINUTE_MS, limits.pointsPerMinute, cost.points, (c) => c.points),
  ];
  if (cost.write) waits.push(lane.lastWrite + limits.writeGapMs - now);
  if (cost.content) {
    const count = (c: Cost): number => (c.content ? 1 : 0);
    waits.push(windowWait(lane, now, MINUTE_MS, limits.contentPerMinute, 1, count));
    waits.push(windowWait(lane, now, HOUR_MS, limits.contentPerHour, 1, count));
  }
  return Math.max(0, ...waits);
}

/** How long until enough of a sliding window has passed for `wanted` more. */
function windowWait(
  lane: Lane,
  now: number,
  windowMs: number,
  max: number,
  wanted: number,
  measure: (cost: Cost) => number,
): number {
  const inside = lane.spent.filter(({ at }) => at > now - windowMs);
  let used = inside.reduce((sum, { cost }) => sum + measure(cost), 0);
  // A limit smaller than one call would never be met: such a call goes alone.
  if (used + wanted <= max || used === 0) return 0;
  for (const { at, cost } of inside) {
    used -= measure(cost);
    if (used + wanted <= max || used === 0) return at + windowMs - now;
  }
  return windowMs;
}

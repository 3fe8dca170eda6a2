/**
 * Keeps each installation under GitHub's secondary limits. It decides when a call may go; it does not make
 * calls. Waiting callers are served by priority, lower first, then in order of asking.
 */
import type { Clock } from "../engine/ports.ts";
import type { Limits } from "./limits.ts";

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
  /** GitHub said stop: nothing goes before `until` (ms since the epoch). */
  pause(installation: number, until: number): void;
  /** Rate-limit headers of an answer: an exhausted primary limit stops the installation until its reset. */
  observe(installation: number, headers: Readonly<Record<string, unknown>>): void;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Installations remembered; idle ones are forgotten first. */
const INSTALLATIONS_MAX = 10_000;

export function openPacing(options: { readonly limits: Limits; readonly clock: Clock }): Pacing {
  const { limits, clock } = options;
  const lanes = new Map<number, Lane>();

  const laneOf = (installation: number): Lane => {
    const known = lanes.get(installation);
    if (known !== undefined) return known;
    if (lanes.size >= INSTALLATIONS_MAX)
      for (const [id, lane] of lanes)
        if (lane.waiting.length === 0 && lane.pausedUntil <= clock.now()) lanes.delete(id);
    const lane: Lane = { spent: [], lastWrite: -Infinity, pausedUntil: 0, waiting: [], wake: null };
    lanes.set(installation, lane);
    return lane;
  };

  const take = (lane: Lane, cost: Cost): number => {
    const now = clock.now();
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
      if (waitMs > 0 && clock.now() + waitMs <= first.deadline) {
        lane.wake = clock.after(waitMs, () => serve(lane));
        return;
      }
      lane.waiting.shift();
      first.resolve({ waitMs });
    }
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
      const entry: Waiting = { cost, priority, resolve, deadline: clock.now() + patienceMs };
      lane.waiting.splice(at === -1 ? lane.waiting.length : at, 0, entry);
      serve(lane);
      return promise;
    },
    pause(installation, until) {
      const lane = laneOf(installation);
      lane.pausedUntil = Math.max(lane.pausedUntil, Math.min(until, clock.now() + HOUR_MS));
      serve(lane);
    },
    observe(installation, headers) {
      const reset = Number(headers["x-ratelimit-reset"]);
      if (headers["x-ratelimit-remaining"] !== "0" || !Number.isFinite(reset)) return;
      this.pause(installation, reset * 1000);
    },
  };
}

interface Waiting {
  readonly cost: Cost;
  readonly priority: number;
  readonly deadline: number;
  readonly resolve: (turn: { readonly waitMs: number }) => void;
}

interface Lane {
  /** Calls of the last hour, oldest first. Reads older than a minute are dropped. */
  spent: { readonly at: number; readonly cost: Cost }[];
  lastWrite: number;
  pausedUntil: number;
  readonly waiting: Waiting[];
  wake: (() => void) | null;
}

function waitOf(lane: Lane, cost: Cost, limits: Limits, now: number): number {
  // A clock that was set back leaves times in the future: they count as now.
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

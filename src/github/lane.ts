/** One installation's place under GitHub's limits: what was spent, who waits. Pure but for the lane itself. */
import type { Cost } from "./cost.ts";
import type { Limits } from "./limits.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
/** Installations remembered; idle ones are forgotten first. */
const INSTALLATIONS_MAX = 10_000;

export function openLanes(elapsed: () => number): (installation: number) => Lane {
  const lanes = new Map<number, Lane>();
  return (installation) => {
    const known = lanes.get(installation);
    if (known !== undefined) return known;
    if (lanes.size >= INSTALLATIONS_MAX)
      for (const [id, lane] of lanes)
        if (lane.waiting.length === 0 && lane.pausedUntil <= elapsed()) lanes.delete(id);
    const lane: Lane = {
      installation,
      known: false,
      reserving: false,
      failedUntil: -Infinity,
      reserved: { points: 0, content: 0, until: -Infinity },
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

export interface Waiting {
  readonly cost: Cost;
  readonly priority: number;
  readonly deadline: number;
  readonly resolve: (turn: { readonly waitMs: number }) => void;
}

/** All times are of `elapsed`. */
export interface Lane {
  readonly installation: number;
  /** What earlier processes spent is in `spent`. */
  known: boolean;
  reserving: boolean;
  /** Nothing could be reserved; it is tried again then. */
  failedUntil: number;
  reserved: { points: number; content: number; readonly until: number };
  /** Calls of the last hour, oldest first. Those that made no content are dropped after a minute. */
  spent: Call[];
  lastWrite: number;
  pausedUntil: number;
  /** How often in a row GitHub said that it is too much. */
  strikes: number;
  share: number;
  readonly waiting: Waiting[];
  wake: (() => void) | null;
}

export interface Call {
  readonly at: number;
  readonly points: number;
  readonly content: number;
}

export function waitOf(
  lane: Lane,
  cost: Cost,
  { limits, flightMs }: { readonly limits: Limits; readonly flightMs: number },
  now: number,
): number {
  const minuteMs = MINUTE_MS + flightMs;
  const hourMs = HOUR_MS + flightMs;
  // Without a time that never jumps, a clock that was set back leaves times in the future: they count as now.
  lane.lastWrite = Math.min(lane.lastWrite, now);
  lane.pausedUntil = Math.min(lane.pausedUntil, now + HOUR_MS);
  lane.spent = lane.spent
    .filter(({ at, content }) => at > now - (content > 0 ? hourMs : minuteMs))
    .map(({ at, points, content }) => ({ at: Math.min(at, now), points, content }));
  const waits = [
    lane.pausedUntil - now,
    lane.failedUntil - now,
    windowWait(lane, now, minuteMs, limits.pointsPerMinute, cost.points, (call) => call.points),
  ];
  if (cost.write) waits.push(lane.lastWrite + limits.writeGapMs - now);
  if (cost.content) {
    const count = (call: Call): number => call.content;
    waits.push(windowWait(lane, now, minuteMs, limits.contentPerMinute, 1, count));
    waits.push(windowWait(lane, now, hourMs, limits.contentPerHour, 1, count));
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
  measure: (call: Call) => number,
): number {
  const inside = lane.spent.filter(({ at }) => at > now - windowMs);
  let used = inside.reduce((sum, call) => sum + measure(call), 0);
  // A limit smaller than one call would never be met: such a call goes alone.
  if (used + wanted <= max || used === 0) return 0;
  for (const call of inside) {
    used -= measure(call);
    if (used + wanted <= max || used === 0) return call.at + windowMs - now;
  }
  return windowMs;
}

/** Calls that make content. */
export const contentOf = ({ content }: Cost): number => (content ? 1 : 0);

/** Room under GitHub's limits is reserved on disk before it is used (ledger.ts). */
import type { Cost } from "./cost.ts";
import { contentOf, type Call, type Lane } from "./lane.ts";
import { BLOCK_MS, type Ledger } from "./ledger.ts";
import type { Limits } from "./limits.ts";

/** No block is larger than this part of a minute's limit: a process that is killed wastes one. */
const BLOCK_PART = 20;
/** Nor smaller in points than this one: a sweep's reads come close together, and each would be written down. */
const BLOCK_PART_MIN = 45;

export const isReserved = ({ known, reserved }: Lane, cost: Cost, now: number): boolean =>
  known &&
  now < reserved.until &&
  reserved.points >= cost.points &&
  reserved.content >= contentOf(cost);

/** What earlier processes spent is read once, before anything is reserved. */
export async function reserve(
  lane: Lane,
  cost: Cost,
  parts: { readonly ledger: Ledger; readonly limits: Limits; readonly elapsed: () => number },
): Promise<void> {
  const { ledger, limits, elapsed } = parts;
  if (!lane.known) {
    const { spent, pausedMs } = await ledger.read(lane.installation);
    const now = elapsed();
    lane.spent.unshift(
      ...spent.map(({ agoMs, points, content }) => ({ at: now - agoMs, points, content })),
    );
    lane.pausedUntil = Math.max(lane.pausedUntil, now + pausedMs);
    lane.known = true;
    return;
  }
  const block = blockOf(lane, cost, limits, elapsed());
  const until = elapsed() + BLOCK_MS;
  await ledger.reserve(lane.installation, block);
  lane.reserved = { ...block, until };
}

/** As much again as was spent in the time of a block, at least what is wanted now, and a few reads. */
function blockOf(
  { spent }: Lane,
  cost: Cost,
  { pointsPerMinute, contentPerMinute }: Limits,
  now: number,
): { readonly points: number; readonly content: number } {
  const recent = spent.filter(({ at }) => at > now - BLOCK_MS);
  const sum = (of: (call: Call) => number): number =>
    recent.reduce((total, call) => total + of(call), 0);
  const points = Math.min(
    Math.max(
      sum((call) => call.points),
      Math.floor(pointsPerMinute / BLOCK_PART_MIN),
    ),
    Math.ceil(pointsPerMinute / BLOCK_PART),
  );
  const content = Math.min(
    sum((call) => call.content),
    Math.ceil(contentPerMinute / BLOCK_PART),
  );
  return { points: cost.points + points, content: contentOf(cost) + content };
}

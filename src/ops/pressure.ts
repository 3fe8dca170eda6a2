/** How full the queues are: what sweeps and the front ask before they take more. */
import type { Clock } from "../engine/ports.ts";
import type { Pressure } from "../inbox/port.ts";
import type { Reading } from "../store/port.ts";

/** An answer is used again so long: thousands of webhooks a second ask. */
const FRESH_MS = 1_000;
const HIGH = 0.8;
const FULL = 0.95;

export interface PressureOptions {
  readonly store: Pick<Reading, "stats">;
  readonly clock: Pick<Clock, "now">;
  readonly rowsMax: number;
  readonly bytesMax: number;
  /** Nothing can be written: as good as full. */
  readonly problem: () => string | null;
}

/** Answers at once with what it last saw, and looks again when that is old. */
export function openPressure(options: PressureOptions): Pressure {
  const { store, clock, rowsMax, bytesMax, problem } = options;
  let share = 0;
  let seenAt = -Infinity;
  const look = async (): Promise<void> => {
    const { inbox, deliveries } = await store.stats();
    const rows = inbox.pending.rows + deliveries.pending.rows;
    share = Math.max(rows / rowsMax, deliveries.pending.bytes / bytesMax);
  };
  return () => {
    const now = clock.now();
    if (now - seenAt >= FRESH_MS || now < seenAt) {
      seenAt = now;
      // Not to be read now: the last answer stands.
      look().catch(() => {});
    }
    if (problem() !== null || share >= FULL) return "full";
    return share >= HIGH ? "high" : "ok";
  };
}

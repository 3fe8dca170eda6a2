/** A machine that sleeps, as Linux does it: wall time goes on, what it measures and its timers stand still. */
import type { VirtualTime } from "./time.ts";

export interface Sleep {
  begin(forMs: number): void;
  /** How long it still sleeps; 0 = it is awake. */
  leftMs(): number;
  /** `CLOCK_MONOTONIC`. */
  elapsed(): number;
  /** Resolves when it wakes; null = it is awake. */
  awake(): Promise<void> | null;
  /** After so much `elapsed`. Returns the function that cancels. */
  after(delayMs: number, happen: () => void): () => void;
}

export function openSleep(time: VirtualTime): Sleep {
  let [from, until, before] = [-Infinity, -Infinity, 0];
  const slept = (): number =>
    until === -Infinity ? before : before + Math.min(time.now(), until) - from;
  const leftMs = (): number => Math.max(0, until - time.now());
  const elapsed = (): number => time.now() - slept();
  return {
    begin(forMs) {
      before = slept();
      from = time.now();
      until = from + forMs;
    },
    leftMs,
    elapsed,
    awake: () =>
      leftMs() === 0
        ? null
        : new Promise((resolve) => {
            time.after(leftMs(), resolve);
          }),
    after(delayMs, happen) {
      const due = elapsed() + Math.max(0, delayMs);
      const look = (): void => {
        if (leftMs() === 0 && elapsed() >= due) happen();
        else cancel = time.after(leftMs() + Math.max(0, due - elapsed()), look);
      };
      let cancel = time.after(delayMs, look);
      return () => cancel();
    },
  };
}

/** A clock that tests move by hand. */
import type { Clock } from "../../src/engine/ports.ts";

export interface HandClock extends Clock {
  /** Moves the time and runs what became due, in order. */
  advance(ms: number): void;
  /** Timers that wait. */
  readonly pending: number;
}

export function handClock(start = Date.now()): HandClock {
  let now = start;
  const timers: { at: number; callback: () => void }[] = [];
  const runDue = (): void => {
    for (let ran = 0; ran < 10_000; ran += 1) {
      timers.sort((a, b) => a.at - b.at);
      const [next] = timers;
      if (next === undefined || next.at > now) return;
      timers.shift();
      next.callback();
    }
    throw new Error("timers without end");
  };
  return {
    now: () => now,
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback };
      timers.push(timer);
      return () => {
        const at = timers.indexOf(timer);
        if (at !== -1) timers.splice(at, 1);
      };
    },
    advance(ms) {
      now += ms;
      runDue();
    },
    get pending() {
      return timers.length;
    },
  };
}

/** The real time, and timers that fire at once: for adapters that only wait out of politeness. */
export const hastyClock: Clock = {
  now: () => Date.now(),
  after(_delayMs, callback) {
    const timer = setImmediate(callback);
    return () => clearImmediate(timer);
  },
};

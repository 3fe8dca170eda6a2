/** The one real clock. Everybody else is given a `Clock`. */
import type { Clock } from "../engine/ports.ts";

/** A longer timer would fire at once: Node keeps delays in 31 bits. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export const realClock: Clock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, DELAY_MS_MAX));
    return () => clearTimeout(timer);
  },
};

/** Resolves when the event loop has gone through everything that has arrived. */
export const turnOver = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Ms that go by whatever people set the clock to. */
export const realElapsed = (): number => performance.now();

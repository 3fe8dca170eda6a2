/** The one real clock. Everybody else is given a `Clock`. */
import { readFileSync } from "node:fs";
import process from "node:process";
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

/**
 * Ms since the machine started, whatever people set the clock to. Linux does not count the time it sleeps, macOS does.
 * The same for every process, so it can be compared after a restart.
 */
export const realElapsed = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

/** Which run of the machine `realElapsed` counts in; empty = not known here. */
export function realBoot(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return ""; // not Linux: that the clock was set while nobody served is noticed only when it was set back
  }
}

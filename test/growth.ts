import process from "node:process";

/**
 * How much longer four times as much takes: about 4 when the time is linear, 16 when it is quadratic. The best of two tries
 * each, and of up to eight when that looks like too much, because machines are shared; what takes less than a few
 * milliseconds counts as that much.
 */
export function growth(work: (size: number) => void, size: number): number {
  const time = (of: number): number => {
    // Of the processor, not of the clock: other tests run at the same time.
    const began = process.threadCpuUsage();
    work(of);
    const { user, system } = process.threadCpuUsage(began);
    return (user + system) / 1000;
  };
  let [once, four] = [Infinity, Infinity];
  const ratio = (): number => Math.max(FLOOR_MS, four) / Math.max(FLOOR_MS, once);
  for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
    once = Math.min(once, time(size));
    four = Math.min(four, time(4 * size));
    if (tries > 1 && ratio() < LINEAR) break;
  }
  return ratio();
}

const FLOOR_MS = 5;
const TRIES_MAX = 8;

/** Between the two. */
export const LINEAR = 10;

/**
 * How much longer four times as much takes: about 4 when the time is linear, 16 when it is quadratic. The better of two
 * tries each, because machines are shared; what takes less than a few milliseconds counts as that much.
 */
export function growth(work: (size: number) => void, size: number): number {
  const time = (of: number): number => {
    const began = performance.now();
    work(of);
    return performance.now() - began;
  };
  const better = (of: number): number => Math.max(FLOOR_MS, Math.min(time(of), time(of)));
  const once = better(size);
  return better(4 * size) / once;
}

const FLOOR_MS = 5;

/** Between the two. */
export const LINEAR = 10;

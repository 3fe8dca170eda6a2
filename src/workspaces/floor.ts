/** How much room runners have, and one alert for each that has too little: not one every five minutes. */
import type { Clock, Log } from "../engine/ports.ts";

export interface Disk {
  readonly free: number;
  readonly total: number;
}

export interface FloorWatch {
  saw(runner: string, disk: Disk): void;
  /** A preparation there failed because the disk is full. */
  full(runner: string): void;
  /** Runners below the floor, with what they have left; null = it is full, nobody knows how much. */
  below(): ReadonlyMap<string, number | null>;
  /** Least room of all runners in bytes; null = nobody has said. */
  least(): number | null;
  onBelow(listener: () => void): void;
}

const COOLDOWN_MS = 60 * 60_000;

/** `floorBytes` 0 = none. */
export function openFloorWatch({
  floorBytes,
  clock,
  log,
}: {
  readonly floorBytes: number;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
}): FloorWatch {
  const disks = new Map<string, number>();
  const low = new Map<string, number | null>();
  const toldAt = new Map<string, number>();
  const listeners = new Set<() => void>();
  const tell = (runner: string, free: number | null): void => {
    low.set(runner, free);
    const last = toldAt.get(runner);
    if (last !== undefined && clock.now() - last < COOLDOWN_MS) return;
    toldAt.set(runner, clock.now());
    log.warn(
      { runner, freeBytes: free, floorBytes },
      "a runner has little room left: what is spent is removed there; orcha gc says what stays and why",
    );
    for (const listener of listeners) listener();
  };
  return {
    saw(runner, { free }) {
      disks.set(runner, free);
      if (floorBytes === 0 || free >= floorBytes) low.delete(runner);
      else tell(runner, free);
    },
    full: (runner) => tell(runner, disks.get(runner) ?? null),
    below: () => low,
    least: () => (disks.size === 0 ? null : Math.min(...disks.values())),
    onBelow: (listener) => void listeners.add(listener),
  };
}

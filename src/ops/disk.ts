/**
 * When the disk is full: the ballast is let go, so that what is going on can be finished and recorded; nothing new is
 * taken until there is room again. Recovers by itself.
 *
 *     well ──a write failed for want of room──▶ degraded ──room for twice the ballast──▶ well
 */
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Clock, Log } from "../engine/ports.ts";
import { Fenced, type Store } from "../store/port.ts";

export interface DiskOptions {
  readonly store: Pick<Store, "onTrouble">;
  readonly directory: string;
  /** 0 = no ballast. */
  readonly ballastBytes: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Bytes that can be written; default: asks the file system. */
  readonly freeBytes?: () => number;
}

export interface Disk {
  /** Why nothing new is taken; null = all is well. */
  readonly problem: string | null;
  close(): void;
}

const LOOK_EVERY_MS = 5_000;
/** Without ballast: so much has to be free before it counts as room. */
const ROOM_BYTES_MIN = 4 * 1024 ** 2;
const CHUNK_BYTES = 1024 ** 2;

export function openDisk(options: DiskOptions): Disk {
  const { store, directory, ballastBytes, clock, log } = options;
  const path = join(directory, "ballast");
  const free = options.freeBytes ?? (() => freeOf(directory));
  let problem: string | null = null;
  let cancel: (() => void) | null = null;
  let closed = false;

  /** Whether there is room again; then all is well. */
  const recovers = (): boolean => {
    const room = Math.max(ROOM_BYTES_MIN, ballastBytes * 2);
    if (problem === null || free() < room || !takeBallast(path, ballastBytes)) return false;
    problem = null;
    cancel?.();
    log.info({}, "there is room on the disk again: webhooks are taken");
    return true;
  };
  const look = (): void => {
    if (!closed && problem !== null && !recovers()) cancel = clock.after(LOOK_EVERY_MS, look);
  };
  const forget = store.onTrouble((trouble) => {
    if (trouble instanceof Fenced || problem !== null) return;
    problem = trouble.message;
    rmSync(path, { force: true });
    log.error(
      { error: problem, directory },
      "nothing new is taken until there is room on the disk",
    );
    cancel = clock.after(LOOK_EVERY_MS, look);
  });
  if (free() >= ballastBytes * 2) takeBallast(path, ballastBytes);
  else log.warn({ directory }, "too little room on the disk for a ballast");
  return {
    get problem() {
      // Whoever asks would take something: no webhook is refused for want of a look.
      recovers();
      return problem;
    },
    close() {
      closed = true;
      forget();
      cancel?.();
    },
  };
}

const freeOf = (directory: string): number => {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
};

/** Chance, not zeros: a file system that compresses would hold nothing back. False = there was no room. */
function takeBallast(path: string, bytes: number): boolean {
  if (bytes === 0 || existsSync(path)) return true;
  const chunk = randomBytes(CHUNK_BYTES);
  const fd = openSync(path, "w", 0o600);
  try {
    for (let left = bytes; left > 0;) left -= writeSync(fd, chunk, 0, Math.min(left, CHUNK_BYTES));
    fsyncSync(fd);
    return true;
  } catch {
    // Full again, or still: what was written must not stay.
    rmSync(path, { force: true });
    return false;
  } finally {
    closeSync(fd);
  }
}

/**
 * Backups by the clock: one every hour, the newest kept, and the last of each of some more days. Made once at the
 * start when the last one is old. A backup that could not be made is said, and tried again at the next turn.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Log } from "../engine/ports.ts";
import type { Store } from "../store/port.ts";

export interface BackupsOptions {
  readonly store: Pick<Store, "backup">;
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 = none are made. */
  readonly everyMs: number;
  /** How many of the newest are kept. */
  readonly hourly: number;
  /** Of how many more days the last one. */
  readonly daily: number;
}

export interface Backups {
  /** When the newest was made, ms since the epoch; null = there is none. */
  newest(): number | null;
  /** Makes one now, and removes what is not to be kept. Throws what the store throws. */
  once(): Promise<void>;
  close(): Promise<void>;
}

const NAME = /^orcha-(?<at>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z)\.db$/u;

export function openBackups(options: BackupsOptions): Backups {
  const { directory, clock, log, everyMs } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  let cancel: (() => void) | null = null;
  let running: Promise<void> = Promise.resolve();
  let closed = false;
  const newest = (): number | null => timesOf(directory).at(-1) ?? null;

  const once = async (): Promise<void> => {
    await options.store.backup(join(directory, nameOf(clock.now())));
    for (const at of superfluous(timesOf(directory), options))
      rmSync(join(directory, nameOf(at)), { force: true });
  };
  const run = async (): Promise<void> => {
    try {
      await once();
    } catch (error) {
      log.error({ error: error instanceof Error ? error.message : "unknown failure" }, "no backup");
    }
    plan(everyMs);
  };
  const plan = (delayMs: number): void => {
    if (!closed)
      cancel = clock.after(delayMs, () => {
        running = run();
      });
  };
  if (everyMs > 0) {
    const last = newest();
    // A clock that was set back must not put the next one off for ever.
    plan(last === null ? 0 : Math.max(0, everyMs - Math.max(0, clock.now() - last)));
  }
  return {
    newest,
    once,
    async close() {
      closed = true;
      cancel?.();
      await running;
    },
  };
}

const nameOf = (at: number): string =>
  `orcha-${new Date(at).toISOString().replaceAll(/[:.]/gu, "-")}.db`;

/** Oldest first. Files of other names are somebody else's. */
function timesOf(directory: string): readonly number[] {
  return readdirSync(directory)
    .flatMap((name) => NAME.exec(name)?.groups?.["at"] ?? [])
    .map((at) =>
      Date.parse(at.replace(/T(?<h>\d\d)-(?<m>\d\d)-(?<s>\d\d)-(?<ms>\d{3})Z/u, "T$1:$2:$3.$4Z")),
    )
    .toSorted((a, b) => a - b);
}

const DAY_MS = 24 * 60 * 60 * 1000;
const dayOf = (at: number): number => Math.floor(at / DAY_MS);

/** Neither among the newest nor the last of a day that is kept. */
function superfluous(
  times: readonly number[],
  { hourly, daily }: Pick<BackupsOptions, "hourly" | "daily">,
): readonly number[] {
  const newest = new Set(times.slice(-hourly));
  const covered = new Set([...newest].map(dayOf));
  const lastOfDay = new Map(
    times.filter((at) => !covered.has(dayOf(at))).map((at) => [dayOf(at), at]),
  );
  const days = new Set([...lastOfDay.values()].toSorted((a, b) => b - a).slice(0, daily));
  return times.filter((at) => !newest.has(at) && !days.has(at));
}

/**
 * What was spent of GitHub's limits, remembered over restarts: GitHub does not forget it when we are killed. Room is
 * reserved on disk in small blocks before it is used, so that nothing is written for every call; whoever starts next
 * takes all that was reserved as spent. One record per installation.
 */
import * as z from "zod";
import type { Clock } from "../engine/ports.ts";

/** Part of a limit that was reserved, and perhaps spent. */
export interface Spent {
  /** Latest moment at which it can have been spent, ms ago. */
  readonly agoMs: number;
  readonly points: number;
  readonly content: number;
}

export interface Remembered {
  readonly spent: readonly Spent[];
  /** GitHub told us to keep quiet for so much longer. */
  readonly pausedMs: number;
}

export interface Ledger {
  /** By earlier processes. */
  read(installation: number): Promise<Remembered>;
  /** May be spent within `BLOCK_MS`. On disk when it resolves. */
  reserve(
    installation: number,
    block: { readonly points: number; readonly content: number },
  ): Promise<void>;
  /** On disk when it resolves. */
  pause(installation: number, durationMs: number): Promise<void>;
}

export interface LedgerStore {
  read(key: string): Promise<string | null>;
  write(key: string, value: string): Promise<void>;
}

/** How long a reservation may be used: what is not used until then is lost, and was counted a little late. */
export const BLOCK_MS = 5_000;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** GitHub counts for a minute and for an hour, from when a call arrives: that may be later. */
const POINTS_MS = 2 * MINUTE_MS;
const CONTENT_MS = HOUR_MS + MINUTE_MS;
/** Older entries of one record are counted together, by the minute. */
const ENTRIES_MAX = 400;

const Record = z.object({
  /** Until when (ms since 1970) it can have been spent, points, content; oldest first. */
  spent: z.array(z.tuple([z.number(), z.number(), z.number()])).max(10 * ENTRIES_MAX),
  pausedUntil: z.number(),
});
type Record = z.infer<typeof Record>;

export function openLedger(store: LedgerStore, clock: Pick<Clock, "now">): Ledger {
  const records = new Map<number, Promise<Record>>();
  const keep = (installation: number, record: Promise<Record>): Promise<Record> => {
    records.set(installation, record);
    // What could not be read is read again.
    record.catch(() => records.delete(installation));
    return record;
  };
  const recordOf = (installation: number): Promise<Record> =>
    records.get(installation) ?? keep(installation, readRecord(store, installation));
  const change = async (installation: number, edit: (record: Record) => Record): Promise<void> => {
    const before = recordOf(installation);
    const changed = keep(installation, changedBy(before, edit));
    await store.write(String(installation), JSON.stringify(await changed));
  };
  return {
    async read(installation) {
      const { spent, pausedUntil } = await recordOf(installation);
      const now = clock.now();
      return {
        // A clock that was set back leaves times in the future: they count as now.
        spent: spent.map(([until, points, content]) => ({
          agoMs: Math.max(0, now - until),
          points,
          content,
        })),
        pausedMs: Math.min(HOUR_MS, Math.max(0, pausedUntil - now)),
      };
    },
    reserve: (installation, { points, content }) =>
      change(installation, (record) => ({
        ...record,
        spent: compact([...record.spent, [clock.now() + BLOCK_MS, points, content]], clock.now()),
      })),
    pause: (installation, durationMs) =>
      change(installation, (record) => ({
        ...record,
        pausedUntil: Math.max(record.pausedUntil, clock.now() + durationMs),
      })),
  };
}

const changedBy = async (
  before: Promise<Record>,
  edit: (record: Record) => Record,
): Promise<Record> => edit(await before);

async function readRecord(store: LedgerStore, installation: number): Promise<Record> {
  const text = await store.read(String(installation));
  const empty = { spent: [], pausedUntil: 0 };
  if (text === null) return empty;
  try {
    return Record.parse(JSON.parse(text));
  } catch {
    // Written by another version: better too fast for a minute than silent for ever.
    return empty;
  }
}

/** What is older than the points that still count need not be known exactly. */
function compact(spent: Record["spent"], now: number): Record["spent"] {
  const kept: Record["spent"] = [];
  for (const [until, points, content] of spent) {
    const recent = until > now - POINTS_MS;
    if (!recent && (content === 0 || until <= now - CONTENT_MS)) continue;
    const last = kept.at(-1);
    const together =
      !recent &&
      last !== undefined &&
      Math.floor(last[0] / MINUTE_MS) === Math.floor(until / MINUTE_MS);
    if (together) kept[kept.length - 1] = [Math.max(last[0], until), 0, last[2] + content];
    else kept.push([until, recent ? points : 0, content]);
  }
  return kept.slice(-ENTRIES_MAX);
}

/** Many objectives at once, put into a database in one transaction: what is measured begins after it. */
import { createHash } from "node:crypto";
import Database from "better-sqlite3";
import { realChance } from "../src/compose/chance.ts";
import type { Derive } from "../src/domain/id.ts";
import { objectiveId, sessionId } from "../src/domain/id.ts";
import type { Objective, Session } from "../src/domain/objective.ts";
import type { Clock, Log } from "../src/engine/ports.ts";
import { databaseOver, type Db } from "../src/store/database.ts";
import { storeObjective } from "../src/store/objective-table.ts";
import type { Store } from "../src/store/port.ts";
import { storeOver } from "../src/store/sqlite.ts";
import { spawn, started } from "../test/domain/begin.ts";

export const SLOTS = 4;
const RUNNER = "box";

/** Time that goes on by one with every look: what is done again is another thing. */
function countingClock(): Clock {
  let now = 1_800_000_000_000;
  return { now: () => ++now, after: () => () => {} };
}

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

export const derive =
  (cause: string): Derive =>
  (name) =>
    createHash("sha256").update(`${cause}|${name}`).digest("hex");

export interface Crowded extends AsyncDisposable {
  readonly store: Store;
  readonly sqlite: Database.Database;
  readonly clock: Clock;
}

/** A store with these objectives and a runner with four slots, all free. */
export async function openCrowded(path: string, objectives: Iterable<Objective>): Promise<Crowded> {
  const sqlite = new Database(path);
  const db: Db = await databaseOver(sqlite);
  const clock = countingClock();
  const store = storeOver(db, clock, realChance);
  await store.identity();
  await store.putRunner({ name: RUNNER, kind: "local", state: "online", slots: SLOTS });
  db.transaction(() => {
    for (const objective of objectives) storeObjective(db, null, objective, 1);
  });
  sqlite.pragma("wal_checkpoint(truncate)");
  return { store, sqlite, clock, [Symbol.asyncDispose]: () => store.close() };
}

/** Objectives of their own; each has a manager at work and so many workers that wait for a slot. */
export function* crowd(count: number, workers: number): Iterable<Objective> {
  const play = started();
  play.call("manager", spawn("one"));
  const { it } = play;
  const [manager, worker] = it.sessions;
  if (worker === undefined) throw new Error("no worker was spawned");
  for (let number = 1; number <= count; number++) {
    const many = Array.from({ length: workers }, (_, index): Session => ({
      ...worker,
      id: sessionId(`ses_${number}_${index}`),
      state: { kind: "queued", since: number * 1000 + index, purpose: "work" },
    }));
    yield {
      ...it,
      id: objectiveId(`obj_${number}`),
      issue: { ...it.issue, id: number, number },
      sessions: [{ ...manager, id: sessionId(`ses_${number}_manager`) }, ...many],
    };
  }
}

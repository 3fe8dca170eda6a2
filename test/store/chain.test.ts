/**
 * Goal: no flipped byte in the audit trail goes unnoticed, although SQLite has no checksums. Method: sixteen bytes
 * are flipped at forty places of the event table's pages, spread evenly over all that is used of them.
 */
import { copyFileSync, mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { backupFile } from "../../src/store/backup.ts";
import { CHAIN_START, type ChainStep, type Store } from "../../src/store/port.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { Play } from "../domain/play.ts";
import { put } from "./contract/given.ts";

const clock = { now: () => 1 };
const ROWS = 60;

async function written(path: string): Promise<void> {
  await using store = await openSqlite(path, clock);
  const play = new Play().label().it;
  for (let row = 0; row < ROWS; row++)
    await put(store, play, { key: `row-${row}`, notes: [`note ${row} ${"x".repeat(300)}`] });
}

/** To the end or to what is broken, `limit` rows at a time. */
async function check(store: Pick<Store, "checkChain">, limit: number): Promise<ChainStep> {
  let step: ChainStep = { kind: "on", at: CHAIN_START };
  for (let steps = 0; steps <= ROWS + 1 && step.kind === "on"; steps++)
    step = await store.checkChain(step.at, limit);
  return step;
}

test.for([1, 7, ROWS, 1000])("whole, checked %i rows at a time", async (limit) => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "orcha-chain-"));
  const path = join(directory.path, "orcha.db");
  await written(path);
  await using store = await openSqlite(path, clock);
  expect(await check(store, limit)).toMatchObject({ kind: "end", at: { seq: ROWS } });
});

test.for([
  ["changed", "update event set at = at + 1 where seq = 30", 30],
  ["taken out", "delete from event where seq = 30", 30],
  ["taken off the end", "delete from event where seq > 50", 51],
  ["all taken", "delete from event", 1],
  [
    "put on the end",
    "insert into event select 61, at, objective_id, item, event, facts, notes, hash from event where seq = 60",
    61,
  ],
  [
    "swapped",
    "update event set notes = (select notes from event e where e.seq = 31) where seq = 30",
    30,
  ],
] as const)("a row that was %s", async ([, statement, seq]) => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "orcha-chain-"));
  const path = join(directory.path, "orcha.db");
  await written(path);
  const raw = new Database(path);
  raw.exec(statement);
  raw.close();
  await using store = await openSqlite(path, clock);
  expect(await check(store, 7)).toMatchObject({ kind: "broken", seq });
});

test("sixteen flipped bytes at each of forty places: all noticed", async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "orcha-chain-"));
  const path = join(directory.path, "orcha.db");
  await written(path);
  const places = placesOf(path, 40);
  const damaged = join(directory.path, "damaged.db");
  const unnoticed: number[] = [];
  for (const place of places) {
    copyFileSync(path, damaged);
    const bytes = readFileSync(damaged);
    for (let at = place; at < place + 16; at++) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    writeFileSync(damaged, bytes);
    const noticed = await backupFile(damaged, join(directory.path, "copy.db")).then(
      () => false,
      () => true,
    );
    if (!noticed) unnoticed.push(place);
  }
  expect(places).toHaveLength(40);
  expect(unnoticed).toEqual([]);
});

/** Offsets in the file, evenly over all bytes of the event table's pages that hold something. */
function placesOf(path: string, count: number): readonly number[] {
  const db = new Database(path);
  db.pragma("wal_checkpoint(truncate)");
  db.pragma("journal_mode = delete");
  const pages = db
    .prepare<[], { readonly pageno: number; readonly pgsize: number; readonly unused: number }>(
      "select pageno, pgsize, unused from dbstat where name = 'event' order by pageno",
    )
    .all();
  db.close();
  const bytes = readFileSync(path);
  // Cells are written from the end of a page towards its beginning; in between is nothing.
  const used = pages.map(({ pageno, pgsize }) => {
    const start = (pageno - 1) * pgsize;
    const content = bytes.readUInt16BE(start + 5);
    return { from: start + content, to: start + pgsize - 16 };
  });
  const total = used.reduce((sum, { from, to }) => sum + to - from, 0);
  return Array.from({ length: count }, (_, index) => {
    let rest = Math.floor((total * (index + 0.5)) / count);
    for (const { from, to } of used) {
      if (rest < to - from) return from + rest;
      rest -= to - from;
    }
    throw new RangeError("there are no such places");
  });
}

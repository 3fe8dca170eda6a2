/** Backups, the way back, and what a restored database knows about itself. */
import {
  chmodSync,
  existsSync,
  mkdtempDisposableSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { realChance } from "../../src/compose/chance.ts";
import { backupFile, restoreBackup } from "../../src/store/backup.ts";
import { openReading, openSqlite } from "../../src/store/sqlite.ts";
import { Play } from "../domain/play.ts";
import { effect, item, nobody, put } from "./contract/given.ts";
import { events } from "./examples.ts";

const HOUR_MS = 60 * 60_000;

function place() {
  const directory = mkdtempDisposableSync(join(tmpdir(), "orcha-restore-"));
  const clock = { at: 1000, now: () => clock.at };
  const dataDir = directory.path;
  const path = join(dataDir, "orcha.db");
  const file = join(dataDir, "backup.db");
  const open = () => openSqlite(path, clock, realChance);
  return { clock, dataDir, path, file, open, [Symbol.dispose]: () => directory.remove() };
}

const out = (store: Awaited<ReturnType<typeof openSqlite>>, now = 1) =>
  store.takeOutbox({ now, limit: 9, busy: nobody });

test("a backup is written while work goes on, is whole, one file, and for us alone", async () => {
  using at = place();
  await using store = await at.open();
  await store.identity();
  await put(store, new Play().label().it);
  const writing = store.backup(at.file);
  const busy = Array.from({ length: 50 }, (_, index) =>
    store.enqueue([item(`k${index}`, events["timer-fired"])], 1),
  );
  const written = await writing;
  await Promise.all(busy);
  expect(written).toMatchObject({ path: at.file, events: 1 });
  expect(written.bytes).toBe(statSync(at.file).size);
  expect(statSync(at.file).mode & 0o777).toBe(0o600);
  expect(readdirSync(at.dataDir).filter((name) => name.startsWith("backup"))).toEqual([
    "backup.db",
  ]);
  await using copy = openReading(at.file);
  expect(await copy.objectives()).toHaveLength(1);
});

test("a damaged database gives no backup, and what was there stays", async () => {
  using at = place();
  const store = await at.open();
  await put(store, new Play().label().it);
  await store.backup(at.file);
  const before = readFileSync(at.file);
  await put(store, new Play().label().it, { notes: ["to be changed"] });
  const raw = new Database(at.path);
  raw.prepare("update event set notes = '[]' where seq = 2").run();
  raw.close();
  await expect(store.backup(at.file)).rejects.toThrow(
    "the audit trail is broken at row 2: the row is not what was written",
  );
  expect(readFileSync(at.file).equals(before)).toBe(true);
  expect(existsSync(`${at.file}.part`)).toBe(false);
  await store.close();
  await expect(backupFile(at.path, at.file)).rejects.toThrow("broken at row 2");
});

test("restored: what was there is moved aside, and what is no backup changes nothing", async () => {
  using at = place();
  const first = await at.open();
  const { installation } = await first.identity();
  await first.backup(at.file);
  await first.enqueue([item("later", events["timer-fired"])], 1);
  await first.close();
  const rubbish = join(at.dataDir, "rubbish");
  writeFileSync(rubbish, "x".repeat(10_000));
  const options = { dataDir: at.dataDir, now: 5 };
  await expect(restoreBackup({ ...options, from: rubbish })).rejects.toThrow("not a database");
  chmodSync(at.file, 0o644);
  const { replaced } = await restoreBackup({ ...options, from: at.file });
  expect(statSync(at.path).mode & 0o777).toBe(0o600);
  await using second = await at.open();
  expect(await second.counts()).toEqual({});
  expect((await second.identity()).installation).toBe(installation);
  await using old = openReading(join(replaced ?? "", "orcha.db"));
  expect(await old.counts()).toEqual({ "inbox.pending": 1 });
});

test("everything that a restored database does for three days may have been done: the first try looks", async () => {
  using at = place();
  const first = await at.open();
  const before = await first.identity();
  const play = new Play().label();
  await put(first, play.it, { effects: [effect("old", "react")], now: at.clock.at });
  expect(before).toMatchObject({ takeoverUntil: 0, generation: "" });
  await first.backup(at.file);
  await first.close();
  await restoreBackup({ from: at.file, dataDir: at.dataDir, now: at.clock.at });
  await using store = await at.open();
  const taken = await store.identity();
  expect(taken).toMatchObject({ epoch: before.epoch + 1000, takeoverUntil: 1000 + HOUR_MS });
  expect(taken.generation).not.toBe("");
  const soon = at.clock.at + 72 * HOUR_MS - 1;
  await put(store, play.it, { effects: [effect("new", "stop-attempt")], now: soon });
  expect(await out(store)).toMatchObject([
    { key: "new", attempt: 2 },
    { key: "old", attempt: 2 },
  ]);
  // Surely not done now does not mean not done then.
  for (const { seq } of await out(store))
    await store.postponeEffect(seq, { notBefore: 0, error: "pace", sure: true });
  expect(await out(store)).toMatchObject([{ attempt: 3 }, { attempt: 3 }]);
  const late = at.clock.at + 72 * HOUR_MS;
  await put(store, play.it, { effects: [effect("late", "push-branch")], now: late });
  expect((await out(store)).find(({ key }) => key === "late")).toMatchObject({ attempt: 1 });
});

test("it goes above the epoch of a runner while it takes over, and only then", async () => {
  using at = place();
  const plain = await at.open();
  await plain.identity();
  expect(await plain.outbid(9)).toBeNull();
  await plain.backup(at.file);
  await plain.close();
  await restoreBackup({ from: at.file, dataDir: at.dataDir, now: at.clock.at });
  const restored = await at.open();
  await restored.identity();
  expect(await restored.outbid(9), "far below ours").toBe(1001);
  expect(await restored.outbid(2009)).toBe(2010);
  // It is its own epoch now: it is not fenced by it.
  await restored.enqueue([item("a", events["timer-fired"])], 1);
  await restored.close();
  // A restart in the middle of taking over goes on with it.
  await using again = await at.open();
  expect(await again.identity()).toMatchObject({ epoch: 2011 });
  expect(await again.outbid(3000)).toBe(3001);
  at.clock.at += HOUR_MS;
  expect(await again.outbid(4000)).toBeNull();
});

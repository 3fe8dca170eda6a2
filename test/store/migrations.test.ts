/**
 * Goal: a database of every version so far becomes one of this version, whole, whatever interrupts it. Method: golden
 * databases of each version with a row of everything; the migration is killed at every statement.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempDisposableSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { realChance } from "../../src/compose/chance.ts";
import { databaseOver } from "../../src/store/database.ts";
import { CHAIN_START, type Store } from "../../src/store/port.ts";
import { openReading, openSqlite, storeOver } from "../../src/store/sqlite.ts";
import { item as newItem, nobody } from "./contract/given.ts";
import { dump, restore } from "./dump.ts";
import { events } from "./examples.ts";

const GOLDEN = fileURLToPath(new URL("golden/", import.meta.url));
const goldens = readdirSync(GOLDEN).toSorted();
const clock = { now: () => 1 };
const textOf = (golden: string): string => readFileSync(join(GOLDEN, golden), "utf8");

/** Files, disks and processes: more than five seconds when others are busy, too. */
const LONG = { timeout: 60_000 };

/** Hundreds of migrations, each with its syncs: nothing here is about a disk. */
const QUICK = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Statements of a migration: more than it has. */
const STATEMENTS_MAX = 200;

/** A database that fails at its n-th statement, and whether it came to that. */
function openFaulty(path: string, left: number) {
  const state = { left, reached: false };
  const sqlite = new Database(path);
  const prepare = sqlite.prepare.bind(sqlite);
  const faulty = (source: string): Database.Statement => {
    // The end of a transaction that failed is the one thing that still works.
    if (state.left-- === 0 && !/^rollback/iu.test(source)) {
      state.reached = true;
      throw new Error("the disk is gone");
    }
    return prepare(source);
  };
  return { sqlite: Object.assign(sqlite, { prepare: faulty }), state };
}

/**
 * `ORCHA_UPDATE_GOLDEN=1` writes the golden database of a version that has none: the first one, brought up to date, with
 * what only newer versions write. Those that are there are never written again.
 */
test("the newest version has a golden database", async () => {
  const fresh = new Database(":memory:");
  await databaseOver(fresh);
  const names = fresh.prepare("select name from kysely_migration order by name").pluck().all();
  const newest = `${String(names.at(-1))}.sql`;
  if (process.env["ORCHA_UPDATE_GOLDEN"] === "1" && !goldens.includes(newest)) {
    const made = restore(textOf("0001-first.sql"));
    await fill(storeOver(await databaseOver(made), { now: () => 1_000 }));
    writeFileSync(join(GOLDEN, newest), dump(made));
  }
  expect(readdirSync(GOLDEN)).toContain(newest);
});

/** A webhook, a checkpoint of the audit trail, marks, a clock, an effect in hand, one that was put off. */
async function fill(store: Store): Promise<void> {
  const nothing = { effects: [], timers: [], notes: [], facts: {} };
  const body = JSON.stringify({ text: "long enough for pages of its own ".repeat(200) });
  await store.accept([{ guid: "guid-long", name: "issues", body, receivedAt: 1 }]);
  await store.route("guid-long", []);
  for (const key of ["gone-1", "gone-2"]) {
    await store.enqueue([newItem(key, events["timer-fired"], { kind: "issue", number: 99 })], 1);
    const taken = await store.takeInbox({ now: 1, limit: 99, busy: nobody });
    for (const one of taken) {
      if (one.key !== key) await store.letGo("inbox", one.seq);
      else await store.commit({ item: one, now: 1, before: null, objective: null, ...nothing });
    }
  }
  const old = { before: 2, deliveriesBefore: 0, limit: 99 };
  await store.prune({ ...old, place: { table: "event", after: 0 } });
  await store.setMark("sweep:7", "1767600000000");
  await store.setMark(
    "foreign:https://github.test/acme/shop/issues/1#issuecomment-9",
    "2026-01-05T08:00:00.000Z",
  );
  await store.rebase(0, { wall: 1_000, elapsed: 50, boot: "b" }, () => {});
  const [first, second] = await store.takeOutbox({ now: 1, limit: 2, busy: nobody });
  if (first === undefined || second === undefined) throw new Error("nothing is to be done");
  await store.postponeEffect(second.seq, { notBefore: 50, error: "no answer", sure: false });
}

test.for(goldens)("%s: everything in it can be read and gone on with", async (golden) => {
  const sqlite = restore(textOf(golden));
  const tables = ["inbox", "outbox", "delivery", "event", "session", "question", "pull_request"];
  const rows = () =>
    tables.map((table) => sqlite.prepare(`select count(*) from ${table}`).pluck().get());
  const before = rows();
  await using store = storeOver(await databaseOver(sqlite), clock, realChance);
  expect(rows()).toEqual(before);
  await readAll(store);
  expect(sqlite.pragma("integrity_check", { simple: true })).toBe("ok");
});

async function readAll(store: Store): Promise<void> {
  expect(await store.checkChain(CHAIN_START, 1000)).toMatchObject({ kind: "end" });
  expect(await store.identity()).toMatchObject({ epoch: 2, takeoverUntil: 0 });
  const [objective] = await store.objectives();
  if (objective === undefined) throw new Error("no objective");
  expect(objective.objective.sessions.length).toBeGreaterThan(1);
  expect(objective.objective.questions).toHaveLength(20);
  expect(await store.audit(objective.objective.id, 99)).toHaveLength(3);
  expect(await store.outbox({ state: "all", limit: 99 })).toHaveLength(14);
  expect(await store.dead(99)).toHaveLength(3);
  expect(await store.unrouted(9)).toHaveLength(1);
  const handled = await takeAll(store);
  // All that was pending, and none of it buried as unreadable.
  expect(handled).toBeGreaterThan(20);
  expect(await store.dead(99)).toHaveLength(3);
  expect(await store.lastGoodConfig(7)).toMatchObject({ sha: "sha" });
  expect(await store.runners()).toMatchObject([{ name: "box" }]);
}

/** Every inbox item and effect, from head to head; how many. */
async function takeAll(store: Store): Promise<number> {
  let handled = 0;
  for (let turns = 0; turns < 100; turns++) {
    const request = { now: 100, limit: 99, busy: nobody };
    const items = await store.takeInbox(request);
    const effects = await store.takeOutbox(request);
    for (const item of items) {
      const nothing = { effects: [], timers: [], notes: [], facts: {} };
      await store.commit({ item, now: 9, before: null, objective: null, ...nothing });
    }
    for (const item of effects)
      await store.endEffect({ item, now: 9, state: "done", reason: null, events: [] });
    if (items.length + effects.length === 0) return handled;
    handled += items.length + effects.length;
  }
  throw new Error("there is no end to it");
}

test.for(goldens)(
  "%s: a migration that is interrupted at any statement can be made again",
  { timeout: 60_000 },
  async (golden) => {
    using directory = mkdtempDisposableSync(join(QUICK, "orcha-migrate-"));
    const reference = restore(textOf(golden));
    await databaseOver(reference);
    const wanted = stripped(dump(reference));
    const untouched = stripped(textOf(golden));
    let interrupted = 0;
    for (let statement = 0; statement < STATEMENTS_MAX; statement++) {
      // A folder each: copies of the database are written beside it.
      const path = join(mkdtempSync(join(directory.path, "at-")), "orcha.db");
      restore(textOf(golden), path).close();
      const { sqlite, state } = openFaulty(path, statement);
      const failed = await databaseOver(sqlite).then(
        () => false,
        () => true,
      );
      sqlite.close();
      const again = new Database(path);
      expect(stripped(dump(again)), `after statement ${statement}`).toBe(
        failed ? untouched : wanted,
      );
      await databaseOver(again);
      expect(stripped(dump(again)), `after statement ${statement}`).toBe(wanted);
      again.close();
      interrupted += failed ? 1 : 0;
      if (!state.reached) break;
    }
    // In the newest nothing is to be done but to see that.
    expect(interrupted).toBeGreaterThan(golden === goldens.at(-1) ? 0 : 10);
  },
);

/** Without the times at which migrations were made. */
const stripped = (sql: string): string =>
  sql.replaceAll(/(?<row>insert into "kysely_migration" values \('[^']+'), '[^']+'/gu, "$<row>");

test("killed in the middle of a migration, a process leaves it to the next", LONG, async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "orcha-migrate-"));
  const source = JSON.stringify(
    fileURLToPath(new URL("../../src/store/database.ts", import.meta.url)),
  );
  const program = `const { default: Database } = await import("better-sqlite3");
    const { databaseOver } = await import(${source});
    let left = Number(process.argv[2]);
    class Deadly extends Database {
      prepare(text) {
        if (left-- === 0) process.kill(process.pid, "SIGKILL");
        return super.prepare(text);
      }
    }
    await databaseOver(new Deadly(process.argv[1]));`;
  for (const statement of [12, 20, 28]) {
    const path = join(directory.path, `${statement}.db`);
    restore(textOf("0001-first.sql"), path).close();
    const child = spawn(
      process.execPath,
      ["--input-type=module", "-e", program, path, String(statement)],
      { cwd: process.cwd(), stdio: ["ignore", "inherit", "inherit"] },
    );
    const [, signal]: unknown[] = await once(child, "exit");
    expect(signal, `at statement ${statement}`).toBe("SIGKILL");
    await using store = await openSqlite(path, clock, realChance);
    await readAll(store);
  }
});

test("before a migration a copy of the database as it was is written beside it", async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "orcha-migrate-"));
  const path = join(directory.path, "orcha.db");
  restore(textOf("0001-first.sql"), path).close();
  await (await openSqlite(path, clock, realChance)).close();
  const copies = join(directory.path, "backups");
  expect(readdirSync(copies)).toEqual(["before-0002-never-lost.db"]);
  const copy = new Database(join(copies, "before-0002-never-lost.db"));
  expect(dump(copy)).toBe(textOf("0001-first.sql"));
  copy.close();
  // Nothing to migrate, nothing to copy.
  await (await openSqlite(path, clock, realChance)).close();
  expect(readdirSync(copies)).toHaveLength(1);
});

test("a database of a newer version is left alone", async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "orcha-migrate-"));
  const path = join(directory.path, "orcha.db");
  await (await openSqlite(path, clock, realChance)).close();
  const raw = new Database(path);
  raw.exec("insert into kysely_migration values ('9999-of-the-future', 'x')");
  const before = dump(raw);
  await expect(openSqlite(path, clock, realChance)).rejects.toThrow(
    "this database was written by a newer orcha (its schema has 9999-of-the-future); start that version again, or restore a backup from before it: orcha restore FILE",
  );
  expect(dump(raw)).toBe(before);
  raw.close();
  await using reading = openReading(path);
  expect(await reading.counts()).toEqual({});
});

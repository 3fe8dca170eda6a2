/**
 * Goal: of two control planes with the same database in their hands the older writes nothing any more. Method: two
 * handles, and two processes, on one file without the directory's lock.
 */
import { spawn } from "node:child_process";
import { mkdtempDisposableSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { realChance } from "../../src/compose/chance.ts";
import { DEFAULT_CONFIG } from "../../src/domain/repository.ts";
import { sessionId } from "../../src/domain/id.ts";
import { Fenced } from "../../src/store/port.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { Play } from "../domain/play.ts";
import { dump } from "./dump.ts";
import { effect, issue, item, nobody, put, take } from "./contract/given.ts";
import { events } from "./examples.ts";
import { repository } from "../domain/cast.ts";

const clock = { now: () => 1 };
const temporary = () => mkdtempDisposableSync(join(tmpdir(), "orcha-fencing-"));

const source = (file: string): string =>
  JSON.stringify(fileURLToPath(new URL(`../../src/${file}`, import.meta.url)));

function contentOf(path: string): string {
  const db = new Database(path, { readonly: true });
  try {
    return dump(db);
  } finally {
    db.close();
  }
}

test("every write of the older one throws, changes nothing, and tells who listens", async () => {
  using directory = temporary();
  const path = join(directory.path, "orcha.db");
  await using older = await openSqlite(path, clock, realChance);
  await older.identity();
  await put(older, new Play().label().it, {
    effects: [effect("e", "react"), effect("f", "close-issue")],
  });
  await older.enqueue([item("a", events["timer-fired"])], 1);
  const [taken] = await take(older);
  const [sent] = await older.takeOutbox({ now: 1, limit: 1, busy: nobody });
  if (taken === undefined || sent === undefined) throw new Error("nothing was there");
  const before = await older.load(issue, repository);
  let told = 0;
  older.onTrouble((trouble) => (told += trouble instanceof Fenced ? 1 : 0));
  await using newer = await openSqlite(path, clock, realChance);
  await newer.identity();
  const content = contentOf(path);
  const session = sessionId("ses_1");
  const commit = { item: taken, before, objective: null, now: 1 };
  const cursor = { out: 1, err: 0, seq: 0 };
  const writes: Record<string, () => Promise<unknown>> = {
    accept: () => older.accept([{ guid: "g", name: "issues", body: "{}", receivedAt: 1 }]),
    unrouted: () => older.unrouted(9),
    route: () => older.route("g", []),
    reject: () => older.reject("g", "x"),
    enqueue: () => older.enqueue([item("b", events["timer-fired"])], 1),
    takeInbox: () => take(older),
    commit: () => older.commit({ ...commit, effects: [], timers: [], notes: [], facts: {} }),
    postponeInbox: () => older.postponeInbox(taken.seq, 5, "x"),
    buryInbox: () => older.buryInbox(taken.seq, "x"),
    letGo: () => older.letGo("inbox", taken.seq),
    revive: () => older.revive("e"),
    takeOutbox: () => older.takeOutbox({ now: 1, limit: 9, busy: nobody }),
    endEffect: () =>
      older.endEffect({ item: sent, now: 1, state: "done", reason: null, events: [] }),
    postponeEffect: () => older.postponeEffect(sent.seq, { notBefore: 9, error: "x", sure: false }),
    fireTimers: () => older.fireTimers(9),
    putRunner: () => older.putRunner({ name: "x", kind: "local", state: "online", slots: 1 }),
    claim: () => older.claim({ session, runner: "x", slot: 0 }, 1),
    advance: () =>
      older.advance({
        session,
        attempt: 1,
        now: 1,
        cursor,
        items: [],
        closed: false,
        activity: "x",
      }),
    keepConfig: () => older.keepConfig(7, "sha", DEFAULT_CONFIG),
    setMark: () => older.setMark("sweep:x", "1"),
  };
  for (const [name, write] of Object.entries(writes))
    await expect(write(), name).rejects.toThrow(Fenced);
  expect(told).toBe(Object.keys(writes).length);
  expect(contentOf(path)).toBe(content);
  await newer.enqueue([item("c", events["timer-fired"])], 1);
  expect(await older.counts(), "reading goes on").toMatchObject({ "inbox.pending": 2 });
});

test("a process that does not know of the other one ends as soon as it writes", async () => {
  using directory = temporary();
  const path = join(directory.path, "orcha.db");
  await (await openSqlite(path, clock, realChance)).close();
  const program = `const { openSqlite } = await import(${source("store/sqlite.ts")});
    const { Fenced } = await import(${source("store/port.ts")});
    const { realChance } = await import(${source("compose/chance.ts")});
    const store = await openSqlite(process.argv[1], { now: () => 1 }, realChance);
    const { epoch } = await store.identity();
    await store.setMark("count", "0");
    console.log("epoch " + epoch);
    for (let count = 1; ; count++)
      try {
        await store.setMark("count", String(count));
        await new Promise((done) => setTimeout(done, 1));
      } catch (error) {
        console.log(error instanceof Fenced ? "fenced after " + count : String(error));
        break;
      }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe("epoch 1");
  await using second = await openSqlite(path, clock, realChance);
  expect((await second.identity()).epoch).toBe(2);
  const written = await second.mark("count");
  const last: unknown = (await lines.next()).value;
  const count = Number(/^fenced after (?<count>\d+)$/u.exec(String(last))?.groups?.["count"]);
  // What it had written before is there, and nothing after.
  expect(count - 1).toBeGreaterThanOrEqual(0);
  expect(await second.mark("count")).toBe(written);
  expect(Number(written)).toBe(count - 1);
});

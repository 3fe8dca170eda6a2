import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { realChance } from "../../src/compose/chance.ts";
import { openReading, openSqlite, peekIdentity } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/port.ts";
import { ISSUE, repository } from "../domain/cast.ts";
import { storeContract } from "./contract.ts";
import { events } from "./examples.ts";

const clock = { now: () => 1 };
const temporary = () => mkdtempDisposableSync(join(tmpdir(), "orcha-store-"));

/** A database in a directory that goes with it. */
async function onDisk(): Promise<Store> {
  const directory = temporary();
  const store = await openSqlite(join(directory.path, "orcha.db"), clock, realChance);
  const close = async (): Promise<void> => {
    await store.close();
    directory.remove();
  };
  return { ...store, close, [Symbol.asyncDispose]: close };
}

storeContract("SQLite in memory", () => openSqlite(":memory:", clock, realChance));
storeContract("SQLite on disk", onDisk);

const issue = { kind: "issue", number: ISSUE } as const;
const item = (key: string) => ({ key, repository, subject: issue, event: events["timer-fired"] });

describe("a database file", () => {
  test("has everything after a restart, also what was taken and not ended", async () => {
    using directory = temporary();
    const path = join(directory.path, "orcha.db");
    const first = await openSqlite(path, clock, realChance);
    await first.accept([{ guid: "g", name: "issues", body: "{}", receivedAt: 1 }]);
    await first.enqueue([item("a")], 1);
    await first.takeInbox({ now: 1, limit: 9, busy: new Set() });
    const { installation, epoch, generation } = await first.identity();
    await first.close();
    await using second = await openSqlite(path, clock, realChance);
    expect(await second.unrouted(9)).toHaveLength(1);
    const taken = await second.takeInbox({ now: 1, limit: 9, busy: new Set() });
    expect(taken).toMatchObject([{ key: "a", attempts: 2 }]);
    expect(await peekIdentity(path)).toEqual({ installation, epoch, generation });
    expect((await second.identity()).epoch).toBe(epoch + 1);
  });

  test("can be looked at while it is written to, and only looked at", async () => {
    using directory = temporary();
    const path = join(directory.path, "orcha.db");
    await using store = await openSqlite(path, clock, realChance);
    await using reading = openReading(path);
    expect(await reading.counts()).toEqual({});
    await store.enqueue([item("a")], 1);
    expect(await reading.counts()).toEqual({ "inbox.pending": 1 });
    expect(() => openReading(join(directory.path, "none.db"))).toThrow("unable to open");
  });

  test("a migration that fails leaves nothing behind, and says what failed", async () => {
    using directory = temporary();
    const path = join(directory.path, "orcha.db");
    const before = new Database(path);
    before.exec("create table timer (mine text)");
    before.close();
    await expect(openSqlite(path, clock, realChance)).rejects.toThrow(
      "the database could not be brought to this version: table timer already exists",
    );
    const after = new Database(path);
    const tables = after
      .prepare("select name from sqlite_master where type = 'table'")
      .pluck()
      .all();
    after.close();
    expect(tables).not.toContain("delivery");
    expect(tables).toContain("timer");
  });

  test.for([
    ["not JSON", "a row of inbox is not JSON"],
    ['{"kind":"timer-fired"}', "a row of inbox does not fit this version: name"],
    ['{"kind":"of-the-future"}', "a row of inbox does not fit this version: kind"],
  ] as const)("a row that holds %s is put aside and its lane goes on", async ([body, why]) => {
    using directory = temporary();
    const path = join(directory.path, "orcha.db");
    await using store = await openSqlite(path, clock, realChance);
    await store.enqueue([item("bad"), item("good")], 1);
    const raw = new Database(path);
    raw.prepare("update inbox set event = ? where key = 'bad'").run(body);
    const take = () => store.takeInbox({ now: 1, limit: 9, busy: new Set() });
    expect(await take()).toEqual([]);
    expect((await take()).map(({ key }) => key)).toEqual(["good"]);
    const error = raw.prepare("select error from inbox where key = 'bad'").pluck().get();
    raw.close();
    expect(error).toContain(why);
  });
});

test("ids nobody may guess come from the chance that was given, and from nowhere else", async () => {
  let drawn = 0;
  const chance = {
    uuid: () => `id-${(drawn += 1)}`,
    bytes: (count: number) => new Uint8Array(count).fill(7),
  };
  await using store = await openSqlite(":memory:", clock, chance);
  expect(await store.identity()).toMatchObject({
    installation: "id-1",
    secret: Buffer.alloc(32, 7),
    generation: "",
  });
  await using without = await openSqlite(":memory:", clock);
  await expect(without.identity()).rejects.toThrow("give the store a Chance");
});

import { mkdtempDisposableSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openBackups } from "../../src/ops/backups.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { openLog, VirtualClock } from "../engine/world.ts";

const HOUR_MS = 60 * 60_000;

function given(options: { readonly hourly?: number; readonly daily?: number } = {}) {
  const directory = mkdtempDisposableSync(join(tmpdir(), "orcha-backups-"));
  const clock = new VirtualClock();
  const log = openLog();
  const state = { fails: false, made: 0 };
  /** The store's part is tested with the store; here it counts which are kept when. */
  const store = {
    backup: async (path: string) => {
      if (state.fails) throw new Error("disk full");
      state.made += 1;
      writeFileSync(path, "");
      return { path, bytes: 0, events: 0 };
    },
  };
  const at = { hourly: 3, daily: 2, ...options, everyMs: HOUR_MS };
  const open = () => openBackups({ store, directory: directory.path, clock, log, ...at });
  const files = () => readdirSync(directory.path).toSorted();
  return {
    clock,
    log,
    state,
    open,
    files,
    path: directory.path,
    [Symbol.dispose]: () => directory.remove(),
  };
}

/** So much time passes, and what it brought is done. */
async function pass(clock: VirtualClock, byMs: number): Promise<void> {
  clock.move(byMs);
  for (let turns = 0; turns < 5; turns++) await Promise.resolve();
}

async function hours(clock: VirtualClock, count: number): Promise<void> {
  for (let hour = 0; hour < count; hour++) await pass(clock, HOUR_MS);
}

test("one at the start, one every hour; the newest stay, and the last of some more days", async () => {
  using at = given();
  const backups = at.open();
  expect(backups.newest()).toBeNull();
  await pass(at.clock, 0);
  await hours(at.clock, 24 * 5);
  expect(at.state.made).toBe(121);
  const kept = at.files();
  expect(kept).toHaveLength(5);
  expect(kept.map((name) => name.slice(0, 16))).toEqual([
    "orcha-1970-01-03",
    "orcha-1970-01-04",
    "orcha-1970-01-05",
    "orcha-1970-01-05",
    "orcha-1970-01-06",
  ]);
  expect(backups.newest()).toBe(at.clock.now());
  await backups.close();
  await hours(at.clock, 3);
  expect(at.state.made).toBe(121);
});

test("a restart makes none before its time, and files of other names stay", async () => {
  using at = given({ hourly: 1, daily: 0 });
  writeFileSync(join(at.path, "by-hand.db"), "");
  const first = at.open();
  await pass(at.clock, 0);
  await first.close();
  expect(at.state.made).toBe(1);
  await pass(at.clock, HOUR_MS / 2);
  const second = at.open();
  await pass(at.clock, HOUR_MS / 2 - 1);
  expect(at.state.made).toBe(1);
  await pass(at.clock, 1);
  expect(at.state.made).toBe(2);
  await second.close();
  expect(at.files()).toHaveLength(2);
});

test("one that cannot be made is said, and tried again at the next turn", async () => {
  using at = given();
  at.state.fails = true;
  const backups = at.open();
  await hours(at.clock, 2);
  expect(at.log.lines.map(({ message }) => message)).toContain("no backup");
  at.state.fails = false;
  await hours(at.clock, 1);
  expect(at.files()).toHaveLength(1);
  await backups.close();
});

test("what it makes can be opened", async () => {
  using at = given();
  await using store = await openSqlite(":memory:", at.clock);
  const backups = openBackups({
    store,
    directory: at.path,
    clock: at.clock,
    log: at.log,
    everyMs: 0,
    hourly: 1,
    daily: 0,
  });
  await backups.once();
  await using copy = await openSqlite(join(at.path, at.files()[0] ?? ""), at.clock);
  expect(await copy.counts()).toEqual({});
  expect(at.clock.next).toBeNull();
  await backups.close();
});

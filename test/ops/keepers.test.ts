/** The disk's ballast, pressure, the check of the audit trail. */
import { existsSync, mkdtempDisposableSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { StoreUnavailable } from "../../src/inbox/port.ts";
import { openChainCheck, type ChainBroken } from "../../src/ops/chain.ts";
import { openDisk } from "../../src/ops/disk.ts";
import { openPressure } from "../../src/ops/pressure.ts";
import { Fenced } from "../../src/store/port.ts";
import { databaseOver } from "../../src/store/database.ts";
import { openSqlite, storeOver } from "../../src/store/sqlite.ts";
import { Play } from "../domain/play.ts";
import { put, settled, openLog, VirtualClock } from "../engine/world.ts";
import { item } from "../store/contract/given.ts";
import { events } from "../store/examples.ts";

const MB = 1024 ** 2;
const temporary = () => mkdtempDisposableSync(join(tmpdir(), "orcha-ops-"));

function openTrouble() {
  const listeners = new Set<(trouble: Fenced | StoreUnavailable) => void>();
  return {
    tell: (trouble: Fenced | StoreUnavailable) => {
      for (const listener of listeners) listener(trouble);
    },
    store: {
      onTrouble(listener: (trouble: Fenced | StoreUnavailable) => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
}

test("a full disk: the ballast goes, and comes back when there is room for it twice", () => {
  using directory = temporary();
  const clock = new VirtualClock();
  const { tell, store } = openTrouble();
  const free = { bytes: 100 * MB };
  const disk = openDisk({
    store,
    directory: directory.path,
    ballastBytes: 2 * MB,
    clock,
    log: openLog(),
    freeBytes: () => free.bytes,
  });
  const ballast = join(directory.path, "ballast");
  expect(statSync(ballast)).toMatchObject({ size: 2 * MB });
  expect(disk.problem).toBeNull();
  tell(new Fenced("another matter"));
  expect(disk.problem).toBeNull();
  free.bytes = 0;
  tell(new StoreUnavailable("the database cannot be written: database or disk is full"));
  expect(disk.problem).toContain("disk is full");
  expect(existsSync(ballast)).toBe(false);
  free.bytes = 3 * MB;
  clock.move(60_000);
  expect(disk.problem, "the ballast's own room is not room").not.toBeNull();
  free.bytes = 100 * MB;
  clock.move(5_000);
  expect(disk.problem).toBeNull();
  expect(existsSync(ballast)).toBe(true);
  disk.close();
  tell(new StoreUnavailable("again"));
  expect(disk.problem).toBeNull();
});

test("no ballast is made where there is no room for it, or where none is wanted", () => {
  using directory = temporary();
  const clock = new VirtualClock();
  const { store } = openTrouble();
  const options = { store, directory: directory.path, clock, log: openLog() };
  openDisk({ ...options, ballastBytes: 2 * MB, freeBytes: () => 3 * MB }).close();
  openDisk({ ...options, ballastBytes: 0 }).close();
  expect(existsSync(join(directory.path, "ballast"))).toBe(false);
});

test("pressure goes up with rows and with bytes, and down again", async () => {
  const clock = new VirtualClock();
  await using store = await openSqlite(":memory:", clock);
  const state = { problem: null as string | null };
  const problem = () => state.problem;
  const pressure = openPressure({ store, clock, rowsMax: 20, bytesMax: 1000, problem });
  const now = async () => {
    clock.move(1_000);
    pressure();
    await settled();
    return pressure();
  };
  expect(await now()).toBe("ok");
  const fill = (from: number, to: number) =>
    store.enqueue(
      Array.from({ length: to - from }, (_, index) =>
        item(`k${from + index}`, events["timer-fired"]),
      ),
      1,
    );
  await fill(0, 15);
  expect(await now()).toBe("ok");
  await fill(15, 16);
  // Not fresh: the last answer stands.
  expect(pressure()).toBe("ok");
  expect(await now()).toBe("high");
  await fill(16, 19);
  expect(await now()).toBe("full");
  for (let row = 0; row < 10; row++) {
    const [taken] = await store.takeInbox({ now: 1, limit: 1, busy: new Set() });
    await store.buryInbox(taken?.seq ?? 0, "x");
  }
  expect(await now()).toBe("ok");
  await store.accept([{ guid: "g", name: "issues", body: "ä".repeat(425), receivedAt: 1 }]);
  expect(await now()).toBe("high");
  await store.reject("g", "read");
  expect(await now()).toBe("ok");
  state.problem = "disk full";
  expect(pressure()).toBe("full");
});

async function chained(rows: number, damage: string | null) {
  const clock = new VirtualClock();
  const sqlite = new Database(":memory:");
  const store = storeOver(await databaseOver(sqlite), clock);
  for (let row = 0; row < rows; row++)
    await put(store, { ...new Play().label().it, startedAt: row });
  if (damage !== null) sqlite.exec(damage);
  const broken: ChainBroken[] = [];
  const check = openChainCheck({ store, clock, onBroken: (error) => broken.push(error) });
  const steps = async () => {
    let count = 0;
    for (; check.state.kind === "checking" && count < 20; count++) {
      await settled();
      clock.move(0);
    }
    return count;
  };
  const dispose = async () => {
    check.close();
    await store.close();
  };
  return { check, broken, steps, [Symbol.asyncDispose]: dispose };
}

test("the audit trail is checked in steps, with room for others in between", async () => {
  await using at = await chained(450, null);
  expect(await at.steps()).toBeGreaterThanOrEqual(3);
  expect(at.check.state).toEqual({ kind: "whole", rows: 450 });
  expect(at.broken).toEqual([]);
  await at.check.over;
});

test("a damaged row ends the check, and says which and what to do", async () => {
  await using at = await chained(250, "update event set facts = '[]' where seq = 220");
  await at.steps();
  await at.check.over;
  expect(at.broken.map(({ message }) => message)).toEqual([
    "the database is damaged: row 220 of the audit trail: the row is not what was written; stop the server and restore a backup: orcha restore <data directory>/backups/…",
  ]);
  expect(at.check.state.kind).toBe("broken");
});

/**
 * Goal: a process that is killed forgets nothing of what it spent of GitHub's limits.
 * Method: two pacings in a row over the same records, on a clock moved by hand; what both let go together is counted.
 */
import { expect, test } from "vitest";
import { APP, CONTENT, READ, type Cost } from "../../src/github/cost.ts";
import { BLOCK_MS, openLedger, type LedgerStore } from "../../src/github/ledger.ts";
import { Limits } from "../../src/github/limits.ts";
import { openPacing, type Pacing } from "../../src/github/pacing.ts";
import { handClock, type HandClock } from "./clock.ts";

const MINUTE_MS = 60_000;
const limits = Limits.parse({ writeGapMs: 0 });

interface Life {
  readonly clock: HandClock;
  readonly written: Map<string, string>;
}

/** A process: it knows what is on disk, and nothing else. */
const open = ({ clock, written }: Life): Pacing =>
  openPacing({ limits, clock, ledger: openLedger(storeOn(written), clock) });

const storeOn = (written: Map<string, string>): LedgerStore => ({
  read: async (key) => written.get(key) ?? null,
  write: async (key, value) => void written.set(key, value),
});

/** Calls at `times` times, a step apart; as many as may go. */
async function spend(
  { clock }: Life,
  pacing: Pacing,
  cost: Cost,
  { times, stepMs = 10 }: { readonly times: number; readonly stepMs?: number },
): Promise<number> {
  let went = 0;
  for (let n = 0; n < times; n += 1) {
    const turn = pacing.turn(1, cost, 0, 0);
    await moment();
    if ((await turn).waitMs === 0) went += 1;
    clock.advance(stepMs);
  }
  return went;
}

/** A reservation is a few promises. */
async function moment(): Promise<void> {
  for (let tick = 0; tick < 10; tick += 1) await Promise.resolve();
}

const newLife = (): Life => ({ clock: handClock(Date.UTC(2026, 0, 5)), written: new Map() });

test("what was spent before a kill counts after it, and no more than a block is lost", async () => {
  const life = newLife();
  const before = await spend(life, open(life), CONTENT, { times: 200 });
  expect(before).toBe(80);
  const early = newLife();
  const some = await spend(early, open(early), CONTENT, { times: 60 });
  const rest = await spend(early, open(early), CONTENT, { times: 400 });
  expect(some + rest).toBeLessThanOrEqual(80);
  expect(some + rest).toBeGreaterThanOrEqual(80 - 2 * 5);
});

test("killed after every few calls, a minute never sees more than GitHub allows", async () => {
  const life = newLife();
  let content = 0;
  let reads = 0;
  for (let kills = 0; kills < 40; kills += 1) {
    const pacing = open(life);
    content += await spend(life, pacing, CONTENT, { times: 4 });
    reads += await spend(life, pacing, READ, { times: 30 });
  }
  expect(life.clock.now()).toBeLessThan(Date.UTC(2026, 0, 5) + MINUTE_MS);
  expect(content).toBeLessThanOrEqual(limits.contentPerMinute);
  expect(content).toBeGreaterThan(limits.contentPerMinute / 3);
  expect(content * 5 + reads).toBeLessThanOrEqual(limits.pointsPerMinute);
});

test("after a minute the points are there again, after an hour the content", async () => {
  const life = newLife();
  await spend(life, open(life), CONTENT, { times: 200 });
  life.clock.advance(MINUTE_MS + BLOCK_MS);
  expect(await spend(life, open(life), CONTENT, { times: 100 })).toBe(80);
  let hour = 160;
  for (let minutes = 0; minutes < 20; minutes += 1) {
    life.clock.advance(MINUTE_MS + BLOCK_MS);
    hour += await spend(life, open(life), CONTENT, { times: 100 });
  }
  expect(hour).toBeLessThanOrEqual(limits.contentPerHour);
  expect(hour).toBeGreaterThan(limits.contentPerHour - 100);
  life.clock.advance(60 * MINUTE_MS);
  expect(await spend(life, open(life), CONTENT, { times: 100 })).toBe(80);
  expect(life.written.get("1")?.length).toBeLessThan(10_000);
});

test("what GitHub asked for is kept over a restart", async () => {
  const life = newLife();
  const pacing = open(life);
  await spend(life, pacing, READ, { times: 1 });
  pacing.limited(1, 90_000);
  await moment();
  const next = open(life);
  expect(await spend(life, next, READ, { times: 1, stepMs: 0 })).toBe(0);
  expect(next.budget(1).pausedMs).toBeGreaterThan(80_000);
  life.clock.advance(90_000);
  expect(await spend(life, next, READ, { times: 1 })).toBe(1);
});

test("a record that cannot be read or written holds nobody up for good", async () => {
  const life = newLife();
  life.written.set("1", "no record of ours");
  expect(await spend(life, open(life), READ, { times: 1 })).toBe(1);
  let fails = true;
  const store: LedgerStore = {
    ...storeOn(life.written),
    write: async () => {
      if (fails) throw new Error("the disk is full");
    },
  };
  const pacing = openPacing({ limits, clock: life.clock, ledger: openLedger(store, life.clock) });
  expect(await spend(life, pacing, READ, { times: 3 })).toBe(0);
  fails = false;
  life.clock.advance(1_000);
  expect(await spend(life, pacing, READ, { times: 1 })).toBe(1);
});

test("the App itself has a lane of its own", async () => {
  const life = newLife();
  const pacing = open(life);
  await spend(life, pacing, READ, { times: 2_000, stepMs: 1 });
  const turn = pacing.turn(APP, READ, 0, 0);
  await moment();
  expect(await turn).toEqual({ waitMs: 0 });
});

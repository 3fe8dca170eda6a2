/** GitHub's limits with GitHub's numbers, on a clock moved by hand. */
import { expect, test } from "vitest";
import { GITHUB_LIMITS, Limits } from "../../src/github/limits.ts";
import { CONTENT, READ, WRITE, type Cost } from "../../src/github/cost.ts";
import { openPacing } from "../../src/github/pacing.ts";
import { handClock, type HandClock } from "./clock.ts";

const MINUTE_MS = 60_000;

function open(limits = GITHUB_LIMITS) {
  const clock = handClock(0);
  return { clock, pacing: openPacing({ limits, clock }) };
}

/** How many calls go in `durationMs` when somebody asks as soon as it is allowed. */
function count({ clock, pacing }: ReturnType<typeof open>, cost: Cost, durationMs: number): number {
  const end = clock.now() + durationMs;
  let calls = 0;
  for (let rounds = 0; rounds < 100_000 && clock.now() < end; rounds += 1) {
    const { waitMs } = pacing.take(1, cost, 3);
    if (waitMs === 0) calls += 1;
    else clock.advance(waitMs);
  }
  return calls;
}

test("writes keep a second between them, content 80 a minute and 500 an hour, points 900 a minute", () => {
  expect(count(open(), WRITE, MINUTE_MS)).toBe(60);
  expect(count(open(), CONTENT, MINUTE_MS)).toBe(60);
  const noGap = Limits.parse({ writeGapMs: 0 });
  expect(count(open(noGap), CONTENT, MINUTE_MS)).toBe(80);
  expect(count(open(noGap), WRITE, MINUTE_MS)).toBe(180);
  expect(count(open(noGap), READ, MINUTE_MS)).toBe(900);
  expect(count(open(), CONTENT, 60 * MINUTE_MS)).toBe(500);
});

test("a call that GitHub hears of late counts when it is heard", () => {
  const clock = handClock(0);
  const noGap = Limits.parse({ writeGapMs: 0 });
  const flightMs = 10_000;
  const pacing = openPacing({ limits: noGap, clock, flightMs });
  for (let calls = 0; calls < 80; calls += 1)
    expect(pacing.take(1, CONTENT, 3)).toEqual({ waitMs: 0 });
  clock.advance(MINUTE_MS);
  // The last of them may have arrived ten seconds after it was sent.
  expect(pacing.take(1, CONTENT, 3)).toEqual({ waitMs: flightMs });
  clock.advance(flightMs);
  expect(pacing.take(1, CONTENT, 3)).toEqual({ waitMs: 0 });
});

test("a refused try costs nothing, installations do not wait for each other", () => {
  const { pacing } = open();
  expect(pacing.take(1, WRITE, 3)).toEqual({ waitMs: 0 });
  for (let tries = 0; tries < 1_000; tries += 1)
    expect(pacing.take(1, WRITE, 3)).toEqual({ waitMs: 1_000 });
  expect(pacing.take(2, WRITE, 3)).toEqual({ waitMs: 0 });
  expect(pacing.take(1, READ, 0)).toEqual({ waitMs: 0 });
});

test("those who wait are served by priority, then in order", async () => {
  const { clock, pacing } = open();
  pacing.take(1, WRITE, 3);
  const order: string[] = [];
  const wait = (name: string, priority: number) =>
    pacing.turn(1, CONTENT, priority, 10_000).then(({ waitMs }) => order.push(`${name} ${waitMs}`));
  const all = [wait("status", 4), wait("result", 3), wait("question", 1), wait("second", 3)];
  await step(clock, 4, 1_000);
  await Promise.all(all);
  expect(order).toEqual(["question 0", "result 0", "second 0", "status 0"]);
});

test("nobody waits longer than their patience, and nobody pushes in", async () => {
  const { clock, pacing } = open();
  pacing.limited(1, 30_000);
  expect(await pacing.turn(1, CONTENT, 1, 5_000)).toEqual({ waitMs: 30_000 });
  const patient = pacing.turn(1, CONTENT, 3, 60_000);
  expect(pacing.take(1, WRITE, 4).waitMs).toBeGreaterThan(0);
  expect(pacing.take(1, READ, 0)).toEqual({ waitMs: 30_000 });
  clock.advance(30_000);
  expect(await patient).toEqual({ waitMs: 0 });
});

test("an exhausted primary limit stops until its reset, and no header can stop for longer than an hour", () => {
  const { clock, pacing } = open();
  pacing.observe(1, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "120" });
  expect(pacing.take(1, READ, 0)).toEqual({ waitMs: 120_000 });
  clock.advance(120_000);
  expect(pacing.take(1, READ, 0)).toEqual({ waitMs: 0 });
  pacing.observe(1, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "99999999999" });
  expect(pacing.take(1, READ, 0)).toEqual({ waitMs: 60 * MINUTE_MS });
  pacing.observe(2, { "x-ratelimit-remaining": "1", "x-ratelimit-reset": "99999999999" });
  expect(pacing.take(2, READ, 0)).toEqual({ waitMs: 0 });
});

test("a clock that jumps back does not stop anything for long", () => {
  const { clock, pacing } = open();
  clock.advance(10 * MINUTE_MS);
  pacing.take(1, CONTENT, 3);
  clock.advance(-5 * MINUTE_MS);
  expect(pacing.take(1, CONTENT, 3).waitMs).toBeLessThanOrEqual(1_000);
});

test("each time GitHub says that it is too much the pause doubles, until a call went well", () => {
  const { clock, pacing } = open();
  const waits: number[] = [];
  for (let times = 0; times < 4; times += 1) {
    pacing.limited(1, times === 0 ? 5_000 : null);
    // What was under way at the same time is told the same.
    pacing.limited(1, null);
    waits.push(pacing.budget(1).pausedMs);
    clock.advance(waits.at(-1) ?? 0);
  }
  expect(waits).toEqual([60_000, 120_000, 240_000, 480_000]);
  pacing.went(1);
  pacing.limited(1, 30_000);
  expect(pacing.budget(1).pausedMs).toBe(30_000);
});

test("what is left of the hour's requests is what GitHub said last", () => {
  const { pacing } = open();
  expect(pacing.budget(1)).toEqual({ share: 1, pausedMs: 0 });
  pacing.observe(1, { "x-ratelimit-remaining": "1000", "x-ratelimit-limit": "5000" });
  expect(pacing.budget(1).share).toBe(0.2);
  const graphql = { "x-ratelimit-resource": "graphql", "x-ratelimit-limit": "5000" };
  pacing.observe(1, { ...graphql, "x-ratelimit-remaining": "4000" });
  expect(pacing.budget(1).share).toBe(0.2);
});

test("an exhausted limit ends by GitHub's clock, and setting ours neither shortens nor lengthens a pause", () => {
  const clock = handClock(0);
  let elapsed = 0;
  const pacing = openPacing({ limits: GITHUB_LIMITS, clock, elapsed: () => elapsed });
  const date = new Date(1_000_000_000_000).toUTCString();
  const reset = String(1_000_000_090);
  pacing.observe(1, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset, date });
  expect(pacing.budget(1).pausedMs).toBe(90_000);
  for (const jumpMs of [24 * 60 * MINUTE_MS, -48 * 60 * MINUTE_MS]) {
    clock.advance(jumpMs);
    expect(pacing.take(1, READ, 0)).toEqual({ waitMs: 90_000 });
  }
  elapsed += 90_000;
  expect(pacing.take(1, READ, 0)).toEqual({ waitMs: 0 });
  // Nor does it give the windows of the secondary limits back.
  const noGap = openPacing({
    limits: Limits.parse({ writeGapMs: 0 }),
    clock,
    elapsed: () => elapsed,
  });
  for (let calls = 0; calls < 80; calls += 1) noGap.take(1, CONTENT, 3);
  clock.advance(24 * 60 * MINUTE_MS);
  expect(noGap.take(1, CONTENT, 3).waitMs).toBe(MINUTE_MS);
});

async function step(clock: HandClock, times: number, ms: number): Promise<void> {
  for (let done = 0; done < times; done += 1) {
    clock.advance(ms);
    await Promise.resolve();
  }
}

/** GitHub's limits with GitHub's numbers, on a clock moved by hand. */
import { expect, test } from "vitest";
import { GITHUB_LIMITS, Limits } from "../../src/github/limits.ts";
import { CONTENT, openPacing, READ, WRITE, type Cost } from "../../src/github/pacing.ts";
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
  pacing.pause(1, 30_000);
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

async function step(clock: HandClock, times: number, ms: number): Promise<void> {
  for (let done = 0; done < times; done += 1) {
    clock.advance(ms);
    await Promise.resolve();
  }
}

/** GitHub is down: nothing but one small question now and then, and no try is used up. */
import { expect, test } from "vitest";
import { openBreaker } from "../../src/github/breaker.ts";
import { handClock } from "./clock.ts";

const down = { kind: "unavailable", status: null } as const;

function open() {
  const clock = handClock(0);
  const said: boolean[] = [];
  const github = { up: false, asked: 0 };
  const breaker = openBreaker({
    clock,
    probe: async () => {
      github.asked += 1;
      if (!github.up) throw new Error("down");
    },
    onChange: (up) => said.push(up),
  });
  return { clock, said, github, breaker };
}

const settled = async (): Promise<void> => {
  for (let turns = 0; turns < 5; turns += 1) await Promise.resolve();
};

test("five failures in a row, then a question every 15 seconds until GitHub answers", async () => {
  const { clock, said, github, breaker } = open();
  for (let failures = 0; failures < 4; failures += 1) breaker.failed(down);
  breaker.answered();
  for (let failures = 0; failures < 4; failures += 1) breaker.failed({ ...down, status: 502 });
  expect(breaker.waitMs()).toBeNull();
  breaker.failed(down);
  expect(breaker.waitMs()).toBe(16_000);
  clock.advance(9_000);
  expect(breaker.waitMs(), "together with everybody else").toBe(7_000);
  clock.advance(6_000);
  await settled();
  expect(breaker.waitMs()).toBe(16_000);
  expect(() => breaker.check()).toThrow("GitHub does not answer");
  // What was under way at the same time fails too, and asks nothing more often.
  breaker.failed(down);
  for (let minutes = 0; minutes < 60 * 4 - 1; minutes += 1) {
    clock.advance(15_000);
    await settled();
  }
  expect(github.asked).toBe(240);
  expect(clock.pending).toBe(1);
  github.up = true;
  clock.advance(15_000);
  await settled();
  expect(breaker.waitMs()).toBeNull();
  expect(said).toEqual([false, true]);
  expect(clock.pending).toBe(0);
});

test("a refusal is an answer: GitHub is up", () => {
  const { breaker } = open();
  for (let failures = 0; failures < 4; failures += 1) breaker.failed(down);
  breaker.failed({ kind: "denied", status: 403 });
  breaker.failed(down);
  expect(breaker.waitMs()).toBeNull();
});

test("closed, it asks no more", async () => {
  const { clock, github, breaker } = open();
  for (let failures = 0; failures < 5; failures += 1) breaker.failed(down);
  breaker.close();
  clock.advance(60_000);
  await settled();
  expect(github.asked).toBe(0);
});

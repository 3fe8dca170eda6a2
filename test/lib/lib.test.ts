import { expect, test } from "vitest";
import { backoffMs } from "../../src/lib/backoff.ts";

test("the waiting time doubles, from the first to the most", () => {
  expect([1, 2, 3, 4].map((tries) => backoffMs(tries))).toEqual([500, 1000, 2000, 4000]);
  expect([0, -1, 100, 1e9].map((tries) => backoffMs(tries))).toEqual([500, 500, 300_000, 300_000]);
  expect(backoffMs(3, { firstMs: 50, mostMs: 150 })).toBe(150);
});

/**
 * The bounded part of the simulation: a few seeds, those that once failed, and what becomes of webhooks. The long part
 * is `npm run sim`.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { run } from "./run.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own file
const kept = JSON.parse(readFileSync(new URL("seeds.json", import.meta.url), "utf8")) as string[];

const told = (report: Awaited<ReturnType<typeof run>>): string =>
  report.violation === null
    ? ""
    : `${report.violation.invariant}: ${report.violation.detail}\n${report.trace.split("\n").slice(-40).join("\n")}`;

test("the same seed gives the same trace", async () => {
  const options = { seed: "twice", hours: 2, pace: 1 };
  const [one, other] = [await run(options), await run(options)];
  expect(one.hash).toBe(other.hash);
  expect(one.faults.length).toBeGreaterThan(0);
  expect((await run({ ...options, seed: "another" })).hash).not.toBe(one.hash);
});

describe("whatever goes wrong, no invariant is violated, and everything comes to its end", () => {
  test.for(["1", "2", "3"])("seed %s", async (seed) => {
    expect(told(await run({ seed: `test-${seed}`, hours: 6, pace: 1 }))).toBe("");
  });

  test.for(kept)("seed %s, which failed once", async (seed) => {
    expect(told(await run({ seed }))).toBe("");
  });
});

describe("webhooks are only a hint", () => {
  const calm = { seed: "c1", kinds: [], hours: 18, pace: 1, untilOver: true } as const;

  const usual = run(calm);

  test.for([
    ["none arrives", { arrive: 0, copies: 1 }],
    ["half of them arrive", { arrive: 0.5, copies: 1 }],
    ["each comes three times", { arrive: 1, copies: 3 }],
  ] as const)("%s: the same final state", async ([, webhooks]) => {
    const report = await run({ ...calm, webhooks });
    expect(told(report)).toBe("");
    expect(report.final).toEqual((await usual).final);
  });

  test("without sweeps it is noticed that none arrives", async () => {
    const report = await run({ ...calm, sweeps: false, webhooks: { arrive: 0, copies: 1 } });
    expect(report.violation?.invariant).toBe(
      "1: every open issue labelled by somebody who may has an objective",
    );
  });

  test("and without sweeps everything is well when all arrive", async () => {
    expect(told(await run({ ...calm, sweeps: false }))).toBe("");
  });

  test("late, twice and out of order, among whatever else loses none of them: well without sweeps", async () => {
    const report = await run({ seed: "3", hours: 6, pace: 1, sweeps: false });
    expect(told(report)).toBe("");
    expect(report.faults.length).toBeGreaterThan(20);
  });
});

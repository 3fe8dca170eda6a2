/** Every benchmark runs, with small numbers, and says something. How fast it is, is no test's business. */
import { expect, test } from "vitest";
import { BENCHMARKS } from "../../bench/benchmarks.ts";
import { table } from "../../bench/table.ts";

test.for(Object.entries(BENCHMARKS))("%s", async ([, run]) => {
  const figures = await run({ quick: true });
  expect(figures.length).toBeGreaterThan(0);
  for (const { what, ours, ratio } of figures) {
    expect(ours, what).toMatch(/\d/u);
    expect(ratio ?? 1, what).toBeGreaterThan(0);
    expect(ours, what).not.toContain("NaN");
  }
  const lines = table(figures).split("\n");
  expect(lines).toHaveLength(figures.length + 2);
  expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
});

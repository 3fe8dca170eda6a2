/**
 * The simulation is only worth something if it finds mistakes: planted ones, by the seed that found each first. Those
 * that take many seeds are left to `npm run sim:bugs`.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { hunt, keptSeeds } from "./hunting.ts";
import { BUGS } from "./list.ts";

/** Tried besides the one that is kept: what a seed meets changes with the code. */
const OTHERS = 6;

test("there are at least twenty of them, and each has a name", () => {
  expect(BUGS.length).toBeGreaterThanOrEqual(20);
  expect(new Set(BUGS.map(({ name }) => name)).size).toBe(BUGS.length);
});

test("each still fits into the source, the rare ones, too", () => {
  const root = new URL("../../../", import.meta.url);
  const gone = BUGS.filter(
    ({ file, find }) => !readFileSync(new URL(file, root), "utf8").includes(find),
  );
  expect(gone.map(({ name }) => name)).toEqual([]);
});

test.concurrent.for(
  BUGS.filter(({ rare }) => rare !== true).map((bug) => [bug.name, bug] as const),
)("found: %s", async ([name, bug]) => {
  const seed = keptSeeds()[name];
  const found = await hunt(bug, seed === undefined ? [] : [seed], OTHERS);
  expect(found).not.toBeNull();
  // A bug that no longer fits into the source is not found, it is gone.
  expect(found?.invariant).not.toBe("it does not run");
});

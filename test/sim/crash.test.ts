/**
 * A crash at a few places of every story, evenly over it: all of them take a quarter of an hour. All places, and pairs,
 * are `npm run sim:crash`.
 */
import { describe, expect, test } from "vitest";
import { crashAt, placesOf } from "./crash.ts";
import { STORIES } from "./stories.ts";

/** Runs per story that the time of `npm test` allows. */
const RUNS = 2;

test("at least twelve stories", () => {
  expect(STORIES.length).toBeGreaterThanOrEqual(12);
});

describe("a crash anywhere changes nothing in the end", () => {
  test.for(STORIES.map((story) => [story.name, story] as const))("%s", async ([, story]) => {
    const { places, report } = await placesOf(story);
    expect(report.violation).toBeNull();
    const stride = Math.max(1, Math.ceil(places.length / RUNS));
    for (let at = STORIES.indexOf(story) % stride; at < places.length; at += stride)
      expect(await crashAt(story, [at], report)).toBeNull();
  });
});

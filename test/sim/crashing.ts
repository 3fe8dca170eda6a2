/**
 * A crash at every place of twelve stories: in each of ten runs at another tenth of them. Four more, each place in a run of
 * its own (ten minutes), and pairs of them are `npm run sim:crash`. In two files, for two workers.
 */
import { describe, expect, test } from "vitest";
import { crashEvery, placesOf } from "./crash.ts";
import { STORIES } from "./stories.ts";

/** Crashes have so many places between them. */
const STRIDE = 10;

const stories = STORIES.filter(({ long }) => long !== true);

export function crashTests(half: 0 | 1): void {
  test("at least twelve stories", () => {
    expect(stories.length).toBeGreaterThanOrEqual(12);
  });

  describe("a crash anywhere changes nothing in the end", () => {
    const own = stories.filter((_, index) => index % 2 === half);
    test.for(own.map((story) => [story.name, story] as const))("%s", async ([, story]) => {
      const { places, report } = await placesOf(story);
      expect(report.violation).toBeNull();
      expect(places.length).toBeGreaterThan(STRIDE);
      for (let from = 0; from < STRIDE; from += 1)
        expect(await crashEvery(story, { from, stride: STRIDE }, report)).toBeNull();
    });
  });
}

/**
 * Goal: nothing is lost and nothing doubled when real processes are killed and the network does harm.
 * Method: the first half minute of `npm run chaos`: few objectives of every shape, every kind of harm, the same judges.
 */
import { expect, test } from "vitest";
import { runChaos } from "./run.ts";
import { SHAPES } from "./wishes.ts";

test(
  "a short chaos: nothing lost, nothing doubled, nothing refused, nothing left",
  { timeout: 240_000 },
  async () => {
    const report = await runChaos({
      seed: "in the tests",
      harmMs: 20_000,
      // A call whose relay was killed is given up with its turn, after a minute.
      settleMs: 120_000,
      objectives: SHAPES.length + 1,
      atOnce: SHAPES.length + 1,
      installations: 8,
      slots: 4,
      limits: {
        writeGapMs: 50,
        contentPerMinute: 60,
        contentPerHour: 2_000,
        pointsPerMinute: 9_000,
      },
      killEveryMs: 1_200,
      share: 0.25,
    });
    const { wrong, figures, directory } = report;
    expect(wrong, `see ${directory}`).toEqual([]);
    expect(figures["kills"]).toBeGreaterThan(3);
    expect(figures["network faults"]).toBeGreaterThan(3);
    expect(figures["pull requests"]).toBeGreaterThan(3);
  },
);

/**
 * A failing run with as few faults as possible (ddmin, Zeller and Hildebrandt 2002, on the numbers of the faults):
 * what is left is what it takes.
 */
import { run, type Report } from "./run.ts";
import type { RunOptions } from "./scene.ts";

const RUNS_MAX = 60;
const TIME_MAX_MS = 90_000;

export async function shrink(options: RunOptions, failed: Report): Promise<Report> {
  const wanted = failed.violation?.invariant;
  let best = failed;
  let without = new Set<number>(options.without);
  let runs = 0;
  const began = performance.now();
  const goesOn = (): boolean => runs < RUNS_MAX && performance.now() - began < TIME_MAX_MS;
  for (let size = Math.ceil(failed.faults.length / 2); size >= 1 && goesOn();) {
    let shrunk = false;
    const numbers = best.faults.map(({ n }) => n);
    for (let at = 0; at < numbers.length && goesOn(); at += size) {
      const trial = new Set([...without, ...numbers.slice(at, at + size)]);
      runs += 1;
      const report = await run({ ...options, without: trial });
      if (report.violation?.invariant !== wanted || report.faults.length >= best.faults.length)
        continue;
      best = report;
      without = trial;
      shrunk = true;
      break;
    }
    if (!shrunk) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return best;
}

/**
 * `ORCHA_SIM_BUG=NAME node --import plant.ts hunt.ts [SEED…]`: runs seeds until the planted bug is noticed; prints what was
 * noticed as JSON. First the seeds given, then others. Exit 1: not noticed.
 */
import process from "node:process";
import { swarm, type FaultKind } from "../faults.ts";
import { openRandom } from "../random.ts";
import { run } from "../run.ts";
import { BUGS, type Bug } from "./list.ts";

const SEEDS_MAX = Number(process.env["ORCHA_SIM_SEEDS"] ?? "60");

const bug = BUGS.find(({ name }) => name === process.env["ORCHA_SIM_BUG"]);
if (bug === undefined) throw new TypeError("no such bug");
const seeds = [
  ...process.argv.slice(2),
  ...Array.from({ length: SEEDS_MAX }, (_, n) => `bug-${n}`),
];
process.exitCode = 1;
for (const seed of new Set(seeds)) {
  const report = await run({
    seed,
    kinds: kindsOf(bug, seed),
    often: bug.needs,
    hours: 5,
    pace: 1,
    ...(bug.sweeps === undefined ? {} : { sweeps: bug.sweeps }),
    ...(bug.webhooks === undefined ? {} : { webhooks: bug.webhooks }),
  }).catch((error: unknown) => ({
    violation: { invariant: "0: it runs", detail: String(error) },
  }));
  if (report.violation === null) continue;
  process.stdout.write(`${JSON.stringify({ seed, ...report.violation })}\n`);
  process.exitCode = 0;
  break;
}

/** Every other seed has nothing but what the bug needs; the rest also what a swarm brings, but what ends whole stories. */
function kindsOf({ needs, but = [] }: Bug, seed: string): readonly FaultKind[] {
  if (/[02468]$/u.test(seed)) return needs;
  const others = swarm(openRandom(seed)).filter(
    (kind) => !/uninstalled|deleted|transferred/u.test(kind),
  );
  return [...new Set([...others, ...needs])].filter((kind) => !but.includes(kind));
}

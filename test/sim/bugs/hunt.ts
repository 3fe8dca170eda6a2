/**
 * `ORCHA_SIM_BUG=NAME node --import plant.ts hunt.ts [SEED…]`: runs seeds until the planted bug is noticed; prints what was
 * noticed as JSON. First the seeds given, then others. Exit 1: not noticed.
 */
import process from "node:process";
import { swarm } from "../faults.ts";
import { openRandom } from "../random.ts";
import { run } from "../run.ts";
import { BUGS } from "./list.ts";

const SEEDS_MAX = Number(process.env["ORCHA_SIM_SEEDS"] ?? "60");

const bug = BUGS.find(({ name }) => name === process.env["ORCHA_SIM_BUG"]);
if (bug === undefined) throw new TypeError("no such bug");
const seeds = [
  ...process.argv.slice(2),
  ...Array.from({ length: SEEDS_MAX }, (_, n) => `bug-${n}`),
];
process.exitCode = 1;
for (const seed of seeds) {
  // Without what takes whole stories away.
  const but = new Set(bug.but);
  const others = swarm(openRandom(seed)).filter(
    (kind) => !/uninstalled|deleted|transferred/u.test(kind),
  );
  const report = await run({
    seed,
    kinds: [...new Set([...others, ...bug.needs])].filter((kind) => !but.has(kind)),
    often: bug.needs,
    hours: 6,
    pace: 1,
    ...(bug.sweeps === undefined ? {} : { sweeps: bug.sweeps }),
    ...(bug.webhooks === undefined ? {} : { webhooks: bug.webhooks }),
  }).catch((error: unknown) => ({ violation: { invariant: "0: it runs", detail: String(error) } }));
  if (report.violation === null) continue;
  process.stdout.write(`${JSON.stringify({ seed, ...report.violation })}\n`);
  process.exitCode = 0;
  break;
}

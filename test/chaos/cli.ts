/**
 * `npm run chaos -- [--minutes 10] [--seed S] [--objectives N] [--ssh] [--stream]`: the long run. Prints what it did and exits with 1 when
 * anything was lost, doubled, refused, different or left; the directory with all records is kept then. `--ssh`: the only runner is on a machine over SSH,
 * whose server and connections are killed, too. `--stream`: agents that write all the time, for what is compared byte by byte.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { runChaos } from "./run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now()) },
    objectives: { type: "string", default: "5000" },
    installations: { type: "string", default: "8" },
    slots: { type: "string", default: "12" },
    "at-once": { type: "string", default: "60" },
    ssh: { type: "boolean", default: false },
    stream: { type: "boolean", default: false },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

say(`seed ${values.seed}`);
const report = await runChaos({
  seed: values.seed,
  harmMs: Number(values.minutes) * 60_000,
  settleMs: 5 * 60_000,
  objectives: Number(values.objectives),
  atOnce: Number(values["at-once"]),
  installations: Number(values.installations),
  slots: Number(values.slots),
  ssh: values.ssh,
  stream: values.stream,
  limits: { writeGapMs: 100, contentPerMinute: 40, contentPerHour: 2_000, pointsPerMinute: 9_000 },
  killEveryMs: 5_000,
  share: 0.25,
  onProgress: say,
});
for (const [name, value] of Object.entries(report.figures)) say(`${name.padEnd(36)} ${value}`);
if (report.wrong.length > 0) {
  for (const line of report.wrong) say(`WRONG ${line}`);
  say(`records: ${report.directory}`);
  say(
    `again: npm run chaos -- --minutes ${values.minutes} --seed ${report.seed}${values.ssh ? " --ssh" : ""}${values.stream ? " --stream" : ""}`,
  );
  process.exitCode = 1;
}

/**
 * `npm run sim -- [--seeds N] [--from N] [--seed S] [--hours H] [--no-sweeps] [--workers N] [--keep]`: many runs on
 * all cores, or one, with its trace. Exit 1 when an invariant was violated.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { run, type Report } from "./run.ts";
import { shrink } from "./shrink.ts";

interface Task {
  readonly seeds: readonly string[];
  /** Index of the seed to take next, shared by all workers. */
  readonly next: SharedArrayBuffer;
  readonly options: { readonly hours?: number; readonly sweeps?: boolean };
}

const KEPT = new URL("seeds.json", import.meta.url);
const DAY_MS = 86_400_000;

if (isMainThread) await main();
else await work();

/** Takes one seed after the other: they differ in length by far. */
async function work(): Promise<void> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- given by `main`
  const { seeds, options, next } = workerData as Task;
  const taken = new Int32Array(next);
  for (;;) {
    const seed = seeds[Atomics.add(taken, 0, 1)];
    if (seed === undefined) return;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage(await run({ seed, ...options }));
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "100" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      hours: { type: "string" },
      "no-sweeps": { type: "boolean", default: false },
      workers: { type: "string", default: String(availableParallelism()) },
      keep: { type: "boolean", default: false },
    },
  });
  const options = {
    ...(values.hours === undefined ? {} : { hours: Number(values.hours) }),
    ...(values["no-sweeps"] ? { sweeps: false } : {}),
  };
  if (values.seed !== undefined) return one(values.seed, options);
  const seeds = Array.from({ length: Number(values.seeds) }, (_, n) =>
    String(Number(values.from) + n),
  );
  const began = performance.now();
  const reports = await all(seeds, options, Number(values.workers));
  const minutes = (performance.now() - began) / 60_000;
  print(reports, minutes, Number(values.workers));
  const failed = reports.filter(({ violation }) => violation !== null);
  for (const report of failed.slice(0, 30))
    say(`seed ${report.seed}: ${report.violation?.invariant}: ${report.violation?.detail}`);
  const [first] = failed;
  if (first === undefined) return undefined;
  if (values.keep) keep(failed.map(({ seed }) => seed));
  await explain(first, options);
  process.exitCode = 1;
}

async function one(seed: string, options: Task["options"]): Promise<void> {
  const report = await run({ seed, ...options });
  say(report.trace);
  say(
    `seed ${seed}: ${report.objectives} objectives, ${report.faults.length} faults, ${report.lives} lives, ${report.steps} steps`,
  );
  say(`trace ${report.hash}`);
  if (report.violation === null) return;
  await explain(report, options);
  process.exitCode = 1;
}

async function explain(report: Report, options: Task["options"]): Promise<void> {
  const small = await shrink({ seed: report.seed, ...options }, report);
  say(`\nseed ${report.seed}, commit ${commit()}, violated ${small.violation?.invariant}`);
  say(small.violation?.detail ?? "");
  say(small.trace.split("\n").slice(-60).join("\n"));
  say(
    `with ${small.faults.length} of ${report.faults.length} faults: ${small.faults.map(({ n, kind }) => `${n} ${kind}`).join(", ")}`,
  );
  say(`again: npm run sim -- --seed ${report.seed}`);
}

function all(
  seeds: readonly string[],
  options: Task["options"],
  workers: number,
): Promise<readonly Report[]> {
  const reports: Report[] = [];
  const task: Task = { seeds, options, next: new SharedArrayBuffer(4) };
  return new Promise((resolve, reject) => {
    let running = workers;
    for (let n = 0; n < workers; n += 1) {
      const worker = new Worker(new URL(import.meta.url), { workerData: task });
      worker.on("message", (report: Report) => reports.push(report));
      worker.on("error", reject);
      worker.on("exit", () => {
        running -= 1;
        if (running === 0) resolve(reports);
      });
    }
  });
}

function print(reports: readonly Report[], minutes: number, workers: number): void {
  const sum = (of: (report: Report) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const days = sum(({ simulatedMs }) => simulatedMs) / DAY_MS;
  const kinds = new Set(reports.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
  const rows = {
    seeds: reports.length,
    "simulated days": days.toFixed(0),
    "simulated days per minute and core": (days / minutes / workers).toFixed(0),
    objectives: sum(({ objectives }) => objectives),
    "writes to GitHub": sum(({ writes }) => writes),
    crashes: sum(({ lives }) => lives - 1),
    faults: sum(({ faults }) => faults.length),
    "kinds of faults": kinds.size,
    violations: reports.filter(({ violation }) => violation !== null).length,
  };
  for (const [name, value] of Object.entries(rows)) say(`${name.padEnd(36)} ${value}`);
}

function keep(seeds: readonly string[]): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own file
  const kept = JSON.parse(readFileSync(KEPT, "utf8")) as readonly string[];
  writeFileSync(KEPT, `${JSON.stringify([...new Set([...kept, ...seeds])], null, 2)}\n`);
}

function commit(): string {
  return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

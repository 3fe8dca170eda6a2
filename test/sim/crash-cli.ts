/**
 * `npm run sim:crash -- [--pairs N] [STORY…]`: every story with a crash at each of its places; with `--pairs`, at N pairs of
 * them per story besides, spread evenly. On all cores. Exit 1 when something was lost, doubled or different.
 */
import { availableParallelism } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { crashAt, placesOf, type CrashFailure } from "./crash.ts";
import { STORIES } from "./stories.ts";

interface Task {
  readonly story: string;
  readonly crashes: readonly (readonly number[])[];
}

if (isMainThread) await main();
else await work();

async function work(): Promise<void> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- given by `main`
  const { story: name, crashes } = workerData as Task;
  const story = STORIES.find((one) => one.name === name);
  if (story === undefined) return;
  const { report } = await placesOf(story);
  for (const at of crashes)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage(await crashAt(story, at, report));
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { pairs: { type: "string", default: "0" } },
  });
  let [runs, failures] = [0, 0];
  for (const story of STORIES) {
    if (positionals.length > 0 && !positionals.some((part) => story.name.includes(part))) continue;
    const began = performance.now();
    const { places } = await placesOf(story);
    const singles = places.map((_, n) => [n]);
    const crashes = [...singles, ...pairs(places.length, Number(values.pairs))];
    const failed = await all(story.name, crashes);
    runs += crashes.length;
    failures += failed.length;
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    say(
      `${story.name}: ${places.length} places, ${crashes.length} runs, ${failed.length} failures (${seconds} s)`,
    );
    for (const { at, violation } of failed.slice(0, 5))
      say(
        `  crash at ${at.join(" and ")}: ${violation.invariant}: ${violation.detail.slice(0, 500)}`,
      );
  }
  say(`${runs} runs with a crash, ${failures} failures`);
  process.exitCode = failures === 0 ? 0 : 1;
}

/** Pairs spread evenly over all there are. */
function pairs(places: number, wanted: number): readonly (readonly number[])[] {
  const count = (places * (places - 1)) / 2;
  const stride = wanted === 0 ? Infinity : Math.max(1, count / wanted);
  const found: (readonly number[])[] = [];
  for (let index = 0; index < count && found.length < wanted; index += stride) {
    // The index-th pair (a, b) with a < b, counted row by row.
    let [a, rest] = [0, Math.floor(index)];
    while (rest >= places - 1 - a) {
      rest -= places - 1 - a;
      a += 1;
    }
    found.push([a, a + 1 + rest]);
  }
  return found;
}

function all(story: string, crashes: Task["crashes"]): Promise<readonly CrashFailure[]> {
  const workers = availableParallelism();
  const failed: CrashFailure[] = [];
  return new Promise((resolve, reject) => {
    let running = workers;
    for (let n = 0; n < workers; n += 1) {
      const task: Task = { story, crashes: crashes.filter((_, at) => at % workers === n) };
      const worker = new Worker(new URL(import.meta.url), { workerData: task });
      worker.on(
        "message",
        (failure: CrashFailure | null) => failure !== null && failed.push(failure),
      );
      worker.on("error", reject);
      worker.on("exit", () => {
        running -= 1;
        if (running === 0) resolve(failed);
      });
    }
  });
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

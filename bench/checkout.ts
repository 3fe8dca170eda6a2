/**
 * A checkout of a repository with many files from a warm mirror, as a session gets it, alone and ten at once; beside
 * it `git clone --depth 1` over HTTP and `cp -r` of the files, alone and ten at once as well.
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { RunnerWorld } from "../test/runners/world.ts";
import { startAgent } from "./agents.ts";
import { createRepository, openHub, removed, REPOSITORY } from "./hub.ts";
import {
  interleaved,
  median,
  pick,
  ratios,
  short,
  spreadOf,
  timed,
  type Scale,
} from "./measure.ts";
import { openDirectory } from "./programs.ts";
import type { Figure } from "./table.ts";

const run = promisify(execFile);
const TOGETHER = 10;

export async function checkout(scale: Scale): Promise<readonly Figure[]> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(openDirectory());
  const files = pick(scale, 20_000, 20);
  const from = createRepository(directory.path, files);
  const hub = stack.use(await openHub({ from }));
  const url = `${hub.emulator.url}/${REPOSITORY}.git`;
  const runner = stack.use(await RunnerWorld.open());
  let count = 0;
  const place = (): string => join(directory.path, `copy-${++count}`);
  const ours = (): Promise<void> => prepare(runner, url, files);
  const clone = async (): Promise<string> => {
    const path = place();
    await run("git", ["clone", "--quiet", "--depth", "1", url, path]);
    return path;
  };
  const copy = async (): Promise<string> => {
    const path = place();
    await run("cp", ["-r", join(from, "src"), path]);
    return path;
  };
  // The first one makes the mirror.
  await ours();
  const figures: Figure[] = [];
  // Few rounds: each makes and removes up to 600,000 files.
  for (const together of pick(scale, [1, TOGETHER], [2])) {
    const all = (work: () => Promise<unknown>) => () =>
      timed(() => Promise.all(Array.from({ length: together }, work)));
    const clean = (measure: () => Promise<number>) => async () => {
      const ms = await measure();
      for (const name of readdirSync(directory.path).filter((entry) => entry.startsWith("copy-")))
        removed(join(directory.path, name));
      removed(join(runner.workRoot, "o__r"));
      return ms;
    };
    const values = await interleaved(pick(scale, together === 1 ? 3 : 1, 1), {
      ours: clean(all(ours)),
      clone: clean(all(clone)),
      copy: clean(all(copy)),
    });
    figures.push(...figuresOf(files, together, values));
  }
  return figures;
}

type Values = Readonly<Record<"ours" | "clone" | "copy", readonly number[]>>;

function figuresOf(
  files: number,
  together: number,
  { ours, clone, copy }: Values,
): readonly Figure[] {
  const figure = (
    against: string,
    theirs: readonly number[],
    rounds: readonly number[],
    aim: Figure["aim"],
  ): Figure => ({
    what: `checkout of ${files.toLocaleString("en")} files, warm mirror${together === 1 ? "" : `, ${together} at once`}`,
    ours: `${short(median(ours))} ms`,
    against: `${against}: ${short(median(theirs))} ms`,
    ratio: median(rounds),
    spread: spreadOf(rounds),
    aim,
  });
  return [
    figure("clone --depth 1, times faster", clone, ratios(clone, ours), { least: 5 }),
    figure("cp -r of the files", copy, ratios(ours, copy), { most: 1.5 }),
  ];
}

/** Until the agent, which ends at once, has been started. */
async function prepare(runner: RunnerWorld, url: string, files: number): Promise<void> {
  const session = runner.session();
  const { link } = runner;
  const spec = {
    ...runner.plain(session, ["true"]),
    workspace: runner.checkout(session, { url, branch: `orcha/${session}` }),
  };
  await startAgent(link, spec);
  const tree = join(runner.workRoot, spec.workspace.path, "src");
  if (!existsSync(tree)) throw new Error(`nothing of ${files} files was checked out`);
}

/**
 * From the label on an issue to the agent's first word in its fresh checkout: webhook, rules, checks at GitHub, slot,
 * credential, mirror, checkout, process. Beside it what nobody can do without: `git clone --depth 1` from the same
 * server, and starting the same agent.
 */
import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { ensureProgram } from "../src/fleet/program.ts";
import {
  createRepository,
  openHub,
  PERSON,
  removed,
  REPOSITORY,
  speaking,
  until,
  type Hub,
} from "./hub.ts";
import { interleaved, median, pick, ratios, short, spreadOf, type Scale } from "./measure.ts";
import { openDirectory } from "./programs.ts";
import { serve, type Serving } from "./serve.ts";
import type { Figure } from "./table.ts";

const AIM = { most: 1.5 };
const STEPS = JSON.stringify({ manager: [{ say: "Here." }, { wait: "nothing that ever comes" }] });

export async function start(scale: Scale): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const files of pick(scale, [1, 2_000], [1])) figures.push(...(await startIn(scale, files)));
  return figures;
}

async function startIn(scale: Scale, files: number): Promise<readonly Figure[]> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(openDirectory());
  const from = createRepository(directory.path, files);
  const hub = stack.use(await openHub({ from }));
  const serving = stack.use(await serve(hub, { directory: directory.path }));
  const { directory: program } = await ensureProgram({ dataDir: directory.path });
  const known = new Set<string>();
  const label = () => labelToWord(hub, serving, known);
  // The first start makes the mirror and the runner's daemon.
  await label();
  const values = await interleaved(pick(scale, 9, 1), {
    warm: label,
    cold: () => {
      removed(join(serving.directory, "work", "mirrors"));
      return label();
    },
    clone: () => cloneToWord(hub, directory.path, program),
  });
  const what = files === 1 ? "one file" : `${files.toLocaleString("en")} files`;
  const figure = (mirror: string, ours: readonly number[], aim: Figure["aim"]): Figure => ({
    what: `label → agent's first word, ${what}, ${mirror} mirror`,
    ours: `${short(median(ours))} ms`,
    against: `clone --depth 1 + the agent: ${short(median(values.clone))} ms`,
    ratio: median(ratios(ours, values.clone)),
    spread: spreadOf(ours),
    aim,
  });
  return [figure("warm", values.warm, AIM), figure("no", values.cold, null)];
}

/** Ms. The objective is canceled afterwards, and its processes are gone. */
async function labelToWord(
  { emulator: { world } }: Hub,
  { directory }: Serving,
  known: Set<string>,
): Promise<number> {
  const hands = world.as(PERSON);
  const body = `\`\`\`orcha-steps\n${STEPS}\n\`\`\`\n`;
  const { number } = hands.openIssue(REPOSITORY, { title: "Say something", body });
  const began = performance.now();
  hands.label(REPOSITORY, number, "objective");
  const attempt = await until("the agent's first word", () =>
    speaking(join(directory, "work"), known),
  );
  const ms = performance.now() - began;
  known.add(attempt);
  hands.unlabel(REPOSITORY, number, "objective");
  await until("the agent's end", () =>
    readFileSync(join(attempt, "journal.ndjson"), "utf8").includes('"exited"'),
  );
  return ms;
}

const run = promisify(execFile);
let clones = 0;

async function cloneToWord({ emulator }: Hub, directory: string, program: string): Promise<number> {
  const path = join(directory, `clone-${++clones}`);
  const state = `${path}-state`;
  const began = performance.now();
  await run("git", ["clone", "--quiet", "--depth", "1", `${emulator.url}/${REPOSITORY}.git`, path]);
  const agent = spawn(process.execPath, [join(program, "script-agent.mjs"), "--state", state], {
    cwd: path,
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(agent.stdout, "data");
  const ms = performance.now() - began;
  const ended = once(agent, "exit");
  agent.kill("SIGKILL");
  await ended;
  if (!existsSync(join(path, "README.md"))) throw new Error("nothing was cloned");
  removed(path);
  return ms;
}

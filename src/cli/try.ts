/** `orcha try "goal"`: the same product on a copy of a local repository, against the emulated GitHub. */
import { execa } from "execa";
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import process from "node:process";
import { openCatalog } from "../agents/catalog.ts";
import { openHub, type Hub } from "../demo/hub.ts";
import { isOver, openQuestions } from "../domain/objective.ts";
import { harmless } from "../lib/harmless.ts";
import { localConfig } from "./client.ts";
import { CliError, print } from "./output.ts";

export interface TryOptions {
  readonly repo: string;
  readonly agent: string;
  readonly steps?: string;
  readonly once?: boolean;
  readonly port: number;
}

export async function tryGoal(goal: string, options: TryOptions): Promise<void> {
  const body = bodyOf(goal, options);
  const { path, branch } = await repositoryAt(options.repo);
  const name = basename(path).replaceAll(/[^A-Za-z0-9._-]+/gu, "-");
  const person = "you";
  await using hub = await openHub({
    owner: "local",
    name,
    content: { from: path, branch },
    person,
    port: options.port,
    agent: options.agent,
    configFile: process.env["ORCHA_CONFIG"],
    say,
  });
  const { emulator, repository } = hub;
  const hands = emulator.world.as(person);
  const [title = goal] = goal.split("\n", 1);
  const { number } = hands.openIssue(repository, { title: title.slice(0, 200), body });
  hands.label(repository, number, "objective");
  say(`issue: ${emulator.url}/${repository}/issues/${number} (answer, review and merge there)`);
  if (options.once === true) await quiet(hub);
  else {
    print("Ctrl-C ends it.");
    await new Promise<void>((resolveIt) => process.once("SIGINT", () => resolveIt()));
  }
  const pulls = emulator.world.pulls(repository);
  for (const pull of pulls)
    say(`result: ${pull.headRef} → ${emulator.url}/${repository}/pull/${pull.issue.number}`);
  if (pulls.length === 0) say("no pull request came of it");
}

const say = (line: string): void =>
  print(`${new Date().toTimeString().slice(0, 8)}  ${harmless(line)}`);

/** Steps come from the goal's own block or from a file: the script agent cannot think of any. */
function bodyOf(goal: string, { agent: name, steps }: TryOptions): string {
  const catalog = openCatalog(localConfig().agents);
  const agent = catalog.named(name);
  if (agent === undefined)
    throw new CliError(
      `there is no agent "${name}"; there are: ${catalog.names.join(", ")} (\`agents\` in the file of ORCHA_CONFIG adds others)`,
      2,
    );
  if (agent.settings.driver !== "script") {
    if (steps !== undefined)
      throw new CliError(`--steps is for the script agent; ${name} thinks for itself`, 2);
    return goal;
  }
  if (steps !== undefined) return `${goal}\n\n\`\`\`orcha-steps\n${readSteps(steps)}\n\`\`\`\n`;
  if (!goal.includes("```orcha-steps"))
    throw new CliError(
      "the script agent needs its steps: give --steps FILE, or a goal with an ```orcha-steps block (docs/script-agent.md)",
      2,
    );
  return goal;
}

function readSteps(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new CliError(
      `cannot read ${path}: ${error instanceof Error ? error.message : "unknown failure"}`,
      2,
    );
  }
  try {
    JSON.parse(text);
  } catch (error) {
    throw new CliError(
      `${path} is not JSON: ${error instanceof Error ? error.message : "unknown failure"}`,
      2,
    );
  }
  return text.trim();
}

async function repositoryAt(
  given: string,
): Promise<{ readonly path: string; readonly branch: string }> {
  const directory = resolve(given);
  const git = (...args: readonly string[]) =>
    execa("git", ["-C", directory, ...args], { reject: false });
  const top = await git("rev-parse", "--show-toplevel");
  if (top.failed)
    throw new CliError(
      `${directory} is not a git repository (or git is missing): ${top.stderr ?? ""}`.trim(),
      2,
    );
  const head = await git("rev-parse", "--verify", "HEAD");
  if (head.failed) throw new CliError(`${directory} has no commit yet: make one first`, 2);
  const branch = await git("symbolic-ref", "--short", "HEAD");
  if (branch.failed) throw new CliError(`${directory} is on no branch: check one out first`, 2);
  return { path: top.stdout, branch: branch.stdout };
}

/** Resolves when the objective is over, or waits for a person and nothing else. */
function quiet({ orcha }: Hub): Promise<void> {
  const { promise, resolve: done } = Promise.withResolvers<void>();
  const look = async (): Promise<void> => {
    const [newest] = await orcha.store.objectives();
    if (newest === undefined) return;
    const { objective } = newest;
    const parked = objective.sessions.every(
      ({ state, push }) =>
        push === null &&
        !["queued", "starting", "running", "stopping", "waiting_limit"].includes(state.kind),
    );
    if (
      isOver(objective) ||
      (parked && (openQuestions(objective).length > 0 || objective.pullRequests.length > 0))
    )
      done();
  };
  const forget = orcha.store.onWork(() => void look());
  return promise.finally(forget);
}

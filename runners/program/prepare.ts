/** From a spec to a directory an agent can start in: checkout, agent files, setup commands. */
import { existsSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { JournalEntry } from "../../src/protocol/journal.ts";
import type { AttemptSpec } from "../../src/protocol/requests.ts";
import { createCheckout } from "./checkout.ts";
import { PrepareError, explainDisk, isDiskTrouble } from "./errors.ts";
import { exportHead } from "./export.ts";
import { makeDirectory, readIfThere, writeAtomic } from "./files.ts";
import type { Credential } from "./git.ts";
import type { Layout } from "./layout.ts";
import type { Mirrors } from "./mirror.ts";
import { type RunResult, baseEnv, run } from "./run.ts";
import { noteBase } from "./workspaces.ts";

/** Installing dependencies of a large project takes minutes; a hanging one must not hold a slot for ever. */
const SETUP_TIMEOUT_MS = 15 * 60_000;
const SETUP_OUTPUT_CHARACTERS = 2000;
/** In the reason, which people read in a comment. */
const SETUP_LINES = 10;

export interface Preparation {
  /** Of the attempt. */
  readonly directory: string;
  readonly spec: AttemptSpec;
  readonly credential: Credential | null;
  readonly layout: Layout;
  readonly mirrors: Mirrors;
  readonly signal: AbortSignal;
  /** Environment of the agent: setup commands run in the same one. */
  readonly env: Readonly<Record<string, string>>;
  readonly journal: (entry: JournalEntry) => void;
}

/** Throws PrepareError, for trouble with the disk too. */
export async function prepare(
  preparation: Preparation,
): Promise<Extract<JournalEntry, { kind: "prepared" }>> {
  try {
    return await prepareWorkspace(preparation);
  } catch (error) {
    if (error instanceof PrepareError || !isDiskTrouble(error)) throw error;
    const reason = explainDisk(error, preparation.layout.workRoot);
    throw new PrepareError("workspace", reason, true, { cause: error });
  }
}

async function prepareWorkspace(
  preparation: Preparation,
): Promise<Extract<JournalEntry, { kind: "prepared" }>> {
  const { spec, layout, credential, signal, mirrors } = preparation;
  const { workspace } = spec;
  const path = layout.below(workspace.path);
  if (workspace.kind === "reuse") return reuse(preparation, path, workspace.base);

  const home = join(layout.sessions, "home");
  makeDirectory(home);
  mkdirSync(join(layout.workRoot, "mirrors"), { recursive: true, mode: 0o700 });
  const mirror = mirrorPath(layout, workspace.mirror);
  const by = { home, signal };
  claim(preparation.directory, path);
  try {
    const request = { spec: workspace, path, mirror, credential };
    const { base, notes } = await createCheckout(by, mirrors, request);
    noteBase(layout, workspace.path, base);
    for (const command of workspace.setup) await setUp(preparation, path, command);
    return { kind: "prepared", path, base, head: base, ...(notes.length > 0 ? { notes } : {}) };
  } catch (error) {
    discardCheckout(preparation.directory);
    throw error;
  }
}

/** Deletes what this attempt has begun to check out. Only while no agent was there: then it is disk space and no work. */
export function discardCheckout(directory: string): void {
  const path = readIfThere(join(directory, "checkout"));
  if (path !== undefined) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

/**
 * Takes the path for this attempt, once and for all: whatever is there from now on, this attempt made.
 * What somebody else made may be work that is published nowhere, so it is never overwritten.
 */
function claim(directory: string, path: string): void {
  const mark = join(directory, "checkout");
  if (readIfThere(mark) === path) return;
  if (existsSync(path))
    throw new PrepareError(
      "workspace",
      `there is something at ${path} already that this attempt did not make`,
      false,
    );
  writeAtomic(mark, path);
}

/** Mirrors may live below `mirrors/`, where no checkout may. */
function mirrorPath(layout: Layout, relative: string): string {
  return relative.startsWith("mirrors/") ? join(layout.workRoot, relative) : layout.below(relative);
}

async function reuse(
  { layout, signal }: Preparation,
  path: string,
  base: string,
): Promise<Extract<JournalEntry, { kind: "prepared" }>> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new PrepareError("workspace", `the checkout ${path} is not there any more`, false);
  const head = await exportHead({ path, home: join(layout.sessions, "home"), signal });
  return { kind: "prepared", path, base, head: head ?? base };
}

/** Setup commands come from the repository's default branch, but what they run may come from anywhere. */
async function setUp(
  { env, signal, journal }: Preparation,
  cwd: string,
  command: string,
): Promise<void> {
  const result = await run("sh", ["-c", `exec 2>&1\n${command}`], {
    cwd,
    env: { ...baseEnv(env["HOME"] ?? cwd), ...env },
    timeoutMs: SETUP_TIMEOUT_MS,
    signal,
    // Installing dependencies may say a lot: only its end is of interest.
    stdoutTailBytes: 4 * SETUP_OUTPUT_CHARACTERS,
  });
  const output = result.stdout.toString("utf8").slice(-SETUP_OUTPUT_CHARACTERS);
  if (result.kind === "aborted") throw new PrepareError("setup", "stopped", true);
  journal({ kind: "setup-ran", command, code: result.code, output });
  if (result.kind === "exited" && result.code === 0) return;
  const last = output.trim().split("\n").slice(-SETUP_LINES).join(" / ");
  const shown = command.length > 200 ? `${command.slice(0, 200)}…` : command;
  const full = /No space left on device|ENOSPC/u.test(output);
  const meaning = full ? " (the disk of the runner is full: free some space)" : "";
  const reason = `setup command \`${shown}\` ${endOf(result)}${meaning}: ${last || "it said nothing"}`;
  throw new PrepareError("setup", reason, full);
}

function endOf({ kind, code }: RunResult): string {
  if (kind === "timed-out") return `did not end within ${SETUP_TIMEOUT_MS / 60_000} minutes`;
  if (kind === "not-started") return "could not be started";
  return code === null ? "was killed" : `ended with code ${code}`;
}

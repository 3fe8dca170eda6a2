/** What exactly is started: placeholders filled in, environment built from nothing, files written. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import type { AttemptSpec } from "../../src/protocol/requests.ts";
import { PrepareError } from "./errors.ts";
import { makeDirectory, writeBelow } from "./files.ts";
import type { Layout } from "./layout.ts";

export interface Launch {
  readonly spec: AttemptSpec;
  readonly workspace: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Writes the spec's files into the session's state directory. */
  writeFiles(): void;
}

/** Without these no program finds its way; a spec may set them differently. */
const ALWAYS_INHERITED = ["PATH", "LANG", "TZ", "TMPDIR"];

/** Throws PrepareError stage `spawn` when the agent's program is not there. */
export function launchOf(
  { layout, program }: { readonly layout: Layout; readonly program: string },
  spec: AttemptSpec,
): Launch {
  const state = layout.state(spec.session);
  makeDirectory(state);
  const workspace = layout.below(spec.workspace.path);
  const values: Readonly<Record<string, string>> = {
    node: process.execPath,
    program,
    state,
    workspace,
    relay: join(program, "relay.mjs"),
    socket: layout.toolSocket(spec.session, spec.attempt),
  };
  const fill = (text: string): string =>
    text.replaceAll(
      /\{(node|program|state|workspace|relay|socket)\}/gu,
      (all, name: string) => values[name] ?? all,
    );

  const env: Record<string, string> = {};
  for (const name of [...ALWAYS_INHERITED, ...spec.agent.inherit]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  env["HOME"] ??= state;
  for (const [name, value] of Object.entries(identity)) env[name] = value;
  for (const [name, value] of Object.entries(spec.agent.env)) env[name] = fill(value);
  // Last: nothing may hide a process from the sweep.
  env["ORCHA_SESSION"] = spec.session;
  env["ORCHA_ATTEMPT"] = String(spec.attempt);

  const command = spec.agent.command.map(fill);
  checkProgram(command[0] ?? "", env["PATH"] ?? "");
  return {
    spec,
    workspace,
    command,
    env,
    writeFiles() {
      for (const file of spec.agent.files)
        writeBelow(state, file.path, Buffer.from(fill(file.content)));
    },
  };
}

/** Who commits, unless the spec says otherwise. The environment, because a checkout's configuration is the agent's. */
const identity: Readonly<Record<string, string>> = {
  GIT_AUTHOR_NAME: "orcha",
  GIT_AUTHOR_EMAIL: "orcha@users.noreply.github.com",
  GIT_COMMITTER_NAME: "orcha",
  GIT_COMMITTER_EMAIL: "orcha@users.noreply.github.com",
  GIT_TERMINAL_PROMPT: "0",
  // Where git-lfs is set up for the user: an agent has no credential to download with, and each checkout would fail.
  GIT_LFS_SKIP_SMUDGE: "1",
};

function checkProgram(name: string, path: string): void {
  const candidates = name.includes("/")
    ? [name]
    : path.split(delimiter).map((directory) => join(directory, name));
  if (candidates.some(isExecutable)) return;
  const where = name.includes("/") ? "" : ` in the runner's PATH (${path})`;
  throw new PrepareError(
    "spawn",
    `the agent's program ${name} was not found${where}: install it on the runner`,
    false,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there or not ours to run: the next candidate may be.
    return false;
  }
}

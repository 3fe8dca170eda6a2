/** One attempt of a real program, as the runner would start it: agent host, dialect, driver; without runner and control plane. */
import { execFileSync, spawn, type ChildProcessByStdio } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import {
  encodeMessage,
  type AgentDriver,
  type Finding,
  type LaunchSpec,
} from "../../../src/agents/driver.ts";
import { driverNamed } from "../../../src/agents/registry.ts";
import { bundleProgram, writeProgram } from "../../../src/fleet/program.ts";
import { processesOf } from "../../helpers/processes.ts";
import { startModel, type ModelServer } from "../model/server.ts";
import type { ProgramName } from "./programs.ts";
import { settingOf, type Setting } from "./setting.ts";

const WAIT_MS = 30_000;
const SESSION = "ses_0123456789abcdef0123";
const program = join(tmpdir(), "orcha-test-agent-host");

export interface Bench extends AsyncDisposable {
  readonly model: ModelServer;
  readonly workspace: string;
  readonly setting: Setting;
  start(options?: StartOptions): Attempt;
}

export interface StartOptions {
  readonly conversation?: string | null;
  readonly profile?: "read-only" | "edit" | "edit+network" | "full";
  readonly env?: Readonly<Record<string, string>>;
}

export interface Attempt {
  readonly findings: readonly Finding[];
  readonly lines: readonly string[];
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  say(id: string, text: string): void;
  /** The first finding from `from` on that this is true of. */
  until(what: string, is: (finding: Finding) => boolean, from?: number): Promise<Finding>;
  /** End of its input. */
  finish(): void;
  /** SIGKILL to every process of the attempt. */
  kill(): void;
}

/** A workspace, a HOME and a model server for attempts of one program. */
export async function openBench(name: ProgramName): Promise<Bench> {
  const directory = mkdtempSync(join(tmpdir(), "orcha-agent-"));
  writeProgram(await bundleProgram(), program);
  const model = await startModel(join(directory, "model.sock"));
  const setting = settingOf(name, { directory, socket: join(directory, "model.sock") });
  const workspace = join(directory, "workspace");
  mkdirSync(workspace);
  execFileSync("git", ["init", "--quiet", workspace]);
  let attempt = 0;
  const mark = `ORCHA_BENCH=${directory}`;
  return {
    model,
    workspace,
    setting,
    start: (options = {}) => {
      attempt += 1;
      return startAttempt({ name, directory, workspace, setting, attempt, options });
    },
    async [Symbol.asyncDispose]() {
      for (const pid of processesOf(mark)) killOne(pid);
      await model[Symbol.asyncDispose]();
      if (process.env["ORCHA_TEST_KEEP"] === undefined)
        rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

interface Place {
  readonly name: ProgramName;
  readonly directory: string;
  readonly workspace: string;
  readonly setting: Setting;
  readonly attempt: number;
  readonly options: StartOptions;
}

function startAttempt(place: Place): Attempt {
  const { name, directory, setting } = place;
  const driver = driverNamed(setting.settings.driver);
  if (driver === undefined) throw new Error(`there is no driver ${name}`);
  const child = spawnAttempt(driver, place);
  const findings: Finding[] = [];
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let reducing = driver.initial();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    const { state: next, findings: found } = driver.reduce(reducing, line);
    reducing = next;
    findings.push(...found);
    for (const look of waiting) look();
  });
  return {
    findings,
    lines,
    exited: new Promise((resolve) =>
      child.once("close", (code, signal) => resolve({ code, signal })),
    ),
    say: (id, text) => void child.stdin.write(`${encodeMessage({ id, text })}\n`),
    until: (what, is, from = 0) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(
            new Error(
              `no ${what} within ${WAIT_MS} ms; the last lines:\n${lines
                .slice(-8)
                .map((line) => line.slice(0, 300))
                .join("\n")}`,
            ),
          );
        }, WAIT_MS);
        const look = (): void => {
          const found = findings.slice(from).find(is);
          if (found === undefined) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    finish: () => void child.stdin.end(),
    kill() {
      for (const pid of processesOf(`ORCHA_BENCH=${directory}`)) killOne(pid);
    },
  };
}

const IDENTITY = {
  GIT_AUTHOR_NAME: "orcha",
  GIT_AUTHOR_EMAIL: "orcha@example.com",
  GIT_COMMITTER_NAME: "orcha",
  GIT_COMMITTER_EMAIL: "orcha@example.com",
};

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** As runners/program/launch.ts does it. */
function spawnAttempt(driver: AgentDriver, place: Place): Child {
  const { directory, workspace, setting, attempt, options } = place;
  const settings = { ...setting.settings, profile: options.profile ?? "full" };
  const { conversation = null } = options;
  const spec: LaunchSpec = { session: SESSION, attempt, role: "worker", conversation, settings };
  const launch = driver.launch(spec);
  const state = join(directory, "state");
  const values: Readonly<Record<string, string>> = {
    node: process.execPath,
    program,
    state,
    workspace,
    relay: join(import.meta.dirname, "tools.ts"),
    socket: "-",
    random: "0123456789abcdef",
  };
  const fill = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/gu, (all, key: string) => values[key] ?? all);
  for (const { path, content } of launch.files) {
    mkdirSync(dirname(join(state, path)), { recursive: true });
    writeFileSync(join(state, path), fill(content));
  }
  const env = Object.fromEntries(
    Object.entries({ ...launch.env, ...options.env }).map(([key, value]) => [key, fill(value)]),
  );
  const [file = "", ...args] = launch.command.map(fill);
  return spawn(file, args, {
    cwd: workspace,
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"],
      LANG: "C.UTF-8",
      ...IDENTITY,
      ...env,
      ORCHA_BENCH: directory,
    },
  });
}

function killOne(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone by itself.
  }
}

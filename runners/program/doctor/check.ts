/** What all checks have in common: what they know of the machine, their limit, running a program, finding one. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { DoctorCheck } from "../../../src/protocol/requests.ts";
import { type RunResult, baseEnv, run } from "../run.ts";

export interface Machine {
  readonly workRoot: string;
  readonly runtimeDir: string;
  /** Of the daemon: agents inherit from it what their spec names. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly user: string;
  /** Ms since 1970, when the request came. */
  readonly now: number;
  /** Longest time of one check. */
  readonly limitMs: number;
  /** Is there exactly where systemd runs the machine. */
  readonly systemdMark: string;
}

export type Finding = Pick<DoctorCheck, "ok" | "found" | "fix"> & {
  /** Only where it depends on what was found. */
  readonly required?: boolean;
};

export interface Named {
  readonly name: string;
  readonly required: boolean;
  find(): Promise<Finding> | Finding;
}

/** The check's line, after `limitMs` at the latest. An error of the check is a finding, too. */
export async function limited(check: Named, limitMs: number): Promise<DoctorCheck> {
  const { name, required } = check;
  const late = new AbortController();
  const slow = async (): Promise<Finding> => {
    await delay(limitMs, undefined, { signal: late.signal });
    return bad(`no answer in ${limitMs / 1000} s`, `find out what hangs when checking ${name}`);
  };
  try {
    const { ok, found, fix, ...own } = await Promise.race([look(check), slow()]);
    return { name, ok, required: own.required ?? required, found, fix };
  } finally {
    late.abort();
  }
}

async function look(check: Named): Promise<Finding> {
  try {
    return await check.find();
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return bad(found, `look why checking ${check.name} fails`);
  }
}

export const good = (found: string): Finding => ({ ok: true, found, fix: "" });
export const bad = (found: string, fix: string): Finding => ({ ok: false, found, fix });

/** Runs a program to its end, with the home of the runner's user and less than the check's own time. */
export function runIn(
  { workRoot, env, home, limitMs }: Machine,
  command: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  const { PATH } = env;
  return run(command, args, {
    cwd: workRoot,
    env: { ...baseEnv(home), ...(PATH === undefined ? {} : { PATH }), ...more },
    timeoutMs: limitMs * 0.75,
    stdoutBytesMax: 256 * 1024,
  });
}

/** Absolute path of a program, or undefined. */
export async function which({ env }: Machine, command: string): Promise<string | undefined> {
  if (isAbsolute(command)) return (await isProgram(command)) ? command : undefined;
  if (command.includes("/")) return undefined;
  for (const directory of (env["PATH"] ?? "").split(delimiter)) {
    const path = join(directory, command);
    if (isAbsolute(path) && (await isProgram(path))) return path;
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    // Not there or not ours to run: there may be another one.
    return false;
  }
}

/** What a program says about itself, short and printable; empty when it says nothing. */
export function versionIn(output: string): string {
  const number = /\d+(?:\.\d+)+[\w.+-]{0,30}/u.exec(output)?.[0];
  return number ?? firstLine(output).slice(0, 60);
}

function firstLine(text: string): string {
  const line = text.split("\n").find((one) => one.trim() !== "") ?? "";
  return line.replaceAll(/\p{C}/gu, "").trim().slice(0, 200);
}

/** Why a program gave nothing to go by. */
export function trouble(result: RunResult, limitMs: number): string {
  if (result.kind === "timed-out") return `no answer in ${(limitMs * 0.75) / 1000} s`;
  const said = firstLine(result.stderr) || firstLine(result.stdout.toString("utf8"));
  if (result.kind !== "exited") return said === "" ? result.kind : said;
  return `ended with code ${result.code}${said === "" ? "" : `: ${said}`}`;
}

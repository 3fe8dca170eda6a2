/**
 * Every process of one run, found through /proc by the run's own directory: in its arguments, its environment or its
 * working directory. Nothing else is ever touched.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import process from "node:process";

export type ProcessKind =
  | "serve"
  | "daemon"
  | "keeper"
  | "feed"
  | "agent"
  | "relay"
  | "git"
  | "other";

export interface FoundProcess {
  readonly pid: number;
  readonly group: number;
  readonly kind: ProcessKind;
  /** Null for what belongs to no attempt. */
  readonly session: string | null;
  readonly attempt: number | null;
}

export const processesIn = (directory: string): readonly FoundProcess[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .flatMap((pid) => look(pid, directory) ?? []);

function look(pid: number, directory: string): FoundProcess | undefined {
  const words = read(pid, "cmdline").split("\0");
  const environment = read(pid, "environ").split("\0");
  const belongs =
    [...words, ...environment].some((text) => text.includes(directory)) ||
    workingDirectory(pid).startsWith(directory);
  // The state follows the name in brackets, which may hold anything.
  const stat = read(pid, "stat");
  const [state = "Z", , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (!belongs || state === "Z" || state === "X") return undefined;
  const value = (name: string): string | null =>
    environment.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;
  const attempt = value("ORCHA_ATTEMPT");
  return {
    pid,
    group: Number(group),
    kind: kindOf(words),
    session: value("ORCHA_SESSION"),
    attempt: attempt === null ? null : Number(attempt),
  };
}

function kindOf(words: readonly string[]): ProcessKind {
  const [program = "", first = "", second = ""] = words;
  const name = basename(program);
  if (words.includes("orcha-keeper")) return "keeper";
  if (name === "tail") return "feed";
  if (name.startsWith("git")) return "git";
  if (first.endsWith("orcha.mjs") && second === "serve") return "serve";
  // The daemon gives itself a name; for a moment it has none yet.
  if (name === "orcha-runner" || first.endsWith("orcha-runner.mjs")) return "daemon";
  if (first.endsWith("script-agent.mjs")) return "agent";
  return first.endsWith("relay.mjs") ? "relay" : "other";
}

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // Gone meanwhile, or somebody else's.
    return "";
  }
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    // The same.
    return "";
  }
}

/** A process that is gone already is as good. A negative pid is a group. */
export function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    // Gone by itself.
    return false;
  }
}

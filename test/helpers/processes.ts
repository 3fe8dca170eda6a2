/** Finds processes by their environment or command line, as the product does (Linux). */
import { readdirSync, readFileSync } from "node:fs";

/** Pids of all processes that were started with `NAME=value` in their environment. */
export const processesOf = (variable: string): readonly number[] =>
  pids().filter((pid) => words(pid, "environ").includes(variable));

/** Pids of all processes with this argument. */
export const processesWith = (argument: string): readonly number[] =>
  pids().filter((pid) => words(pid, "cmdline").includes(argument));

const pids = (): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .map(Number);

function words(pid: number, file: "environ" | "cmdline"): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0");
  } catch {
    // Gone meanwhile, or somebody else's.
    return [];
  }
}

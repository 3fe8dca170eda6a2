/** Finds processes by their environment, as the product does (Linux). */
import { readdirSync, readFileSync } from "node:fs";

/** Pids of all processes that were started with `NAME=value` in their environment. */
export const processesOf = (variable: string): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .filter((pid) => environmentOf(pid).includes(variable))
    .map(Number);

function environmentOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // Gone meanwhile, or somebody else's.
    return [];
  }
}

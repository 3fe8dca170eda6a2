/**
 * Looking at and ending processes through /proc. Never by a bare pid from a file: a pid is believed only
 * together with a start time and boot id, or with our mark in the environment.
 */
import { readFileSync, readdirSync } from "node:fs";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

/** Rounds of a sweep: a fork bomb may win a few of them, not all. */
const SWEEP_ROUNDS_MAX = 200;

export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
}

/** Changes with every boot of the machine. Empty where there is no /proc. */
export function bootId(): string {
  return read("/proc/sys/kernel/random/boot_id").trim();
}

/** Is exactly this process still there (and not a zombie)? */
export function isAlive({ pid, startTime, bootId: boot }: ProcessIdentity): boolean {
  if (boot !== bootId()) return false;
  const stat = statOf(pid);
  return stat !== undefined && stat.startTime === startTime && stat.state !== "Z";
}

/** Every living process that carries `name=value` in its environment, whoever its parent is. */
export function marked(
  name: string,
  value: string,
): { readonly pid: number; readonly group: number }[] {
  const mark = `${name}=${value}`;
  const found: { pid: number; group: number }[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (!read(`/proc/${entry}/environ`).split("\0").includes(mark)) continue;
    const stat = statOf(pid);
    if (stat !== undefined && stat.state !== "Z") found.push({ pid, group: stat.group });
  }
  return found;
}

/** Sends the signal; a process that is gone already is fine. Negative pids are groups. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // ESRCH: gone already. EPERM: became another user's, nothing we may do.
  }
}

/**
 * Kills everything that carries `ORCHA_SESSION=<session>` but `except`, until nothing is left.
 * Returns false when something survived every round.
 */
export async function sweep(session: string, except: readonly number[] = []): Promise<boolean> {
  for (let round = 0; round < SWEEP_ROUNDS_MAX; round += 1) {
    const left = marked("ORCHA_SESSION", session).filter(({ pid }) => !except.includes(pid));
    if (left.length === 0) return true;
    for (const { pid } of left) signal(pid, "SIGKILL");
    await delay(5);
  }
  return false;
}

function statOf(
  pid: number,
): { readonly state: string; readonly group: number; readonly startTime: string } | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets and may hold anything, so count from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, , group] = fields;
  const startTime = fields[19];
  if (state === undefined || group === undefined || startTime === undefined) return undefined;
  return { state, group: Number(group), startTime };
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // The process ended between two looks, or is another user's.
    return "";
  }
}

/**
 * The keeper: a few lines of POSIX sh around one agent. Nothing of ours stands between the agent and its
 * files, so the daemon may die at any moment without the agent noticing.
 *
 *     in ──tail -f──▶ fifo ──▶ agent ──▶ out, err (append-only files), exit (status, renamed into place)
 *
 * Start is idempotent: `mkdir lock` succeeds once per attempt. Whoever else makes `lock` (a stop that came
 * first) keeps the agent from ever starting. The agent leads its own session, so the keeper outlives
 * signals to the agent's group. Liveness is pid + start time + boot id, written by the keeper itself; a
 * lock held by descendants would say less, because Node closes inherited descriptors in its children.
 */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { readIfThere } from "./files.ts";
import { systemCode } from "./errors.ts";
import { type ProcessIdentity, marked, signal } from "./processes.ts";

const SCRIPT = `
umask 077
cd "$1" || exit 70
mkdir lock 2>/dev/null || exit 0
started() { read -r stat < "/proc/$1/stat"; set -- \${stat##*) }; echo "\${20}"; }
mkfifo feed || exit 71
tail -c +1 -f in > feed 2>/dev/null &
tail=$!
echo "$tail" > tail.tmp && mv tail.tmp tail
echo "$$ $(started $$) $(cat /proc/sys/kernel/random/boot_id)" > keeper.tmp && mv keeper.tmp keeper
setsid sh -c '
  echo "$$" > agent.tmp && mv agent.tmp agent
  cd "$2" || exit 126
  shift 2
  exec "$@"
' orcha-agent "$@" < feed >> out 2>> err
echo "$?" > exit.tmp && mv exit.tmp exit
kill "$tail"
rm -f feed
`;

export interface KeeperOptions {
  /** Directory of the attempt; holds `in`, `out`, `err` already. */
  readonly directory: string;
  readonly workspace: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Starts the keeper, detached. Calling again, from another daemon too, starts nothing. */
export function launchKeeper({ directory, workspace, command, env }: KeeperOptions): void {
  const child = spawn("sh", ["-c", SCRIPT, "orcha-keeper", directory, workspace, ...command], {
    cwd: directory,
    env,
    detached: true,
    stdio: "ignore",
  });
  // Failures show in the files: no `keeper` within the deadline.
  child.on("error", () => {});
  child.unref();
}

/** Takes the lock for good: no keeper will start in this attempt. False when one has it already. */
export function preventKeeper(directory: string): boolean {
  try {
    mkdirSync(join(directory, "lock"));
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

export interface KeeperFiles {
  readonly keeper: ProcessIdentity | undefined;
  /** Pid and group of the agent. */
  readonly agent: number | undefined;
  /** Exit status as sh tells it: 128 + n = ended by signal n. */
  readonly exit: number | undefined;
}

export function readKeeper(directory: string): KeeperFiles {
  const [pid, startTime, boot] = (readIfThere(join(directory, "keeper")) ?? "").trim().split(" ");
  return {
    keeper:
      pid === undefined || startTime === undefined || boot === undefined
        ? undefined
        : { pid: Number(pid), startTime, bootId: boot },
    agent: numberIn(join(directory, "agent")),
    exit: numberIn(join(directory, "exit")),
  };
}

/** End of input for the agent: ends the `tail` that feeds it. */
export function endInput(directory: string, session: string): void {
  const tail = numberIn(join(directory, "tail"));
  if (tail === undefined) return;
  if (marked("ORCHA_SESSION", session).some(({ pid }) => pid === tail)) signal(tail, "SIGTERM");
}

function numberIn(path: string): number | undefined {
  const text = readIfThere(path)?.trim();
  return text === undefined || text === "" ? undefined : Number(text);
}

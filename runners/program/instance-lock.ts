/**
 * One daemon per work root and runtime directory. The lock is a `flock` held by a child that lives exactly
 * as long as the daemon: it reads from a pipe of ours, and the kernel closes that however we end.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

const FLOCK = "flock";

export interface InstanceLock {
  release(): void;
}

/** Resolves to null when another daemon holds one of the files. Throws when `flock` is missing. */
export function takeLock(paths: readonly string[]): Promise<InstanceLock | null> {
  for (const path of paths) closeSync(openSync(path, "a", 0o600));
  // Each flock starts the next one; the last command starts only with all of them held.
  const chain = paths.slice(1).flatMap((path) => [FLOCK, "-n", path]);
  const args = ["-n", paths[0] ?? "", ...chain, "sh", "-c", "echo locked; exec cat"];
  return new Promise((resolve, reject) => {
    const child = spawn(FLOCK, args, { stdio: ["pipe", "pipe", "ignore"], detached: true });
    child.once("error", (cause) => {
      reject(
        new Error("flock cannot be started: install util-linux or busybox on the runner", {
          cause,
        }),
      );
    });
    child.once("exit", () => resolve(null));
    child.stdin.on("error", () => {});
    child.stdout.once("data", () => {
      child.unref();
      resolve({ release: () => void child.stdin.end() });
    });
  });
}

/** Who writes it has the lock; between the two lie some milliseconds, in which it names the one before. */
const NAMED_MS = 100;
const LOOKS = 5;

/** Says in the lock's own file who holds it. */
export function nameHolder(path: string, runtimeDir: string): void {
  writeFileSync(path, `${process.pid} ${runtimeDir}\n`, { mode: 0o600 });
}

/**
 * The lock was taken: by a daemon with another runtime directory? Then it serves another runner, and nobody will ever
 * find it by ours. Undefined: it is one of ours, or says nothing.
 */
export async function otherHolder(
  path: string,
  runtimeDir: string,
): Promise<{ readonly pid: string; readonly runtimeDir: string } | undefined> {
  let held: { readonly pid: string; readonly runtimeDir: string } | undefined;
  for (let turn = 0; turn < LOOKS; turn += 1) {
    if (turn > 0) await delay(NAMED_MS);
    const [, pid, other] = /^(\d+) (.+)\n$/u.exec(readFileSync(path, "utf8")) ?? [];
    if (pid === undefined || other === undefined || other === runtimeDir) return undefined;
    held = { pid, runtimeDir: other };
  }
  return held;
}

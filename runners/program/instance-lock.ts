/**
 * One daemon per work root and runtime directory. The lock is a `flock` held by a child that lives exactly
 * as long as the daemon: it reads from a pipe of ours, and the kernel closes that however we end.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";

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

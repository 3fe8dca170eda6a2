/** The machine of a chaos run over SSH: a real sshd, where the server's only runner is, and what can happen to it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { defaultRuntimeDir } from "../../runners/program/runtime-dir.ts";
import { parseHostKey } from "../../src/fleet/ssh/host-key.ts";
import type { Random } from "../sim/random.ts";
import { Sshd } from "../ssh/sshd.ts";
import type { Act } from "./operators.ts";
import { kill } from "./processes.ts";

export interface Machine extends AsyncDisposable {
  readonly harms: readonly Act[];
  /** As a person at the keyboard does it; the server has to serve. */
  register(env: Readonly<Record<string, string>>, slots: number): Promise<void>;
}

const bin = new URL("../../bin/orcha.mjs", import.meta.url).pathname;
const TRIES = 5;

export async function openMachine(directory: string, random: Random): Promise<Machine> {
  // Below the run's directory, by which its processes are known.
  const sshd = await Sshd.start({ below: directory });
  const workRoot = join(directory, "work");
  sshd.runtimeDirs.add(defaultRuntimeDir(workRoot));
  let mending = Promise.resolve();
  const { user, host, port } = sshd.address;
  return {
    harms: [
      [
        "kill -9 of an SSH connection",
        8,
        () => {
          const connections = sshd.connections();
          const pid = connections[random.int(0, Math.max(0, connections.length - 1))];
          return pid !== undefined && kill(pid, "SIGKILL");
        },
      ],
      [
        "kill -9 of sshd and all its connections",
        4,
        () => {
          mending = mending.then(() => sshd.kill()).then(() => sshd.start());
          return true;
        },
      ],
    ],
    async register(env, slots) {
      const { fingerprint } = parseHostKey(sshd.hostKey);
      const login = ["--identity", sshd.identity, "--accept", fingerprint];
      const where = ["--work-root", workRoot, "--slots", String(slots)];
      let ran = await run(env, ["add", "far", `ssh://${user}@${host}:${port}`, ...login, ...where]);
      // The way to GitHub, which a machine has to have, is harmed from the beginning.
      for (let left = TRIES; ran.code !== 0 && left > 0; left -= 1)
        ran = await run(env, ["online", "far"]);
      if (ran.code !== 0) throw new Error(`the machine is not registered: ${ran.said}`);
    },
    async [Symbol.asyncDispose]() {
      await mending;
      await sshd[Symbol.asyncDispose]();
    },
  };
}

function run(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<{ readonly code: number; readonly said: string }> {
  const options = { env: { PATH: process.env["PATH"], ...env } };
  return promisify(execFile)(process.execPath, [bin, "runner", ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, said: stdout + stderr }),
    (error: { readonly stdout?: string; readonly stderr?: string }) => ({
      code: 1,
      said: `${error.stdout ?? ""}${error.stderr ?? "no answer"}`,
    }),
  );
}

/** The machine of a chaos run over SSH: a real sshd, where the server's only runner is, and what can happen to it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { defaultRuntimeDir } from "../../runners/program/runtime-dir.ts";
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
/** The server may be killed before it has answered. */
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
      const target = `ssh://${user}@${host}:${port}`;
      const accept = (await run(env, ["add", "far", target, "--identity", sshd.identity])).key;
      const where = ["--work-root", workRoot, "--slots", String(slots)];
      const add = ["add", "far", target, "--identity", sshd.identity, ...where];
      for (let left = TRIES; ; left -= 1) {
        const { code, said } = await run(env, [...add, "--accept", accept]);
        if (code === 0) return;
        if (left === 1) throw new Error(`the machine is not registered: ${said}`);
      }
    },
    async [Symbol.asyncDispose]() {
      await mending;
      await sshd[Symbol.asyncDispose]();
    },
  };
}

async function run(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<{ readonly code: number; readonly said: string; readonly key: string }> {
  const options = { env: { PATH: process.env["PATH"], ...env } };
  const { code, said } = await promisify(execFile)(
    process.execPath,
    [bin, "runner", ...args],
    options,
  ).then(
    ({ stdout, stderr }) => ({ code: 0, said: stdout + stderr }),
    (error: { readonly stdout?: string; readonly stderr?: string }) => ({
      code: 1,
      said: `${error.stdout ?? ""}${error.stderr ?? "no answer"}`,
    }),
  );
  return { code, said, key: /SHA256:\S+/u.exec(said)?.[0] ?? "" };
}

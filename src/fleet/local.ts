/**
 * Transport to the runner on this machine: the daemon's control socket. When nobody listens there, the runner
 * program is asked to see to it that somebody does (`orcha-runner ensure`).
 */
import { execFile } from "node:child_process";
import { type Socket, createConnection } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { daemonEnvironment } from "../lib/daemon-environment.ts";
import { saidBy } from "./said.ts";
import type { RunnerTransport } from "./transport.ts";

/** Longer than `ensure` itself takes at most: what it says is better than that it said nothing. */
const ENSURE_MS_MAX = 40_000;
const OUTPUT_BYTES_MAX = 64 * 1024;

export interface LocalOptions {
  readonly name: string;
  readonly workRoot: string;
  /** For sockets: short, 0700, one per runner. */
  readonly runtimeDir: string;
  /** Directory of orcha-runner.mjs. */
  readonly programDir: string;
  /** Node to run it with; default: the one we run on. */
  readonly node?: string;
  readonly idleExitMs?: number;
  readonly orphanAfterMs?: number;
}

export function openLocal(options: LocalOptions): RunnerTransport {
  const { name, workRoot, runtimeDir } = options;
  const socketPath = join(runtimeDir, "runner.sock");
  return {
    description: `${name} (this machine, ${workRoot})`,
    async connect(signal) {
      const existing = await tryConnect(socketPath);
      if (existing !== null) return existing;
      await ensure(options, signal);
      const started = await tryConnect(socketPath);
      if (started === null) throw new Error("the runner's daemon has ended right after its start");
      return started;
    },
    close: () => Promise.resolve(),
  };
}

/** Null when nobody listens there. */
function tryConnect(path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const failed = (error: NodeJS.ErrnoException): void => {
      if (["ENOENT", "ECONNREFUSED"].includes(error.code ?? "")) resolve(null);
      else reject(new Error(`cannot connect to ${path}: ${error.message}`, { cause: error }));
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      socket.off("error", failed);
      resolve(socket);
    });
  });
}

function ensure(options: LocalOptions, signal: AbortSignal | undefined): Promise<void> {
  const { workRoot, runtimeDir, programDir, node = process.execPath } = options;
  const args = ["--work-root", workRoot, "--runtime-dir", runtimeDir];
  if (options.idleExitMs !== undefined) args.push("--idle-exit-ms", String(options.idleExitMs));
  if (options.orphanAfterMs !== undefined)
    args.push("--orphan-after-ms", String(options.orphanAfterMs));
  const limits = { timeout: ENSURE_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX };
  const env = daemonEnvironment(process.env);
  return new Promise((resolve, reject) => {
    execFile(
      node,
      [join(programDir, "orcha-runner.mjs"), "ensure", ...args],
      signal === undefined ? { ...limits, env } : { ...limits, env, signal },
      (error, _, stderr) => {
        if (error === null) resolve();
        else reject(new Error(explain(error, stderr, node), { cause: error }));
      },
    );
  });
}

function explain(error: Error & { readonly code?: unknown }, stderr: string, node: string): string {
  const said = saidBy(stderr);
  if (typeof error.code === "number")
    return `the runner's daemon did not start: its program ended with code ${error.code}: ${said}`;
  if (error.code === "ENOENT" || error.code === "EACCES")
    return `the runner's daemon cannot be started with ${node}: ${error.message}`;
  return `the runner's daemon did not start: ${said === "" ? error.message : said}`;
}

/**
 * Transport to the runner on this machine: the daemon's control socket. When nobody listens there, the
 * daemon is started, detached, so that it outlives us. The daemon's own lock decides between several
 * starters: the losers end at once and everybody connects to the winner.
 */
import { spawn } from "node:child_process";
import {
  type FSWatcher,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  watch,
} from "node:fs";
import { type Socket, createConnection } from "node:net";
import { join } from "node:path";
import process from "node:process";
import type { RunnerTransport } from "./transport.ts";

/** A daemon starts in a tenth of a second; a machine may be very busy. */
const START_MS_MAX = 30_000;
const LOG_BYTES_MAX = 1024 * 1024;
/** All that the daemon gets of our environment: the App's key and the webhook's secret stand in it, and agents can read the daemon's. */
const INHERITED = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TZ",
  "TMPDIR",
  "XDG_RUNTIME_DIR",
  "XDG_CONFIG_HOME",
  "XDG_CACHE_HOME",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
  "NODE_EXTRA_CA_CERTS",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
];
/** How the daemon says that another one holds its lock (EX_TEMPFAIL). */
const EXIT_TAKEN = 75;

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
      return startAndConnect(options, socketPath, signal);
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

async function startAndConnect(
  options: LocalOptions,
  socketPath: string,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  mkdirSync(options.runtimeDir, { recursive: true, mode: 0o700 });
  const deadline = AbortSignal.timeout(START_MS_MAX);
  const ended = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  using changes = watchDirectory(options.runtimeDir);
  const log = join(options.runtimeDir, "daemon.log");
  const began = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  const said = (): string => saidSince(log, began);
  for (;;) {
    const daemon = startDaemon(options, log);
    // Until there is somebody to talk to, or this daemon has ended and another one may be tried.
    for (let exit: Exit | undefined; exit === undefined;) {
      const socket = await tryConnect(socketPath);
      if (socket !== null) return socket;
      if (ended.aborted)
        throw new Error(`the runner's daemon did not start: ${said()}`, { cause: ended.reason });
      exit = await Promise.race([changes.next(ended), daemon]);
    }
    const { code, problem } = await daemon;
    if (problem !== undefined) throw new Error(problem);
    if (code === EXIT_TAKEN) await changes.next(AbortSignal.any([ended, AbortSignal.timeout(100)]));
    else if (code !== 0) throw new Error(`the runner's daemon ended with code ${code}: ${said()}`);
  }
}

interface Exit {
  readonly code: number | null;
  /** Why it never ran. */
  readonly problem: string | undefined;
}

function startDaemon(options: LocalOptions, log: string): Promise<Exit> {
  const { workRoot, runtimeDir, programDir, node = process.execPath } = options;
  const tooLong = (statSync(log, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES_MAX;
  const fd = openSync(log, tooLong ? "w" : "a", 0o600);
  const args = ["--work-root", workRoot, "--runtime-dir", runtimeDir];
  if (options.idleExitMs !== undefined) args.push("--idle-exit-ms", String(options.idleExitMs));
  if (options.orphanAfterMs !== undefined)
    args.push("--orphan-after-ms", String(options.orphanAfterMs));
  const child = spawn(node, [join(programDir, "orcha-runner.mjs"), "daemon", ...args], {
    detached: true,
    stdio: ["ignore", fd, fd],
    env: Object.fromEntries(
      INHERITED.flatMap((name) =>
        process.env[name] === undefined ? [] : [[name, process.env[name]]],
      ),
    ),
  });
  child.unref();
  closeSync(fd);
  return new Promise((resolve) => {
    child.once("exit", (code) => resolve({ code, problem: undefined }));
    child.once("error", ({ message }) => {
      const problem = `the runner's daemon cannot be started with ${node}: ${message}`;
      resolve({ code: null, problem });
    });
  });
}

function watchDirectory(path: string): Disposable & {
  /** Resolves at the next change, or when the signal aborts. */
  next(signal: AbortSignal): Promise<undefined>;
} {
  let wake: (() => void) | undefined;
  const watcher: FSWatcher = watch(path, () => wake?.());
  return {
    next: (signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          resolve(undefined);
        };
        // Looking again is cheap, and a change may have come before we waited.
        const timer = setTimeout(done, 100);
        wake = done;
        signal.addEventListener("abort", done);
      }),
    [Symbol.dispose]: () => watcher.close(),
  };
}

/** What the daemon said since `from`, without the stack. */
function saidSince(path: string, from: number): string {
  const text = existsSync(path) ? readFileSync(path).toString("utf8", from) : "";
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !/^\s+at /u.test(line));
  return lines.length === 0 ? "it said nothing" : lines.slice(-8).join(" / ").slice(-1000);
}

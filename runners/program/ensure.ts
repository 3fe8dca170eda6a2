/**
 * `orcha-runner ensure`: somebody listens for this work root when this ends. A daemon is started, detached, so
 * that it outlives us and whoever called us. The daemon's own lock decides between several starters: the
 * losers end at once, and everybody waits for the winner.
 */
import { spawn } from "node:child_process";
import { type FSWatcher, closeSync, openSync, readFileSync, rmSync, watch } from "node:fs";
import { createConnection } from "node:net";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { daemonEnvironment } from "../../src/lib/daemon-environment.ts";
import { explainDisk, systemCode } from "./errors.ts";
import { makeDirectory, readIfThere, sizeOf } from "./files.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { claimRuntimeDir, defaultRuntimeDir, isClaimed } from "./runtime-dir.ts";

/** A daemon starts in a tenth of a second; a machine may be very busy. */
const START_MS_MAX = 30_000;
const LOG_BYTES_MAX = 1024 * 1024;
/** A change in the directory tells at once; this finds what came before we watched. */
const LOOK_MS = 100;
/** How the daemon says that another one holds its lock (EX_TEMPFAIL). */
const EXIT_TAKEN = 75;

export interface EnsureOptions {
  /** `~` and relative paths begin at the home directory: whoever asks over SSH is nowhere else. */
  readonly workRoot: string;
  readonly runtimeDir: string | undefined;
  /** orcha-runner.mjs. */
  readonly main: string;
  readonly idleExitMs: number;
  readonly orphanAfterMs: number;
}

export interface Ensured {
  readonly socket: string;
  readonly runtimeDir: string;
  /** Null: an older daemon, which does not write it down. */
  readonly pid: number | null;
}

/** Rejects with one line that says what to do. */
export async function ensureDaemon(options: EnsureOptions): Promise<Ensured> {
  const workRoot = fromHome(options.workRoot);
  const layout = layoutOf({
    workRoot,
    runtimeDir: options.runtimeDir ?? defaultRuntimeDir(workRoot),
  });
  const ours = options.runtimeDir !== undefined || isClaimed(layout.runtimeDir);
  if (!ours || !(await listens(layout.controlSocket))) {
    checkWritable(layout.workRoot);
    if (options.runtimeDir === undefined) claimRuntimeDir(layout.runtimeDir);
    else makeDirectory(layout.runtimeDir);
    await start(options, layout);
  }
  const pid = readIfThere(layout.daemonPid)?.trim();
  return {
    socket: layout.controlSocket,
    runtimeDir: layout.runtimeDir,
    pid: pid === undefined ? null : Number(pid),
  };
}

function fromHome(path: string): string {
  return resolve(homedir(), path === "~" || path.startsWith("~/") ? `.${path.slice(1)}` : path);
}

/** Before the daemon finds out: its own words would be further from what to do. */
function checkWritable(workRoot: string): void {
  const probe = join(workRoot, `.probe-${process.pid}`);
  try {
    makeDirectory(workRoot);
    closeSync(openSync(probe, "w", 0o600));
    rmSync(probe);
  } catch (error) {
    throw new Error(`the work root ${workRoot} cannot be used: ${explainDisk(error, workRoot)}`, {
      cause: error,
    });
  }
}

function listens(path: string): Promise<boolean> {
  return new Promise((done, reject) => {
    const socket = createConnection(path);
    socket.once("error", (error) => {
      if (["ENOENT", "ECONNREFUSED"].includes(systemCode(error) ?? "")) done(false);
      else reject(new Error(`cannot connect to ${path}: ${error.message}`, { cause: error }));
    });
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
  });
}

async function start(options: EnsureOptions, layout: Layout): Promise<void> {
  const ended = AbortSignal.timeout(START_MS_MAX);
  using changes = watchDirectory(layout.runtimeDir);
  const log = join(layout.runtimeDir, "daemon.log");
  const began = sizeOf(log);
  const said = (): string => saidSince(log, began);
  for (;;) {
    const daemon = startDaemon(options, layout, log);
    // Until there is somebody to talk to, or this daemon has ended and another one may be tried.
    for (let code: number | null | undefined; code === undefined;) {
      if (await listens(layout.controlSocket)) return;
      if (ended.aborted) throw new Error(`the runner's daemon did not start: ${said()}`);
      code = await Promise.race([changes.next(LOOK_MS), daemon]);
    }
    const code = await daemon;
    if (code === EXIT_TAKEN) await changes.next(LOOK_MS);
    else if (code !== 0) throw new Error(`the runner's daemon ended with code ${code}: ${said()}`);
  }
}

/** Resolves with its exit code; null = ended by a signal. */
function startDaemon(
  { main, idleExitMs, orphanAfterMs }: EnsureOptions,
  { workRoot, runtimeDir }: Layout,
  log: string,
): Promise<number | null> {
  const fd = openSync(log, sizeOf(log) > LOG_BYTES_MAX ? "w" : "a", 0o600);
  const args = ["--work-root", workRoot, "--runtime-dir", runtimeDir];
  args.push("--idle-exit-ms", String(idleExitMs), "--orphan-after-ms", String(orphanAfterMs));
  const child = spawn(process.execPath, [main, "daemon", ...args], {
    detached: true,
    // Not the directory we happen to be in: it could not be unmounted or removed as long as we run.
    cwd: "/",
    stdio: ["ignore", fd, fd],
    env: daemonEnvironment(process.env),
  });
  child.unref();
  closeSync(fd);
  return new Promise((done, reject) => {
    child.once("exit", done);
    child.once("error", reject);
  });
}

function watchDirectory(path: string): Disposable & {
  /** Resolves at the next change, or after this time. */
  next(timeoutMs: number): Promise<undefined>;
} {
  let wake: (() => void) | undefined;
  const watcher: FSWatcher = watch(path, () => wake?.());
  return {
    next: (timeoutMs) =>
      new Promise((done) => {
        const timer = setTimeout(() => done(undefined), timeoutMs);
        wake = () => {
          clearTimeout(timer);
          done(undefined);
        };
      }),
    [Symbol.dispose]: () => watcher.close(),
  };
}

/** What the daemon said since `from`, without the stack. */
function saidSince(path: string, from: number): string {
  const text = sizeOf(path) > from ? readFileSync(path).toString("utf8", from) : "";
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !/^\s+at /u.test(line));
  return lines.length === 0 ? "it said nothing" : lines.slice(-8).join(" / ").slice(-1000);
}

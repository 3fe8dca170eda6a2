#!/usr/bin/env node
/**
 * orcha-runner: what runs on a machine that runs sessions.
 *
 *     orcha-runner ensure --work-root DIR [--runtime-dir DIR] [--idle-exit-ms N] [--orphan-after-ms N]
 *                                       starts the daemon when there is none, says where it listens (JSON)
 *     orcha-runner daemon …             the same, and is the daemon
 *     orcha-runner connect --work-root DIR | --runtime-dir DIR
 *                                       stdio ⇄ control socket, for links without sockets; first one line,
 *                                       `orcha connected`, once there is somebody at the other end
 *     orcha-runner watch SESSION --work-root DIR [--once]
 *                                       what its agent prints, for people who are logged in here
 *     orcha-runner --version
 *
 * Without a runtime directory it is /tmp/orcha-<uid>-<hash of the work root>. Only `ensure` takes a work root
 * that begins with `~` or is relative: from the home directory.
 *
 * One bundled file, Node ≥ 20, nothing else to install but git and the usual small tools.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runDaemon } from "./daemon.ts";
import { ensureDaemon } from "./ensure.ts";
import { layoutOf } from "./layout.ts";
import { claimRuntimeDir, defaultRuntimeDir } from "./runtime-dir.ts";
import { watch } from "./watch.ts";

const USAGE = `usage: orcha-runner ensure --work-root DIR [--runtime-dir DIR] [--idle-exit-ms N] [--orphan-after-ms N]
       orcha-runner daemon --work-root DIR [--runtime-dir DIR] [--idle-exit-ms N] [--orphan-after-ms N]
       orcha-runner connect --work-root DIR | --runtime-dir DIR
       orcha-runner watch SESSION --work-root DIR [--once]
       orcha-runner --version
`;
const IDLE_EXIT_MS = 10 * 60_000;
const ORPHAN_AFTER_MS = 24 * 60 * 60_000;
/** Exit codes of sysexits.h: usage, temporary failure. */
const EXIT_USAGE = 64;
const EXIT_TAKEN = 75;

async function main(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      "work-root": { type: "string" },
      "runtime-dir": { type: "string" },
      "idle-exit-ms": { type: "string", default: String(IDLE_EXIT_MS) },
      "orphan-after-ms": { type: "string", default: String(ORPHAN_AFTER_MS) },
      once: { type: "boolean", default: false },
      version: { type: "boolean", default: false },
    },
  });
  const { "work-root": workRoot, "runtime-dir": runtimeDir, version } = values;
  const idleExitMs = Number(values["idle-exit-ms"]);
  const orphanAfterMs = Number(values["orphan-after-ms"]);
  const timed = idleExitMs > 0 && orphanAfterMs > 0;
  const command = positionals[0];
  if (version) process.stdout.write(`${versionOf()}\n`);
  else if (command === "watch" && workRoot !== undefined && positionals[1] !== undefined)
    await watchHere(workRoot, positionals[1], !values.once);
  else if (command === "connect" && (runtimeDir ?? workRoot) !== undefined)
    connect(runtimeDir ?? claimedDir(workRoot ?? ""));
  else if (command === "ensure" && workRoot !== undefined && timed) {
    const options = { workRoot, runtimeDir, idleExitMs, orphanAfterMs };
    const ensured = await ensureDaemon({ ...options, main: fileURLToPath(import.meta.url) });
    process.stdout.write(`${JSON.stringify(ensured)}\n`);
  } else if (command === "daemon" && workRoot !== undefined && timed)
    await daemon({
      workRoot,
      runtimeDir: runtimeDir ?? claimedDir(workRoot),
      idleExitMs,
      orphanAfterMs,
    });
  else {
    process.stderr.write(USAGE);
    process.exitCode = EXIT_USAGE;
  }
}

async function watchHere(workRoot: string, session: string, follow: boolean): Promise<void> {
  const leaving = new AbortController();
  process.once("SIGINT", () => leaving.abort());
  process.stdout.on("error", () => process.exit(0));
  await watch(layoutOf({ workRoot, runtimeDir: "/tmp" }), session, {
    follow,
    signal: leaving.signal,
  });
}

async function daemon(options: {
  readonly workRoot: string;
  readonly runtimeDir: string;
  readonly idleExitMs: number;
  readonly orphanAfterMs: number;
}): Promise<void> {
  process.umask(0o077);
  process.title = "orcha-runner";
  const program = dirname(fileURLToPath(import.meta.url));
  // Agents run on without us; the next daemon takes up what this one leaves.
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => process.exit(0));
  const ended = await runDaemon({ ...options, program, version: versionOf(), log });
  log(ended === "taken" ? "another daemon serves this runner already" : "nothing to do, ending");
  process.exit(ended === "taken" ? EXIT_TAKEN : 0);
}

function log(message: string): void {
  process.stderr.write(`${new Date().toISOString()} orcha-runner: ${message}\n`);
}

/** The default one, which is ours or nobody's. */
function claimedDir(workRoot: string): string {
  const path = defaultRuntimeDir(workRoot);
  claimRuntimeDir(path);
  return path;
}

function connect(runtimeDir: string): void {
  const socket = createConnection(join(runtimeDir, "runner.sock"));
  socket.once("connect", () => {
    process.stdout.write("orcha connected\n");
    process.stdin.pipe(socket);
    socket.pipe(process.stdout);
  });
  // Whoever called us is gone: nothing that comes has a place to go.
  process.stdout.on("error", () => process.exit(0));
  socket.on("close", () => process.exit(0));
  socket.on("error", (error) => {
    process.stderr.write(`orcha-runner: ${error.message}\n`);
    process.exit(1);
  });
}

/** The program is known by its content: equal versions are equal files. */
function versionOf(): string {
  const content = readFileSync(fileURLToPath(import.meta.url));
  return createHash("sha256").update(content).digest("hex").slice(0, 12);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`orcha-runner: ${error instanceof Error ? error.message : String(error)}\n`);
  // At once: what is open already (the lock, above all) would keep a daemon that serves nobody.
  process.exit(1);
}

/** `orcha serve` in a process of its own that is started again at once whenever it ends, as a service manager would. */
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { kill } from "./processes.ts";
import { onLines } from "../serving.ts";

export interface ServerOptions {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Agents run beside it. */
  readonly local: boolean;
  /** It ended although nobody asked it to. */
  readonly onSurprise: (what: string) => void;
}

export interface Server {
  readonly pid: () => number | undefined;
  /** Since when it serves without a break, ms since 1970; Infinity = it does not. */
  readonly upSince: () => number;
  readonly lives: () => number;
  /** From the signal to serving again, ms, for every life that came to serve. */
  readonly recoveriesMs: readonly number[];
  /** Tells whether there was anybody to kill. `group`: and its children. */
  end(signal: "SIGKILL" | "SIGTERM", how?: { readonly group: boolean }): boolean;
  /** Resolves at the next moment it serves. */
  serving(): Promise<void>;
  /** SIGTERM, and no new start. Resolves with the exit code. */
  close(): Promise<number | null>;
}

const bin = new URL("../../bin/orcha.mjs", import.meta.url).pathname;
/** Lines of its log that are kept for a report of a surprise. */
const TAIL = 30;

export function openServer(options: ServerOptions): Server {
  const log = createWriteStream(join(options.directory, "serve.log"), { flags: "a" });
  const recoveriesMs: number[] = [];
  let lives = 0;
  let upSince = Number.POSITIVE_INFINITY;
  let endedAt: number | null = null;
  let asked: NodeJS.Signals | null = null;
  let closing = false;
  let child: ChildProcess;
  let waiting: (() => void)[] = [];

  const start = (): void => {
    lives += 1;
    asked = null;
    child = launch(options);
    const said = keep(child, log, () => {
      upSince = Date.now();
      if (endedAt !== null) recoveriesMs.push(upSince - endedAt);
      endedAt = null;
      for (const wake of waiting.splice(0)) wake();
    });
    child.once("exit", (code, signal) => {
      upSince = Number.POSITIVE_INFINITY;
      const killed = asked === "SIGKILL" && signal === "SIGKILL";
      // A signal that comes before its handler is there ends it just as well.
      const stopped = asked === "SIGTERM" && (code === 0 || signal === "SIGTERM");
      // Kills of groups and children may reach it in passing.
      if (!killed && !stopped && !(asked !== null && signal === "SIGKILL"))
        options.onSurprise(`orcha serve ended with ${code ?? signal}:\n${said().join("\n")}`);
      endedAt ??= Date.now();
      if (!closing) start();
    });
  };
  start();
  return {
    pid: () => child.pid,
    upSince: () => upSince,
    lives: () => lives,
    recoveriesMs,
    end(signal, how = { group: false }) {
      const { pid } = child;
      if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return false;
      asked = asked === "SIGKILL" ? asked : signal;
      endedAt = Date.now();
      return kill(how.group ? -pid : pid, signal);
    },
    serving: () =>
      Number.isFinite(upSince) ? Promise.resolve() : new Promise((done) => waiting.push(done)),
    async close() {
      closing = true;
      waiting = [];
      const gone = child.exitCode !== null || child.signalCode !== null;
      if (!gone) {
        asked = "SIGTERM";
        child.kill("SIGTERM");
        await once(child, "exit");
      }
      log.end();
      return child.exitCode;
    },
  };
}

/** A group of its own, so that its git children can be killed with it. */
const launch = ({ directory, env, local }: ServerOptions): ChildProcess =>
  spawn(process.execPath, [bin, "serve", ...(local ? ["--unsafe-local"] : [])], {
    cwd: directory,
    env: { PATH: process.env["PATH"], HOME: directory, LOG_LEVEL: "info", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });

/** Keeps what it says, and tells when it says that it serves. */
function keep(
  child: ChildProcess,
  log: WriteStream,
  onServing: () => void,
): () => readonly string[] {
  const said: string[] = [];
  onLines(child, (line) => {
    said.push(line);
    if (said.length > TAIL) said.shift();
    if (!log.writableEnded) log.write(`${line}\n`);
    if (line.includes('"orcha serves"')) onServing();
  });
  return () => said;
}

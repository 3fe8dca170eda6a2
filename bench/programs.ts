/** Programs of a benchmark: peers and load in processes of their own, so that nobody measures himself. */
import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** The next line it prints. */
  line(): Promise<string>;
  /** Writes a line to its input. */
  say(line: string): void;
}

/** A TypeScript file of this folder, run by our own Node. `quiet`: what it prints goes nowhere. */
export function startProgram(
  file: string,
  args: readonly string[],
  { quiet = false }: { readonly quiet?: boolean } = {},
): Program {
  const stdio: StdioOptions = quiet ? "ignore" : ["pipe", "pipe", "inherit"];
  const child = spawn(process.execPath, [join(import.meta.dirname, file), ...args], { stdio });
  const lines =
    child.stdout === null ? null : createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid ?? 0,
    async line() {
      const next = await lines?.next();
      if (next === undefined || next.done === true)
        throw new Error(`${file} ended without a word (code ${child.exitCode})`);
      return next.value;
    },
    say: (line) => void child.stdin?.write(`${line}\n`),
    [Symbol.asyncDispose]: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** Nobody listens there now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return address.port;
}

const LISTENING_MS_MAX = 30_000;

export async function listening(port: number): Promise<void> {
  for (const deadline = Date.now() + LISTENING_MS_MAX; Date.now() < deadline; await delay(10)) {
    const socket = createConnection(port, "127.0.0.1");
    const open = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
  }
  throw new Error(`nobody listens on port ${port} after ${LISTENING_MS_MAX} ms`);
}

/** On the disk that the figures are about. */
export function openDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "orcha-bench-"));
  return {
    path,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}

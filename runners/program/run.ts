/** Runs one helper command (git, a setup command) to its end, with limits. Not for agents: those have keepers. */
import { spawn } from "node:child_process";
import process from "node:process";
import { type Readable, Writable } from "node:stream";
import { signal as send } from "./processes.ts";

export interface RunOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Written to descriptor 3 of the child, then closed. */
  readonly secret?: string;
  readonly stdin?: string | Uint8Array;
  /** More than this on stdout ends the command. */
  readonly stdoutBytesMax?: number;
  /** Instead: however much it says, about so many bytes of its end are kept. */
  readonly stdoutTailBytes?: number;
}

export interface RunResult {
  /** `exited` with a code; the others were ended by us, or never started. */
  readonly kind: "exited" | "timed-out" | "aborted" | "too-large" | "not-started";
  readonly code: number | null;
  readonly stdout: Buffer;
  /** Last 16 KiB. */
  readonly stderr: string;
}

/** For what is still in the pipes when the command has ended. */
const LEFT_BEHIND_MS = 2000;
const STDERR_BYTES_MAX = 16 * 1024;
const STDOUT_BYTES_MAX = 16 * 1024 * 1024;

/** Resolves always; the whole process group is killed on timeout, abort and overflow. */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: ["pipe", "pipe", "pipe", options.secret === undefined ? "ignore" : "pipe"],
    });
    let kind: RunResult["kind"] = "exited";
    const end = (why: RunResult["kind"]): void => {
      if (kind !== "exited") return;
      kind = why;
      if (child.pid !== undefined) send(-child.pid, "SIGKILL");
    };
    const abort = (): void => end("aborted");
    options.signal?.addEventListener("abort", abort);
    const timer = setTimeout(() => end("timed-out"), options.timeoutMs);

    const limit = options.stdoutBytesMax ?? STDOUT_BYTES_MAX;
    const stdout =
      options.stdoutTailBytes === undefined
        ? collect(child.stdout, { limit, over: () => end("too-large") })
        : collectEnd(child.stdout, options.stdoutTailBytes);
    const stderr = collectTail(child.stderr);
    feed(child.stdin, options.stdin ?? "");
    const third = child.stdio[3];
    if (options.secret !== undefined && third instanceof Writable) feed(third, options.secret);

    const finish = (code: number | null, error?: Error): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
      if (error !== undefined && kind === "exited") kind = "not-started";
      resolve({ kind, code, stdout: stdout(), stderr: error?.message ?? stderr() });
    };
    child.once("error", (error) => finish(null, error));
    child.once("close", (code) => finish(code));
    // A process it left behind may hold the pipes open for ever: that is not what we wait for.
    child.once("exit", (code) => {
      const left = setTimeout(
        () => {
          finish(code);
          child.stdout?.destroy();
          child.stderr?.destroy();
        },
        kind === "exited" ? LEFT_BEHIND_MS : 0,
      );
      child.once("close", () => clearTimeout(left));
    });
    if (options.signal?.aborted === true) abort();
  });
}

/** What a git or a setup command may see: no variable of ours, nothing that a user's profile put there but these. */
export function baseEnv(home: string): Record<string, string> {
  const passed = ["PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy"];
  const env: Record<string, string> = { HOME: home, LC_ALL: "C.UTF-8" };
  for (const name of [...passed, "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

function feed(stream: Writable | null, text: string | Uint8Array): void {
  // EPIPE: the child ended without reading; its exit code says why.
  stream?.on("error", () => {});
  stream?.end(text);
}

function collect(
  stream: Readable | null,
  { limit, over }: { readonly limit: number; readonly over: () => void },
): () => Buffer {
  const parts: Buffer[] = [];
  let bytes = 0;
  stream?.on("data", (part: Buffer) => {
    bytes += part.byteLength;
    if (bytes > limit) over();
    else parts.push(part);
  });
  return () => Buffer.concat(parts);
}

function collectEnd(stream: Readable | null, limit: number): () => Buffer {
  let kept = Buffer.alloc(0);
  stream?.on("data", (part: Buffer) => {
    kept = Buffer.concat([kept, part]);
    if (kept.byteLength > 2 * limit) kept = kept.subarray(-limit);
  });
  return () => kept;
}

function collectTail(stream: Readable | null): () => string {
  let text = "";
  stream?.setEncoding("utf8").on("data", (part: string) => {
    text = (text + part).slice(-STDERR_BYTES_MAX);
  });
  return () => text;
}

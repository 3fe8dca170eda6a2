/**
 * Runs git for the push gate: argument arrays only, no configuration but ours, no hooks, no prompts, and a
 * credential that exists nowhere but on an inherited file descriptor (security.md D2, M-tok).
 */
import { spawn } from "node:child_process";
import { finished } from "node:stream/promises";

export interface GitRun {
  /** The bare repository; an empty directory of ours serves as HOME. */
  readonly directory: string;
  readonly home: string;
  readonly args: readonly string[];
  readonly input?: Uint8Array;
  /** For one origin (`https://github.com`), never sent anywhere else. */
  readonly credential?: { readonly origin: string; readonly token: string };
  /** Then git and its children are killed. */
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface GitResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** git cannot be run at all. */
export class GitMissing extends Error {
  override readonly name = "GitMissing";
}

const OUTPUT_MAX = 64 * 1024 * 1024;
const STDERR_MAX = 16 * 1024;

export async function runGit(run: GitRun): Promise<GitResult> {
  // Its own process group: git's helpers (remote-http, index-pack) die with it.
  const child = spawn(
    "git",
    [...OVERRIDES, ...patience(run), ...credentialArgs(run), ...run.args],
    {
      cwd: run.directory,
      env: environment(run),
      stdio: ["pipe", "pipe", "pipe", "pipe"],
      detached: true,
    },
  );
  let timedOut = false;
  const kill = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It ended by itself in the meantime.
    }
  };
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, run.timeoutMs);
  run.signal?.addEventListener("abort", kill, { once: true });
  try {
    const started = Promise.withResolvers<void>();
    child.once("spawn", started.resolve);
    child.once("error", started.reject);
    await started.promise.catch((error: unknown) => {
      throw new GitMissing("git could not be started: install git 2.38 or newer", { cause: error });
    });
    const exit = new Promise<number | null>((resolve) => {
      child.once("close", (code) => resolve(code));
    });
    const stdout = collect(child.stdout, OUTPUT_MAX, kill);
    const stderr = collect(child.stderr, STDERR_MAX, () => undefined);
    feed(child.stdin, run.input);
    const pipe = child.stdio[3];
    if (pipe !== null && pipe !== undefined && "write" in pipe)
      feed(pipe, Buffer.from(credentialText(run)));
    const code = await exit;
    return { code, stdout: await stdout, stderr: (await stderr).toString("utf8"), timedOut };
  } finally {
    clearTimeout(timer);
    run.signal?.removeEventListener("abort", kill);
  }
}

/** Nothing of a system's or a user's git runs or changes what we do. */
const OVERRIDES = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.protectHFS=true",
  "core.protectNTFS=true",
  "core.bigFileThreshold=16m",
  "fetch.recurseSubmodules=false",
  "push.recurseSubmodules=no",
  "transfer.fsckObjects=true",
  "fetch.fsckObjects=true",
  "receive.fsckObjects=true",
  "gc.auto=0",
  "maintenance.auto=false",
  "protocol.allow=never",
  "protocol.http.allow=always",
  "protocol.https.allow=always",
  "http.followRedirects=initial",
  "credential.helper=",
  "commit.gpgSign=false",
].flatMap((setting) => ["-c", setting]);

/** Should we be killed, git would wait for ever for a server that says nothing: it ends by itself as late as by us. */
const patience = ({ timeoutMs }: GitRun): readonly string[] => [
  "-c",
  "http.lowSpeedLimit=1",
  "-c",
  `http.lowSpeedTime=${Math.ceil(timeoutMs / 1_000)}`,
];

/** The helper is a constant: it hands on what stands on descriptor 3, to a `get` only. */
const HELPER = '!f() { test "$1" = get && cat <&3; }; f';

const credentialArgs = ({ credential }: GitRun): readonly string[] =>
  credential === undefined ? [] : ["-c", `credential.${credential.origin}.helper=${HELPER}`];

const credentialText = ({ credential }: GitRun): string =>
  credential === undefined ? "" : `username=x-access-token\npassword=${credential.token}\n`;

/** What a proxy or a private certificate needs is the operator's to set; nothing else is inherited. */
const INHERITED = [
  "PATH",
  "TMPDIR",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
  "https_proxy",
  "http_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
];

function environment(run: GitRun): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(inherited),
    HOME: run.home,
    XDG_CONFIG_HOME: run.home,
    GIT_DIR: run.directory,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ALLOW_PROTOCOL: "http:https",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_OPTIONAL_LOCKS: "0",
    LC_ALL: "C",
    ...run.env,
  };
}

function feed(stream: NodeJS.WritableStream, bytes?: Uint8Array): void {
  // A child that does not read its input ends the pipe: its exit code tells why.
  stream.on("error", () => undefined);
  stream.end(bytes ?? Buffer.alloc(0));
}

/** What a stream says, up to a limit; beyond it `onTooMuch` is called once. */
async function collect(
  stream: NodeJS.ReadableStream,
  max: number,
  onTooMuch: () => void,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= max) chunks.push(chunk);
    else onTooMuch();
  });
  await finished(stream).catch(() => undefined); // a broken pipe shows in the exit code
  return Buffer.concat(chunks);
}

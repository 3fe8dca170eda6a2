/**
 * What is said to a machine, over whatever runs the constant command there: put the program in place and have it
 * see to the daemon, join the daemon, run one command. Each has a limit and says what went wrong in whose words.
 */
import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import type { LinkClock } from "../link.ts";
import type { ProgramFile } from "../program.ts";
import { saidBy } from "../said.ts";
import { SshError } from "./errors.ts";
import { type RemoteProcess, limit, lineWith, outputOf } from "./process.ts";
import { BOOTSTRAP, CONNECT, EXEC, introduction } from "./scripts.ts";

/** A megabyte over a slow line, and a daemon that starts on a busy machine. */
const BOOTSTRAP_MS_MAX = 120_000;
const CONNECT_MS_MAX = 20_000;
const EXEC_MS_MAX = 60_000;
const EXEC_BYTES_MAX = 64 * 1024;
const STDERR_MARK = "orcha exec\n";
const TRAILER_BYTES_MAX = 64;
const TRAILER = /\norcha ended (\d+)\n$/u;

export interface Remote {
  /** For people: user@host. */
  readonly name: string;
  readonly clock: LinkClock;
  /** Runs the constant command. */
  start(): Promise<RemoteProcess>;
  /** When what carries the command may fail by itself: what its code and words mean. */
  explain?(code: number, words: string): SshError | undefined;
}

/** Where the runner is on its machine. */
export interface Place {
  readonly socket: string;
  readonly runtimeDir: string;
  /** Directory of the program that was put there. */
  readonly program: string;
  readonly uploaded: boolean;
}

export interface BootstrapOptions {
  readonly files: readonly ProgramFile[];
  /** Null = `~/.local/share/orcha-runner/work`. */
  readonly workRoot: string | null;
  /** More for `orcha-runner ensure`. */
  readonly args: readonly string[];
}

export async function bootstrap(
  remote: Remote,
  { files, workRoot, args }: BootstrapOptions,
): Promise<Place> {
  const described = files.map(({ name, content }) => ({
    name,
    size: content.byteLength,
    sha256: createHash("sha256").update(content).digest("hex"),
  }));
  const hash = createHash("sha256").update(JSON.stringify(described)).digest("hex").slice(0, 16);
  const { stream, ...process } = await remote.start();
  const time = limit(stream, remote.clock, BOOTSTRAP_MS_MAX, undefined);
  try {
    stream.write(introduction(BOOTSTRAP, { hash, files: described, workRoot, args }));
    const first = await lineWith(stream, /^orcha (?:have|need|failed|no-node)/u);
    const [word, program] = answerOf(remote, first);
    if (word === "need") for (const { content } of files) stream.write(content);
    const last =
      first.line === null ? first : await lineWith(stream, /^(?:\{"socket":|orcha failed )/u);
    if (last.line?.startsWith("{") === true && typeof program === "string") {
      const { socket, runtimeDir } = fieldsOf(JSON.parse(last.line));
      if (typeof socket === "string" && typeof runtimeDir === "string")
        return { socket, runtimeDir, program, uploaded: word === "need" };
    }
    answerOf(remote, last);
    throw await silence(remote, { stream, ...process }, last.noise, time);
  } finally {
    time.over();
    stream.destroy();
  }
}

/** A stream to the daemon through its program's stdio; null when the daemon is not there. */
export async function join(remote: Remote, place: Place): Promise<Duplex | null> {
  const { stream } = await remote.start();
  const time = limit(stream, remote.clock, CONNECT_MS_MAX, undefined);
  const { program, runtimeDir } = place;
  stream.write(introduction(CONNECT, { main: `${program}/orcha-runner.mjs`, runtimeDir }));
  const { line } = await lineWith(stream, /^orcha connected$/u);
  time.over();
  if (line !== null && !stream.destroyed) return stream;
  stream.destroy();
  return null;
}

export interface ExecOptions {
  /** Default: 60 s. The command is killed then. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  /** 128 + n = ended by signal n; 127 = it could not be started, stderr says why. */
  readonly code: number;
  /** The first 64 KiB of each. */
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Runs a command in the user's home directory, without a shell and without input. */
export async function execute(
  remote: Remote,
  argv: readonly string[],
  { timeoutMs = EXEC_MS_MAX, signal }: ExecOptions,
): Promise<ExecResult> {
  const process = await remote.start();
  const { stream } = process;
  const time = limit(stream, remote.clock, timeoutMs, signal);
  try {
    stream.write(introduction(EXEC, { argv, bytesMax: EXEC_BYTES_MAX }));
    const first = await lineWith(stream, /^orcha (?:exec|no-node)/u);
    answerOf(remote, first);
    if (first.line === null) throw await silence(remote, process, first.noise, time);
    const output = await outputOf(stream, EXEC_BYTES_MAX + TRAILER_BYTES_MAX);
    if (time.over())
      throw new SshError(
        "remote",
        `${argv[0]} did not end within ${timeoutMs} ms on ${remote.name}`,
      );
    signal?.throwIfAborted();
    const trailer = TRAILER.exec(output.toString("latin1"));
    if (trailer === null) throw lost(remote);
    const stdout = output.subarray(0, trailer.index);
    return {
      code: Number(trailer[1]),
      stdout,
      stderr: afterMark(process.stderr()),
    };
  } finally {
    time.over();
    stream.destroy();
  }
}

/** Without what came before the command: a server's banner, a login shell's complaints. */
function afterMark(stderr: Buffer): Buffer {
  const at = stderr.indexOf(STDERR_MARK);
  return at === -1 ? stderr : stderr.subarray(at + STDERR_MARK.length).subarray(0, EXEC_BYTES_MAX);
}

/** The word and what came with it. Throws what the machine reported. */
function answerOf({ name }: Remote, { line }: { readonly line: string | null }): [string, unknown] {
  if (line === null) return ["", null];
  const [, word = "", rest = ""] = /^orcha (?<word>\S+) ?(?<rest>.*)$/u.exec(line) ?? [];
  if (word === "no-node" || line.startsWith("orcha no-node")) {
    const old = rest === "" ? "" : ` (too old: ${rest.slice(0, 300)})`;
    throw new SshError(
      "remote",
      `no Node 20 or newer was found on ${name}${old}: install it there (https://nodejs.org, or the distribution's package) so that "node" is in the PATH of a command run over SSH`,
    );
  }
  const value: unknown = JSON.parse(rest);
  if (word === "failed") throw new SshError("remote", explainFailure(name, value));
  return [word, value];
}

function explainFailure(name: string, value: unknown): string {
  const { code, message, directory } = fieldsOf(value);
  const what = `the runner program cannot be put into ${saidBy(directory)} on ${name}`;
  if (code === "ENOSPC" || code === "EDQUOT")
    return `${what}: the disk is full (${code}); free some space there`;
  if (code === "EACCES" || code === "EROFS" || code === "EPERM")
    return `${what} (${code}): make it writable for the user`;
  return `${what}: ${saidBy(message)}`;
}

/** Of what another machine said: anything at all. */
function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** It ended, or time did, without the answer. */
async function silence(
  remote: Remote,
  process: RemoteProcess,
  noise: string,
  time: { over(): boolean },
): Promise<SshError> {
  if (time.over())
    return new SshError("unreachable", `${remote.name} did not answer our command in time`);
  const code = await process.ended;
  if (code === null) return lost(remote);
  const words = saidBy(process.stderr().toString("utf8")) || saidBy(noise) || "nothing";
  const carrier = remote.explain?.(code, process.stderr().toString("utf8"));
  if (carrier !== undefined) return carrier;
  const ours = /^orcha-runner: (?<text>.*)$/u.exec(words)?.groups?.["text"];
  if (ours !== undefined) return new SshError("remote", `${remote.name}: ${ours}`);
  return new SshError(
    "remote",
    `${remote.name} does not run our command (exit code ${code}; it said: ${words}): may this user run commands over SSH?`,
  );
}

function lost({ name }: Remote): SshError {
  return new SshError("unreachable", `the connection to ${name} was lost`);
}

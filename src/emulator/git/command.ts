/**
 * Runs git for the emulator: hermetic (no user or system configuration, no prompts, no hooks of the user), bounded in
 * time, never through a shell. Knows nothing of GitHub.
 */
import { type ChildProcess, spawn } from "node:child_process";

const timeoutMs = 60_000;
const outputBytesMax = 64 * 1024 * 1024;

/** Children that still run; ended when the emulator closes. */
export type Children = Set<ChildProcess>;

export interface GitOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes that are answers and not failures; default only 0. */
  readonly codes?: readonly number[];
}

export interface GitResult {
  readonly code: number;
  readonly bytes: Buffer;
  readonly stdout: string;
}

/** A git command that failed. `message` carries what git said. */
class GitError extends Error {
  readonly code: number;

  constructor(args: readonly string[], code: number, stderr: string) {
    super(`git ${args[0] ?? ""} failed with ${code}: ${stderr.trim().slice(0, 2000)}`);
    this.name = "GitError";
    this.code = code;
  }
}

/** Environment for every git process of the emulator. */
export function gitEnv(): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: "/nonexistent",
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
  };
}

/**
 * Runs `git -C directory args`, resolves with its output.
 * @throws GitError when it exits with an unexpected code, is killed after 60 s, or prints more than 64 MiB.
 */
export function git(
  directory: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<GitResult> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", ["-C", directory, ...args], {
      env: { ...gitEnv(), ...options.env },
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let bytes = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > outputBytesMax) child.kill("SIGKILL");
      else stdout.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (stderr.length < 100) stderr.push(chunk);
    });
    // git may exit before it read all of its input; its exit code tells the story then.
    child.stdin.on("error", () => undefined);
    child.on("error", reject);
    child.on("close", (code) => {
      const exit = code ?? 128;
      if ((options.codes ?? [0]).includes(exit)) {
        const all = Buffer.concat(stdout);
        resolve({ code: exit, bytes: all, stdout: all.toString("utf8") });
      } else reject(new GitError(args, exit, Buffer.concat(stderr).toString("utf8")));
    });
    child.stdin.end(options.input ?? "");
  });
}

/** Like `git`, but gives the trimmed output only. */
export async function gitText(
  directory: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  return (await git(directory, args, options)).stdout.trim();
}

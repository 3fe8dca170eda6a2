/** `orcha …` as a person types it: a process of its own, with nothing of our environment but the PATH. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { vi } from "vitest";
import { CliError } from "../../src/cli/output.ts";
import { program } from "../../src/cli/program.ts";

const bin = new URL("../../bin/orcha.mjs", import.meta.url).pathname;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Home, data and sockets are below. */
  readonly directory: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly node?: string;
}

const RUN_MS_MAX = 20_000;

export const runtimeDir = (directory: string): string => join(directory, "run");
export const dataDir = (directory: string): string => join(directory, "data");

const environmentOf = ({ directory, env = {} }: RunOptions): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: directory,
  ORCHA_DATA_DIR: dataDir(directory),
  ORCHA_RUNTIME_DIR: runtimeDir(directory),
  ...env,
});

/** One that goes on until it is told to end. */
export const start = (args: readonly string[], options: RunOptions): ChildProcess =>
  spawn(options.node ?? process.execPath, [bin, ...args], {
    env: environmentOf(options),
    cwd: options.directory,
    stdio: ["ignore", "pipe", "pipe"],
  });

export function orcha(args: readonly string[], options: RunOptions): Promise<Ran> {
  const { directory, node = process.execPath } = options;
  const { promise, resolve } = Promise.withResolvers<Ran>();
  execFile(
    node,
    [bin, ...args],
    { env: environmentOf(options), timeout: RUN_MS_MAX, cwd: directory },
    (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    },
  );
  return promise;
}

/** The same in this process, which is much quicker. Not for `--help`, which ends the process. */
export async function called(args: readonly string[], directory: string): Promise<Ran> {
  vi.stubEnv("ORCHA_DATA_DIR", dataDir(directory));
  vi.stubEnv("ORCHA_RUNTIME_DIR", runtimeDir(directory));
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += String(text);
      return true;
    });
  try {
    await program().parseAsync(["node", "orcha", ...args]);
    const code = Number(process.exitCode ?? 0);
    return { code, ...written };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return {
      code: error.exitCode,
      ...written,
      stderr: `${written.stderr}orcha: ${error.message}\n`,
    };
  } finally {
    process.exitCode = undefined;
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  }
}

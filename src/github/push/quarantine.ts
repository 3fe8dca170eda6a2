/**
 * A throw-away bare repository that foreign objects are brought into before anything is believed about
 * them. Deleted whatever happens.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { GitMissing, runGit, type GitResult, type GitRun } from "./git.ts";

export interface Quarantine extends AsyncDisposable {
  /** Runs git in it; never throws for an exit code. Throws GitMissing. */
  git(args: readonly string[], options?: RunOptions): Promise<GitResult>;
  /** Its trimmed output; throws GitFailed for an exit code other than 0. */
  output(args: readonly string[], options?: RunOptions): Promise<string>;
}

export type RunOptions = Partial<Pick<GitRun, "input" | "credential" | "timeoutMs" | "env">>;

/** A git command that had to work did not. */
export class GitFailed extends Error {
  override readonly name = "GitFailed";
  readonly result: GitResult;
  constructor(what: string, result: GitResult) {
    const why = result.timedOut ? "timed out" : `exit code ${result.code}`;
    super(`git ${what} failed (${why}): ${lastLines(result.stderr)}`);
    this.result = result;
  }
}

export async function openQuarantine(options: {
  /** Parent directory, private to this process's user. */
  readonly directory: string;
  readonly timeoutMs: number;
}): Promise<Quarantine> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const root = await mkdtemp(join(options.directory, "push-"));
  const repository = join(root, "repository.git");
  const home = join(root, "home");
  await Promise.all([mkdir(repository), mkdir(home)]);
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true, maxRetries: 3 });

  const git: Quarantine["git"] = (args, run = {}) =>
    runGit({ directory: repository, home, timeoutMs: options.timeoutMs, ...run, args });
  const output: Quarantine["output"] = async (args, run = {}) => {
    const result = await git(args, run);
    if (result.code !== 0) throw new GitFailed(args[0] ?? "", result);
    return result.stdout.toString("utf8").trim();
  };
  try {
    await output(["init", "--quiet", "--bare", "--initial-branch=quarantine", "--template="]);
  } catch (error) {
    await remove();
    throw error instanceof GitFailed || error instanceof GitMissing
      ? error
      : new Error("the quarantine repository could not be made", { cause: error });
  }
  return { git, output, [Symbol.asyncDispose]: remove };
}

const lastLines = (stderr: string): string =>
  stderr
    .trim()
    .split("\n")
    .slice(-4)
    .join("; ")
    .replaceAll(/[^\P{Cc}\t]/gu, " ")
    .slice(0, 800);

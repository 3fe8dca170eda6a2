/**
 * A repository of ours that looks at an agent's checkout: its own configuration, hooks, attributes and index, the
 * checkout's objects by way of alternates and the checkout's files as its work tree. Nothing the agent wrote into
 * `.git` is read by git but objects, a copy of the index and a copy of `info/exclude`.
 *
 * What git runs for a work tree comes from configuration (fsmonitor, filters, hooks, diff drivers): here that is ours
 * and names none. What it would run inside a submodule (`git status` there, with the submodule's own configuration) is
 * avoided by never asking git about gitlinks. Written below `scratch/` in the work root, removed afterwards.
 */
import {
  appendFileSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { RequestError, isDiskTrouble, systemCode } from "./errors.ts";
import { exportHead } from "./export.ts";
import { makeDirectory, readPlain, writeAtomic } from "./files.ts";
import { gitEnv } from "./git.ts";
import { type RunResult, run } from "./run.ts";

export interface ShadowOptions {
  /** The checkout, absolute. */
  readonly path: string;
  readonly scratch: string;
  readonly home: string;
  /** Of each git command. */
  readonly timeoutMs: number;
}

export interface Shadow extends Disposable {
  /** The checkout's commit. */
  readonly head: string;
  /** Its own directory: `shallow`, refs and new objects are there. */
  readonly directory: string;
  git(args: readonly string[], more?: ShadowGit): Promise<RunResult>;
  /** Its standard output; throws RequestError `failed` unless it worked. */
  output(args: readonly string[], more?: ShadowGit): Promise<Buffer>;
}

interface ShadowGit {
  readonly stdin?: string | Uint8Array;
  readonly stdoutBytesMax?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const INDEX_BYTES_MAX = 128 * 1024 * 1024;
const EXCLUDE_BYTES_MAX = 1024 * 1024;

/** Highest of all attributes: no driver that a program could be named for. Line ends and encodings stay: git does those itself. */
const ATTRIBUTES = "* -filter -diff -merge\n";

const SETTINGS = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.untrackedCache=false",
  "core.splitIndex=false",
  "core.attributesFile=/dev/null",
  "core.excludesFile=/dev/null",
  "core.alternateRefsCommand=true",
  "core.protectHFS=true",
  "core.protectNTFS=true",
  "core.bigFileThreshold=16m",
  "submodule.recurse=false",
  "diff.ignoreSubmodules=all",
  "gc.auto=0",
  "maintenance.auto=false",
].flatMap((setting) => ["-c", setting]);

/** Throws RequestError `gone` when there is no repository with a commit. */
export async function openShadow(options: ShadowOptions): Promise<Shadow> {
  const { path, scratch, home } = options;
  const head = await exportHead({ path, home });
  if (head === null) throw new RequestError("gone", `there is no commit at ${path}`);
  makeDirectory(scratch);
  const directory = mkdtempSync(join(scratch, "shadow-"));
  const dispose = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  const git: Shadow["git"] = (args, { env, ...more } = {}) =>
    run("git", [...SETTINGS, ...args], {
      cwd: path,
      env: {
        ...gitEnv(home),
        GIT_ATTR_NOSYSTEM: "1",
        GIT_OPTIONAL_LOCKS: "0",
        GIT_DIR: directory,
        GIT_WORK_TREE: path,
        GIT_INDEX_FILE: join(directory, "index"),
        ...env,
      },
      timeoutMs: options.timeoutMs,
      ...more,
    });
  const output: Shadow["output"] = async (args, more) => {
    const result = await git(args, more);
    if (result.kind === "exited" && result.code === 0) return result.stdout;
    throw new RequestError("failed", `git ${args[0] ?? ""} for ${path}: ${complaint(result)}`);
  };
  try {
    await fill({ path, directory, head, git, output });
  } catch (error) {
    dispose();
    throw error;
  }
  return { head, directory, git, output, [Symbol.dispose]: dispose };
}

export const complaint = ({ kind, stderr }: RunResult): string =>
  kind === "exited" ? stderr.trim().slice(-400) : `${kind} ${stderr.slice(-400)}`.trim();

async function fill({
  path,
  directory,
  head,
  git,
  output,
}: Pick<Shadow, "directory" | "head" | "git" | "output"> & {
  readonly path: string;
}): Promise<void> {
  const objects = join(path, ".git", "objects");
  if (lstatSync(objects, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new RequestError("gone", `there are no objects at ${objects}`);
  // Not `git init` with a work tree: that would look for one.
  for (const name of ["objects/info", "objects/pack", "refs", "info"])
    makeDirectory(join(directory, ...name.split("/")));
  writeAtomic(join(directory, "config"), "[core]\n\trepositoryformatversion = 0\n\tbare = false\n");
  writeAtomic(join(directory, "HEAD"), "ref: refs/heads/none\n");
  writeAtomic(join(directory, "objects", "info", "alternates"), `${objects}\n`);
  writeAtomic(join(directory, "info", "attributes"), ATTRIBUTES);
  appendFileSync(
    join(directory, "info", "exclude"),
    readPlain(join(path, ".git", "info", "exclude"), EXCLUDE_BYTES_MAX)?.replaceAll("\0", "") ?? "",
  );
  if (copyIndex(join(path, ".git", "index"), join(directory, "index"))) {
    // One that git cannot read, or that needs a second file, is made anew.
    const read = await git(["ls-files", "--", ":(top,literal)no such file"]);
    if (read.kind === "exited" && read.code === 0) return;
    rmSync(join(directory, "index"), { force: true });
  }
  await output(["read-tree", head]);
}

/** With it go `skip-worktree` (files of the base branch, sparse directories). */
function copyIndex(from: string, to: string): boolean {
  try {
    const fd = openSync(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = fstatSync(fd);
      if (!found.isFile() || found.size > INDEX_BYTES_MAX) return false;
      writeFileSync(to, readFileSync(fd), { mode: 0o600 });
      // Older than every file: git compares contents, and does not believe sizes and times (a copy made now would let
      // it take a file that was changed in the same instant for unchanged).
      utimesSync(to, 1, 1);
      return true;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (systemCode(error) === undefined || isDiskTrouble(error)) throw error;
    // A link, or not there.
    return false;
  }
}

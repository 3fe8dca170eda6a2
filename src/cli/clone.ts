/** A person's own clone: their configuration counts there, but none of its hooks runs, and their working tree is only looked at. */
import { execa } from "execa";
import { harmless } from "../lib/harmless.ts";
import { CliError } from "./output.ts";

export interface Clone {
  readonly directory: string;
  /** It has this commit. */
  has(commit: string): Promise<boolean>;
  /** Stores the objects of a pack after checking each. Throws CliError. */
  store(pack: Uint8Array): Promise<void>;
  /** Throws CliError for what can be no branch. */
  checkBranch(name: string): Promise<void>;
  /** null = there is none. */
  branch(name: string): Promise<string | null>;
  /** Moving it would lose nothing, and nobody has it checked out. */
  isForward(name: string, old: string, tip: string): Promise<boolean>;
  /** False = it is not at `old` any more, or its name cannot be taken. */
  move(name: string, old: string | null, tip: string): Promise<boolean>;
  log(base: string, tip: string, max: number): Promise<{ readonly lines: readonly string[]; readonly more: boolean }>; // prettier-ignore
  isDirty(): Promise<boolean>;
}

const TIME_MS_MAX = 5 * 60_000;
const SETTINGS = [
  "core.hooksPath=/dev/null",
  "fetch.recurseSubmodules=false",
  "transfer.fsckObjects=true",
  "log.showSignature=false",
].flatMap((setting) => ["-c", setting]);

/** Throws CliError when there is no repository. */
export async function openClone(directory: string): Promise<Clone> {
  const git = async (args: readonly string[], input?: Uint8Array): Promise<Ran> => {
    const { exitCode, stdout, stderr, failed, shortMessage } = await execa("git", ["-C", directory, ...SETTINGS, ...args], {
      reject: false,
      timeout: TIME_MS_MAX,
      env: { GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", GIT_NO_LAZY_FETCH: "1" },
      ...(input === undefined ? { stdin: "ignore" as const } : { input }),
    }); // prettier-ignore
    if (exitCode === undefined && failed) throw new CliError(`git: ${shortMessage ?? "it cannot be run"}`); // prettier-ignore
    return { ok: exitCode === 0, out: stdout.trim(), err: stderr };
  };
  const inside = await git(["rev-parse", "--git-dir"]);
  if (!inside.ok)
    throw new CliError(`${directory} is no clone: give the directory of one (orcha pull SESSION DIR)`); // prettier-ignore
  return {
    directory,
    has: async (commit) => (await git(["cat-file", "-e", `${commit}^{commit}`])).ok,
    async store(pack) {
      const stored = await git(["index-pack", "--stdin", "--fix-thin", "--strict"], pack);
      if (!stored.ok)
        throw new CliError(`git refused what the session has made: ${lastLine(stored.err)}`);
    },
    async checkBranch(name) {
      if (name.startsWith("-") || !(await git(["check-ref-format", "--branch", name])).ok)
        throw new CliError(`${JSON.stringify(name)} can be no branch`, 2);
    },
    async branch(name) {
      const found = await git(["rev-parse", "--verify", "--quiet", `refs/heads/${name}`]);
      return found.ok ? found.out : null;
    },
    async isForward(name, old, tip) {
      const trees = await git(["worktree", "list", "--porcelain"]);
      if (trees.out.split("\n").includes(`branch refs/heads/${name}`)) return false;
      return (await git(["merge-base", "--is-ancestor", old, tip])).ok;
    },
    move: async (name, old, tip) =>
      (await git(["update-ref", "-m", "orcha pull", `refs/heads/${name}`, tip, old ?? "0".repeat(tip.length)])).ok, // prettier-ignore
    async log(base, tip, max) {
      const range = [tip, `^${base}`, "--"];
      const listed = await git(["rev-list", "--oneline", `--max-count=${max + 1}`, ...range]);
      const lines = listed.out.split("\n").filter((line) => line !== "");
      return { lines: lines.slice(0, max), more: lines.length > max };
    },
    async isDirty() {
      const status = await git(["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"]); // prettier-ignore
      return status.ok && status.out !== "";
    },
  };
}

interface Ran {
  readonly ok: boolean;
  readonly out: string;
  readonly err: string;
}

const lastLine = (text: string): string => harmless(text.trim().split("\n").at(-1) ?? "").slice(0, 300); // prettier-ignore

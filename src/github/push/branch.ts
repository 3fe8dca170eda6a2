/**
 * What a push would do to the branch as it is now: nothing, move it forward, or join it with commits that
 * people made meanwhile. Never loses a commit that is on the branch.
 */
import { GitFailed, type Quarantine } from "./quarantine.ts";

export type Plan =
  /** The branch already holds the work. */
  | { readonly kind: "there"; readonly sha: string }
  | { readonly kind: "push"; readonly sha: string; readonly from: string | null }
  | { readonly kind: "conflict"; readonly reason: string };

export interface BranchState {
  readonly base: string;
  readonly head: string;
  /** What we believe the branch is at; null = it should not exist. */
  readonly expected: string | null;
  /** What it is at. */
  readonly actual: string | null;
  /** An earlier try may have pushed already. */
  readonly again: boolean;
}

export interface Identity {
  readonly name: string;
  readonly email: string;
}

export async function plan(
  quarantine: Quarantine,
  state: BranchState,
  identity: Identity,
): Promise<Plan> {
  const { head, expected, actual } = state;
  if (actual === null)
    return expected === null
      ? { kind: "push", sha: head, from: null }
      : { kind: "conflict", reason: "the branch was deleted on GitHub" };
  if (actual === head || (await isAncestor(quarantine, head, actual)))
    return { kind: "there", sha: actual };
  const forward = await isAncestor(quarantine, actual, head);
  if (expected === null && !(await isOurs(quarantine, { ...state, actual }, forward)))
    return { kind: "conflict", reason: "a branch of that name exists and is not ours" };
  if (forward) return { kind: "push", sha: head, from: actual };
  return merge(quarantine, actual, head, identity);
}

/** Unexpected, but made of our own commits: an earlier try got through and nobody told us. */
async function isOurs(
  quarantine: Quarantine,
  { base, actual, again }: BranchState & { readonly actual: string },
  forward: boolean,
): Promise<boolean> {
  if (actual === base || !(forward || again)) return false;
  return isAncestor(quarantine, base, actual);
}

/** The people's commits first, then the agent's: both stay as they are. */
async function merge(
  quarantine: Quarantine,
  theirs: string,
  head: string,
  identity: Identity,
): Promise<Plan> {
  const args = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", theirs, head];
  const result = await quarantine.git(args);
  const [tree = "", ...files] = result.stdout.toString("utf8").split("\0");
  if (result.code === 1) return { kind: "conflict", reason: conflictText(files) };
  if (result.code !== 0)
    return result.stderr.includes("unrelated histories")
      ? { kind: "conflict", reason: "the branch on GitHub has an unrelated history" }
      : throwing(new GitFailed("merge-tree", result));
  const message = "Merge commits made on GitHub meanwhile";
  const commit = ["commit-tree", tree, "-p", theirs, "-p", head, "-m", message];
  const sha = await quarantine.output(commit, { env: identityOf(identity) });
  return { kind: "push", sha, from: theirs };
}

const throwing = (error: Error): never => {
  throw error;
};

function conflictText(files: readonly string[]): string {
  const names = [...new Set(files.filter((file) => file !== ""))];
  const shown = names.slice(0, 10).map((file) => JSON.stringify(file).slice(0, 200));
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : "";
  return `somebody's commits on the branch conflict in ${shown.join(", ") || "unnamed files"}${more}`;
}

const identityOf = ({ name, email }: Identity): Readonly<Record<string, string>> => ({
  GIT_AUTHOR_NAME: name,
  GIT_AUTHOR_EMAIL: email,
  GIT_COMMITTER_NAME: name,
  GIT_COMMITTER_EMAIL: email,
});

async function isAncestor(quarantine: Quarantine, older: string, newer: string): Promise<boolean> {
  const result = await quarantine.git(["merge-base", "--is-ancestor", older, newer]);
  if (result.code !== 0 && result.code !== 1) throw new GitFailed("merge-base", result);
  return result.code === 0;
}

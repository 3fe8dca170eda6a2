/**
 * Merges without a checkout: three-way merges of trees and the commits of GitHub's three merge methods. Works with
 * git 2.39, whose `merge-tree` cannot be told a merge base; parentless commits stand in for it.
 */
import { git, gitText } from "./command.ts";
import { type GitCommit, listCommits } from "./history.ts";
import type { Signature } from "./bare.ts";

export type MergeMethod = "merge" | "squash" | "rebase";

/** The tree of `one` and `other` merged; undefined on conflict. */
export async function mergeTree(
  directory: string,
  one: string,
  other: string,
): Promise<string | undefined> {
  const args = ["merge-tree", "--write-tree", "--no-messages", one, other];
  const { code, stdout } = await git(directory, args, { codes: [0, 1] });
  return code === 0 ? stdout.split("\n")[0]?.trim() : undefined;
}

/**
 * Makes the commit(s) that bring `head` into `base`; moves no ref.
 * @returns the new tip, undefined on conflict
 */
export async function makeMerge(
  directory: string,
  merge: {
    readonly method: MergeMethod;
    readonly base: string;
    readonly head: string;
    readonly message: string;
    readonly author: Signature;
    readonly committer: Signature;
  },
): Promise<string | undefined> {
  const { base, head } = merge;
  if (merge.method === "rebase") return rebase(directory, base, head, merge.committer);
  const tree = await mergeTree(directory, base, head);
  if (tree === undefined) return undefined;
  const parents = merge.method === "merge" ? [base, head] : [base];
  const { author, committer, message } = merge;
  return commitTree(directory, { tree, parents, message, author, committer });
}

async function rebase(
  directory: string,
  base: string,
  head: string,
  committer: Signature,
): Promise<string | undefined> {
  let tip = base;
  for (const commit of await listCommits(directory, ["--no-merges", `${base}..${head}`])) {
    const next = await pick(directory, tip, commit, committer);
    if (next === undefined) return undefined;
    tip = next;
  }
  return tip;
}

async function pick(
  directory: string,
  onto: string,
  commit: GitCommit,
  committer: Signature,
): Promise<string | undefined> {
  const { author, message } = commit;
  const signature = { name: author.name, email: author.email, atMs: Date.parse(author.date) };
  const parent = commit.parents[0];
  const make = (tree: string, parents: readonly string[], text: string): Promise<string> =>
    commitTree(directory, { tree, parents, message: text, author: signature, committer });
  const ancestor = await make(parent === undefined ? emptyTree : `${parent}^{tree}`, [], "base");
  const ours = await make(`${onto}^{tree}`, [ancestor], "ours");
  const theirs = await make(commit.tree, [ancestor], "theirs");
  const tree = await mergeTree(directory, ours, theirs);
  return tree === undefined ? undefined : make(tree, [onto], message);
}

const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

async function commitTree(
  directory: string,
  commit: {
    readonly tree: string;
    readonly parents: readonly string[];
    readonly message: string;
    readonly author: Signature;
    readonly committer: Signature;
  },
): Promise<string> {
  const tree = commit.tree.endsWith("^{tree}")
    ? await gitText(directory, ["rev-parse", "--verify", commit.tree])
    : commit.tree;
  const parents = commit.parents.flatMap((parent) => ["-p", parent]);
  return gitText(directory, ["commit-tree", tree, ...parents], {
    input: `${commit.message}\n`,
    env: { ...person("AUTHOR", commit.author), ...person("COMMITTER", commit.committer) },
  });
}

function person(role: "AUTHOR" | "COMMITTER", signature: Signature): Record<string, string> {
  return {
    [`GIT_${role}_NAME`]: signature.name,
    [`GIT_${role}_EMAIL`]: signature.email,
    [`GIT_${role}_DATE`]: `${Math.floor(signature.atMs / 1000)} +0000`,
  };
}

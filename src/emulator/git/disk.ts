/** Git on disk: bare repositories below one directory, every question a git process. */
import { join } from "node:path";

import {
  commitFiles,
  createBare,
  headBranchOf,
  importInto,
  readRefs,
  resolveCommit,
  setRef,
} from "./bare.ts";
import { diffFiles } from "./diff.ts";
import {
  aheadBehind,
  isAncestor,
  listCommits,
  listHistory,
  mergeBase,
  readCommit,
} from "./history.ts";
import { exclusive } from "./lock.ts";
import { makeMerge, mergeTree } from "./merge.ts";
import type { CommitRange, Git, GitRepository } from "./port.ts";
import { listTree, readBlob } from "./tree.ts";

/** `root` must exist or be creatable; repositories become `root/owner/name.git`. */
export function openDiskGit(root: string): Git {
  return {
    async create(name, defaultBranch) {
      const directory = join(root, `${name}.git`);
      await createBare(directory, defaultBranch);
      return at(directory);
    },
    headBranchOf,
  };
}

function at(directory: string): GitRepository {
  return {
    directory,
    exclusive: (work) => exclusive(directory, work),
    importFrom: (from) => importInto(directory, from),
    readRefs: () => readRefs(directory),
    setRef: (ref, sha) => setRef(directory, ref, sha),
    resolveCommit: (name) => resolveCommit(directory, name),
    commitFiles: (commit) => commitFiles(directory, commit),
    readCommit: (sha) => readCommit(directory, sha),
    listCommits: (range) => listCommits(directory, argumentsOf(range)),
    listHistory: (sha, options) => listHistory(directory, sha, options),
    aheadBehind: (from, to) => aheadBehind(directory, from, to),
    mergeBase: (one, other) => mergeBase(directory, one, other),
    isAncestor: (ancestor, of) => isAncestor(directory, ancestor, of),
    diffFiles: (from, to) => diffFiles(directory, from, to),
    mergeTree: (one, other) => mergeTree(directory, one, other),
    makeMerge: (merge) => makeMerge(directory, merge),
    listTree: (sha, path) => listTree(directory, sha, path),
    readBlob: (sha) => readBlob(directory, sha),
  };
}

function argumentsOf({ tip, except, max, noMerges = false }: CommitRange): string[] {
  return [
    ...(noMerges ? ["--no-merges"] : []),
    ...(max === undefined ? [] : ["-n", String(max)]),
    tip,
    ...(except === undefined ? [] : [`^${except}`]),
  ];
}

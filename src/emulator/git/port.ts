/**
 * What the emulator needs of git, repository by repository. Two things do it: real git on disk (`disk.ts`, the
 * default) and commits in memory (`memory.ts`, for runs without processes, files and real time). Both pass
 * `test/emulator/git-port.test.ts`. Knows no issues, people or events.
 */
import type { Signature } from "./bare.ts";
import type { FileChange } from "./diff.ts";
import type { GitCommit } from "./history.ts";
import type { MergeMethod } from "./merge.ts";

export interface Git {
  /** Makes an empty repository; `name` is `owner/name` in small letters. */
  create(name: string, defaultBranch: string): Promise<GitRepository>;
  /** The branch to call default of the repository at a path on disk. */
  headBranchOf(from: string): Promise<string | undefined>;
}

export interface GitRepository {
  /** Where it lies on disk; empty when it lies nowhere. */
  readonly directory: string;
  /** Runs `work` after everything that asked before; one writer at a time. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  /** Copies all branches and tags of the repository at a path on disk. */
  importFrom(from: string): Promise<void>;
  /** All branches and tags: full name → object id. */
  readRefs(): Promise<Map<string, string>>;
  /** Points a ref at a commit; `undefined` deletes it. */
  setRef(ref: string, sha: string | undefined): Promise<void>;
  /** The commit that a branch, tag, full ref or (short) id names; undefined when there is none. */
  resolveCommit(name: string): Promise<string | undefined>;
  /** Commits files onto a branch and moves it there. Returns the commit's id. */
  commitFiles(commit: BranchCommit): Promise<string>;
  /** @throws Error when there is no such commit */
  readCommit(sha: string): Promise<GitCommit>;
  /** Commits of a range, oldest first, at most 250. */
  listCommits(range: CommitRange): Promise<GitCommit[]>;
  /** The newest commits reachable from `sha`, newest first. */
  listHistory(sha: string, options: HistoryOptions): Promise<GitCommit[]>;
  /** Commits on `to` that `from` does not have, and the other way round. */
  aheadBehind(
    from: string,
    to: string,
  ): Promise<{ readonly ahead: number; readonly behind: number }>;
  mergeBase(one: string, other: string): Promise<string | undefined>;
  isAncestor(ancestor: string, of: string): Promise<boolean>;
  /** Changes from `from` (undefined: from nothing) to `to`, in git's order. */
  diffFiles(from: string | undefined, to: string): Promise<FileChange[]>;
  /** The tree of two commits merged; undefined on conflict. Unrelated histories may be refused with an error. */
  mergeTree(one: string, other: string): Promise<string | undefined>;
  /** Makes the commit(s) that bring `head` into `base`; moves no ref. Returns the new tip, undefined on conflict. */
  makeMerge(merge: NewMerge): Promise<string | undefined>;
  /** A file or folder of a commit; `path` with a slash at its end, or empty: what is in that folder. */
  listTree(sha: string, path: string): Promise<TreeEntry[]>;
  readBlob(sha: string): Promise<Buffer>;
}

export interface BranchCommit {
  readonly branch: string;
  readonly parent: string | undefined;
  /** A `null` content deletes the path; one that starts with `#!` becomes executable. */
  readonly files: Readonly<Record<string, string | null>>;
  readonly message: string;
  readonly author: Signature;
}

export interface CommitRange {
  readonly tip: string;
  /** Without what is reachable from here. */
  readonly except?: string | undefined;
  /** Only so many, the newest. */
  readonly max?: number;
  /** Leaves merges out. */
  readonly noMerges?: boolean;
}

export interface HistoryOptions {
  readonly max: number;
  /** Only commits that changed it. */
  readonly path: string | undefined;
}

export interface NewMerge {
  readonly method: MergeMethod;
  readonly base: string;
  readonly head: string;
  readonly message: string;
  readonly author: Signature;
  readonly committer: Signature;
}

export interface TreeEntry {
  readonly type: string;
  readonly sha: string;
  /** In bytes; 0 for folders. */
  readonly size: number;
  readonly path: string;
}

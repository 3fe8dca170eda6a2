/**
 * Git in memory: commits with the ids real git would give them, no processes, no files, nothing that waits. Merges are
 * coarser than git's (`threeway.ts`), moved files are known only when unchanged. Bound by memory, nothing is collected.
 */
import { countApart, isAncestorIn, mergeBaseIn, walk } from "./ancestry.ts";
import { compareFiles, compareMaps } from "./compare.ts";
import type { GitCommit, GitPerson } from "./history.ts";
import {
  changedFiles,
  commitOf,
  type FileEntry,
  type FileMap,
  filesOf,
  folderId,
  type Objects,
  openObjects,
} from "./objects.ts";
import type { Signature } from "./bare.ts";
import type { Git, GitRepository, TreeEntry } from "./port.ts";
import { mergeCommits, mergeInMemory } from "./threeway.ts";

/** The most commits one listing gives, as on GitHub's pull request and compare pages. */
const commitsMax = 250;

export interface MemoryGit extends Git {
  create(name: string, defaultBranch: string): Promise<MemoryRepository>;
}

export interface MemoryRepository extends GitRepository {
  readonly objects: Objects;
  /** Full name → commit, `refs/pull/…` included. Change it through `setRef`. */
  readonly refs: ReadonlyMap<string, string>;
  /** Whether a ref has ever led there: what is among the objects besides was never pushed. */
  published(sha: string): boolean;
}

export function openMemoryGit(): MemoryGit {
  return {
    create: async () => createRepository(),
    headBranchOf: async (from) => {
      throw new Error(`git in memory cannot read ${from}`);
    },
  };
}

/** What lies behind a repository of an emulator in this process. */
export function inMemory(git: GitRepository): MemoryRepository {
  if (isMemory(git)) return git;
  throw new Error(`${git.directory} is on disk, not in memory`);
}

function isMemory(git: GitRepository): git is MemoryRepository {
  return "objects" in git;
}

function createRepository(): MemoryRepository {
  const objects = openObjects();
  const refs = openRefs(objects);
  return {
    directory: "",
    objects,
    refs: refs.all,
    published: (sha) => refs.published.has(sha),
    exclusive: openLock(),
    importFrom: async (from) => {
      throw new Error(`git in memory cannot read ${from}`);
    },
    ...pointers(objects, refs),
    ...history(objects),
    ...contents(objects),
  };
}

type Pointers = Pick<
  GitRepository,
  "readRefs" | "setRef" | "resolveCommit" | "commitFiles" | "makeMerge"
>;

function pointers(objects: Objects, refs: Refs): Pointers {
  return {
    readRefs: async () => {
      const shown = [...refs.all].filter(([ref]) => /^refs\/(?:heads|tags)\//u.test(ref));
      return new Map(shown.toSorted(([one], [other]) => (one < other ? -1 : 1)));
    },
    setRef: async (ref, sha) => refs.set(ref, sha),
    resolveCommit: async (name) => resolve(refs, name),
    commitFiles: async ({ branch, parent, files: changes, message, author }) => {
      const before = parent === undefined ? new Map<string, FileEntry>() : filesOf(objects, parent);
      const tree = objects.addTree(changedFiles(objects, before, changes));
      const parents = parent === undefined ? [] : [parent];
      const sha = objects.addCommit({ tree, parents, author, committer: author, message });
      refs.set(`refs/heads/${branch}`, sha);
      return sha;
    },
    makeMerge: async (merge) => mergeInMemory(objects, merge),
  };
}

type History = Pick<
  GitRepository,
  | "readCommit"
  | "listCommits"
  | "listHistory"
  | "aheadBehind"
  | "mergeBase"
  | "isAncestor"
  | "mergeTree"
>;

function history(objects: Objects): History {
  return {
    readCommit: async (sha) => gitCommit(objects, sha),
    listCommits: async ({ max = Infinity, ...range }) =>
      walk(objects, range)
        .slice(0, max)
        .toReversed()
        .slice(0, commitsMax)
        .map((sha) => gitCommit(objects, sha)),
    listHistory: async (tip, { max, path }) =>
      walk(objects, { tip })
        .filter((sha) => path === undefined || touches(objects, sha, path))
        .slice(0, max)
        .map((sha) => gitCommit(objects, sha)),
    aheadBehind: async (from, to) => countApart(objects, from, to),
    mergeBase: async (one, other) => mergeBaseIn(objects, one, other),
    isAncestor: async (ancestor, of) => isAncestorIn(objects, ancestor, of),
    mergeTree: async (one, other) => {
      const merged = mergeCommits(objects, objects, one, other);
      return merged?.ok === true ? objects.addTree(merged.files) : undefined;
    },
  };
}

function contents(objects: Objects): Pick<GitRepository, "diffFiles" | "listTree" | "readBlob"> {
  return {
    diffFiles: async (from, to) => {
      const before = from === undefined ? new Map<string, FileEntry>() : filesOf(objects, from);
      return compareFiles(objects, before, filesOf(objects, to));
    },
    listTree: async (sha, path) => listTree(objects, filesOf(objects, sha), path),
    readBlob: async (sha) => {
      const blob = objects.blob(sha);
      if (blob === undefined) throw new Error(`no blob ${sha}`);
      return blob;
    },
  };
}

/** One writer at a time. */
function openLock(): GitRepository["exclusive"] {
  let tail: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = tail.then(work);
    // Its failure is told to whoever asked; the next one starts all the same.
    tail = mine.catch(() => undefined);
    return mine;
  };
}

interface Refs {
  readonly all: ReadonlyMap<string, string>;
  readonly published: ReadonlySet<string>;
  set(ref: string, sha: string | undefined): void;
}

function openRefs(objects: Objects): Refs {
  const all = new Map<string, string>();
  const published = new Set<string>();
  const publish = (tip: string): void => {
    const open = [tip];
    for (let sha = open.pop(); sha !== undefined; sha = open.pop()) {
      if (published.has(sha)) continue;
      published.add(sha);
      open.push(...commitOf(objects, sha).parents);
    }
  };
  return {
    all,
    published,
    set(ref, sha) {
      if (sha === undefined) all.delete(ref);
      else {
        publish(sha);
        all.set(ref, sha);
      }
    },
  };
}

function resolve(refs: Refs, name: string): string | undefined {
  if (name === "" || name.startsWith("-")) return undefined;
  for (const ref of [`refs/heads/${name}`, `refs/tags/${name}`, name]) {
    const sha = refs.all.get(ref);
    if (sha !== undefined) return sha;
  }
  if (!/^[0-9a-f]{4,40}$/u.test(name)) return undefined;
  if (name.length === 40) return refs.published.has(name) ? name : undefined;
  const [found, ...more] = [...refs.published].filter((sha) => sha.startsWith(name));
  return more.length === 0 ? found : undefined;
}

/** Whether a commit changed a file or something below a folder; a merge does when no parent has it so. */
function touches(objects: Objects, sha: string, path: string): boolean {
  const { parents } = commitOf(objects, sha);
  const after = filesOf(objects, sha);
  const changed = (before: FileMap): boolean =>
    compareMaps(before, after).some(
      (change) => change.path === path || change.path.startsWith(`${path}/`),
    );
  if (parents.length === 0) return changed(new Map<string, FileEntry>());
  return parents.every((parent) => changed(filesOf(objects, parent)));
}

function listTree(objects: Objects, files: FileMap, path: string): TreeEntry[] {
  const inside = path === "" || path.endsWith("/");
  if (!inside) return [treeEntry(objects, files, path)].filter((entry) => entry !== undefined);
  const below = [...files.keys()].filter((other) => other.startsWith(path));
  const names = new Set(
    below.map((other) => path + (other.slice(path.length).split("/")[0] ?? "")),
  );
  return [...names]
    .map((name) => treeEntry(objects, files, name))
    .filter((entry) => entry !== undefined);
}

function treeEntry(objects: Objects, files: FileMap, path: string): TreeEntry | undefined {
  const file = files.get(path);
  if (file !== undefined) {
    const size = objects.blob(file.sha)?.length ?? 0;
    return { type: "blob", sha: file.sha, size, path };
  }
  if (![...files.keys()].some((other) => other.startsWith(`${path}/`))) return undefined;
  return { type: "tree", sha: folderId(files, path), size: 0, path };
}

function gitCommit(objects: Objects, sha: string): GitCommit {
  const { tree, parents, author, committer, message } = commitOf(objects, sha);
  return {
    sha,
    tree,
    parents,
    author: person(author),
    committer: person(committer),
    message: message.replace(/\n+$/u, ""),
  };
}

function person({ name, email, atMs }: Signature): GitPerson {
  const date = new Date(Math.floor(atMs / 1000) * 1000).toISOString();
  return { name, email, date: date.replace(".000Z", "Z") };
}

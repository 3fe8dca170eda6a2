/**
 * Git's objects in memory, with the ids that git gives them. Trees are kept flat: path → mode and blob. Holds what it
 * was given, nothing else: a commit whose parents are elsewhere is fine, as in a shallow clone. No refs here.
 */
import { hash } from "node:crypto";

import type { Signature } from "./bare.ts";

export interface FileEntry {
  /** 100644, 100755, 120000 or 160000. */
  readonly mode: string;
  readonly sha: string;
}

export type FileMap = ReadonlyMap<string, FileEntry>;

export interface NewCommit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Signature;
  readonly committer: Signature;
  /** As stored: with the line end that most commands add. */
  readonly message: string;
}

export interface Objects {
  addBlob(content: string | Uint8Array): string;
  addTree(files: FileMap): string;
  addCommit(commit: NewCommit): string;
  blob(sha: string): Buffer | undefined;
  tree(sha: string): FileMap | undefined;
  commit(sha: string): NewCommit | undefined;
  /** Takes a commit with its tree and files from elsewhere; false when it is not there. */
  take(from: Objects, sha: string): boolean;
}

export function openObjects(): Objects {
  const blobs = new Map<string, Buffer>();
  const trees = new Map<string, FileMap>();
  const commits = new Map<string, NewCommit>();
  const objects: Objects = {
    addBlob(content) {
      const bytes = Buffer.from(content);
      const sha = idOf("blob", bytes);
      if (!blobs.has(sha)) blobs.set(sha, bytes);
      return sha;
    },
    addTree(files) {
      const sorted = new Map([...files].toSorted(([one], [other]) => (one < other ? -1 : 1)));
      const sha = treeId(sorted);
      if (!trees.has(sha)) trees.set(sha, sorted);
      return sha;
    },
    addCommit(commit) {
      const sha = idOf("commit", Buffer.from(commitText(commit)));
      if (!commits.has(sha)) commits.set(sha, commit);
      return sha;
    },
    blob: (sha) => blobs.get(sha),
    tree: (sha) => trees.get(sha),
    commit: (sha) => commits.get(sha),
    take(from, sha) {
      if (commits.has(sha)) return true;
      const commit = from.commit(sha);
      const tree = commit && from.tree(commit.tree);
      if (commit === undefined || tree === undefined) return false;
      for (const entry of tree.values()) {
        const bytes = blobs.has(entry.sha) ? undefined : from.blob(entry.sha);
        if (bytes !== undefined) blobs.set(entry.sha, bytes);
      }
      trees.set(commit.tree, tree);
      commits.set(sha, commit);
      return true;
    },
  };
  return objects;
}

/** The files of a commit; throws when the commit or its tree is not there. */
export function filesOf(objects: Objects, sha: string): FileMap {
  const tree = objects.tree(commitOf(objects, sha).tree);
  if (tree === undefined) throw new Error(`commit ${sha} has lost its tree`);
  return tree;
}

export function commitOf(objects: Objects, sha: string): NewCommit {
  const commit = objects.commit(sha);
  if (commit === undefined) throw new Error(`no commit ${sha}`);
  return commit;
}

/** The files of a commit with some of them changed: `null` deletes, `#!` at the start makes executable. */
export function changedFiles(
  objects: Objects,
  before: FileMap,
  changes: Readonly<Record<string, string | null>>,
): FileMap {
  const files = new Map(before);
  for (const [path, content] of Object.entries(changes)) {
    if (content === null) files.delete(path);
    else {
      const mode = content.startsWith("#!") ? "100755" : "100644";
      files.set(path, { mode, sha: objects.addBlob(content) });
    }
  }
  return files;
}

function idOf(kind: "blob" | "tree" | "commit", bytes: Buffer): string {
  return hash("sha1", Buffer.concat([Buffer.from(`${kind} ${bytes.length}\0`), bytes]));
}

function commitText({ tree, parents, author, committer, message }: NewCommit): string {
  const lines = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${signatureText(author)}`,
    `committer ${signatureText(committer)}`,
  ];
  return `${lines.join("\n")}\n\n${message}`;
}

/** Names in commit headers may not hold angle brackets or line ends. */
function signatureText({ name, email, atMs }: Signature): string {
  return `${name.replaceAll(/[<>\n]/gu, "")} <${email}> ${Math.floor(atMs / 1000)} +0000`;
}

/** What git calculates folder by folder, from a flat list. */
function treeId(files: FileMap): string {
  const entries: { readonly name: string; readonly line: Buffer }[] = [];
  const folders = new Map<string, Map<string, FileEntry>>();
  for (const [path, entry] of files) {
    const slash = path.indexOf("/");
    if (slash === -1) entries.push({ name: path, line: treeLine(entry.mode, path, entry.sha) });
    else {
      const name = path.slice(0, slash);
      const folder = folders.get(name) ?? new Map<string, FileEntry>();
      folders.set(name, folder.set(path.slice(slash + 1), entry));
    }
  }
  for (const [name, inside] of folders) {
    // Git sorts folders as if their name ended in a slash.
    entries.push({ name: `${name}/`, line: treeLine("40000", name, treeId(inside)) });
  }
  const sorted = entries.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  return idOf("tree", Buffer.concat(sorted.map(({ line }) => line)));
}

/** The id of one folder of a tree. */
export function folderId(files: FileMap, folder: string): string {
  const inside = [...files].filter(([path]) => path.startsWith(`${folder}/`));
  return treeId(new Map(inside.map(([path, entry]) => [path.slice(folder.length + 1), entry])));
}

function treeLine(mode: string, name: string, sha: string): Buffer {
  return Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(sha, "hex")]);
}

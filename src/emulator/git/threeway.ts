/**
 * Three-way merges in memory, file by file: a file that both sides changed differently is a conflict, even where git
 * would find the changes far enough apart.
 */
import { mergeBaseIn, type Graph, walk } from "./ancestry.ts";
import { compareMaps, sameEntry } from "./compare.ts";
import { commitOf, type FileEntry, type FileMap, filesOf, type Objects } from "./objects.ts";
import type { NewMerge } from "./port.ts";

export type Merged =
  | { readonly ok: true; readonly files: FileMap }
  | { readonly ok: false; readonly conflicts: readonly string[] };

export function mergeMaps(base: FileMap, ours: FileMap, theirs: FileMap): Merged {
  const files = new Map(ours);
  const conflicts: string[] = [];
  for (const { path, after } of compareMaps(base, theirs)) {
    const mine = ours.get(path);
    if (sameEntry(mine, after)) continue;
    if (!sameEntry(mine, base.get(path))) conflicts.push(path);
    else if (after === undefined) files.delete(path);
    else files.set(path, after);
  }
  // A file on one side where the other made a folder of that name.
  conflicts.push(
    ...[...files.keys()].filter((path) => foldersOf(path).some((at) => files.has(at))),
  );
  return conflicts.length > 0 ? { ok: false, conflicts } : { ok: true, files };
}

/** Two commits merged; undefined when their histories are unrelated. */
export function mergeCommits(
  objects: Objects,
  graph: Graph,
  one: string,
  other: string,
): Merged | undefined {
  const base = mergeBaseIn(graph, one, other);
  if (base === undefined) return undefined;
  return mergeMaps(filesOf(objects, base), filesOf(objects, one), filesOf(objects, other));
}

/** The commit(s) of GitHub's three merge methods; undefined on conflict. */
export function mergeInMemory(objects: Objects, merge: NewMerge): string | undefined {
  const { base, head, author, committer } = merge;
  if (merge.method === "rebase") return rebase(objects, merge);
  const merged = mergeCommits(objects, objects, base, head);
  if (merged?.ok !== true) return undefined;
  const tree = objects.addTree(merged.files);
  const parents = merge.method === "merge" ? [base, head] : [base];
  return objects.addCommit({ tree, parents, author, committer, message: `${merge.message}\n` });
}

function rebase(objects: Objects, { base, head, committer }: NewMerge): string | undefined {
  let tip = base;
  for (const sha of walk(objects, { tip: head, except: base, noMerges: true }).toReversed()) {
    const commit = commitOf(objects, sha);
    const [parent] = commit.parents;
    const before = parent === undefined ? new Map<string, FileEntry>() : filesOf(objects, parent);
    const merged = mergeMaps(before, filesOf(objects, tip), filesOf(objects, sha));
    if (!merged.ok) return undefined;
    const tree = objects.addTree(merged.files);
    const message = `${commit.message.replace(/\n+$/u, "")}\n`;
    tip = objects.addCommit({ ...commit, tree, parents: [tip], committer, message });
  }
  return tip;
}

function foldersOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** What differs between two file lists in memory, as git tells it: changed, added, removed, moved unchanged. */
import type { FileChange } from "./diff.ts";
import { diffTexts } from "./lines.ts";
import type { FileEntry, FileMap, Objects } from "./objects.ts";

export interface EntryChange {
  readonly path: string;
  readonly before: FileEntry | undefined;
  readonly after: FileEntry | undefined;
}

/** Paths that differ, in git's order. */
export function compareMaps(before: FileMap, after: FileMap): EntryChange[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths]
    .map((path) => ({ path, before: before.get(path), after: after.get(path) }))
    .filter((change) => !sameEntry(change.before, change.after))
    .toSorted((one, other) => (one.path < other.path ? -1 : 1));
}

export function sameEntry(one: FileEntry | undefined, other: FileEntry | undefined): boolean {
  return one?.sha === other?.sha && one?.mode === other?.mode;
}

/** Changes with patches. A file counts as renamed only when it moved without a change. */
export function compareFiles(objects: Objects, before: FileMap, after: FileMap): FileChange[] {
  const changes = compareMaps(before, after);
  const gone = changes.filter((change) => change.after === undefined);
  const moved = new Map<EntryChange, EntryChange>();
  for (const change of changes) {
    if (change.before !== undefined) continue;
    const from = gone.find(({ before: old }) => old?.sha === change.after?.sha);
    if (from === undefined) continue;
    gone.splice(gone.indexOf(from), 1);
    moved.set(change, from);
  }
  const sources = new Set(moved.values());
  return changes
    .filter((change) => !sources.has(change))
    .map((change) => fileChange(objects, change, moved.get(change)));
}

function fileChange(
  objects: Objects,
  { path, before, after }: EntryChange,
  from: EntryChange | undefined,
): FileChange {
  const sha = (after ?? before)?.sha ?? "";
  if (from !== undefined) {
    const unchanged = { additions: 0, deletions: 0, patch: undefined };
    return { path, previousPath: from.path, status: "renamed", sha, ...unchanged };
  }
  const status = before === undefined ? "added" : after === undefined ? "removed" : "modified";
  const [old, fresh] = [textOf(objects, before), textOf(objects, after)];
  const binary = old.includes("\0") || fresh.includes("\0");
  const change = binary ? { additions: 0, deletions: 0, patch: undefined } : diffTexts(old, fresh);
  return { path, previousPath: undefined, status, sha, ...change };
}

function textOf(objects: Objects, entry: FileEntry | undefined): string {
  return entry === undefined ? "" : (objects.blob(entry.sha)?.toString("utf8") ?? "");
}

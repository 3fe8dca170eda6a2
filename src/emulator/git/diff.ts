/** What changed between two commits, file by file, with hunks, and where a line of a file stands in them. */
import { git } from "./command.ts";

export interface FileChange {
  readonly path: string;
  readonly previousPath: string | undefined;
  readonly status: "added" | "removed" | "modified" | "renamed" | "copied" | "changed";
  readonly sha: string;
  readonly additions: number;
  readonly deletions: number;
  /** The hunks from the first `@@` on; undefined for binary files and pure renames. */
  readonly patch: string | undefined;
}

export interface DiffLine {
  readonly kind: "hunk" | "context" | "added" | "removed";
  readonly text: string;
  readonly oldLine: number | undefined;
  readonly newLine: number | undefined;
}

const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/** Changes from `from` (undefined: from nothing) to `to`, in git's order. */
export async function diffFiles(
  directory: string,
  from: string | undefined,
  to: string,
): Promise<FileChange[]> {
  const range = [from ?? emptyTree, to];
  const common = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "-M", "--no-abbrev"];
  const [raw, patch] = await Promise.all([
    git(directory, [...common, "--raw", "-z", ...range]),
    git(directory, [...common, "--patch", ...range]),
  ]);
  const sections = patch.stdout.split(/^diff --git /mu).slice(1);
  return parseRaw(raw.stdout).map((entry, index) =>
    Object.assign(entry, measure(sections[index] ?? "")),
  );
}

/** The lines of a patch with their numbers on both sides. */
export function readPatch(patch: string): DiffLine[] {
  let oldLine = 0;
  let newLine = 0;
  const lines: DiffLine[] = [];
  for (const text of patch.split("\n")) {
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/u.exec(text);
    if (hunk !== null) {
      oldLine = Number(hunk[1]);
      newLine = Number(hunk[2]);
      lines.push({ kind: "hunk", text, oldLine: undefined, newLine: undefined });
    } else if (text.startsWith("+")) {
      lines.push({ kind: "added", text, oldLine: undefined, newLine });
      newLine += 1;
    } else if (text.startsWith("-")) {
      lines.push({ kind: "removed", text, oldLine, newLine: undefined });
      oldLine += 1;
    } else if (text.startsWith(" ")) {
      lines.push({ kind: "context", text, oldLine, newLine });
      oldLine += 1;
      newLine += 1;
    }
  }
  return lines;
}

/**
 * The place of a line in a patch: its position (lines below the first hunk header, as GitHub counts) and the hunk up to
 * it. Undefined when the line is not part of the diff, which GitHub answers with 422.
 */
export function locate(
  patch: string,
  side: "LEFT" | "RIGHT",
  line: number,
): { readonly position: number; readonly hunk: string } | undefined {
  const lines = readPatch(patch);
  const index = lines.findIndex((entry) => {
    if (side === "LEFT") return entry.kind !== "added" && entry.oldLine === line;
    return entry.kind !== "removed" && entry.newLine === line;
  });
  if (index === -1) return undefined;
  const start = lines.findLastIndex((entry, at) => at < index && entry.kind === "hunk");
  const hunk = lines.slice(Math.max(start, 0), index + 1).map((entry) => entry.text);
  return { position: index, hunk: hunk.join("\n") };
}

type RawEntry = Pick<FileChange, "path" | "previousPath" | "status" | "sha">;

function parseRaw(text: string): RawEntry[] {
  const fields = text.split("\0");
  const entries: RawEntry[] = [];
  for (let index = 0; index < fields.length;) {
    const meta = /^:\d+ \d+ (\w+) (\w+) ([A-Z])\d*$/u.exec(fields[index] ?? "");
    if (meta === null) break;
    const [, oldSha = "", newSha = "", letter = ""] = meta;
    const moved = letter === "R" || letter === "C";
    entries.push({
      path: fields[index + (moved ? 2 : 1)] ?? "",
      previousPath: moved ? fields[index + 1] : undefined,
      status: statusOf(letter),
      sha: letter === "D" ? oldSha : newSha,
    });
    index += moved ? 3 : 2;
  }
  return entries;
}

function statusOf(letter: string): FileChange["status"] {
  const names: Record<string, FileChange["status"]> = {
    A: "added",
    D: "removed",
    M: "modified",
    R: "renamed",
    C: "copied",
  };
  return names[letter] ?? "changed";
}

function measure(section: string): Pick<FileChange, "additions" | "deletions" | "patch"> {
  const start = section.search(/^@@ /mu);
  if (start === -1) return { additions: 0, deletions: 0, patch: undefined };
  const patch = section.slice(start).replace(/\n$/u, "");
  const lines = patch.split("\n");
  return {
    additions: lines.filter((line) => line.startsWith("+")).length,
    deletions: lines.filter((line) => line.startsWith("-")).length,
    patch,
  };
}

/**
 * What an agent's commits may contain. Works on `diff-tree --raw -z`, never on patch text: names with
 * newlines, renames and case variants cannot hide from it (security.md D14, E8). Pure.
 */

export interface Change {
  readonly newMode: string;
  readonly newSha: string;
  readonly status: string;
  readonly path: string;
}

export interface PolicyLimits {
  readonly filesMax: number;
  /** Of one file, in bytes. GitHub refuses 100 MB. */
  readonly fileBytesMax: number;
  /** Of all new file contents together, in bytes. */
  readonly totalBytesMax: number;
  readonly commitsMax: number;
}

export const POLICY_LIMITS: PolicyLimits = {
  filesMax: 5_000,
  fileBytesMax: 50 * 1024 * 1024,
  totalBytesMax: 256 * 1024 * 1024,
  commitsMax: 500,
};

/** Changes out of `diff-tree -r -z --raw --no-renames`, with `--stdin` also its commit lines. */
export function parseRawDiff(output: Buffer): readonly Change[] {
  const fields = output.toString("utf8").split("\0");
  const changes: Change[] = [];
  for (let index = 0; index < fields.length; index += 1) {
    const field = fields[index] ?? "";
    // The header may follow the commit's id and a newline.
    const header = RAW.exec(field)?.groups;
    if (header === undefined) continue;
    index += 1;
    changes.push({
      newMode: header["mode"] ?? "",
      newSha: header["sha"] ?? "",
      status: header["status"] ?? "",
      path: fields[index] ?? "",
    });
  }
  return changes;
}

const RAW =
  /^:[0-7]{6} (?<mode>[0-7]{6}) [0-9a-f]{40} (?<sha>[0-9a-f]{40}) (?<status>[A-Z])\d{0,3}$/mu;

const NOTHING = "0".repeat(40);
export const isDeleted = (change: Change): boolean => change.newSha === NOTHING;

/** Why a change may not be pushed, or null. Names the file. */
export function refusedChange(change: Change): string | null {
  const { path, newMode } = change;
  const name = JSON.stringify(path).slice(0, 300);
  const parts = path.split("/");
  if (parts.some((part) => isDotGit(part) || part === ".." || part === "." || part === ""))
    return `${name} is not a name git may check out`;
  if (path.includes("\\")) return `${name} has a backslash in its name`;
  if (path.includes("\uFFFD")) return `${name} is not valid UTF-8`;
  if (isDeleted(change) && !isProtected(path)) return null;
  if (newMode === "160000") return `${name} is a submodule; agents may not add or move submodules`;
  if (!isDeleted(change) && !["100644", "100755", "120000"].includes(newMode))
    return `${name} has the unusual mode ${newMode}`;
  if (isWorkflow(path))
    return `${name} is a workflow; the App has no permission to change workflows`;
  if (isProtected(path))
    return `${name} configures agents, hooks or submodules; agents may not change it`;
  return null;
}

/** Whether a symbolic link at `path` to `target` stays inside the tree. */
export function staysInside(path: string, target: string): boolean {
  if (target === "" || target.startsWith("/") || target.includes("\\") || target.includes("\0"))
    return false;
  let depth = path.split("/").length - 1;
  for (const part of target.split("/")) {
    if (isDotGit(part)) return false;
    if (part === "..") depth -= 1;
    else if (part !== "." && part !== "") depth += 1;
    if (depth < 0) return false;
  }
  return true;
}

/** `.git` as some file system may read it: case, trailing dots and spaces, short names, streams. */
const isDotGit = (part: string): boolean =>
  /^(?:\.git|git~\d+)[. ]*(?::.*)?$/iu.test(
    part.replaceAll(/[\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]/gu, ""),
  );

const isWorkflow = (path: string): boolean =>
  /^\.github\/(?:workflows|actions)(?:\/|$)/iu.test(path);

/** Read by agents or git before anybody looked: security.md B6. */
const PROTECTED_FOLDERS = new Set([
  ".claude",
  ".gemini",
  ".codex",
  ".cursor",
  ".husky",
  ".githooks",
]);
const PROTECTED_FILES = new Set([
  ".mcp.json",
  ".gitmodules",
  ".ripgreprc",
  "claude.md",
  "claude.local.md",
  "agents.md",
  "gemini.md",
]);

function isProtected(path: string): boolean {
  const parts = path.toLowerCase().split("/");
  const file = parts.at(-1) ?? "";
  if (path.toLowerCase() === ".github/orcha.yml" || isWorkflow(path)) return true;
  return PROTECTED_FILES.has(file) || parts.some((part) => PROTECTED_FOLDERS.has(part));
}

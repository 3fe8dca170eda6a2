/**
 * Configuration is code: agents and tools execute what a pull request's branch says in these files before
 * they ask anybody. So before an agent starts on a follow-up they are put back as the base branch has them.
 *
 * In the index they are `skip-worktree` (a commit does not revert the pull request's own change); those
 * only in base go to `.git/info/exclude`. Runs on a fresh checkout only, before any foreign code.
 */
import { appendFileSync, lstatSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory, parentsBelow, writeBelow } from "./files.ts";
import { type Git, git } from "./git.ts";

/** Wherever one of these is part of a path, the path is configuration (docs of the agents, security B6). */
const CONFIGURATION = new Set([
  ".claude",
  ".mcp.json",
  "claude.md",
  "claude.local.md",
  "agents.md",
  "agents.override.md",
  ".agents",
  ".gemini",
  "gemini.md",
  ".codex",
  ".cursor",
  ".cursorrules",
  ".opencode",
  "opencode.json",
  "opencode.jsonc",
  ".husky",
  ".vscode",
  ".idea",
  ".envrc",
  ".npmrc",
  ".yarnrc",
  ".yarnrc.yml",
  "bunfig.toml",
  ".ripgreprc",
  ".gitmodules",
]);

interface TreeEntry {
  readonly mode: string;
  readonly object: string;
  readonly path: string;
}

/** Puts the files back. `base` is a ref of the checkout. Throws PrepareError. */
export async function restoreAgentFiles(by: Git, checkout: string, base: string): Promise<void> {
  const head = await configuration(by, checkout, "HEAD");
  const wanted = await configuration(by, checkout, base);
  const changed = [...head.values()].filter((entry) => !same(entry, wanted.get(entry.path)));
  const missing = [...wanted.values()].filter((entry) => !same(entry, head.get(entry.path)));

  for (const { path } of changed) rmSync(join(checkout, path), { force: true });
  for (const entry of missing) await put(by, checkout, entry);

  if (changed.length > 0)
    await git(by, {
      args: ["update-index", "--skip-worktree", "-z", "--stdin"],
      cwd: checkout,
      stage: "checkout",
      stdin: changed.map(({ path }) => `${path}\0`).join(""),
    });
  const onlyInBase = missing.filter(({ path }) => !head.has(path));
  if (onlyInBase.length === 0) return;
  makeDirectory(join(checkout, ".git", "info"));
  appendFileSync(
    join(checkout, ".git", "info", "exclude"),
    onlyInBase
      .map(({ path }) => `/${path.replaceAll(/[\\*?[\]#! ]/gu, String.raw`\$&`)}\n`)
      .join(""),
  );
}

async function configuration(
  by: Git,
  checkout: string,
  tree: string,
): Promise<Map<string, TreeEntry>> {
  const listed = await git(by, {
    args: ["ls-tree", "-r", "-z", tree],
    cwd: checkout,
    stage: "checkout",
  });
  const entries = new Map<string, TreeEntry>();
  for (const line of listed.toString("utf8").split("\0")) {
    const [info = "", path] = line.split("\t", 2);
    const [mode, type, object] = info.split(" ");
    if (path === undefined || mode === undefined || object === undefined || type !== "blob")
      continue;
    if (path.split("/").some((part) => CONFIGURATION.has(part.toLowerCase())))
      entries.set(path, { mode, object, path });
  }
  return entries;
}

function same(one: TreeEntry, other: TreeEntry | undefined): boolean {
  return other !== undefined && one.mode === other.mode && one.object === other.object;
}

/** Writes one file as base has it. Where the branch put a link in place of a directory, nothing is written through it. */
async function put(by: Git, checkout: string, { mode, object, path }: TreeEntry): Promise<void> {
  const blocked = parentsBelow(checkout, path).some((parent) => {
    const found = lstatSync(parent, { throwIfNoEntry: false });
    return found !== undefined && !found.isDirectory();
  });
  if (blocked) return;
  const content = await git(by, {
    args: ["cat-file", "blob", object],
    cwd: checkout,
    stage: "checkout",
  });
  if (mode !== "120000") {
    writeBelow(checkout, path, content, mode === "100755" ? 0o700 : 0o600);
    return;
  }
  // An empty file first makes the directories; then the link takes its place.
  writeBelow(checkout, path, Buffer.alloc(0));
  rmSync(join(checkout, path));
  symlinkSync(content.toString("utf8"), join(checkout, path));
}

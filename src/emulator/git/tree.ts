/** Files and folders of a commit, read by git. */
import { git } from "./command.ts";
import type { TreeEntry } from "./port.ts";

/** A file or folder; `path` with a slash at its end, or empty: what is in that folder. */
export async function listTree(directory: string, sha: string, path: string): Promise<TreeEntry[]> {
  const args = ["ls-tree", "-z", "--long", sha, "--", ...(path === "" ? [] : [path])];
  const { stdout } = await git(directory, args);
  const entries: TreeEntry[] = [];
  for (const line of stdout.split("\0")) {
    const match = /^\d+ (\w+) (\w+) +(\d+|-)\t([\s\S]+)$/u.exec(line);
    if (match === null) continue;
    const [, type = "", id = "", size = "", name = ""] = match;
    entries.push({ type, sha: id, size: size === "-" ? 0 : Number(size), path: name });
  }
  return entries;
}

export async function readBlob(directory: string, sha: string): Promise<Buffer> {
  return (await git(directory, ["cat-file", "blob", sha])).bytes;
}

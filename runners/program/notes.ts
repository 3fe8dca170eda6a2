/**
 * What a checkout does not hold although its repository refers to it. Submodules and LFS are refused, not forgotten:
 * where they come from is what the repository's content says, and our read credential is for this one repository.
 * The agent and people are told.
 */
import { join } from "node:path";
import { readPlain } from "./files.ts";
import { type Git, git } from "./git.ts";

/** Attributes may stand in every directory; a few of them tell. */
const ATTRIBUTE_FILES_MAX = 200;
const FILE_BYTES_MAX = 256 * 1024;

export async function notesOn(by: Git, path: string): Promise<string[]> {
  const wanted = [".gitmodules", ":(glob)**/.gitattributes"];
  const args = ["ls-files", "-z", "--", ...wanted];
  const listed = await git(by, { args, cwd: path, stage: "checkout" });
  const files = listed.toString("utf8").split("\0").filter(Boolean);
  const notes: string[] = [];
  if (files.includes(".gitmodules") && contains(path, ".gitmodules", /^\s*\[submodule\s/mu))
    notes.push(
      "submodules are not fetched: their directories are empty; what needs them cannot be built or tested here, unless a setup command fetches them",
    );
  const attributes = files.filter((file) => file !== ".gitmodules").slice(0, ATTRIBUTE_FILES_MAX);
  if (attributes.some((file) => contains(path, file, /^[^#\n]*\sfilter=lfs(?:\s|$)/mu)))
    notes.push(
      "files in Git LFS are not fetched: in their place are small pointer files; leave those unchanged, unless a setup command fetches them",
    );
  return notes;
}

function contains(root: string, file: string, pattern: RegExp): boolean {
  const content = readPlain(join(root, file), FILE_BYTES_MAX);
  return content !== undefined && pattern.test(content);
}

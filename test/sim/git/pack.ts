/** Commits as bytes: the simulation's stand-in for a pack. Ids are calculated again when it is read. */
import { z } from "zod";

import { commitOf, filesOf, type Objects } from "../../../src/emulator/git/objects.ts";

const Signature = z.object({ name: z.string(), email: z.string(), atMs: z.number() });
const Pack = z.object({
  /** Parents before children. */
  commits: z.array(
    z.object({
      parents: z.array(z.string()),
      author: Signature,
      committer: Signature,
      message: z.string(),
      /** Path, mode, blob. */
      files: z.array(z.tuple([z.string(), z.string(), z.string()])),
    }),
  ),
  /** Base64. */
  blobs: z.array(z.string()),
});

const signature = "SIMPACK ";

/** Commits, the oldest first, without the blobs that are in `known`. */
export function writePack(
  objects: Objects,
  shas: readonly string[],
  known: ReadonlySet<string>,
): Buffer {
  const blobs = new Set<string>();
  const commits = shas.map((sha) => {
    const { parents, author, committer, message } = commitOf(objects, sha);
    const files = [...filesOf(objects, sha)].map(([path, entry]) => {
      if (entry.mode !== "160000" && !known.has(entry.sha)) blobs.add(entry.sha);
      return [path, entry.mode, entry.sha] as const;
    });
    return { parents, author, committer, message, files };
  });
  const contents = [...blobs].map((sha) => objects.blob(sha)?.toString("base64") ?? "");
  return Buffer.from(signature + JSON.stringify({ commits, blobs: contents }));
}

/** Takes the objects in; says what is wrong with them in the words of `git index-pack`. */
export function readPack(objects: Objects, bytes: Uint8Array): string | null {
  const text = Buffer.from(bytes).toString("utf8");
  if (!text.startsWith(signature)) return "fatal: pack signature mismatch";
  const parsed = Pack.safeParse(jsonOf(text.slice(signature.length)));
  if (!parsed.success) return "fatal: pack is corrupted";
  const { commits, blobs } = parsed.data;
  for (const content of blobs) objects.addBlob(Buffer.from(content, "base64"));
  for (const { files, ...commit } of commits) {
    for (const [path, mode, sha] of files) {
      if (path.split("/").some(isDotGit)) return `error: object ${sha}: hasDotgit: contains '.git'`;
      if (mode !== "160000" && objects.blob(sha) === undefined)
        return `fatal: did not receive expected object ${sha}`;
    }
    const missing = commit.parents.find((parent) => objects.commit(parent) === undefined);
    if (missing !== undefined) return `fatal: did not receive expected object ${missing}`;
    const tree = objects.addTree(new Map(files.map(([path, mode, sha]) => [path, { mode, sha }])));
    objects.addCommit({ ...commit, tree });
  }
  return null;
}

const isDotGit = (part: string): boolean => /^(?:\.git|git~1)$/iu.test(part);

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // cut off or no JSON: refused as corrupted
  }
}

/** How the machine is just now, from memory and one `statfs`: asked every half minute. */
import { statfs } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import type { StatusReply, WorkspacesReply } from "../../src/protocol/requests.ts";
import type { Layout } from "./layout.ts";
import { mirrorsIn } from "./mirror-repair.ts";

/** More than this are not told. */
const MIRRORS_MAX = 1_000;

export async function statusOf({ workRoot }: Layout): Promise<StatusReply> {
  const { free } = await diskOf(workRoot);
  return {
    load: loadavg()[0] ?? 0,
    cores: availableParallelism(),
    freeBytes: free,
    mirrors: mirrorsIn(workRoot).slice(0, MIRRORS_MAX),
  };
}

/** Of the file system a path is on, in bytes; `free` = what we may still write. */
export async function diskOf(path: string): Promise<WorkspacesReply["disk"]> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { free: bavail * bsize, total: blocks * bsize };
}

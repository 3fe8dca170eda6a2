/** How the machine is just now, from memory and one `statfs`: asked every half minute. */
import { readdirSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import type { StatusReply } from "../../src/protocol/requests.ts";
import type { Layout } from "./layout.ts";

/** More than this are not told. */
const MIRRORS_MAX = 1_000;

export async function statusOf({ workRoot }: Layout): Promise<StatusReply> {
  const { bavail, bsize } = await statfs(workRoot);
  return {
    load: loadavg()[0] ?? 0,
    cores: availableParallelism(),
    freeBytes: bavail * bsize,
    mirrors: mirrorsIn(join(workRoot, "mirrors")),
  };
}

/** `owner__name` of each; `mirrors` is not there before the first checkout. */
function mirrorsIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(".git"))
      .slice(0, MIRRORS_MAX)
      .map((name) => name.slice(0, -".git".length));
  } catch {
    return [];
  }
}

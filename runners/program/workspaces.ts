/**
 * The checkouts on this runner's disk: what is there, what it takes, whether it may go; and their removal. The control
 * plane decides; here nothing is removed by itself but mirrors that nobody has needed for long, and what an
 * interrupted request left.
 */
import { rmdirSync } from "node:fs";
import { chmod, lstat, opendir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, relative as relativeTo } from "node:path";
import process from "node:process";
import type { Examined, WorkspaceInfo, WorkspacesReply } from "../../src/protocol/requests.ts";
import type { Attempts } from "./attempts.ts";
import { RequestError, systemCode } from "./errors.ts";
import { makeDirectory, readIfThere, writeAtomic } from "./files.ts";
import { checkoutsIn, type Layout } from "./layout.ts";
import { unusedMirrors } from "./mirror-repair.ts";
import { baseEnv, run } from "./run.ts";
import { evidenceOf } from "./snapshot.ts";
import { diskOf } from "./status.ts";

export interface Workspaces {
  /** Checkouts on disk: `<owner>__<repo>/<session>/<n>`. */
  list(): string[];
  look(examine: readonly Examined[]): Promise<WorkspacesReply>;
  /** Out of the way first, so that half a checkout never looks like one. Absolute; nothing there = done. */
  remove(path: string): Promise<void>;
}

export interface WorkspacesOptions {
  readonly layout: Layout;
  readonly attempts: Attempts;
  readonly log: (message: string) => void;
}

/** More than any runner has: the rest is seen when some are gone. */
const WORKSPACES_MAX = 2_000;
const SIZE_MS_MAX = 20_000;
/** Sizes looked at for one request; the others come with the next ones. */
const SIZES_AT_ONCE = 20;
const SIZE_AGE_MS_MAX = 60 * 60_000;
const MIRROR_UNUSED_MS = 14 * 24 * 60 * 60_000;
const SHA = /^[0-9a-f]{40,64}$/u;

export function openWorkspaces(options: WorkspacesOptions): Workspaces {
  const { layout, attempts, log } = options;
  const sizes = openSizes();
  let looking: Promise<unknown> = Promise.resolve();
  let trashed = 0;

  const removeTree = async (path: string): Promise<void> => {
    makeDirectory(layout.trash);
    trashed += 1;
    const away = join(layout.trash, `${process.pid}-${trashed}-${basename(path)}`);
    try {
      await rename(path, away);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return;
      // Another file system below the work root, or one that is too full to rename.
      if (!["EXDEV", "ENOSPC", "EDQUOT"].includes(systemCode(error) ?? "")) throw error;
      return removeStubborn(path);
    }
    return removeStubborn(away);
  };
  // A request that this daemon's predecessor did not end.
  for (const left of [layout.trash, layout.scratch])
    removeStubborn(left).catch((error: unknown) =>
      log(`${left} was not removed: ${String(error)}`),
    );

  const look: Workspaces["look"] = async (examine) => {
    if (!attempts.all().some(({ busy }) => busy))
      for (const path of unusedMirrors(layout.workRoot, Date.now() - MIRROR_UNUSED_MS)) {
        await removeTree(path);
        log(`removed ${relativeTo(layout.workRoot, path)}: no checkout has needed it for 14 days`);
      }
    const wanted = new Map(examine.map((one) => [one.path, one]));
    const workspaces: WorkspaceInfo[] = [];
    let budget = SIZES_AT_ONCE;
    for (const path of checkoutsIn(layout.workRoot).slice(0, WORKSPACES_MAX)) {
      const found = await describe(options, path);
      if (found === null) continue;
      const bytes =
        sizes.known(path, found) ?? (budget-- > 0 ? await sizes.look(layout, path) : null);
      const asked = wanted.get(path);
      const more = asked === undefined || found.busy ? {} : await examined(layout, found, asked);
      workspaces.push({ ...found, bytes, ...more });
    }
    return { disk: await diskOf(layout.workRoot), workspaces };
  };
  return {
    list: () => checkoutsIn(layout.workRoot),
    look(examine) {
      // One at a time: each walks over the disk.
      const mine = looking.then(() => look(examine));
      looking = mine.catch(() => undefined); // told to whoever asked
      return mine;
    },
    async remove(path) {
      await removeTree(path);
      try {
        rmdirSync(dirname(path));
      } catch {
        // Other checkouts of the session are there.
      }
    },
  };
}

/** Out of the agent's tree: what it started from is for us to know. */
export function noteBase(layout: Layout, path: string, base: string): void {
  const { session, ordinal } = partsOf(path);
  if (ordinal !== null) writeAtomic(baseFile(layout, session, ordinal), base);
}

const baseFile = (layout: Layout, session: string, ordinal: number): string =>
  join(layout.sessions, session, `base-${ordinal}`);

function baseOf(layout: Layout, session: string, ordinal: number): string | null {
  const base = readIfThere(baseFile(layout, session, ordinal));
  return base !== undefined && SHA.test(base) ? base : null;
}

function partsOf(path: string): { readonly session: string; readonly ordinal: number | null } {
  const [, session = "", last = ""] = path.split("/");
  return { session, ordinal: /^\d{1,9}$/u.test(last) ? Number(last) : null };
}

const PATH = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+){2}$/u;

/** null = it went away meanwhile, or is nothing of ours. */
async function describe(
  { layout, attempts }: WorkspacesOptions,
  path: string,
): Promise<Omit<WorkspaceInfo, "bytes"> | null> {
  const { session, ordinal } = partsOf(path);
  if (ordinal === null || path.length > 512 || !PATH.test(path)) return null;
  const absolute = join(layout.workRoot, path);
  const times = await Promise.all(
    ["", ".git", ".git/HEAD", ".git/index"].map(async (name) => {
      try {
        return (await lstat(join(absolute, name))).mtimeMs;
      } catch {
        // Not there, or it went away.
        return 0;
      }
    }),
  );
  if (times[0] === 0) return null;
  const busy = attempts.all().some((one) => one.busy && one.workspace === path);
  const usedAt = Math.floor(Math.max(...times));
  return { path, session, ordinal, usedAt, busy, base: baseOf(layout, session, ordinal) };
}

async function examined(
  layout: Layout,
  { path, base: noted }: Pick<WorkspaceInfo, "path" | "base">,
  { base: told, known = [] }: Examined,
): Promise<Pick<WorkspaceInfo, "evidence" | "trouble">> {
  const base = noted ?? told;
  if (base === undefined) return { trouble: "the commit it started from is not known" };
  const { workRoot, scratch, sessions } = layout;
  const at = { path: join(workRoot, path), scratch, home: join(sessions, "home") };
  try {
    return { evidence: await evidenceOf(at, { base, known }) };
  } catch (error) {
    if (error instanceof RequestError) return { trouble: error.message };
    return { trouble: error instanceof Error ? error.message : "unknown failure" };
  }
}

interface Sizes {
  /** undefined = to be looked at. */
  known(path: string, now: Pick<WorkspaceInfo, "usedAt" | "busy">): number | null | undefined;
  look(layout: Layout, path: string): Promise<number | null>;
}

function openSizes(): Sizes {
  const seen = new Map<string, { readonly bytes: number | null; readonly at: number }>();
  return {
    known(path, { usedAt }) {
      const size = seen.get(path);
      if (size === undefined) return undefined;
      const age = Date.now() - size.at;
      // Looked at before it was last used: again, but not at every request while somebody works there.
      const stale = usedAt > size.at ? SIZE_AGE_MS_MAX / 6 : SIZE_AGE_MS_MAX;
      return age > stale ? undefined : size.bytes;
    },
    async look({ workRoot }, path) {
      // -x: what is mounted below is not ours to count. Links are not followed.
      const found = await run("du", ["-skx", "--", join(workRoot, path)], {
        cwd: workRoot,
        env: baseEnv(workRoot),
        timeoutMs: SIZE_MS_MAX,
        stdoutBytesMax: 64 * 1024,
      });
      const blocks = /^(?<blocks>\d+)\s/u.exec(found.stdout.toString("latin1"))?.groups?.["blocks"];
      const bytes = blocks === undefined ? null : Number(blocks) * 1024;
      if (seen.size >= WORKSPACES_MAX) seen.clear();
      seen.set(path, { bytes, at: Date.now() });
      return bytes;
    },
  };
}

/** Directories that nobody may write (a module cache has such) are made writable first. No link is followed. */
async function removeStubborn(path: string): Promise<void> {
  const options = { recursive: true, force: true, maxRetries: 3 };
  try {
    await rm(path, options);
  } catch (error) {
    if (!["EACCES", "EPERM"].includes(systemCode(error) ?? "")) throw error;
    await makeWritable(path, 0);
    await rm(path, options);
  }
}

const DEPTH_MAX = 500;

async function makeWritable(directory: string, depth: number): Promise<void> {
  if (depth > DEPTH_MAX || !(await lstat(directory)).isDirectory()) return;
  await chmod(directory, 0o700);
  for await (const entry of await opendir(directory))
    if (entry.isDirectory()) await makeWritable(join(directory, entry.name), depth + 1);
}

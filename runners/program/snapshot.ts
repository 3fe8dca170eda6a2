/**
 * What a checkout holds that is nowhere else: as a yes or no for whoever wants to remove it, and as a bundle for whoever
 * wants to keep it. The agent's configuration, hooks and attributes run nothing: see shadow.ts.
 *
 * Ignored files, a repository inside the checkout and very large untracked files are not in the bundle; the last two
 * are named, so that nobody takes it for all there is.
 */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { PAYLOAD_BYTES_MAX } from "../../src/protocol/frame.ts";
import type { Evidence, SnapshotReply } from "../../src/protocol/requests.ts";
import { RequestError } from "./errors.ts";
import { localTips } from "./export.ts";
import { writeAtomic } from "./files.ts";
import { type Shadow, type ShadowOptions, complaint, openShadow } from "./shadow.ts";

export type Looking = Omit<ShadowOptions, "timeoutMs">;

/** What is asked of a repository: commits since `base` that are in none of `known`. */
export interface Since {
  readonly base: string;
  readonly known: readonly string[];
}

const LOOK_MS_MAX = 120_000;
const SNAPSHOT_MS_MAX = 5 * 60_000;
/** Paths that differ, as text. */
const LIST_BYTES_MAX = 64 * 1024 * 1024;
/** A core dump or a download is not work. */
const UNTRACKED_FILE_BYTES_MAX = 16 * 1024 * 1024;
const UNTRACKED_BYTES_MAX = 64 * 1024 * 1024;
const UNTRACKED_FILES_MAX = 20_000;
const SKIPPED_MAX = 100;

/** Throws RequestError when there is no repository, or its commits cannot be compared. */
export async function evidenceOf(at: Looking, since: Since): Promise<Evidence> {
  using shadow = await openShadow({ ...at, timeoutMs: LOOK_MS_MAX });
  const tips = await localTips(at);
  const ahead = await countNew(shadow, tips, since);
  return { head: shadow.head, ahead, dirty: await isDirty(shadow, at) };
}

/** Files that differ from the commit or that it does not have, as git names them; submodules are not looked into. */
export async function uncommitted(at: Looking): Promise<readonly string[]> {
  using shadow = await openShadow({ ...at, timeoutMs: LOOK_MS_MAX });
  const links = await gitlinksOf(shadow);
  const found = [...(await pathsOf(shadow, others)), ...(await pathsOf(shadow, changes))];
  return [...new Set([...found, ...(await inIndex(shadow))])]
    .filter((name) => !links.has(name))
    .map(shown)
    .toSorted();
}

export interface Snapshot {
  readonly reply: SnapshotReply;
  readonly bundle: Uint8Array;
}

/** `whole` = the base comes along, without its history. Throws RequestError `gone | nothing-committed | too-large | failed`. */
export async function snapshotOf(
  at: Looking,
  { whole, ...since }: Since & { readonly whole: boolean },
): Promise<Snapshot> {
  using shadow = await openShadow({ ...at, timeoutMs: SNAPSHOT_MS_MAX });
  const { head } = shadow;
  const { base } = since;
  const tips = await localTips(at);
  const commits = await countNew(shadow, tips, since);
  const skipped = await stage(shadow, at);
  const others = await newOnes(shadow, tips.slice(1), since);
  const snapshot = await commitOf(shadow, others);
  if (commits === 0 && snapshot === null)
    throw new RequestError(
      "nothing-committed",
      `nothing is in ${at.path} that ${base} and what is published have not${skipped.length === 0 ? "" : `, but ${skipped[0]?.path}: ${skipped[0]?.reason}`}`,
    );
  const bundle = await bundleOf(shadow, { head, snapshot, base, whole });
  const bytes = bundle.byteLength;
  return { reply: { head, snapshot, base, commits, bytes, skipped }, bundle };
}

async function countNew(
  shadow: Shadow,
  tips: readonly string[],
  { base, known }: Since,
): Promise<number> {
  const has = await shadow.git(["cat-file", "-e", `${base}^{commit}`]);
  if (has.code !== 0)
    throw new RequestError(
      "failed",
      `the checkout does not have the commit it started from, ${base}`,
    );
  // A commit that is not here excludes nothing.
  const args = ["rev-list", "--count", "--ignore-missing", ...tips, "--not", base, ...known];
  const count = Number((await shadow.output([...args, "--"])).toString("latin1"));
  if (!Number.isSafeInteger(count)) throw new RequestError("failed", "git rev-list counts nothing");
  return count;
}

async function newOnes(shadow: Shadow, tips: readonly string[], since: Since): Promise<string[]> {
  const found: string[] = [];
  for (const tip of tips)
    if ((await countNew(shadow, [tip], { ...since, known: [...since.known, shadow.head] })) > 0)
      found.push(tip);
  return found;
}

/** Paths as bytes would be; `latin1` keeps them apart whatever their encoding is. */
async function pathsOf(shadow: Shadow, args: readonly string[]): Promise<string[]> {
  const listed = await shadow.output(["ls-files", "-z", ...args], {
    stdoutBytesMax: LIST_BYTES_MAX,
  });
  return listed.toString("latin1").split("\0").filter(Boolean);
}

const others = ["--others", "--exclude-standard"];
const changes = ["--modified", "--deleted"];

async function isDirty(shadow: Shadow, { path }: Looking): Promise<boolean> {
  try {
    const links = await gitlinksOf(shadow);
    if ((await pathsOf(shadow, others)).length > 0) return true;
    if ((await pathsOf(shadow, changes)).some((name) => !links.has(name))) return true;
    if ([...links].some((name) => isFilled(path, name))) return true;
    return (await treeOf(shadow)) !== (await headTree(shadow));
  } catch (error) {
    // Too much to list, or an index in the middle of a merge.
    if (!(error instanceof RequestError)) throw error;
    return true;
  }
}

/** Where other repositories belong. Nothing is asked of git about them: it would ask them, and run what they configure. */
async function gitlinksOf(shadow: Shadow): Promise<ReadonlySet<string>> {
  const staged = await pathsOf(shadow, ["--stage"]);
  const links = staged.filter((line) => line.startsWith("160000 "));
  return new Set(links.map((line) => line.slice(line.indexOf("\t") + 1)));
}

function isFilled(root: string, name: string): boolean {
  const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, "latin1")]);
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
  return readdirSync(path).length > 0;
}

/** In the index and not as in the commit; no file is looked at. */
async function inIndex(shadow: Shadow): Promise<string[]> {
  const args = ["diff-index", "--cached", "--name-only", "--no-renames", "-z", shadow.head];
  const listed = await shadow.output(args, { stdoutBytesMax: LIST_BYTES_MAX });
  return listed.toString("latin1").split("\0").filter(Boolean);
}

const treeOf = async (shadow: Shadow): Promise<string> =>
  (await shadow.output(["write-tree", "--missing-ok"])).toString("latin1").trim();
const headTree = async (shadow: Shadow): Promise<string> =>
  (await shadow.output(["rev-parse", `${shadow.head}^{tree}`])).toString("latin1").trim();

/** Brings the work tree into the shadow's index. Returns what stays out. */
async function stage(shadow: Shadow, { path }: Looking): Promise<SnapshotReply["skipped"]> {
  const links = await gitlinksOf(shadow);
  const skipped = [...links]
    .filter((name) => isFilled(path, name))
    .map((name) => ({ path: shown(name), reason: "a submodule with files in it" }));
  const changed = (await pathsOf(shadow, changes)).filter((name) => !links.has(name));
  const { taken, left } = choose(path, await pathsOf(shadow, others));
  skipped.push(...left);
  const names = [...new Set([...changed, ...taken])];
  if (names.length > 0)
    await shadow.output(["update-index", "--add", "--remove", "--replace", "-z", "--stdin"], {
      stdin: Buffer.from(names.map((name) => `${name}\0`).join(""), "latin1"),
    });
  if (skipped.length <= SKIPPED_MAX) return skipped;
  const more = { path: "…", reason: `${skipped.length - SKIPPED_MAX + 1} more` };
  return [...skipped.slice(0, SKIPPED_MAX - 1), more];
}

function choose(
  root: string,
  untracked: readonly string[],
): { readonly taken: readonly string[]; readonly left: { path: string; reason: string }[] } {
  const taken: string[] = [];
  const left: { path: string; reason: string }[] = [];
  let total = 0;
  for (const name of untracked) {
    const leave = (reason: string): void => void left.push({ path: shown(name), reason });
    const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, "latin1")]);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (name.endsWith("/")) leave("a repository of its own");
    else if (found === undefined) continue;
    else if (found.size > UNTRACKED_FILE_BYTES_MAX)
      leave(`${found.size} bytes, which nobody has committed`);
    else if (total + found.size > UNTRACKED_BYTES_MAX || taken.length === UNTRACKED_FILES_MAX)
      leave("there is too much that nobody has committed");
    else {
      total += found.size;
      taken.push(name);
    }
  }
  return { taken, left };
}

/** For people. */
const shown = (name: string): string => Buffer.from(name, "latin1").toString("utf8").slice(0, 400);

/** Not of now: the same files give the same commit, so a second try after a crash finds that it is there. */
const WHEN = "1970-01-01T00:00:00Z";
const WHO = {
  GIT_AUTHOR_NAME: "Orcha",
  GIT_AUTHOR_EMAIL: "orcha@localhost",
  GIT_AUTHOR_DATE: WHEN,
  GIT_COMMITTER_NAME: "Orcha",
  GIT_COMMITTER_EMAIL: "orcha@localhost",
  GIT_COMMITTER_DATE: WHEN,
};

/** null = HEAD is all there is. */
async function commitOf(shadow: Shadow, more: readonly string[]): Promise<string | null> {
  const tree = await treeOf(shadow);
  if (tree === (await headTree(shadow)) && more.length === 0) return null;
  const parents = [shadow.head, ...more].flatMap((sha) => ["-p", sha]);
  const message = [
    "What was not committed in the checkout",
    "",
    "The first parent is its HEAD.",
    ...(more.length === 0 ? [] : ["The others are its other branches and its stash."]),
    "",
  ];
  const args = ["commit-tree", "--no-gpg-sign", ...parents, tree];
  const made = await shadow.output(args, { stdin: message.join("\n"), env: WHO });
  return made.toString("latin1").trim();
}

interface Bundling {
  readonly head: string;
  readonly snapshot: string | null;
  readonly base: string;
  readonly whole: boolean;
}

async function bundleOf(
  shadow: Shadow,
  { head, snapshot, base, whole }: Bundling,
): Promise<Uint8Array> {
  const refs = { "refs/orcha/head": head, "refs/orcha/snapshot": snapshot };
  const present = Object.entries(refs).filter(([, sha]) => sha !== null);
  for (const [ref, sha] of present) await shadow.output(["update-ref", ref, sha ?? head]);
  // Its parents are not there for git from now on.
  if (whole) writeAtomic(join(shadow.directory, "shallow"), `${base}\n`);
  const names = present.map(([ref]) => ref);
  const args = ["bundle", "create", "--quiet", "-", ...names, ...(whole ? [] : [`^${base}`])];
  const bundled = await shadow.git(args, { stdoutBytesMax: PAYLOAD_BYTES_MAX });
  if (bundled.kind === "too-large")
    throw new RequestError(
      "too-large",
      `what is in the checkout since ${base} takes more than ${PAYLOAD_BYTES_MAX} bytes`,
    );
  if (bundled.kind !== "exited" || bundled.code !== 0)
    throw new RequestError("failed", `git bundle failed: ${complaint(bundled)}`);
  return bundled.stdout;
}

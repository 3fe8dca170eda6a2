/**
 * What becomes of a damaged mirror: it is moved aside, so that a new one can be made in its place. Checkouts that
 * borrow objects from it borrow from both from then on, because what upstream has deleted meanwhile is in the old
 * one only; without such a checkout it is removed. Nothing is repaired: a cache is made anew.
 */
import { existsSync, lstatSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parentsBelow, readPlain, writeAtomic } from "./files.ts";
import { checkoutsIn } from "./layout.ts";

const MARK = ".damaged-";
const ALTERNATES = join(".git", "objects", "info", "alternates");
/** A line for each mirror generation a checkout has seen. */
const ALTERNATES_BYTES_MAX = 64 * 1024;

/** Git would take it for a repository. Says nothing about its objects. */
export const looksWhole = (mirror: string): boolean =>
  ["HEAD", "config", "objects", "refs"].every((name) => existsSync(join(mirror, name)));

export interface SetAside {
  /** Where it is now; undefined when nobody needed it. */
  readonly kept: string | undefined;
  readonly borrowers: number;
}

/** Throws errors of the file system. */
export function setAside(workRoot: string, mirror: string): SetAside {
  const aside = `${mirror}${MARK}${Date.now().toString(36)}`;
  const mine = join(mirror, "objects");
  const borrowers = existsSync(mine)
    ? checkoutsOf(workRoot).filter((path) => borrowed(path).includes(mine))
    : [];
  // First, so that a daemon that dies here leaves no checkout without its objects.
  for (const path of borrowers) addAlternate(path, join(aside, "objects"));
  renameSync(mirror, aside);
  if (borrowers.length > 0) return { kept: aside, borrowers: borrowers.length };
  rmSync(aside, { recursive: true, force: true, maxRetries: 3 });
  return { kept: undefined, borrowers: 0 };
}

/** Removes what was set aside and is borrowed from by nobody any more. Returns what it removed. */
export function removeUnused(workRoot: string): string[] {
  const mirrors = join(workRoot, "mirrors");
  const aside = entriesOf(mirrors)
    .filter((name) => name.includes(MARK))
    .map((name) => join(mirrors, name));
  if (aside.length === 0) return [];
  const needed = new Set(checkoutsOf(workRoot).flatMap(borrowed));
  const unused = aside.filter((path) => !needed.has(join(path, "objects")));
  for (const path of unused) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  return unused;
}

/** Mirrors that no checkout borrows from and that nothing new has come to since then. */
export function unusedMirrors(workRoot: string, since: number): string[] {
  const old = mirrorsIn(workRoot)
    .map((name) => join(workRoot, "mirrors", `${name}.git`))
    .filter((path) => newest(path) < since);
  if (old.length === 0) return [];
  const needed = new Set(checkoutsOf(workRoot).flatMap(borrowed));
  return old.filter((path) => !needed.has(join(path, "objects")));
}

/** `<owner>__<name>` of each, without those that were set aside. */
export const mirrorsIn = (workRoot: string): readonly string[] =>
  entriesOf(join(workRoot, "mirrors"))
    .filter((name) => name.endsWith(".git"))
    .map((name) => name.slice(0, -".git".length));

/** When something last came to it. */
const newest = (mirror: string): number =>
  Math.max(
    ...[
      "",
      "objects",
      join("objects", "pack"),
      "packed-refs",
      join("refs", "remotes", "origin"),
    ].map((name) => lstatSync(join(mirror, name), { throwIfNoEntry: false })?.mtimeMs ?? 0),
  );

/** What a fetch that failed has left: nobody takes it up again, and it may be what fills the disk. */
export function removeLeftovers(mirror: string): void {
  const packs = join(mirror, "objects", "pack");
  for (const name of entriesOf(packs))
    if (name.startsWith("tmp_") || name.startsWith(".tmp-"))
      rmSync(join(packs, name), { force: true });
}

const checkoutsOf = (workRoot: string): string[] =>
  checkoutsIn(workRoot).map((path) => join(workRoot, path));

/** The object directories a checkout borrows from. It is the agent's: no link is followed, no size believed. */
function borrowed(checkout: string): string[] {
  if (!isPlain(checkout)) return [];
  return readPlain(join(checkout, ALTERNATES), ALTERNATES_BYTES_MAX)?.split("\n") ?? [];
}

/** The old mirror after the new one: a damaged object is looked for in the whole one first. */
function addAlternate(checkout: string, objects: string): void {
  const lines = borrowed(checkout).filter((line) => line !== "" && line !== objects);
  writeAtomic(join(checkout, ALTERNATES), [...lines, objects, ""].join("\n"));
}

/** No directory on the way to the file is a link. */
const isPlain = (checkout: string): boolean =>
  parentsBelow(checkout, ALTERNATES).every(
    (path) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
  );

/** Names of the directories and files in it; none when it is not a directory. Links are not followed. */
function entriesOf(path: string): string[] {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(path);
}

/** For people: `mirrors/o__r.git`. */
export const shortName = (path: string): string => join(basename(dirname(path)), basename(path));

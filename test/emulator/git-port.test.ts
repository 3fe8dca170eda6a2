/**
 * The contract of the emulator's git: real git on disk and commits in memory give the same answers, the same object
 * ids included, wherever both are meant to.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { type FileChange, locate, readPatch } from "../../src/emulator/git/diff.ts";
import { openDiskGit } from "../../src/emulator/git/disk.ts";
import { openMemoryGit } from "../../src/emulator/git/memory.ts";
import type { Git, GitRepository } from "../../src/emulator/git/port.ts";

const start = Date.UTC(2026, 0, 1);
let folder: string;
let disk: Git;
const memory = openMemoryGit();
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emulator-git-port-"));
  disk = openDiskGit(folder);
});

afterAll(() => rm(folder, { recursive: true }));

const person = { name: "Alice", email: "alice@example.com" };

/** A repository of each kind, and a hand that commits at a time of its own. */
interface Pair {
  readonly both: readonly [GitRepository, GitRepository];
  readonly commit: (branch: string, parent: string | undefined, files: Files) => Promise<string>;
  /** The answer of both; fails when they differ. */
  readonly same: <T>(ask: (repository: GitRepository) => Promise<T>) => Promise<T>;
}

type Files = Readonly<Record<string, string | null>>;

async function open(): Promise<Pair> {
  made += 1;
  const name = `acme/pair${made}`;
  const both = [await disk.create(name, "main"), await memory.create(name, "main")] as const;
  let minutes = 0;
  const same: Pair["same"] = async (ask) => {
    const [real, light] = [await ask(both[0]), await ask(both[1])];
    expect(light).toEqual(real);
    return real;
  };
  return {
    both,
    same,
    commit(branch, parent, files) {
      minutes += 1;
      const author = { ...person, atMs: start + minutes * 60_000 };
      const message = `Change ${minutes}`;
      return same((git) => git.commitFiles({ branch, parent, files, message, author }));
    },
  };
}

/** Without what git writes behind the second `@@`, the nearest line that looks like a heading. */
async function changes(
  git: GitRepository,
  from: string | undefined,
  to: string,
): Promise<FileChange[]> {
  const files = await git.diffFiles(from, to);
  return files.map((file) =>
    Object.assign(file, { patch: file.patch?.replaceAll(/^(@@ .*? @@).*$/gmu, "$1") }),
  );
}

const six = "one\ntwo\nthree\nfour\nfive\nsix\n";

test("the same files, parents and times are the same commit", async () => {
  const { commit, same } = await open();
  const files = {
    "README.md": "# Shop\n",
    "src/cart.js": six,
    "src/a/b.txt": "b",
    run: "#!/bin/sh\n",
  };
  const first = await commit("main", undefined, files);
  const second = await commit("main", first, { "src/cart.js": null, "src-2.txt": "2\n" });
  expect(await same((git) => git.readCommit(second))).toMatchObject({
    parents: [first],
    message: "Change 2",
    author: { name: "Alice", date: "2026-01-01T00:02:00Z" },
  });
  expect([...(await same((git) => git.readRefs()))]).toEqual([["refs/heads/main", second]]);
  await expect(memory.headBranchOf("/anywhere")).rejects.toThrow("cannot read");
});

test("files and folders are listed and read", async () => {
  const { commit, same } = await open();
  const files = { "README.md": "# Shop\n", "src/cart.js": six, "src/a/b.txt": "b" };
  const sha = await commit("main", undefined, files);
  const paths = async (path: string): Promise<string[]> =>
    (await same((git) => git.listTree(sha, path))).map((entry) => `${entry.type} ${entry.path}`);
  expect(await paths("")).toEqual(["blob README.md", "tree src"]);
  expect(await paths("src")).toEqual(["tree src"]);
  expect(await paths("src/")).toEqual(["tree src/a", "blob src/cart.js"]);
  expect(await paths("nothing")).toEqual([]);
  const [entry] = await same((git) => git.listTree(sha, "src/cart.js"));
  expect((await same((git) => git.readBlob(entry?.sha ?? ""))).toString()).toBe(six);
});

test("names lead to commits", async () => {
  const { commit, same } = await open();
  const sha = await commit("a/b", undefined, { a: "1" });
  await same((git) => git.setRef("refs/tags/v1", sha));
  await same((git) => git.setRef("refs/pull/7/head", sha));
  const resolve = (name: string): Promise<string | undefined> =>
    same((git) => git.resolveCommit(name));
  for (const name of ["a/b", "refs/heads/a/b", "v1", "refs/pull/7/head", sha, sha.slice(0, 9)])
    expect(await resolve(name)).toBe(sha);
  for (const name of ["", "-x", "b", "a..b", "0".repeat(40), "HEAD~1"])
    expect(await resolve(name)).toBeUndefined();
  expect([...(await same((git) => git.readRefs())).keys()]).toEqual([
    "refs/heads/a/b",
    "refs/tags/v1",
  ]);
  await same((git) => git.setRef("refs/heads/a/b", undefined));
  expect(await resolve("a/b")).toBeUndefined();
});

test("ancestors, ranges and counts", async () => {
  const { commit, same } = await open();
  const root = await commit("main", undefined, { a: "1" });
  const left = await commit("left", root, { left: "1" });
  const right = await commit("right", root, { right: "1" });
  const left2 = await commit("left", left, { left: "2" });
  const stranger = await commit("stranger", undefined, { other: "1" });
  expect(await same((git) => git.mergeBase(left2, right))).toBe(root);
  expect(await same((git) => git.mergeBase(left2, left))).toBe(left);
  expect(await same((git) => git.mergeBase(left2, stranger))).toBeUndefined();
  expect(await same((git) => git.aheadBehind(right, left2))).toEqual({ ahead: 2, behind: 1 });
  expect(await same((git) => git.isAncestor(root, left2))).toBe(true);
  expect(await same((git) => git.isAncestor(left2, root))).toBe(false);
  expect(await same((git) => git.isAncestor(left, left))).toBe(true);
  const shas = async (range: Parameters<GitRepository["listCommits"]>[0]): Promise<string[]> =>
    (await same((git) => git.listCommits(range))).map(({ sha }) => sha);
  expect(await shas({ tip: left2 })).toEqual([root, left, left2]);
  expect(await shas({ tip: left2, except: right })).toEqual([left, left2]);
  expect(await shas({ tip: left2, max: 2 })).toEqual([left, left2]);
  const history = await same((git) => git.listHistory(left2, { max: 10, path: "left" }));
  expect(history.map(({ sha }) => sha)).toEqual([left2, left]);
});

test("a merge in the range stands where git puts it", async () => {
  const { commit, same } = await open();
  const root = await commit("main", undefined, { a: "1" });
  const left = await commit("left", root, { left: "1" });
  const right = await commit("right", root, { right: "1" });
  const late = { ...person, atMs: start + 3_600_000 };
  const merged = await same((git) =>
    git.makeMerge({
      method: "merge",
      base: left,
      head: right,
      message: "M",
      author: late,
      committer: late,
    }),
  );
  expect(await same((git) => git.readCommit(merged ?? ""))).toMatchObject({
    parents: [left, right],
  });
  const shas = async (noMerges: boolean): Promise<string[]> =>
    (await same((git) => git.listCommits({ tip: merged ?? "", noMerges }))).map(({ sha }) => sha);
  expect(await shas(false)).toEqual([root, left, right, merged]);
  expect(await shas(true)).toEqual([root, left, right]);
  expect(await same((git) => git.mergeBase(merged ?? "", right))).toBe(right);
});

test("three ways to merge, and conflicts", async () => {
  const { commit, same } = await open();
  const root = await commit("main", undefined, { a: "1\n", b: "1\n", c: "1\n" });
  const main = await commit("main", root, { a: "main\n", gone: "x\n" });
  const one = await commit("work", root, { b: "work\n" });
  const work = await commit("work", one, { b: "work 2\n", c: null, "new/d": "d\n" });
  const clash = await commit("clash", root, { a: "clash\n" });
  const merger = { name: "bot[x]", email: "bot@example.com", atMs: start + 7_200_000 };
  const files = async (sha: string | undefined): Promise<string[]> =>
    (await same((git) => changes(git, undefined, sha ?? ""))).map(
      ({ path, patch }) => `${path} ${patch?.split("\n").at(-1)}`,
    );
  for (const method of ["merge", "squash", "rebase"] as const) {
    const merge = {
      method,
      base: main,
      head: work,
      message: "M",
      author: merger,
      committer: merger,
    };
    const merged = await same((git) => git.makeMerge(merge));
    expect(await files(merged)).toEqual(["a +main", "b +work 2", "gone +x", "new/d +d"]);
    expect(await same((git) => git.makeMerge({ ...merge, head: clash }))).toBeUndefined();
  }
  expect(await same((git) => git.mergeTree(main, clash))).toBeUndefined();
  const removal = await commit("removal", root, { a: null });
  expect(await same((git) => git.mergeTree(main, removal))).toBeUndefined();
  expect(await same((git) => git.mergeTree(main, work))).toMatch(/^[0-9a-f]{40}$/u);
});

test("changes with patches on whose lines one can comment", async () => {
  const { commit, same } = await open();
  const long = Array.from({ length: 40 }, (_, index) => `line ${index + 1}\n`);
  const before = {
    "long.txt": long.join(""),
    six,
    bare: "no end",
    moved: "m\n".repeat(9),
    gone: "g\n",
  };
  const first = await commit("main", undefined, before);
  const after = {
    "long.txt": long.with(1, "second\n").with(30, "thirty\none\n").toSpliced(35, 2).join(""),
    six: six.replace("three\n", "3\n"),
    bare: "no end\nof line",
    moved: null,
    "to/moved": "m\n".repeat(9),
    gone: null,
    fresh: "f\n",
    empty: "",
    binary: "\0",
  };
  const second = await commit("main", first, after);
  const files = await same((git) => changes(git, first, second));
  expect(files.map(({ path, status }) => `${status} ${path}`)).toEqual([
    "modified bare",
    "added binary",
    "added empty",
    "added fresh",
    "removed gone",
    "modified long.txt",
    "modified six",
    "renamed to/moved",
  ]);
  const patch = files.find(({ path }) => path === "long.txt")?.patch ?? "";
  const hunks = readPatch(patch).filter(({ kind }) => kind === "hunk");
  expect(hunks.map(({ text }) => text.split(" @@")[0])).toEqual([
    "@@ -1,5 +1,5",
    "@@ -28,13 +28,12",
  ]);
  expect(locate(patch, "RIGHT", 2)).toMatchObject({ position: 3 });
  expect(locate(patch, "RIGHT", 20)).toBeUndefined();
});

test("one writer at a time, also after a failure", async () => {
  const { both } = await open();
  for (const git of both) {
    const done: string[] = [];
    const work = (name: string, fail: boolean) => async (): Promise<void> => {
      done.push(`${name} begins`);
      await Promise.resolve();
      if (fail) throw new Error(name);
      done.push(`${name} ends`);
    };
    const first = git.exclusive(work("one", true));
    const second = git.exclusive(work("two", false));
    await expect(first).rejects.toThrow("one");
    await second;
    expect(done).toEqual(["one begins", "two begins", "two ends"]);
  }
});

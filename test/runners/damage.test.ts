/**
 * Goal: a mirror that was damaged by hand costs a download and nothing else: it is noticed, made anew, the old one stays
 * while a checkout borrows from it. Method: real git, damage of many kinds, a checkout whose only commit upstream deletes.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunnerWorld, type Sink, waitFor } from "./world.ts";

const MIRROR = "mirrors/o__r.git";

async function start(
  world: RunnerWorld,
  from = "main",
): Promise<{ sink: Sink; path: string; session: string }> {
  const session = world.session();
  const workspace = world.checkout(session, { from, branch: null });
  const sink = await world.run({ ...world.plain(session, ["true"]), workspace });
  const failed = sink.entry("prepare-failed");
  if (failed !== undefined) throw new Error(failed.reason);
  await sink.exited();
  return { sink, path: join(world.workRoot, workspace.path), session };
}

const log = (world: RunnerWorld): string =>
  readFileSync(join(world.runtimeDir, "daemon.log"), "utf8");
const kept = (world: RunnerWorld): string[] =>
  readdirSync(join(world.workRoot, "mirrors")).filter((name) => name.includes("damaged"));
const fsck = (cwd: string): string =>
  execFileSync("git", ["fsck", "--full", "--no-dangling"], {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });

function packsOf(mirror: string): string[] {
  const packs = join(mirror, "objects", "pack");
  return readdirSync(packs)
    .filter((name) => name.endsWith(".pack"))
    .map((name) => join(packs, name));
}

/** Loose or packed: git keeps few objects loose. Packed, so that damage looks as it does in large ones. */
function pack(mirror: string): void {
  execFileSync("git", ["config", "extensions.preciousObjects", "false"], { cwd: mirror });
  execFileSync("git", ["repack", "-a", "-d", "-q"], { cwd: mirror });
  execFileSync("git", ["config", "extensions.preciousObjects", "true"], { cwd: mirror });
}

const damages: readonly [what: string, harm: (mirror: string) => void][] = [
  ["HEAD is gone", (mirror) => rmSync(join(mirror, "HEAD"))],
  ["the objects are gone", (mirror) => rmSync(join(mirror, "objects"), { recursive: true })],
  [
    "all objects are gone, the directories are there",
    (mirror) => {
      rmSync(join(mirror, "objects", "pack"), { recursive: true });
    },
  ],
  [
    "one object is gone",
    (mirror) => {
      const blob = execFileSync("git", ["rev-parse", "refs/remotes/origin/main:a.txt"], {
        cwd: mirror,
        encoding: "utf8",
      }).trim();
      for (const path of packsOf(mirror)) {
        const content = readFileSync(path);
        rmSync(path);
        rmSync(path.replace(/pack$/u, "idx"));
        execFileSync("git", ["unpack-objects", "-q"], { cwd: mirror, input: content });
      }
      rmSync(join(mirror, "objects", blob.slice(0, 2), blob.slice(2)));
    },
  ],
  [
    "a pack is overwritten in the middle",
    (mirror) => {
      for (const path of packsOf(mirror)) {
        const content = readFileSync(path);
        content.fill(0x55, 14, content.byteLength - 30);
        chmodSync(path, 0o600);
        writeFileSync(path, content);
      }
    },
  ],
  [
    "a pack is cut off",
    (mirror) => {
      for (const path of packsOf(mirror)) {
        chmodSync(path, 0o600);
        truncateSync(path, 40);
      }
    },
  ],
  [
    "the list of refs is garbage",
    (mirror) => writeFileSync(join(mirror, "packed-refs"), "\0garbage\n"),
  ],
  ["everything in it is gone", (mirror) => rmSync(mirror, { recursive: true })],
];

test.for(damages)("%s: the next checkout is whole, and so is the mirror", async ([, harm]) => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n", "b/c.txt": "2\n" });
  const mirror = join(world.workRoot, MIRROR);
  const first = await start(world);
  pack(mirror);
  harm(mirror);
  // Something to fetch: what is new builds on what is damaged.
  const head = world.pushUpstream("main", { "d.txt": "3\n" });
  const { path, sink } = await start(world);
  expect(sink.entry("prepared")?.base).toBe(head);
  expect(readFileSync(join(path, "a.txt"), "utf8")).toBe("1\n");
  fsck(mirror);
  fsck(path);
  // What the first one borrowed is upstream still: it is whole again too. (`fsck` would complain about the old mirror.)
  const archive = execFileSync("git", ["archive", "HEAD"], {
    cwd: first.path,
    stdio: ["ignore", "pipe", "ignore"],
  });
  expect(archive.toString("latin1")).toContain("b/c.txt");
});

test("the old mirror stays while a checkout borrows from it, and goes with the last one", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  world.pushUpstream("gone", { "only-here.txt": "x\n" }, "main");
  const mirror = join(world.workRoot, MIRROR);
  const old = await start(world, "gone");
  execFileSync("git", ["update-ref", "-d", "refs/heads/gone"], { cwd: world.upstream });
  rmSync(join(mirror, "HEAD"));
  await start(world);
  expect(kept(world)).toHaveLength(1);
  expect(log(world)).toMatch(
    /the mirror mirrors\/o__r\.git is damaged and made anew; the old one stays as \S+ while 1 checkout\(s\) borrow from it: parts of it are gone/u,
  );
  // The commit is nowhere else any more.
  expect(fsck(old.path)).toBe("");
  await world.ask({ op: "remove-workspace", path: `o__r/${old.session}/1` });
  expect(kept(world)).toEqual([]);
  expect(log(world)).toContain("no checkout borrows from it any more");
});

test("nobody borrows: the old mirror is removed at once; ten that meet the damage make one new mirror", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const mirror = join(world.workRoot, MIRROR);
  const { session } = await start(world);
  await world.ask({ op: "remove-workspace", path: `o__r/${session}/1` });
  pack(mirror);
  for (const path of packsOf(mirror)) {
    chmodSync(path, 0o600);
    truncateSync(path, 40);
  }
  await Promise.all(Array.from({ length: 10 }, () => start(world)));
  expect(log(world).match(/made anew/gu)).toHaveLength(1);
  expect(kept(world).length).toBeLessThanOrEqual(1);
  fsck(mirror);
});

test("what a killed fetch left is removed when a fetch fails; what is there already is not touched", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const { path } = await start(world);
  const mirror = join(world.workRoot, MIRROR);
  const left = join(mirror, "objects", "pack", "tmp_pack_abc");
  writeFileSync(left, "half a pack");
  // No refs: the mirror counts as never filled, so it is asked for before anything else.
  rmSync(join(mirror, "packed-refs"), { force: true });
  rmSync(join(mirror, "refs", "remotes"), { recursive: true, force: true });
  rmSync(world.upstream, { recursive: true });
  await expect(start(world)).rejects.toThrow(/no repository at that address/u);
  await waitFor("its removal", () => !existsSync(left));
  expect(fsck(path)).toBe("");
});

/** What a workspace cannot be made from, or does not hold, is said in words that tell what to do. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLocal } from "../../src/fleet/local.ts";
import { openPlane } from "../../runners/program/plane.ts";
import { program, RunnerWorld, type Sink } from "./world.ts";

async function start(world: RunnerWorld): Promise<{ sink: Sink; path: string }> {
  const session = world.session();
  const workspace = world.checkout(session);
  const command = ["sh", "-c", 'echo "skip $GIT_LFS_SKIP_SMUDGE"'];
  const sink = await world.run({ ...world.plain(session, command), workspace });
  if (sink.entry("spawned") !== undefined) await sink.exited();
  return { sink, path: join(world.workRoot, workspace.path) };
}

test("an upstream that vanished: the reason, and earlier checkouts stay as they are", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const { path } = await start(world);
  rmSync(world.upstream, { recursive: true });
  const { sink, path: other } = await start(world);
  expect(sink.entry("prepare-failed")).toMatchObject({
    stage: "fetch",
    retry: false,
    reason: expect.stringContaining("there is no repository at that address"),
  });
  expect(existsSync(other)).toBe(false);
  expect(execFileSync("git", ["show", "HEAD:a.txt"], { cwd: path, encoding: "utf8" })).toBe("1\n");
});

test("an upstream without any commit is called empty", async () => {
  await using world = await RunnerWorld.open();
  execFileSync("git", ["init", "--quiet", "--bare", world.upstream]);
  const { sink, path } = await start(world);
  expect(sink.entry("prepare-failed")).toMatchObject({
    stage: "fetch",
    retry: false,
    reason: `upstream file://${world.upstream} is empty: push a first commit to main`,
  });
  expect(existsSync(path)).toBe(false);
});

test("submodules and LFS are not fetched, and the journal says so", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({
    ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = ../../../../etc\n',
    ".gitattributes": "*.txt text\n",
    "deep/down/.gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
    "deep/down/a.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "x/placeholder": "",
  });
  const { sink, path } = await start(world);
  const prepared = sink.entry("prepared");
  expect(prepared?.notes).toEqual([
    expect.stringMatching(/^submodules are not fetched/u),
    expect.stringMatching(/^files in Git LFS are not fetched/u),
  ]);
  expect(readFileSync(join(path, "deep/down/a.bin"), "utf8")).toContain("git-lfs");
  expect(existsSync(join(path, ".git", "modules"))).toBe(false);
  expect(sink.text).toBe("skip 1\n");
});

test("names of them alone say nothing: comments, other filters, an empty list of modules", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({
    ".gitmodules": "# [submodule]\n",
    ".gitattributes": "#*.a filter=lfs\n*.b filter=lfsx\n",
  });
  const { sink } = await start(world);
  expect(sink.entry("prepared")).not.toHaveProperty("notes");
});

test("two daemons with one work root: the second says whose it is, and harms nothing", async () => {
  await using world = await RunnerWorld.open();
  const second = openLocal({
    name: "second",
    workRoot: world.workRoot,
    runtimeDir: join(world.root, "r2"),
    programDir: (await program()).directory,
  });
  await expect(second.connect()).rejects.toThrow(
    `the work root ${world.workRoot} is in use by another runner (runtime directory ${world.runtimeDir}, process ${await world.daemonPid()}): give each runner a work root of its own`,
  );
  expect((await world.ask({ op: "list" })).reply).toMatchObject({ ok: true });
});

test("a work root knows its runner's name: another one is refused while anything of a session is there", async () => {
  await using world = await RunnerWorld.open();
  const file = join(world.workRoot, "plane.json");
  const hello = {
    op: "hello",
    protocol: { min: 1, max: 1 },
    installation: "i",
    plane: "p",
    epoch: 1,
  } as const;
  rmSync(file);
  let inUse = false;
  const open = () => openPlane(world.workRoot, () => inUse);
  // Older control planes give no name; the first name that is given is kept.
  open().greet(hello);
  open().greet({ ...hello, runner: "a" });
  inUse = true;
  open().greet(hello);
  open().greet({ ...hello, epoch: 2 });
  open().greet({ ...hello, epoch: 2, runner: "a" });
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
    installation: "i",
    epoch: 2,
    runner: "a",
  });
  const before = readFileSync(file, "utf8");
  for (const epoch of [2, 3])
    expect(() => open().greet({ ...hello, epoch, runner: "b" })).toThrow(
      `the work root ${world.workRoot} is that of the runner a: give b a work root of its own (--work-root), or remove a and its sessions first`,
    );
  expect(readFileSync(file, "utf8")).toBe(before);
  inUse = false;
  open().greet({ ...hello, epoch: 2, runner: "b" });
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ runner: "b" });
});

test("a lock file of an earlier daemon, with another name in it or none, keeps nobody out", async () => {
  await using world = await RunnerWorld.open();
  for (const content of ["", "1 /elsewhere\n", "\0"]) {
    writeFileSync(join(world.workRoot, "daemon.lock"), content);
    await world.killDaemon();
  }
  const lock = readFileSync(join(world.workRoot, "daemon.lock"), "utf8");
  expect(lock).toBe(`${await world.daemonPid()} ${world.runtimeDir}\n`);
  expect(readdirSync(world.workRoot).filter((name) => name.startsWith(".doctor"))).toEqual([]);
});

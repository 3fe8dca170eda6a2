/** A full disk on the runner: a file system of 3 MiB, made where the machine lets us. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunnerWorld, type Sink, waitFor } from "./world.ts";

test("a full disk fails a preparation with a reason", async ({ skip }) => {
  await using world = await RunnerWorld.open();
  const small = join(world.workRoot, "o__r");
  mkdirSync(small);
  const mounted = mount(small, 3);
  if (mounted.status !== 0) skip("mounting a small file system needs root");
  try {
    world.createUpstream({ big: randomBytes(4_000_000).toString("latin1") });
    const session = world.session();
    const workspace = world.checkout(session, { branch: "b" });
    const sink = await world.run(world.plain(session, ["true"], { workspace }));
    const failed = await waitFor("the failure", () => sink.entry("prepare-failed"));
    expect(failed).toMatchObject({ retry: true });
    expect(failed.reason).toContain("the disk of the runner is full");
    // What was half made does not go on filling the disk.
    expect(existsSync(join(world.workRoot, workspace.path))).toBe(false);
  } finally {
    unmount(small);
  }
});

test("a disk that fills in the middle of a checkout: the half one goes, what was there stays, and there is a next time", async ({
  skip,
}) => {
  await using world = await RunnerWorld.open();
  const small = join(world.workRoot, "o__r");
  mkdirSync(small);
  const mounted = mount(small, 3);
  if (mounted.status !== 0) skip("mounting a small file system needs root");
  const start = async (): Promise<Sink> => {
    const session = world.session();
    const workspace = world.checkout(session, { branch: null });
    const sink = await world.run(world.plain(session, ["true"], { workspace }));
    if (sink.entry("spawned") !== undefined) await sink.exited();
    return sink;
  };
  try {
    // About 1 MB each: the file system takes one checkout and a half.
    const [a, b] = [650_000, 650_000].map((bytes) => randomBytes(bytes).toString("latin1"));
    world.createUpstream({ a: a ?? "", b: b ?? "" });
    const first = (await start()).entry("prepared")?.path ?? "";
    writeFileSync(join(first, "work in progress"), "mine");
    const second = await start();
    expect(second.entry("prepare-failed")).toMatchObject({ retry: true, stage: "checkout" });
    expect(second.entry("prepare-failed")?.reason).toContain("the disk of the runner is full");
    expect(readdirSync(small).flatMap((name) => readdirSync(join(small, name)))).toEqual(["1"]);
    expect(readFileSync(join(first, "work in progress"), "utf8")).toBe("mine");
    expect(spawnSync("git", ["fsck", "--full"], { cwd: first }).status).toBe(0);
    rmSync(join(first, "a"));
    rmSync(join(first, "b"));
    expect((await start()).entry("prepared")).toBeDefined();
  } finally {
    unmount(small);
  }
});

test("when the disk is full a line is refused, and taken when there is space again", async ({
  skip,
}) => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const small = join(world.workRoot, "sessions", session);
  mkdirSync(small);
  const mounted = mount(small, 1);
  if (mounted.status !== 0) skip("mounting a small file system needs root");
  try {
    const sink = await world.run(world.plain(session, ["cat"]));
    const filler = join(small, "filler");
    spawnSync("sh", ["-c", `head -c 2000000 /dev/zero > ${filler}`]);
    const input = { id: "i", line: "x".repeat(50_000) };
    const ask = { op: "input", session, attempt: 1, input } as const;
    const { reply } = await world.ask(ask);
    expect(reply).toMatchObject({ ok: false, code: "failed" });
    expect(JSON.stringify(reply)).toContain("the disk of the runner is full");
    rmSync(filler);
    expect((await world.ask(ask)).reply).toMatchObject({ ok: true });
    await waitFor("the line", () => sink.text === `${input.line}\n`);
    writeFileSync(join(small, "ok"), "");
    await world.ask({ op: "stop", session, attempt: 1, graceMs: 0 });
    expect(sink.entries("input-stored")).toHaveLength(1);
    await world.link.detach({ session, attempt: 1 });
  } finally {
    unmount(small);
  }
});

function mount(path: string, mebibytes: number): { readonly status: number | null } {
  const script = 'mount -t tmpfs -o "size=$2m,mode=0700" tmpfs "$1"';
  return spawnSync("sh", ["-c", script, "sh", path, String(mebibytes)]);
}

function unmount(path: string): void {
  spawnSync("sh", ["-c", 'umount -l "$1"', "sh", path]);
}

test("a disk that is full while a checkout is taken along: refused with a reason, nothing is left over; and it can still be deleted", async ({
  skip,
}) => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const session = world.session();
  const workspace = world.checkout(session, { branch: "b" });
  const sink = await world.run(world.plain(session, ["true"], { workspace }));
  await sink.exited();
  const path = join(world.workRoot, workspace.path);
  writeFileSync(join(path, "new"), randomBytes(3_000_000));
  const scratch = join(world.workRoot, "scratch");
  const trash = join(world.workRoot, "trash");
  for (const directory of [scratch, trash]) mkdirSync(directory, { recursive: true });
  const mounted = mount(scratch, 1);
  if (mounted.status !== 0) skip("mounting a small file system needs root");
  try {
    const base = sink.entry("prepared")?.base ?? "";
    const take = { op: "snapshot", session, path: workspace.path, base } as const;
    const { reply } = await world.ask(take);
    expect(reply).toMatchObject({ ok: false, code: "failed" });
    expect(JSON.stringify(reply)).toMatch(/No space left|disk of the runner is full/u);
    expect(readdirSync(scratch).filter((name) => name.startsWith("shadow-"))).toEqual([]);
    expect(existsSync(join(path, "new"))).toBe(true);
  } finally {
    unmount(scratch);
  }
  // Moving it away takes no room where there is another file system, either.
  const other = mount(trash, 1);
  expect(other.status).toBe(0);
  try {
    const gone = await world.ask({ op: "remove-workspace", path: workspace.path });
    expect(gone.reply).toMatchObject({ ok: true });
    expect(existsSync(path)).toBe(false);
  } finally {
    unmount(trash);
  }
});

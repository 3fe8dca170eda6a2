/** What is in a checkout that is nowhere else: seen and taken along, whatever the agent did to the repository. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  SnapshotReply,
  WorkspacesReply,
  type Examined,
  type Request,
  type WorkspaceInfo,
} from "../../src/protocol/requests.ts";
import { hostile } from "./hostile.ts";
import { RunnerWorld, waitFor } from "./world.ts";

interface Place {
  readonly world: RunnerWorld;
  readonly session: string;
  readonly relative: string;
  readonly path: string;
  readonly base: string;
  readonly notes: readonly string[];
  readonly git: (...args: string[]) => string;
}

/** A checkout in which an agent has run that did nothing. */
async function place(
  world: RunnerWorld,
  more: Parameters<RunnerWorld["checkout"]>[1] = {},
): Promise<Place> {
  const session = world.session();
  const workspace = world.checkout(session, more);
  const sink = await world.run(world.plain(session, ["true"], { workspace }));
  await sink.exited();
  const path = join(world.workRoot, workspace.path);
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=e", "-c", "user.email=e@e.invalid", ...args], {
      cwd: path,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  const base = sink.entry("prepared")?.base ?? "";
  const { notes = [] } = sink.entry("prepared") ?? {};
  return { world, session, relative: workspace.path, path, base, notes, git };
}

async function look(world: RunnerWorld, examine: readonly Examined[] = []) {
  const { reply } = await world.ask({ op: "workspaces", examine: [...examine] });
  if (!reply.ok) throw new Error(reply.reason);
  return WorkspacesReply.parse(reply.value);
}

async function evidence({ world, relative }: Place, known: string[] = []): Promise<WorkspaceInfo> {
  const { workspaces } = await look(world, [{ path: relative, known }]);
  const found = workspaces.find(({ path }) => path === relative);
  if (found === undefined) throw new Error("not listed");
  return found;
}

async function snapshot(
  { world, session, relative, base }: Place,
  more: Partial<Extract<Request, { op: "snapshot" }>> = {},
) {
  const { reply, attachment } = await world.ask({
    op: "snapshot",
    session,
    path: relative,
    base,
    ...more,
  });
  if (!reply.ok) throw new Error(`${reply.code}: ${reply.reason}`);
  const value = SnapshotReply.parse(reply.value);
  const bundle = join(world.root, "s.bundle");
  writeFileSync(bundle, attachment);
  /** A clone of upstream that has fetched the bundle. */
  const clone = join(world.root, `rescue-${Math.random().toString(36).slice(2)}`);
  execFileSync("git", ["clone", "--quiet", world.upstream, clone]);
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: clone, encoding: "utf8" }).trim();
  const back = (): typeof git => {
    git("fetch", "--quiet", bundle, "+refs/orcha/*:refs/orcha/*");
    return git;
  };
  return { ...value, back };
}

const FILES = { "a.txt": "1\n", "b/c.txt": "1\n", ".gitignore": "ignored\n" };

test("a fresh checkout holds nothing; commits, changes, new files, other branches and a stash are all seen and come along", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream(FILES);
  const at = await place(world);
  const { base, path, git } = at;
  expect(await evidence(at)).toMatchObject({
    session: at.session,
    ordinal: 1,
    base,
    busy: false,
    evidence: { head: base, ahead: 0, dirty: false },
  });
  await expect(snapshot(at)).rejects.toThrow("nothing-committed");
  writeFileSync(join(path, "ignored"), "no work");
  expect((await evidence(at)).evidence).toMatchObject({ dirty: false });

  writeFileSync(join(path, "a.txt"), "stashed\n");
  git("stash");
  expect((await evidence(at)).evidence).toMatchObject({ ahead: 2, dirty: false });
  git("checkout", "--quiet", "-b", "aside");
  git("commit", "--quiet", "--allow-empty", "-m", "aside");
  git("checkout", "--quiet", "orcha/1-x");
  writeFileSync(join(path, "a.txt"), "2\n");
  git("commit", "--quiet", "-am", "work");
  const head = git("rev-parse", "HEAD");
  rmSync(join(path, "b", "c.txt"));
  writeFileSync(join(path, "new ü.txt"), "new\n");
  writeFileSync(join(path, "staged"), "s\n");
  git("add", "staged");
  symlinkSync("/etc/passwd", join(path, "link"));
  expect((await evidence(at)).evidence).toEqual({ head, ahead: 4, dirty: true });
  const before = readdirSync(join(path, ".git")).toSorted();
  const index = readFileSync(join(path, ".git", "index"));

  const taken = await snapshot(at);
  expect(taken).toMatchObject({ head, base, commits: 4, skipped: [] });
  const there = taken.back();
  expect(
    there("show", "--name-status", "--format=", "--first-parent", "-m", "refs/orcha/snapshot"),
  ).toBe('D\tb/c.txt\nA\tlink\nA\t"new \\303\\274.txt"\nA\tstaged');
  expect(there("show", "refs/orcha/snapshot:link")).toBe("/etc/passwd");
  expect(there("log", "--format=%s", "refs/orcha/snapshot", `^${base}`)).toContain("aside");
  expect(there("rev-parse", "refs/orcha/snapshot^1")).toBe(head);
  // The same files give the same commit, and the checkout is as it was.
  expect((await snapshot(at)).snapshot).toBe(taken.snapshot);
  expect(readdirSync(join(path, ".git")).toSorted()).toEqual(before);
  expect(readFileSync(join(path, ".git", "index"))).toEqual(index);
  expect(readdirSync(join(world.workRoot, "scratch"))).toEqual([]);
});

test("what is published is not counted; agent files of the base branch are nobody's changes", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ ...FILES, "CLAUDE.md": "base\n", ".mcp.json": "{}\n" });
  world.pushUpstream("topic", { "CLAUDE.md": "evil\n", ".mcp.json": null }, "main");
  const at = await place(world, { from: "topic", branch: "topic", restoreFrom: "main" });
  expect((await evidence(at)).evidence).toMatchObject({ ahead: 0, dirty: false });
  at.git("commit", "--quiet", "--allow-empty", "-m", "work");
  const head = at.git("rev-parse", "HEAD");
  expect((await evidence(at)).evidence).toMatchObject({ ahead: 1 });
  expect((await evidence(at, [head, "2".repeat(40)])).evidence).toMatchObject({ ahead: 0 });
  const { skipped, snapshot: none, back } = await snapshot(at);
  expect([skipped, none]).toEqual([[], null]);
  expect(back()("rev-parse", "refs/orcha/head")).toBe(head);
});

test("nothing that a hostile tree configures runs while it is looked at and taken along", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream(FILES);
  const at = await place(world);
  const { path, git } = at;
  const canary = join(world.root, "canary");
  const evil = join(world.root, "evil.sh");
  writeFileSync(evil, `#!/bin/sh\necho "$0 $*" >> ${canary}\ncat\n`);
  chmodSync(evil, 0o755);
  // A submodule whose own configuration would run when its state is asked for.
  const inner = join(path, "inner");
  execFileSync("git", ["init", "--quiet", inner]);
  execFileSync("git", [
    "-C",
    inner,
    "-c",
    "user.name=e",
    "-c",
    "user.email=e@e.invalid",
    "commit",
    "--quiet",
    "--allow-empty",
    "-m",
    "x",
  ]);
  git("add", "inner");
  git("commit", "--quiet", "-m", "gitlink");
  execFileSync("git", ["init", "--quiet", join(path, "nested")]);
  for (const repository of [inner, join(path, "nested"), path]) hostile(repository, evil);
  writeFileSync(join(inner, "changed"), "1");
  git("config", "core.worktree", world.root);
  writeFileSync(join(path, ".git", "info", "attributes"), "* filter=x\n");
  writeFileSync(join(path, "big"), Buffer.alloc(17 * 1024 * 1024));
  writeFileSync(join(path, "a.txt"), "2\n");
  // Same size, and the times of an unchanged file: contents count.
  const { atime, mtime } = statSync(join(path, "b", "c.txt"));
  writeFileSync(join(path, "b", "c.txt"), "2\n");
  utimesSync(join(path, "b", "c.txt"), atime, mtime);
  expect((await evidence(at)).evidence).toMatchObject({ ahead: 1, dirty: true });
  const taken = await snapshot(at);
  expect(taken.skipped.map((one) => one.path).toSorted()).toEqual(["big", "inner", "nested/"]);
  expect(existsSync(canary), "nothing was executed").toBe(false);
  const there = taken.back();
  expect(there("show", "refs/orcha/snapshot:a.txt")).toBe("2");
  expect(there("diff", "--name-only", "refs/orcha/head", "refs/orcha/snapshot")).toBe(
    ".gitattributes\na.txt\nb/c.txt",
  );

  const dotGit = join(path, ".git");
  renameSync(dotGit, join(world.root, "elsewhere"));
  symlinkSync(join(world.root, "elsewhere"), dotGit);
  expect(await evidence(at)).toMatchObject({ trouble: expect.stringContaining("no commit") });
  await expect(snapshot(at)).rejects.toThrow("gone");
  rmSync(dotGit);
  writeFileSync(dotGit, `gitdir: ${world.upstream}\n`);
  await expect(snapshot(at)).rejects.toThrow("gone");
  expect(existsSync(canary)).toBe(false);
});

test("a broken index is made anew, and a whole snapshot needs nothing of whoever takes it", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream(FILES);
  world.pushUpstream("main", { "a.txt": "2\n" });
  const at = await place(world);
  writeFileSync(join(at.path, ".git", "index"), "broken");
  writeFileSync(join(at.path, "a.txt"), "3\n");
  const { snapshot: sha } = await snapshot(at, { whole: true });
  const bare = join(world.root, "bare.git");
  execFileSync("git", ["init", "--quiet", "--bare", bare]);
  writeFileSync(join(bare, "shallow"), `${at.base}\n`);
  const git = (...args: string[]) => execFileSync("git", args, { cwd: bare, encoding: "utf8" });
  git("fetch", "--quiet", join(world.root, "s.bundle"), "refs/orcha/*:refs/orcha/*");
  expect(git("show", `${sha ?? ""}:a.txt`)).toBe("3\n");
  expect(git("log", "--format=%H", "refs/orcha/snapshot").trim().split("\n")).toEqual([
    sha,
    at.base,
  ]);
});

test("a checkout in use is left alone; one that goes, goes at once, read-only directories and links and all", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream(FILES);
  const session = world.session();
  const workspace = world.checkout(session);
  const sink = await world.run(world.plain(session, ["cat"], { workspace }));
  const listed = await look(world, [{ path: workspace.path }]);
  const found = listed.workspaces.find(({ path }) => path === workspace.path);
  expect(found).toMatchObject({ session, busy: true });
  expect(found?.evidence).toBeUndefined();
  expect(found?.bytes).toBeGreaterThan(1000);
  expect(listed.disk.free).toBeGreaterThan(0);
  const base = "1".repeat(40);
  const take = { op: "snapshot", session, path: workspace.path, base } as const;
  expect((await world.ask(take)).reply).toMatchObject({ code: "busy" });
  const remove = { op: "remove-workspace", path: workspace.path } as const;
  expect((await world.ask(remove)).reply).toMatchObject({ code: "busy" });
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 0 });
  await sink.exited();
  const path = join(world.workRoot, workspace.path);
  const victim = join(world.root, "victim");
  mkdirSync(victim);
  writeFileSync(join(victim, "mine"), "1");
  symlinkSync(victim, join(path, "link"));
  mkdirSync(join(path, "cache"));
  writeFileSync(join(path, "cache", "file"), "1");
  chmodSync(join(path, "cache"), 0o500);
  expect((await world.ask(remove)).reply).toMatchObject({ ok: true });
  expect((await world.ask(remove)).reply).toMatchObject({ ok: true });
  expect(existsSync(join(world.workRoot, "o__r", session))).toBe(false);
  expect(readdirSync(join(world.workRoot, "trash"))).toEqual([]);
  expect(readFileSync(join(victim, "mine"), "utf8")).toBe("1");
  expect((await look(world)).workspaces.map((one) => one.path)).not.toContain(workspace.path);
});

test("what a daemon left half deleted goes with the next one; a mirror nobody has needed for two weeks goes", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream(FILES);
  const at = await place(world);
  const mirror = join(world.workRoot, "mirrors", "o__r.git");
  const aged = (): void => {
    const old = Date.now() / 1000 - 15 * 24 * 60 * 60;
    for (const name of ["", "objects", "objects/pack", "packed-refs", "refs/remotes/origin"])
      if (existsSync(join(mirror, name))) utimesSync(join(mirror, name), old, old);
  };
  aged();
  await look(world);
  expect(existsSync(mirror), "a checkout borrows from it").toBe(true);
  const left = join(world.workRoot, "trash", "left", "deep");
  mkdirSync(left, { recursive: true });
  await world.killDaemon();
  await waitFor("the rest to go", () => !existsSync(left));
  expect((await world.ask({ op: "remove-workspace", path: at.relative })).reply.ok).toBe(true);
  aged();
  await look(world);
  expect(existsSync(mirror)).toBe(false);
});

test("a sparse checkout: its directories and no others, agent files of the base branch stay, and what is committed there is whole", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({
    "top.txt": "1\n",
    "CLAUDE.md": "base\n",
    "packages/api/a.ts": "1\n",
    "packages/api/CLAUDE.md": "base\n",
    "packages/web/w.ts": "1\n",
    "docs/AGENTS.md": "base\n",
    "docs/d.md": "1\n",
  });
  world.pushUpstream(
    "topic",
    { "CLAUDE.md": "evil\n", "packages/api/CLAUDE.md": "evil\n", "docs/AGENTS.md": null },
    "main",
  );
  const at = await place(world, {
    from: "topic",
    branch: "topic",
    restoreFrom: "main",
    sparse: ["packages/api"],
  });
  const { path, git } = at;
  expect(at.notes).toEqual([expect.stringContaining("are checked out: packages/api; git has")]);
  expect(existsSync(join(path, "top.txt"))).toBe(true);
  expect(existsSync(join(path, "packages/web"))).toBe(false);
  expect(existsSync(join(path, "docs/d.md"))).toBe(false);
  expect(readFileSync(join(path, "CLAUDE.md"), "utf8")).toBe("base\n");
  expect(git("status", "--short")).toBe("");
  expect((await evidence(at)).evidence).toMatchObject({ ahead: 0, dirty: false });
  writeFileSync(join(path, "packages/api/a.ts"), "2\n");
  git("add", "-A");
  git("commit", "--quiet", "-m", "mine");
  expect(git("show", "--name-only", "--format=")).toBe("packages/api/a.ts");
  expect(readFileSync(join(path, "packages/api/CLAUDE.md"), "utf8")).toBe("base\n");
  writeFileSync(join(path, "packages/api/b.ts"), "new\n");
  const taken = await snapshot(at);
  expect(taken.back()("diff", "--name-only", at.base, "refs/orcha/snapshot")).toBe(
    "packages/api/a.ts\npackages/api/b.ts",
  );
});

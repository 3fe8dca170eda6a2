/** Freeing a runner's disk: a real runner, real git, the real store; crashes, a full disk and an upstream that is gone. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openGitBackups, type GitBackups } from "../../src/workspaces/backups.ts";
import { openFloorWatch } from "../../src/workspaces/floor.ts";
import { openReclaim, type Line } from "../../src/workspaces/reclaim.ts";
import { workspaceShelf, type WorkspaceShelf } from "../../src/workspaces/shelf.ts";
import { published } from "../domain/begin.ts";
import type { Play } from "../domain/play.ts";
import { openLog, openStore, VirtualClock } from "../engine/world.ts";
import { RunnerWorld } from "../runners/world.ts";
import { put } from "../store/contract/given.ts";

const DAY = 24 * 60 * 60_000;

/** A worker whose pull request is open, with a real checkout on a real runner. */
async function given(world: RunnerWorld, more: { readonly bytesMax?: number } = {}) {
  world.createUpstream({ "a.txt": "1\n", ".gitignore": "ignored\n" });
  const clock = new VirtualClock();
  const store = await openStore(clock);
  const play = published();
  const { id, workspace } = play.session("api");
  const relative = workspace?.path ?? "";
  const spec = world.plain(id, ["true"], { workspace: world.checkout(id, { path: relative }) });
  const sink = await world.run(spec);
  await sink.exited();
  const base = sink.entry("prepared")?.base ?? "";
  const [manager, ...workers] = play.it.sessions;
  const worker = { path: relative, base };
  play.objective = {
    ...play.it,
    sessions: [manager, ...workers.map((one) => Object.assign({}, one, { workspace: worker }))],
  };
  await put(store, play.it, { key: "begin", now: clock.now() });
  const path = join(world.workRoot, relative);
  const log = openLog();
  const directory = join(world.root, "backups-git");
  const backups = openGitBackups({
    directory,
    clock: { now: () => play.now },
    gitMs: 20_000,
    keepMs: 30 * DAY,
    bytesMax: more.bytesMax ?? 1e9,
    upstream: null,
  });
  const floor = openFloorWatch({ floorBytes: 0, clock, log });
  const real = workspaceShelf("box", world.link);
  const pass = async (
    options: { dryRun?: boolean; shelf?: WorkspaceShelf; backups?: GitBackups } = {},
  ): Promise<readonly Line[]> => {
    const { dryRun = false, shelf = real } = options;
    const reclaim = openReclaim({
      store,
      shelves: () => [shelf],
      backups: options.backups ?? backups,
      floor,
      clock: { now: () => play.now, after: (...timer) => clock.after(...timer) },
      log,
      everyMs: 0,
      keepMs: DAY,
    });
    const { lines } = await reclaim.once({ dryRun });
    await reclaim.close();
    return lines.filter((line) => line.path === relative);
  };
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=e", "-c", "user.email=e@e.invalid", ...args], {
      cwd: path,
      encoding: "utf8",
    }).trim();
  /** The issue is closed, and days go by. */
  const end = async (days = 2): Promise<void> => {
    finish(play);
    await put(store, play.it, { key: "end", now: clock.now() });
    play.now += days * DAY;
  };
  return { play, path, relative, directory, backups, pass, git, end, real, store };
}

function finish(play: Play): void {
  play.close();
  play.timer("closed");
  for (const { title, state } of play.it.sessions) if ("slot" in state) play.exited(title);
}

test("what has ended and holds nothing goes after a day; before, and while it may be woken, it stays", async () => {
  await using world = await RunnerWorld.open();
  const { pass, end, path, play } = await given(world);
  writeFileSync(join(path, "ignored"), "build output");
  expect(await pass()).toMatchObject([
    { outcome: "kept", reason: "api may be woken, and goes on in it" },
  ]);
  await end(0.5);
  expect(await pass()).toMatchObject([
    { outcome: "kept", reason: expect.stringContaining("kept until") },
  ]);
  play.now += DAY;
  const [line] = await pass({ dryRun: true });
  expect(line).toMatchObject({ outcome: "would-delete", verdict: "delete", runner: "box" });
  expect(line?.bytes).toBeGreaterThan(0);
  expect(existsSync(path)).toBe(true);
  expect(await pass()).toMatchObject([{ outcome: "deleted", backup: null }]);
  expect(existsSync(path)).toBe(false);
  expect(await pass()).toEqual([]);
});

test("work is kept before its checkout goes, crash in between and upstream gone; a clone of upstream gets it back", async () => {
  await using world = await RunnerWorld.open();
  const { pass, end, path, git, backups, real, play } = await given(world);
  const clone = join(world.root, "clone");
  execFileSync("git", ["clone", "--quiet", world.upstream, clone]);
  git("commit", "--quiet", "--allow-empty", "-m", "unpublished");
  writeFileSync(join(path, "a.txt"), "uncommitted\n");
  await end();
  rmSync(world.upstream, { recursive: true });
  const dying: WorkspaceShelf = { ...real, remove: () => Promise.reject(new Error("we died")) };
  expect(await pass({ shelf: dying })).toMatchObject([{ outcome: "failed", verdict: "back-up" }]);
  expect(existsSync(path)).toBe(true);
  const [first] = backups.list();
  const [line] = await pass();
  expect(line).toMatchObject({ outcome: "deleted", backup: { sha: first?.sha, ref: first?.ref } });
  expect(existsSync(path)).toBe(false);
  expect(backups.list()).toHaveLength(1);

  // As the documents say.
  const back = (...args: string[]): string =>
    execFileSync("git", args, { cwd: clone, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const { directory = "", ref = "" } = line?.backup ?? {};
  back("fetch", "--quiet", directory, `${ref}:refs/heads/rescued`);
  expect(back("show", "rescued:a.txt")).toBe("uncommitted\n");
  expect(back("log", "--format=%s", "rescued")).toContain("unpublished");
  expect(back("rev-parse", "--is-shallow-repository").trim()).toBe("false");

  play.now += 31 * DAY;
  expect(await backups.prune()).toBe(1);
  expect(backups.list()).toEqual([]);
  expect(existsSync(directory)).toBe(false);
});

test("what cannot be kept elsewhere stays: too large a file, no room for backups, a repository that is no more", async () => {
  await using world = await RunnerWorld.open();
  const { pass, end, path, relative, directory, store } = await given(world, { bytesMax: 100 });
  writeFileSync(join(path, "big"), Buffer.alloc(17 * 1024 * 1024));
  await end();
  const stays = async (why: string): Promise<void> => {
    const [line] = await pass();
    expect(line?.reason).toContain(why);
    expect(existsSync(path)).toBe(true);
  };
  await stays("but big: 17825792 bytes, which nobody has committed");
  writeFileSync(join(path, "big"), "small");
  await stays("take");
  expect(existsSync(join(directory, "acme__shop.git", "refs", "orcha"))).toBe(false);
  rmSync(join(path, ".git"), { recursive: true });
  await stays("cannot be told: there is no commit");
  expect(relative).toContain("acme__shop/");
  await store.close();
});

test("a second checkout of the repository needs no base; an older state of the same one is kept beside the newer", async () => {
  await using world = await RunnerWorld.open();
  const { pass, end, path, backups, real } = await given(world);
  writeFileSync(join(path, "a.txt"), "first\n");
  await end();
  const dying: WorkspaceShelf = { ...real, remove: async () => "busy: somebody works there" };
  await pass({ shelf: dying });
  writeFileSync(join(path, "a.txt"), "second\n");
  const asked: boolean[] = [];
  const spy: WorkspaceShelf = {
    ...real,
    snapshot(what) {
      asked.push(what.whole);
      return real.snapshot(what);
    },
  };
  expect(await pass({ shelf: spy })).toMatchObject([{ outcome: "deleted" }]);
  expect(asked).toEqual([false]);
  const contents = backups
    .list()
    .map(({ directory, ref }) =>
      execFileSync("git", ["show", `${ref}:a.txt`], { cwd: directory, encoding: "utf8" }),
    );
  expect(contents.toSorted()).toEqual(["first\n", "second\n"]);
  expect(readFileSync(join(backups.list()[0]?.directory ?? "", "orcha.json"), "utf8")).toContain(
    "ref",
  );
});

test("a runner below the floor is said once an hour, and what is spent is looked for at once", () => {
  const clock = new VirtualClock();
  const log = openLog();
  const floor = openFloorWatch({ floorBytes: 10e9, clock, log });
  let passes = 0;
  floor.onBelow(() => {
    passes += 1;
  });
  const seen = (free: number): void => floor.saw("box", { free, total: 100e9 });
  seen(50e9);
  expect([floor.below().size, passes, floor.least()]).toEqual([0, 0, 50e9]);
  seen(1e9);
  seen(1e9);
  floor.full("box");
  expect([[...floor.below()], passes]).toEqual([[["box", 1e9]], 1]);
  clock.move(61 * 60_000);
  seen(2e9);
  expect(passes).toBe(2);
  seen(20e9);
  expect(floor.below().size).toBe(0);
});

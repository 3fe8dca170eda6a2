/** Goal: a mirror saves downloads and is never what is checked out. Method: real git, an upstream that moves on. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunnerWorld } from "./world.ts";

test("what is new upstream is checked out, and the mirror has it for the next one", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const mirror = join(world.workRoot, "mirrors", "o__r.git");
  const start = async () => {
    const session = world.session();
    const sink = await world.run({
      ...world.plain(session, ["true"]),
      workspace: world.checkout(session, { branch: null }),
    });
    await sink.exited();
    const prepared = sink.entry("prepared");
    if (prepared === undefined) throw new Error(`not prepared: ${sink.kinds.join(" ")}`);
    return prepared;
  };
  const inMirror = (): string =>
    execFileSync("git", ["rev-parse", "refs/remotes/origin/main"], {
      cwd: mirror,
      encoding: "utf8",
    });
  await start();
  const newest = world.pushUpstream("main", { "a.txt": "2\n" });
  expect(inMirror().trim()).not.toBe(newest);
  expect((await start()).base).toBe(newest);
  expect(inMirror().trim(), "it has caught up").toBe(newest);
  const { path } = await start();
  expect(readFileSync(join(path, "a.txt"), "utf8")).toBe("2\n");
  // Nothing was downloaded.
  expect(readdirSync(join(path, ".git", "objects")).toSorted()).toEqual(["info", "pack"]);
  expect(readdirSync(join(path, ".git", "objects", "pack"))).toEqual([]);
});

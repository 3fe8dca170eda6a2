/** What a person finds in a checkout, without running anything that the repository names; and watching an agent there. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { LookReply } from "../../src/protocol/requests.ts";
import { hostile } from "./hostile.ts";
import { program, RunnerWorld } from "./world.ts";

const gitIn =
  (cwd: string) =>
  (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=e", "-c", "user.email=e@e.invalid", ...args], {
      cwd,
      encoding: "utf8",
    });

/** Every kind of change, and an agent's worst. Returns the file that is there when any of it was executed. */
function mess(world: RunnerWorld, path: string): string {
  writeFileSync(join(path, "a.txt"), "2\n");
  rmSync(join(path, "gone.txt"));
  writeFileSync(join(path, "ignored"), "secret\n");
  writeFileSync(join(path, "new file.txt"), "new\n", { mode: 0o755 });
  symlinkSync("/etc/hostname", join(path, "link"));
  writeFileSync(join(path, "big"), Buffer.alloc(17 * 1024 * 1024));
  mkdirSync(join(path, "inner"));
  gitIn(join(path, "inner"))("init", "--quiet");
  gitIn(join(path, "inner"))("commit", "--quiet", "--allow-empty", "-m", "inner");
  const canary = join(world.root, "canary");
  const evil = join(world.root, "evil.sh");
  writeFileSync(evil, `#!/bin/sh\necho "$0 $*" >> ${canary}\n`);
  chmodSync(evil, 0o755);
  hostile(path, evil);
  hostile(join(path, "inner"), evil);
  appendFileSync(join(path, ".git", "info", "exclude"), "excluded\n");
  writeFileSync(join(path, "excluded"), "x\n");
  return canary;
}

test("a checkout is looked at, whatever an agent has left in it", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n", "gone.txt": "1\n", ".gitignore": "ignored\n" });
  const session = world.session();
  const spec = world.plain(session, ["cat"], { workspace: world.checkout(session) });
  const sink = await world.run(spec);
  const base = sink.entry("prepared")?.base ?? "";
  const of = { session, path: spec.workspace.path, base };
  const path = join(world.workRoot, spec.workspace.path);
  const look = async (): Promise<LookReply> => {
    const { reply } = await world.ask({ op: "look", attempt: 1, ...of });
    return LookReply.parse(reply.ok ? reply.value : reply);
  };

  expect(await look()).toEqual({
    path,
    running: true,
    head: base,
    commits: [],
    moreCommits: false,
    files: [],
    moreFiles: false,
  });
  const git = gitIn(path);
  git("commit", "--quiet", "--allow-empty", "-m", "By hand\n\nWith a body.");
  const head = git("rev-parse", "HEAD").trim();
  const canary = mess(world, path);
  const index = readFileSync(join(path, ".git", "index"));

  const files = [".gitattributes", "a.txt", "big", "gone.txt", "inner/", "link", "new file.txt"];
  const commits = [{ sha: head, subject: "By hand" }];
  expect(await look()).toMatchObject({ head, commits, files });
  expect(existsSync(canary), "nothing was executed").toBe(false);
  expect(readFileSync(join(path, ".git", "index")).equals(index)).toBe(true);

  rmSync(join(path, ".git"), { recursive: true });
  writeFileSync(join(path, ".git"), `gitdir: ${world.upstream}\n`);
  expect((await world.ask({ op: "look", attempt: 1, ...of })).reply).toMatchObject({
    code: "gone",
  });
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 3000 });
});

test("whoever is logged in on the machine sees what the agent prints, without its control characters", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const sink = await world.run(world.plain(session, ["printf", "a\\033[31mb\\nc\\n"]));
  await sink.exited();
  const main = join((await program()).directory, "orcha-runner.mjs");
  const watch = (name: string): string =>
    execFileSync(process.execPath, [main, "watch", name, "--work-root", world.workRoot, "--once"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  expect(watch(session)).toBe("── attempt 1 ──\na [31mb\nc\n");
  expect(() => watch("../x")).toThrow("there is no session ../x");
});

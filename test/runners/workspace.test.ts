/** Workspaces: real repositories, real git; what a hostile one tries, and what an upstream refuses. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import type { AttemptSpec } from "../../src/protocol/requests.ts";
import { hostile } from "./hostile.ts";
import { RunnerWorld, type Sink, waitFor } from "./world.ts";

function checkout(
  world: RunnerWorld,
  session: string,
  more?: Parameters<RunnerWorld["checkout"]>[1],
): AttemptSpec {
  const workspace = world.checkout(session, more);
  return world.plain(session, ["sh", "-c", "git log --format=%s; git status --short; read line"], {
    workspace,
  });
}

async function failure(sink: Sink): Promise<{ stage: string; reason: string; retry: boolean }> {
  return waitFor(`a failure; so far ${sink.kinds.join(" ")}`, () => sink.entry("prepare-failed"));
}

async function end(world: RunnerWorld, session: string): Promise<void> {
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 3000 });
}

test("a checkout is what upstream has now, on a branch of its own, with a clean status", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const first = world.session();
  await world.run(checkout(world, first));
  const head = world.pushUpstream("main", { "a.txt": "2\n" });
  const second = world.session();
  const spec = checkout(world, second);
  const sink = await world.run(spec);
  expect(sink.entry("prepared")).toEqual({
    kind: "prepared",
    path: join(world.workRoot, spec.workspace.path),
    base: head,
    head,
  });
  const git = (...args: string[]): string =>
    execFileSync("git", args, {
      cwd: join(world.workRoot, spec.workspace.path),
      encoding: "utf8",
    }).trim();
  expect(git("symbolic-ref", "--short", "HEAD")).toBe("orcha/1-x");
  expect(git("config", "remote.origin.url")).toBe(`file://${world.upstream}`);
  expect(readFileSync(join(world.workRoot, spec.workspace.path, "a.txt"), "utf8")).toBe("2\n");
  await end(world, first);
  await end(world, second);
  expect(sink.text).toBe("change\nchange\n");
});

test("ten checkouts at once from one mirror", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const sessions = Array.from({ length: 10 }, () => world.session());
  const sinks = await Promise.all(
    sessions.map((session) => world.run(checkout(world, session, { branch: null }))),
  );
  for (const sink of sinks) expect(sink.kinds.slice(0, 2)).toEqual(["prepared", "spawned"]);
  await Promise.all(sessions.map((session) => end(world, session)));
});

const refusals: readonly [
  what: string,
  more: Parameters<RunnerWorld["checkout"]>[1],
  stage: string,
  retry: boolean,
  reason: string,
][] = [
  [
    "a branch that is not there",
    { from: "nowhere" },
    "fetch",
    false,
    "the branch does not exist upstream",
  ],
  [
    "a repository that is not there",
    { url: "file:///no/such/repository" },
    "fetch",
    false,
    "no repository at that address",
  ],
  [
    "an upstream that cannot be reached",
    { url: "http://127.0.0.1:1/o/r.git" },
    "fetch",
    true,
    "upstream cannot be reached",
  ],
  [
    "a protocol that runs commands",
    { url: "ext::sh -c id" },
    "fetch",
    false,
    "only https, http and file",
  ],
  [
    "a URL with a password",
    { url: "https://a:b@example.invalid/" },
    "fetch",
    false,
    "user name or password",
  ],
  ["a URL of two lines", { url: "http://h/x\n[core]" }, "fetch", false, "cannot fetch from"],
  ["a branch like an option", { from: "--upload-pack=id" }, "fetch", false, "not a branch name"],
  ["a branch like a refspec", { from: "a:b" }, "fetch", false, "not a branch name"],
  [
    "a setup command that fails",
    { setup: ["echo first", "echo broken; exit 7"] },
    "setup",
    false,
    "`echo broken; exit 7` ended with code 7: broken",
  ],
  [
    "a setup command that says a lot and then fails",
    { setup: ["yes 'a long line of a build' | head -c 20000000; echo the reason >&2; exit 3"] },
    "setup",
    false,
    "ended with code 3: a long line of a build / ",
  ],
  [
    "a setup command that fills the disk",
    { setup: ["echo 'write: No space left on device'; exit 1"] },
    "setup",
    true,
    "(the disk of the runner is full: free some space): write: No space",
  ],
  [
    "a setup command that is killed",
    { setup: ["kill -9 $$"] },
    "setup",
    false,
    "was killed: it said nothing",
  ],
];

test.for(refusals)("%s fails the preparation", async ([, more, stage, retry, reason]) => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const sink = await world.run(checkout(world, world.session(), more));
  const failed = await failure(sink);
  expect(failed).toMatchObject({ stage, retry });
  expect(failed.reason).toContain(reason);
  expect(sink.kinds.at(-1)).toBe("prepare-failed");
});

test("upstream gone after the mirror was made: the mirror is never taken instead", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const first = world.session();
  await world.run(checkout(world, first));
  await end(world, first);
  rmSync(world.upstream, { recursive: true });
  const sink = await world.run(checkout(world, world.session()));
  expect(await failure(sink)).toMatchObject({ stage: "fetch" });
});

test("without git the reason says what to install", async () => {
  const path = process.env["PATH"] ?? "";
  const tools = join(process.cwd(), "node_modules", ".cache-no-git");
  mkdirSync(tools, { recursive: true });
  for (const name of ["sh", "setsid", "flock", "tail", "mkfifo", "cat", "mkdir", "mv", "rm"]) {
    const found = path
      .split(delimiter)
      .map((one) => join(one, name))
      .find((one) => existsSync(one));
    if (found !== undefined && !existsSync(join(tools, name)))
      symlinkSync(found, join(tools, name));
  }
  process.env["PATH"] = tools;
  try {
    await using world = await RunnerWorld.open({ node: process.execPath });
    const session = world.session();
    const sink = await world.run(checkout(world, session, { url: "http://127.0.0.1:1/x.git" }));
    expect((await failure(sink)).reason).toContain("install git 2.39 or newer");
    const { reply } = await world.ask({ op: "doctor" });
    expect(JSON.stringify(reply)).toContain('"name":"git","ok":false');
  } finally {
    process.env["PATH"] = path;
    rmSync(tools, { recursive: true });
  }
});

test("a work root that cannot be written is named", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  // A file where the directory of checkouts has to be: root may write anywhere, so a mode would not do.
  writeFileSync(join(world.workRoot, "o__r"), "");
  const session = world.session();
  const { reply } = await world.ask({
    op: "start",
    spec: checkout(world, session),
    credential: null,
  });
  expect(reply).toMatchObject({ ok: false });
  expect(JSON.stringify(reply)).toContain("o__r");
});

test("a checkout that another attempt made is never overwritten", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const session = world.session();
  const spec = checkout(world, session);
  await world.run(spec);
  const work = join(world.workRoot, spec.workspace.path, "work.txt");
  writeFileSync(work, "unpublished");
  await end(world, session);
  const sink = await world.run({ ...spec, attempt: 2 });
  expect(await failure(sink)).toMatchObject({ stage: "workspace", retry: false });
  expect(readFileSync(work, "utf8")).toBe("unpublished");
});

test("stop during the preparation ends it", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const session = world.session();
  const marker = join(world.root, "setting-up");
  const spec = checkout(world, session, { setup: [`touch ${marker}; setsid sleep 600`] });
  const starting = world.ask({ op: "start", spec, credential: null });
  await waitFor("setup to run", () => existsSync(marker));
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 0 });
  expect((await starting).reply).toMatchObject({ ok: false, code: "stopped" });
  const sink = await world.attach(spec);
  expect(await sink.exited()).toMatchObject({ cause: "never-started" });
  expect(existsSync(join(world.workRoot, spec.workspace.path))).toBe(false);
});

test("a preparation interrupted by a dead daemon is done again from nothing", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const session = world.session();
  const gate = join(world.root, "gate");
  const marker = join(world.root, "marker");
  const spec = checkout(world, session, {
    setup: [`echo dirt > dirt; touch ${marker}; test -e ${gate} || sleep 600; rm dirt`],
  });
  const starting = world.ask({ op: "start", spec, credential: null });
  await waitFor("setup to run", () => existsSync(marker));
  writeFileSync(gate, "");
  await world.killDaemon();
  expect((await starting).reply).toMatchObject({ ok: true, value: { running: true } });
  const sink = await world.attach(spec);
  await end(world, session);
  await sink.exited();
  expect(sink.text).toBe("change\n");
});

test("a follow-up starts with the agent files of the base branch, and a commit does not revert the branch's own", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({
    "CLAUDE.md": "base\n",
    ".claude/settings.json": "{}\n",
    "docs/AGENTS.md": "base docs\n",
    ".mcp.json": "{}\n",
    "src/a.ts": "1\n",
  });
  world.pushUpstream(
    "topic",
    {
      "CLAUDE.md": "evil\n",
      ".claude/settings.json": '{"hooks":"evil"}\n',
      ".claude/extra.json": "evil\n",
      ".husky/pre-commit": "evil\n",
      ".mcp.json": null,
      "docs/AGENTS.md": null,
      "src/a.ts": "2\n",
    },
    "main",
  );
  const session = world.session();
  const spec = checkout(world, session, { from: "topic", branch: "topic", restoreFrom: "main" });
  const command = [
    "sh",
    "-c",
    "git status --short; echo 3 > src/a.ts; git add -A; git commit -qm mine; git show --stat --format=%s; read line",
  ];
  const sink = await world.run({ ...spec, agent: { ...spec.agent, command } });
  const path = join(world.workRoot, spec.workspace.path);
  expect(readFileSync(join(path, "CLAUDE.md"), "utf8")).toBe("base\n");
  expect(readFileSync(join(path, ".claude/settings.json"), "utf8")).toBe("{}\n");
  expect(readFileSync(join(path, "docs/AGENTS.md"), "utf8")).toBe("base docs\n");
  expect(readFileSync(join(path, ".mcp.json"), "utf8")).toBe("{}\n");
  expect(existsSync(join(path, ".claude/extra.json"))).toBe(false);
  expect(existsSync(join(path, ".husky/pre-commit"))).toBe(false);
  await end(world, session);
  await sink.exited();
  expect(sink.text).toBe(
    "mine\n\n src/a.ts | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n",
  );
});

test("links in place of agent files or directories are never written through", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({
    "CLAUDE.md": "base\n",
    "docs/AGENTS.md": "base\n",
    ".claude/a.json": "base\n",
    x: "1\n",
  });
  const outside = join(world.root, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "victim"), "untouched");
  writeFileSync(join(outside, "a.json"), "untouched");
  const clone = join(world.root, "evil");
  execFileSync("git", ["clone", "--quiet", world.upstream, clone]);
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=e", "-c", "user.email=e@e.invalid", ...args], {
      cwd: clone,
      encoding: "utf8",
    });
  git("checkout", "--quiet", "-b", "evil");
  for (const name of ["CLAUDE.md", "docs", ".claude"])
    rmSync(join(clone, name), { recursive: true });
  symlinkSync(join(outside, "victim"), join(clone, "CLAUDE.md"));
  symlinkSync(outside, join(clone, "docs"));
  symlinkSync(outside, join(clone, ".claude"));
  git("add", "-A");
  git("commit", "--quiet", "-m", "evil");
  git("push", "--quiet", "origin", "evil");
  const session = world.session();
  const spec = checkout(world, session, { from: "evil", branch: "evil", restoreFrom: "main" });
  await world.run(spec);
  const path = join(world.workRoot, spec.workspace.path);
  expect(readFileSync(join(outside, "victim"), "utf8")).toBe("untouched");
  expect(readFileSync(join(outside, "a.json"), "utf8")).toBe("untouched");
  expect(existsSync(join(outside, "AGENTS.md"))).toBe(false);
  expect(lstatSync(join(path, "CLAUDE.md")).isFile()).toBe(true);
  expect(readFileSync(join(path, ".claude/a.json"), "utf8")).toBe("base\n");
  await end(world, session);
});

test("export: refusals say what to do, and nothing a hostile workspace configures is executed", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  const session = world.session();
  const checkedOut = checkout(world, session);
  // An agent that leaves git alone: the index lock is ours.
  const spec = { ...checkedOut, agent: { ...checkedOut.agent, command: ["cat"] } };
  const sink = await world.run(spec);
  const base = sink.entry("prepared")?.base ?? "";
  const ask = { op: "export", session, attempt: 1, path: spec.workspace.path, base } as const;
  const nothing = `nothing committed since ${base}; commit your work and call again`;
  expect((await world.ask(ask)).reply).toEqual({
    ok: false,
    code: "nothing-committed",
    reason: nothing,
  });

  const path = join(world.workRoot, spec.workspace.path);
  const canary = join(world.root, "canary");
  const evil = join(world.root, "evil.sh");
  writeFileSync(evil, `#!/bin/sh\necho "$0 $*" >> ${canary}\n`);
  chmodSync(evil, 0o755);
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=e", "-c", "user.email=e@e.invalid", ...args], {
      cwd: path,
      encoding: "utf8",
    });
  writeFileSync(join(path, "a.txt"), "2\n");
  git("commit", "--quiet", "-am", "work");
  const head = git("rev-parse", "HEAD").trim();
  hostile(path, evil);
  const { reply, attachment } = await world.ask(ask);
  expect(reply).toMatchObject({ ok: true, value: { head, base, commits: 1 } });
  // An object that is not there would be asked of the promisor.
  expect((await world.ask({ ...ask, base: "1".repeat(40) })).reply).toMatchObject({
    code: "failed",
  });
  expect(existsSync(canary), "nothing was executed").toBe(false);
  const bundle = join(world.root, "b.bundle");
  writeFileSync(bundle, attachment);
  const verified = execFileSync("git", ["bundle", "list-heads", bundle], { encoding: "utf8" });
  expect(verified).toBe(`${head} HEAD\n`);

  rmSync(join(path, ".git"), { recursive: true });
  writeFileSync(join(path, ".git"), `gitdir: ${world.upstream}\n`);
  expect((await world.ask(ask)).reply).toMatchObject({ code: "gone" });
  expect((await world.ask({ ...ask, path: "o__r/none/1" })).reply).toMatchObject({ code: "gone" });
  expect((await world.ask({ ...ask, path: "sessions/x" })).reply).toMatchObject({
    code: "invalid",
  });
  await end(world, session);
});

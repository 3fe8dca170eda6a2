/**
 * A person watches a session, speaks to it, takes it over, works in its checkout by hand, brings the work home and gives it back:
 * the same commands on this machine and over SSH, real server, real sshd, real git.
 */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { called, dataDir, runtimeDir, type Ran } from "../cli/run.ts";
import { problem } from "../ssh/given.ts";
import { Sshd } from "../ssh/sshd.ts";
import { openWorld, REPO, type TestWorld } from "../world.ts";

const me = userInfo().username;
const steps = {
  manager: [
    { tool: "spawn_session", args: { title: "notes", goal: "Write NOTES.md" } },
    { wait: "reported its result" },
    { tool: "publish_pr", args: { session: "notes", title: "Notes" } },
    { wait: "merged" },
    { tool: "finish_objective", args: { summary: "Made by two." } },
  ],
  workers: {
    notes: [
      { say: "\u001b[31mred\u001b[0m as it is" },
      { tool: "ask_human", args: { question: "Which colour?" } },
      { wait: "blue" },
      { write: { path: "NOTES.md", content: "by the agent\n" } },
      { commit: "By the agent" },
      { wait: "gives it back" },
      { tool: "report_result", args: { what: "Notes.", why: "Asked.", tests: [] } },
    ],
  },
};

const bin = new URL("../../bin/orcha.mjs", import.meta.url).pathname;

/** As typed by a person whose keyboard is a pipe. */
function typed(world: TestWorld, args: readonly string[], input: string): Promise<Ran> {
  const { directory } = world;
  const env = {
    PATH: process.env["PATH"],
    HOME: directory,
    SHELL: "/bin/sh",
    SECRET_OF_THE_SERVER: "hunter2",
    ORCHA_DATA_DIR: dataDir(directory),
    ORCHA_RUNTIME_DIR: runtimeDir(directory),
  };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [bin, ...args], { env, timeout: 30_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    }); // prettier-ignore
    child.stdin?.end(input);
  });
}

/** The session of that name, once it is in this state. */
async function untilState(world: TestWorld, wanted: string): Promise<string> {
  const deadline = Date.now() + 40_000;
  for (;;) {
    const [objective] = await world.objectives();
    const found = objective?.sessions.find(({ title }) => title === "notes");
    if (found?.state.kind === wanted) return found.id;
    if (Date.now() > deadline) throw new Error(`it is ${found?.state.kind}, not ${wanted}`);
    await delay(20);
  }
}

/** From the question to the merged pull request, with a person in between. */
async function story(world: TestWorld, runner: string): Promise<void> {
  const run = (...args: readonly string[]): Promise<Ran> => called(args, world.directory);
  const issue = world.objective(steps);
  expect(await world.nextComment(issue)).toContain("Which colour?");
  const id = await untilState(world, "waiting_user");

  // What the agent printed, how it is, and an answer that is typed instead of commented.
  const attached = await typed(world, ["attach", id], "blue\n");
  expect(attached, attached.stderr).toMatchObject({ code: 0 });
  expect(attached.stdout).toContain("red");
  expect(attached.stdout).not.toContain("\u001b");
  expect(attached.stderr).toContain(`── waits for an answer · on ${runner} · orcha/`);
  expect(attached.stderr).toContain("question 1: Which colour?");
  expect(attached.stderr).toContain("taken as the answer to question 1: blue");
  await untilState(world, "idle");

  const taken = await run("takeover", id);
  expect(taken, taken.stderr).toMatchObject({ code: 0 });
  expect(taken.stdout).toContain(`runner:    ${runner}`);
  expect(taken.stdout).toContain(`orcha attach ${id} --shell`);
  expect(await world.status(issue, "taken over by")).toContain(`taken over by ${me} since`);
  expect(await run("takeover", id, "--now")).toMatchObject({ code: 0 });
  expect((await typed(world, ["attach", id], "wait for me\n")).stderr).toContain(
    "stored, for its next turn: wait for me",
  );

  const work = [
    "git log -1 --format=%s",
    "echo by hand > HAND.md; git add HAND.md",
    "git -c user.name=ada -c user.email=ada@e.invalid commit -q -m 'By hand'",
    "echo loose > loose.txt",
    "env | grep -c -e SECRET -e ORCHA_",
    "exit 7",
  ];
  const shell = await typed(world, ["attach", id, "--shell"], `${work.join("\n")}\n`);
  expect(shell, shell.stderr).toMatchObject({ code: 7, stdout: "By the agent\n0\n" });
  expect(shell.stderr).toContain(`on ${runner}`);

  const clone = join(world.directory, "clone");
  // GitHub is in this process: nobody may wait without letting it answer.
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)("git", args, { cwd: world.directory, timeout: 20_000 })).stdout;
  await git("clone", "--quiet", world.cloneUrl, clone);
  const at = (...args: string[]): Promise<string> => git("-C", clone, ...args);
  writeFileSync(join(clone, "README.md"), "mine\n");
  const pulled = await run("pull", id, clone);
  expect(pulled, pulled.stderr).toMatchObject({ code: 0 });
  expect(pulled.stdout).toMatch(
    /What was not committed in the checkout\n.*By hand\n.*By the agent\n/u,
  );
  expect(pulled.stdout).toContain("was not touched: git worktree add");
  const branch = `orcha/${id}`;
  expect(await at("log", "--format=%s", "-3", branch)).toBe("What was not committed in the checkout\nBy hand\nBy the agent\n"); // prettier-ignore
  expect(await at("show", `${branch}:loose.txt`)).toBe("loose\n");
  expect(await at("status", "--porcelain")).toBe(" M README.md\n");

  const resumed = await run("resume", id, "-m", "keep mine");
  expect(resumed, resumed.stderr).toMatchObject({ code: 0 });
  expect(resumed.stdout).toContain(" By hand\n");
  expect(resumed.stdout).toContain("not committed: loose.txt");
  const pull = await world.until("the pull request", () => world.github.pulls(REPO)[0]);
  await at("fetch", "--quiet", "origin", pull.headRef);
  expect(await at("log", "--format=%s", "-2", "FETCH_HEAD")).toBe("By hand\nBy the agent\n");
  await world.ann.merge(REPO, pull.issue.number);
  expect(await world.nextComment(issue)).toContain("Made by two.");

  // What was pulled before is never overwritten; what is over is over.
  await at("switch", "--quiet", branch);
  const mine = ["-c", "user.name=me", "-c", "user.email=me@example.invalid"];
  await at(...mine, "commit", "--quiet", "--allow-empty", "-m", "Mine");
  const before = await at("rev-parse", branch);
  expect((await run("pull", id, clone)).stdout).toContain(`${branch}-2 is at`);
  expect(await at("rev-parse", branch)).toBe(before);
  for (const command of ["takeover", "resume"])
    expect(await run(command, id)).toMatchObject({ code: 1 });
  expect((await run("takeover", id)).stderr).toContain("has ended: it is succeeded");
}

test("on this machine", async () => {
  await using world = await openWorld({ process: true });
  await story(world, "local");
  expect(world.github.pulls(REPO)).toHaveLength(1);
});

test.skipIf(problem !== undefined)("over SSH", async () => {
  await using sshd = await Sshd.start();
  await using world = await openWorld({ process: true, local: false });
  const { user } = sshd.address;
  const add = ["runner", "add", "far", `ssh://${user}@127.0.0.1:${sshd.port}`, "--identity", sshd.identity]; // prettier-ignore
  const print = /--accept SHA256:\S+/u.exec((await called(add, world.directory)).stderr)?.[0].split(" ") ?? []; // prettier-ignore
  expect((await called([...add, ...print], world.directory)).stdout).toContain("far is online");
  await story(world, "far");
  expect(world.github.pulls(REPO)).toHaveLength(1);
});

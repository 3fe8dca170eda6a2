/** A machine that is registered over SSH does all the work: real sshd, real server, the commands as people type them. */
import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { defaultRuntimeDir } from "../../runners/program/runtime-dir.ts";
import { called, type Ran } from "../cli/run.ts";
import { problem } from "../ssh/given.ts";
import { Sshd } from "../ssh/sshd.ts";
import { openWorld, REPO, type TestWorld } from "../world.ts";

const steps = {
  manager: [
    { tool: "spawn_session", args: { title: "notes", goal: "Write NOTES.md" } },
    { wait: "reported" },
    { tool: "publish_pr", args: { session: "notes", title: "Notes" } },
    { wait: "merged" },
    { tool: "finish_objective", args: { summary: "Made far away." } },
  ],
  workers: {
    notes: [
      { tool: "ask_human", args: { question: "Which colour?" } },
      { wait: "answered" },
      { write: { path: "NOTES.md", content: "far\n" } },
      { commit: "Notes" },
      { tool: "report_result", args: { what: "Notes.", why: "Asked.", tests: [] } },
    ],
  },
};

const commands =
  (world: TestWorld) =>
  (...args: readonly string[]): Promise<Ran> =>
    called(["runner", ...args], world.directory);

test.skipIf(problem !== undefined)(
  "a machine is registered over SSH, works, is looked at, and gets nothing more when its key changes",
  async () => {
    await using sshd = await Sshd.start();
    await using world = await openWorld({ process: true, local: false });
    const run = commands(world);
    const issue = world.objective(steps);
    expect((await run("list")).stdout).toContain("no runner is registered");

    // Nobody vouches for its key yet: it is shown, and nothing is sent.
    const { user } = sshd.address;
    const target = `ssh://${user}@127.0.0.1:${sshd.port}`;
    const add = ["add", "far", target, "--identity", sshd.identity, "--slots", "4"];
    const asked = await run(...add);
    expect(asked).toMatchObject({ code: 1, stdout: "" });
    const accept = /--accept SHA256:\S+/u.exec(asked.stderr)?.[0].split(" ") ?? [];
    expect(accept).toHaveLength(2);
    expect(sshd.said).not.toContain("Accepted");
    const added = await run(...add, "--label", "big", ...accept);
    expect(added, added.stderr).toMatchObject({ code: 0 });
    expect(added.stdout).toContain("far is online");
    expect(await run(...add, ...accept)).toMatchObject({ code: 1 });
    expect((await run("show", "far")).stdout).toContain("labels:    big");
    expect(await run("exec", "far", "--", "printf", "%s", "a;b $HOME")).toMatchObject({
      code: 0,
      stdout: "a;b $HOME",
    });

    // What waited for a machine is done there.
    expect(await world.nextComment(issue)).toContain("Which colour?");
    expect(await run("remove", "far")).toMatchObject({ code: 1 });
    world.comment(issue, "blue");
    const pull = await world.until("the pull request", () => world.github.pulls(REPO)[0]);
    await world.ann.merge(REPO, pull.issue.number);
    expect(await world.nextComment(issue)).toContain("Made far away.");
    const [objective] = await world.objectives();
    expect(objective?.sessions.map(({ runner }) => runner)).toEqual(["far", "far"]);

    expect((await run("drain", "far")).code).toBe(0);
    expect((await run("list")).stdout).toMatch(/far\s+draining\s+connected\s+\d\/4/u);
    expect((await run("online", "far")).stdout).toContain("far is online");

    // The same machine by the system's ssh, with a work root of its own.
    const root = join(sshd.home, "by-ssh");
    sshd.runtimeDirs.add(defaultRuntimeDir(root));
    const login = ["--identity", sshd.identity, "--via", "ssh", ...accept];
    const near = await run("add", "near", target, ...login, "--work-root", root);
    expect(near.stdout, near.stderr).toContain("near is online");
    expect((await run("list")).stdout).toMatch(/near\s+online\s+connected.* by ssh/u);
    expect((await run("exec", "near", "--", "echo", "$HOME")).stdout).toBe("$HOME\n");
    expect((await run("remove", "near")).code).toBe(0);

    // Another machine answers at its address.
    await sshd.kill();
    sshd.newHostKey();
    const before = sshd.said.length;
    await sshd.start();
    let runners = await world.plane.reading.runners();
    while (runners[0]?.state !== "untrusted") {
      await delay(20);
      runners = await world.plane.reading.runners();
    }
    const listed = await run("list");
    expect(listed.stdout).toContain("the host key of");
    expect(sshd.said.slice(before)).not.toContain("Accepted");
    // A person vouches for the new key, or not.
    const anew = await run("online", "far");
    expect(anew).toMatchObject({ code: 1 });
    const print = /--accept SHA256:\S+/u.exec(anew.stderr)?.[0].split(" ") ?? [];
    expect((await run("online", "far", ...print)).stdout).toContain("far is online");
    expect((await run("remove", "far")).stdout).toContain("far is removed");
  },
);

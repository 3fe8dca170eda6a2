/** The life of an attempt on a real daemon: output, input, end; whatever dies in between. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { message, processesOf, RunnerWorld, Sink, waitFor } from "./world.ts";

test("an agent runs; its output, errors and end are streamed in the order of the protocol", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const sink = await world.run(
    world.plain(session, ["sh", "-c", "echo hello; echo oops >&2; exit 3"]),
  );
  expect(await sink.exited()).toMatchObject({
    code: 3,
    signal: null,
    cause: "itself",
    outBytes: 6,
  });
  expect(sink.text).toBe("hello\n");
  expect(sink.err.toString()).toBe("oops\n");
  expect(sink.kinds).toEqual(["prepared", "spawned", "exited"]);
  expect(sink.lines.map(({ seq }) => seq)).toEqual([1, 2, 3]);
});

test("an agent ended by a signal says which", async () => {
  await using world = await RunnerWorld.open();
  const sink = await world.run(world.plain(world.session(), ["sh", "-c", "kill -9 $$"]));
  expect(await sink.exited()).toMatchObject({ code: null, signal: "SIGKILL", cause: "itself" });
});

test("the agent's environment is built from nothing, and carries the session's mark", async () => {
  process.env["ORCHA_TEST_SECRET"] = "visible";
  await using world = await RunnerWorld.open();
  delete process.env["ORCHA_TEST_SECRET"];
  const session = world.session();
  const spec = world.plain(session, ["env"]);
  const agent = { ...spec.agent, env: { STATE: "{state}", NODE: "{node}" } };
  const sink = await world.run({ ...spec, agent });
  await sink.exited();
  const names = sink.text.split("\n").map((line) => line.split("=")[0]);
  expect(names).not.toContain("ORCHA_TEST_SECRET");
  expect(sink.text).toContain(`ORCHA_SESSION=${session}\n`);
  expect(sink.text).toContain(`STATE=${world.workRoot}/sessions/${session}/state\n`);
});

test("the daemon is killed again and again: output byte-equal, input exactly once, one end", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  // Echoes what it reads between lines with two- and four-byte characters and a line separator of Unicode.
  const agent = `
    let n = 0;
    const timer = setInterval(() => console.log(n++ + " ünï\\u2028code 🎈 " + "x".repeat(n * 37 % 500)), 1);
    process.stdin.setEncoding("utf8").on("data", (text) => {
      process.stdout.write("got " + text);
      if (text.includes("last")) clearInterval(timer);
    });
    process.stdin.on("end", () => process.exit(0));`;
  const sink = await world.run(world.plain(session, [process.execPath, "-e", agent]));
  for (let round = 0; round < 6; round += 1) {
    const input = { id: `i${round}`, line: round === 5 ? "last" : `line ${round}` };
    // Sent three times, with the daemon killed in between: stored once.
    const asks = [0, 1, 2].map(() => world.ask({ op: "input", session, attempt: 1, input }));
    await world.killDaemon();
    for (const { reply } of await Promise.all(asks)) expect(reply).toMatchObject({ ok: true });
    await waitFor(`echo ${round}`, () => sink.text.includes(`got ${input.line}`));
  }
  await world.ask({ op: "end-input", session, attempt: 1 });
  expect(await sink.exited()).toMatchObject({ code: 0, cause: "itself" });
  const file = join(world.workRoot, "sessions", session, "1", "out");
  expect(sink.out.equals(readFileSync(file))).toBe(true);
  expect(sink.text.match(/got .*/gu)).toEqual(
    ["line 0", "line 1", "line 2", "line 3", "line 4", "last"].map((line) => `got ${line}`),
  );
  expect(sink.entries("exited")).toHaveLength(1);
  expect(sink.entries("input-stored").map(({ id }) => id)).toEqual([
    "i0",
    "i1",
    "i2",
    "i3",
    "i4",
    "i5",
  ]);
});

test("attach goes on from any position, and is refused beyond the end", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const of = { session, attempt: 1 };
  const sink = await world.run(world.plain(session, ["sh", "-c", "seq 1 20000; seq 1 50 >&2"]));
  await sink.exited();
  await world.link.detach(of);
  const all = sink.position();
  for (const at of [0, 1, 4097, 65_536, all.out - 1, all.out]) {
    const base = { out: at, err: Math.min(at, all.err), seq: at % 4 };
    const again = await world.attach(of, new Sink(base));
    await waitFor(
      "all of it",
      () => again.position().out === all.out && again.position().seq === all.seq,
    );
    expect(again.out.equals(sink.out.subarray(at))).toBe(true);
    expect(again.err.equals(sink.err.subarray(base.err))).toBe(true);
    await world.link.detach(of);
  }
  const beyond = new Sink({ ...all, out: all.out + 1 });
  expect(await world.link.attach(of, beyond)).toMatchObject({ ok: false, code: "behind" });
  const unknown = { session, attempt: 2 };
  expect(await world.link.attach(unknown, new Sink())).toMatchObject({ code: "unknown-attempt" });
});

test("start is idempotent: asked often, over daemons, the agent starts once", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const spec = world.plain(session, ["sh", "-c", "echo started >> starts; read line; echo $line"], {
    input: [{ id: "first", line: "hello" }],
  });
  const start = { op: "start", spec, credential: null } as const;
  const asks = [world.ask(start), world.ask(start), world.ask(start)];
  await world.killDaemon();
  for (const { reply } of await Promise.all(asks)) expect(reply).toMatchObject({ ok: true });
  const sink = await world.attach(spec);
  await sink.exited();
  expect((await world.ask(start)).reply).toEqual({ ok: true, value: { running: false } });
  expect(readFileSync(join(world.workRoot, spec.workspace.path, "starts"), "utf8")).toBe(
    "started\n",
  );
  expect(sink.text).toBe("hello\n");
});

test("a later attempt waits for the end of the one before, an older one is refused", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const spec = world.plain(session, ["sleep", "60"]);
  const sink = await world.run(spec);
  const second = { op: "start", spec: { ...spec, attempt: 2 }, credential: null } as const;
  expect((await world.ask(second)).reply).toMatchObject({ ok: false, code: "busy" });
  const remove = { op: "remove-workspace", path: spec.workspace.path } as const;
  expect((await world.ask(remove)).reply).toMatchObject({ ok: false, code: "busy" });
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 0 });
  await sink.exited();
  expect((await world.ask(second)).reply).toMatchObject({ ok: true });
  const first = { op: "start", spec: { ...spec, attempt: 1 }, credential: null } as const;
  expect((await world.ask(first)).reply).toMatchObject({ ok: false, code: "fenced" });
  await world.ask({ op: "stop", session, attempt: 2, graceMs: 0 });
  expect((await world.ask(remove)).reply).toMatchObject({ ok: true });
  expect(existsSync(join(world.workRoot, spec.workspace.path))).toBe(false);
});

test("stop ends an agent that ignores everything, and children in sessions of their own", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const stubborn =
    "trap '' TERM; setsid sleep 600 & setsid sh -c 'trap \"\" TERM; sleep 601' & echo up; while :; do sleep 1; done";
  const sink = await world.run(world.plain(session, ["sh", "-c", stubborn]));
  await waitFor("the children", () => sink.text.includes("up") && processesOf(session).length >= 5);
  expect((await world.ask({ op: "stop", session, attempt: 1, graceMs: 100 })).reply).toMatchObject({
    ok: true,
  });
  // Which signal ended it is known only if the keeper lived long enough to write it down.
  expect(await sink.exited()).toMatchObject({ cause: "stopped", code: null });
  expect(processesOf(session)).toEqual([]);
});

test("what an agent leaves running ends with it", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const sink = await world.run(
    world.plain(session, ["sh", "-c", "setsid sleep 600 & echo left it"]),
  );
  expect(await sink.exited()).toMatchObject({ code: 0, cause: "itself" });
  expect(processesOf(session)).toEqual([]);
});

test("stop wins over start in any order, over daemons too", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const spec = world.plain(session, ["sh", "-c", "echo never"]);
  expect((await world.ask({ op: "stop", session, attempt: 1, graceMs: 10 })).reply).toMatchObject({
    ok: true,
  });
  await world.killDaemon();
  const start = { op: "start", spec, credential: null } as const;
  expect((await world.ask(start)).reply).toMatchObject({ ok: false, code: "stopped" });
  const sink = await world.attach(spec);
  expect(await sink.exited()).toMatchObject({ cause: "never-started", outBytes: 0 });
  expect(sink.kinds).toEqual(["exited"]);
});

test("start and stop at the same moment: it ends, and never runs on", async () => {
  await using world = await RunnerWorld.open();
  for (let round = 0; round < 8; round += 1) {
    const session = world.session();
    const spec = world.plain(session, ["sleep", "60"]);
    const starting = world.ask({ op: "start", spec, credential: null });
    const stopping = world.ask({ op: "stop", session, attempt: 1, graceMs: 0 });
    if (round % 4 === 3) await world.killDaemon();
    await Promise.all([starting, stopping]);
    const sink = await world.attach(spec);
    const { cause } = await sink.exited();
    expect(["stopped", "never-started"]).toContain(cause);
    await waitFor("no process", () => processesOf(session).length === 0);
  }
});

test("a keeper that is killed is noticed: its agent is ended and the loss recorded", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const sink = await world.run(world.plain(session, ["sh", "-c", "echo up; sleep 60"]));
  await waitFor("the agent", () => sink.text.includes("up"));
  const keeper = readFileSync(join(world.workRoot, "sessions", session, "1", "keeper"), "utf8");
  process.kill(Number(keeper.split(" ")[0]), "SIGKILL");
  expect(await sink.exited()).toMatchObject({ cause: "keeper-lost", code: null });
  expect(processesOf(session)).toEqual([]);
});

test("after a reboot the attempt has ended, with a cause", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const sink = await world.run(world.plain(session, ["sh", "-c", "echo up; sleep 60"]));
  await waitFor("the agent", () => sink.text.includes("up"));
  // What a reboot leaves: a keeper file of another boot. The process itself stands for a foreign one with the same pid.
  const path = join(world.workRoot, "sessions", session, "1", "keeper");
  const [pid, start] = readFileSync(path, "utf8").split(" ");
  const killed = world.daemonPid();
  process.kill(await killed, "SIGSTOP");
  writeFileSync(path, `${pid} ${start} 00000000-0000-0000-0000-000000000000\n`);
  process.kill(await killed, "SIGKILL");
  expect(await sink.exited()).toMatchObject({ cause: "keeper-lost", code: null });
});

test("purge deletes the raw files of a finished attempt for good", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const spec = world.plain(session, ["sh", "-c", "echo x; read line"]);
  const sink = await world.run(spec);
  const purge = { op: "purge", session, attempt: 1 } as const;
  expect((await world.ask(purge)).reply).toMatchObject({ ok: false, code: "busy" });
  await world.ask({ op: "end-input", session, attempt: 1 });
  await sink.exited();
  await world.link.detach(spec);
  expect((await world.ask(purge)).reply).toMatchObject({ ok: true });
  expect((await world.ask(purge)).reply).toMatchObject({ ok: true });
  await world.killDaemon();
  expect(await world.link.attach(spec, new Sink())).toMatchObject({ code: "unknown-attempt" });
  const start = { op: "start", spec, credential: null } as const;
  expect((await world.ask(start)).reply).toMatchObject({ ok: false, code: "stopped" });
});

test("a long input line passes whole", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const sink = await world.run(world.plain(session, ["sh", "-c", "head -n 1 | wc -c"]));
  const input = { id: "big", line: "y".repeat(1_000_000) };
  await world.ask({ op: "input", session, attempt: 1, input });
  await sink.exited();
  expect(sink.text.trim()).toBe("1000001");
});

test("a program that is not there fails the preparation and says what to do", async () => {
  await using world = await RunnerWorld.open();
  const spec = world.plain(world.session(), ["no-such-agent-anywhere"]);
  expect((await world.ask({ op: "start", spec, credential: null })).reply).toEqual({
    ok: true,
    value: { running: false },
  });
  const sink = await world.attach(spec);
  const failed = await waitFor("the failure", () => sink.entry("prepare-failed"));
  expect(failed).toMatchObject({ stage: "spawn", retry: false });
  expect(failed.reason).toContain("no-such-agent-anywhere was not found");
});

test("files of the spec are written anew, never through a link the agent left", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const victim = join(world.root, "victim");
  writeFileSync(victim, "untouched");
  const first = world.plain(session, [
    "sh",
    "-c",
    `mkdir -p "$STATE" && ln -sf ${victim} "$STATE/mcp.json"`,
  ]);
  const agent = {
    ...first.agent,
    env: { STATE: "{state}" },
    files: [{ path: "mcp.json", content: "{socket}" }],
  };
  await (await world.run({ ...first, agent })).exited();
  const second = {
    ...first,
    attempt: 2,
    agent: { ...agent, command: ["cat", "{state}/mcp.json"] },
  };
  const sink = await world.run(second);
  await sink.exited();
  expect(readFileSync(victim, "utf8")).toBe("untouched");
  expect(sink.text).toContain(`${world.runtimeDir}/t-`);
});

test("input before the start is refused, and messages are kept in order", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const input = message("m", "x");
  expect((await world.ask({ op: "input", session, attempt: 1, input })).reply).toMatchObject({
    code: "unknown-attempt",
  });
  const spec = world.plain(session, ["cat"], {
    input: [
      { id: "a", line: "1" },
      { id: "b", line: "2" },
    ],
  });
  const sink = await world.run(spec);
  for (const id of ["c", "d"])
    await world.ask({ op: "input", session, attempt: 1, input: { id, line: id } });
  await waitFor("the echo", () => sink.text === "1\n2\nc\nd\n");
  await world.ask({ op: "end-input", session, attempt: 1 });
  expect(await sink.exited()).toMatchObject({ code: 0 });
  expect((await world.ask({ op: "input", session, attempt: 1, input })).reply).toMatchObject({
    code: "gone",
  });
});

test("umask: nothing a runner keeps is readable for others", async () => {
  await using world = await RunnerWorld.open();
  const sink = await world.run(world.plain(world.session(), ["true"]));
  await sink.exited();
  const found = execFileSync(
    "find",
    [join(world.workRoot, "sessions"), world.runtimeDir, "-perm", "/077", "-not", "-type", "l"],
    { encoding: "utf8" },
  );
  expect(found).toBe("");
});

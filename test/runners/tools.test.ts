/** Tools: MCP client of the agent → relay → daemon → control plane, and back exactly once. */
import { readFileSync, readdirSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AnswerReply } from "../../src/protocol/requests.ts";
import { RunnerWorld, tool, waitFor } from "./world.ts";

const answering = (session: string, call: string, content: string) =>
  ({
    op: "answer",
    session,
    attempt: 1,
    call,
    outcome: "result",
    isError: false,
    content,
  }) as const;

test("a call is journaled, answered once, and the first answer wins", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const steps = [
    { tool: "ask_human", args: { question: "why?" }, save: "answer" },
    { say: "it is ${answer.text}" },
  ];
  const sink = await world.run(
    world.scripted(session, steps, { tools: [tool("ask_human"), tool("other")] }),
  );
  const { call, arguments: args } = await waitFor("the call", () => sink.entry("tool-called"));
  expect(args).toEqual({ question: "why?" });
  expect((await world.ask(answering(session, call, '{"text":"42"}'))).reply).toEqual({
    ok: true,
    value: { won: "result" },
  });
  const replied = (await world.ask(answering(session, call, "again"))).reply;
  expect(replied.ok && AnswerReply.parse(replied.value)).toEqual({ won: "result" });
  const late = { ...answering(session, call, "too late"), outcome: "parked" } as const;
  expect((await world.ask(late)).reply).toEqual({ ok: true, value: { won: "result" } });
  expect((await world.ask(answering(session, "nobody-1", "x"))).reply).toMatchObject({
    code: "gone",
  });
  await waitFor("the answer", () => sink.text.includes("it is 42"));
  expect(sink.entries("tool-answered")).toEqual([
    { kind: "tool-answered", call, outcome: "result" },
  ]);
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 3000 });
});

test("parked is a reply like any other and wins when it comes first", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const steps = [{ tool: "ask_human", save: "answer" }, { say: "status ${answer.status}" }];
  const sink = await world.run(world.scripted(session, steps, { tools: [tool("ask_human")] }));
  const { call } = await waitFor("the call", () => sink.entry("tool-called"));
  const parked = { ...answering(session, call, '{"status":"asked"}'), outcome: "parked" } as const;
  expect((await world.ask(parked)).reply).toEqual({ ok: true, value: { won: "parked" } });
  expect((await world.ask(answering(session, call, "late"))).reply).toEqual({
    ok: true,
    value: { won: "parked" },
  });
  await waitFor("the status", () => sink.text.includes("status asked"));
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 3000 });
});

test("the daemon is replaced while calls wait: journaled once, answered once", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const steps = [
    { tool: "first", save: "one" },
    { tool: "second", save: "two" },
    { say: "got ${one} and ${two}" },
  ];
  const sink = await world.run(
    world.scripted(session, steps, { tools: [tool("first"), tool("second")] }),
  );
  const one = await waitFor("the first call", () => sink.entry("tool-called"));
  await world.killDaemon();
  await world.killDaemon();
  await world.ask(answering(session, one.call, "1"));
  const two = await waitFor("the second call", () => sink.entries("tool-called")[1]);
  // Answered, and the daemon killed before the agent can have read it: the relay asks again, the disk answers.
  const answered = world.ask(answering(session, two.call, "2"));
  await world.killDaemon();
  expect((await answered).reply).toEqual({ ok: true, value: { won: "result" } });
  await waitFor("both", () => sink.text.includes("got 1 and 2"));
  expect(sink.entries("tool-called").map(({ tool: name }) => name)).toEqual(["first", "second"]);
  expect(sink.entries("tool-answered")).toHaveLength(2);
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 3000 });
});

test("unknown tools and too large arguments get a clear error, and nobody is asked", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const steps = [
    { tool: "nothing", expectError: true, save: "unknown" },
    { run: "head -c 1100000 /dev/zero | tr '\\0' x > big" },
    { tool: "known", args: { text: "x".repeat(1_100_000) }, expectError: true, save: "large" },
    { say: "${unknown} | ${large}" },
  ];
  const sink = await world.run(world.scripted(session, steps, { tools: [tool("known")] }));
  await waitFor("the end", () => sink.text.includes('"turn-end"'));
  expect(sink.text).toContain("unknown tool nothing: there are known | arguments of 11000");
  expect(sink.entries("tool-called")).toEqual([]);
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 3000 });
});

test("the tool socket talks to a relay only", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const sink = await world.run(world.plain(session, ["cat"], { tools: [tool("x")] }));
  const name = readdirSync(world.runtimeDir).find((entry) => entry.startsWith("t-")) ?? "";
  const socket = createConnection(join(world.runtimeDir, name));
  socket.write(
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{}}}\n',
  );
  await new Promise<void>((resolve) => {
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });
  expect(sink.entries("tool-called")).toEqual([]);
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 0 });
  await sink.exited();
  await waitFor("the socket to go", () =>
    readdirSync(world.runtimeDir).every((entry) => !entry.startsWith("t-")),
  );
});

test("calls are in the journal with what is needed to answer them after everything died", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const sink = await world.run(
    world.scripted(session, [{ tool: "x", args: { a: [1, { b: "ü" }] } }], { tools: [tool("x")] }),
  );
  const { call } = await waitFor("the call", () => sink.entry("tool-called"));
  const journal = readFileSync(
    join(world.workRoot, "sessions", session, "1", "journal.ndjson"),
    "utf8",
  );
  const entries = journal
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(entries.at(-1)).toMatchObject({
    entry: { kind: "tool-called", call, tool: "x", arguments: { a: [1, { b: "ü" }] } },
  });
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 0 });
  expect((await world.ask(answering(session, call, "late"))).reply).toMatchObject({
    ok: false,
    code: "gone",
  });
});

test("spawn_session carries the worker's list in its goal, as written", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const bob = [{ say: "${mine} stays, ``` too" }];
  const manager = [
    { run: "echo 7", save: "n" },
    { tool: "spawn_session", args: { worker: "bob", goal: "Goal ${n}." } },
    { tool: "spawn_session", args: { title: "bob" } },
    { tool: "spawn_session", args: { title: "somebody else", goal: "plain" } },
  ];
  const spec = world.scripted(
    session,
    { manager, workers: { bob } },
    { tools: [tool("spawn_session")] },
  );
  const sink = await world.run(spec);
  const block = `\`\`\`\`orcha-steps\n${JSON.stringify(bob, null, 1)}\n\`\`\`\``;
  const expected = [
    { title: "bob", goal: `Goal 7.\n\n${block}` },
    { title: "bob", goal: block },
    { title: "somebody else", goal: "plain" },
  ];
  for (const [index, args] of expected.entries()) {
    const call = await waitFor(`call ${index}`, () => sink.entries("tool-called")[index]);
    expect(call.arguments).toEqual(args);
    await world.ask(answering(session, call.call, "{}"));
  }
  await waitFor("the end", () => sink.text.includes('{"type":"turn-end"}'));
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 3000 });
});

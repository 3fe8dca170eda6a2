import * as fc from "fast-check";
import { expect, test } from "vitest";
import { codex } from "../../src/dialects/codex.ts";
import type { Opening } from "../../src/dialects/dialect.ts";
import { Talk } from "./talk.ts";

const told = (method: string, more: object): object => ({
  method,
  params: { threadId: "t", ...more },
});
const begins = (id: string): object => told("turn/started", { turn: { id } });
const ends = (id: string, status = "completed"): object =>
  told("turn/completed", { turn: { id, status } });
const stands = (clientId: string): object =>
  told("item/completed", { item: { type: "userMessage", id: `i-${clientId}`, clientId } });

function opened(opening: Partial<Opening> = {}, page: object = {}): Talk<unknown> {
  const talk = new Talk(codex, opening);
  talk.says({ id: "initialize", result: {} });
  talk.says({ id: "open", result: { thread: { id: "t" }, ...page } });
  return talk;
}

test("a thread is opened with our server, the profile and the instructions to use our tools", () => {
  const talk = new Talk(codex);
  const [, start] = talk.says({ id: "initialize", result: {} });
  expect(talk.methods()).toEqual(["initialize", "initialized", "thread/start"]);
  expect(start).toMatchObject({
    params: {
      cwd: "/w/o__r/ses_1/1",
      approvalPolicy: "never",
      sandbox: "workspace-write",
      developerInstructions: expect.stringContaining("ask_human"),
      config: {
        "mcp_servers.orcha": { command: "/n", required: true, env: { ORCHA_SESSION: "ses_1" } },
        "sandbox_workspace_write.writable_roots": ["/w/o__r/ses_1/1/.git"],
      },
    },
  });
});

test.for([
  ["read-only", "read-only"],
  ["edit", "workspace-write"],
  ["edit+network", "workspace-write"],
  ["full", "danger-full-access"],
] as const)("profile %s is sandbox %s, for a resumed thread too", ([profile, sandbox]) => {
  for (const conversation of [null, "t"]) {
    const talk = opened({ profile, conversation });
    expect(talk.written[2]).toMatchObject({ params: { sandbox } });
  }
});

test("a message begins a turn and is taken when it stands in the thread", () => {
  const talk = opened();
  expect(talk.message("m1")).toMatchObject([
    { id: "turn:m1", method: "turn/start", params: { threadId: "t", clientUserMessageId: "m1" } },
  ]);
  talk.says({ id: "turn:m1", result: { turn: { id: "1" } } });
  expect(talk.kinds()).toEqual(["ready"]);
  talk.says(stands("m1"));
  talk.says(stands("m1"));
  expect(talk.kinds()).toEqual(["ready", "taken m1"]);
});

test("a message while a turn runs is steered into it; while one begins, it waits for its id", () => {
  const talk = opened();
  talk.message("m1");
  expect(talk.message("m2")).toEqual([]);
  const [steer] = talk.says(begins("1"));
  expect(steer).toMatchObject({ method: "turn/steer", params: { expectedTurnId: "1" } });
  talk.says(stands("m1"));
  talk.says(stands("m2"));
  expect(talk.notes.slice(1)).toEqual([
    { kind: "taken", id: "m1", how: "turn" },
    { kind: "taken", id: "m2", how: "steered" },
  ]);
});

test("steering that is refused because the turn is over begins the next one", () => {
  const talk = opened();
  talk.message("m1");
  talk.says(begins("1"));
  talk.says(stands("m1"));
  talk.message("m2");
  talk.says(ends("1"));
  const refused = { id: "steer:m2", error: { code: -32_600, message: "no active turn to steer" } };
  // The end of the turn came first: it was given again then, and the refusal says nothing new.
  expect(talk.written.at(-1)).toMatchObject({ id: "turn:m2", method: "turn/start" });
  expect(talk.says(refused)).toEqual([]);
});

test("steering that is refused while the turn runs waits for its end", () => {
  const talk = opened();
  talk.message("m1");
  talk.says(begins("1"));
  talk.message("m2");
  expect(talk.says({ id: "steer:m2", error: { code: 1, message: "not steerable" } })).toEqual([]);
  expect(talk.kinds().at(-1)).toBe("queued m2");
  expect(talk.says(ends("1"))).toMatchObject([{ id: "turn:m2" }]);
});

test("what stands in a resumed thread is not given again; with nothing else, the agent goes on", () => {
  const turns = { data: [{ items: [{ type: "userMessage", clientId: "m1" }] }] };
  const talk = new Talk(codex, { conversation: "t" });
  talk.message("m1");
  talk.says({ id: "initialize", result: {} });
  const [turn] = talk.says({
    id: "open",
    result: { thread: { id: "t" }, initialTurnsPage: turns },
  });
  expect(turn).toMatchObject({ id: "turn:go-on", params: { clientUserMessageId: null } });
  expect(talk.kinds()).toEqual(["ready", "taken m1"]);
});

test.for([
  ["no rollout found for thread id t", false],
  ["required MCP server orcha failed", true],
] as const)("the thread is not opened: %s", ([message, retry]) => {
  const talk = new Talk(codex, { conversation: "t" });
  talk.says({ id: "initialize", result: {} });
  talk.says({ id: "open", error: { code: -32_600, message } });
  expect(talk.notes).toMatchObject([{ kind: "failed", retry }]);
});

test("after a turn that failed nothing more is asked of the provider", () => {
  const talk = opened();
  talk.message("m1");
  talk.says(begins("1"));
  talk.message("m2");
  expect(talk.says(ends("1", "failed"))).toEqual([]);
  expect(talk.message("m3")).toEqual([]);
});

const asked = [
  ["item/commandExecution/requestApproval", "edit", { command: "rm x" }, { decision: "accept" }],
  ["item/commandExecution/requestApproval", "read-only", { command: "x" }, { decision: "decline" }],
  ["item/fileChange/requestApproval", "read-only", {}, { decision: "decline" }],
  ["item/fileChange/requestApproval", "full", {}, { decision: "accept" }],
  ["item/permissions/requestApproval", "full", {}, { permissions: {}, scope: "turn" }],
  [
    "mcpServer/elicitation/request",
    "read-only",
    { serverName: "orcha", mode: "form", message: "m", requestedSchema: { properties: {} } },
    { action: "accept" },
  ],
  [
    "mcpServer/elicitation/request",
    "full",
    { serverName: "x", mode: "form", message: "m", requestedSchema: { properties: { a: {} } } },
    { action: "decline" },
  ],
  ["mcpServer/elicitation/request", "full", { mode: "url" }, { action: "decline" }],
] as const;

test.for(asked)(
  "%s under profile %s with %j: %j, and a note",
  ([method, profile, params, result]) => {
    const talk = opened({ profile });
    expect(talk.says({ id: 0, method, params })).toMatchObject([{ id: 0, result }]);
    expect(talk.notes.at(-1)).toMatchObject({ kind: "permission" });
  },
);

test("its own question is answered with the way to ask people; what we do not offer is refused", () => {
  const talk = opened();
  const params = { questions: [{ id: "db", question: "Which?" }] };
  const [answer] = talk.says({ id: 3, method: "item/tool/requestUserInput", params });
  expect(answer).toMatchObject({ id: 3, result: { answers: { db: {} } } });
  expect(JSON.stringify(answer)).toContain("ask_human");
  expect(talk.says({ id: 4, method: "attestation/generate", params: {} })).toMatchObject([
    { id: 4, error: { code: -32_601 } },
  ]);
});

test("at the end of input a running turn is interrupted, and what runs in its terminals is ended", () => {
  const talk = opened();
  talk.message("m1");
  talk.says(begins("1"));
  talk.command({ kind: "finish" });
  expect(talk.methods().slice(-2)).toEqual(["turn/interrupt", "thread/backgroundTerminals/clean"]);
});

/** Plays Codex: turns that begin, take what is steered into them, refuse it, and end, in any order. */
test("no message is lost or stands in the thread twice, whatever the order", () => {
  const moves = fc.array(fc.constantFrom("message", "message", "begin", "take", "refuse", "end"), {
    maxLength: 60,
  });
  const property = fc.property(moves, (order) => {
    const talk = opened();
    const thread: string[] = [];
    let pending: { readonly id: string; readonly message: string }[] = [];
    let turn: string | null = null;
    let turns = 0;
    let count = 0;
    const hear = (lines: readonly object[]): void => {
      expect(lines.length).toBeLessThanOrEqual(count + 1);
      for (const line of lines) {
        const id = "id" in line ? String(line.id) : "";
        pending.push({ id, message: id.slice(id.indexOf(":") + 1) });
      }
    };
    const take = (): void => {
      const [next, ...rest] = pending;
      if (next === undefined || turn === null || thread.includes(next.message)) return;
      pending = rest;
      thread.push(next.message);
      hear(talk.says(stands(next.message)));
    };
    const end = (): void => {
      if (turn === null) return;
      const over = turn;
      turn = null;
      // What was steered into it and not taken up is lost with it.
      pending = pending.filter(({ id }) => !id.startsWith("steer:"));
      hear(talk.says(ends(over)));
    };
    const begin = (): void => {
      const next = pending.find(({ id }) => id.startsWith("turn:"));
      if (next === undefined || turn !== null) return;
      turn = String(++turns);
      hear(talk.says({ id: next.id, result: { turn: { id: turn } } }));
      hear(talk.says(begins(turn)));
      take();
    };
    const play: Readonly<Record<(typeof order)[number], () => void>> = {
      message: () => hear(talk.message(`m${++count}`)),
      begin,
      take,
      end,
      refuse() {
        const last = pending.at(-1);
        if (last?.id.startsWith("steer:") !== true) return;
        pending = pending.slice(0, -1);
        hear(talk.says({ id: last.id, error: { code: 1, message: "no" } }));
      },
    };
    for (const move of order) play[move]();
    for (let left = 0; left < 200 && thread.length < count; left++)
      for (const move of ["begin", "take", "end"] as const) play[move]();
    const expected = Array.from({ length: count }, (_, index) => `m${index + 1}`);
    expect(thread.toSorted()).toEqual(expected.toSorted());
    expect(
      talk
        .kinds()
        .filter((kind) => kind.startsWith("taken"))
        .toSorted(),
    ).toEqual(expected.map((id) => `taken ${id}`).toSorted());
  });
  fc.assert(property, { numRuns: 300 });
});

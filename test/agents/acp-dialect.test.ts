import * as fc from "fast-check";
import { expect, test } from "vitest";
import { acp, gemini } from "../../src/dialects/acp.ts";
import type { Opening } from "../../src/dialects/dialect.ts";
import { marksIn } from "../../src/dialects/recorded.ts";
import { Talk } from "./talk.ts";

const CAPABLE = { result: { agentCapabilities: { loadSession: true } } };
const update = (sessionUpdate: string, more: object = {}): object => ({
  method: "session/update",
  params: { sessionId: "c", update: { sessionUpdate, ...more } },
});

function opened(opening: Partial<Opening> = {}, dialect = acp): Talk<unknown> {
  const talk = new Talk(dialect, opening);
  talk.says({ id: "initialize", ...CAPABLE });
  talk.says({ id: "open", result: { sessionId: "c" } });
  return talk;
}

test("a new conversation: our server is given to it, and a message waits until it is open", () => {
  const talk = new Talk(acp);
  expect(talk.message("m1")).toEqual([]);
  const [open] = talk.says({ id: "initialize", ...CAPABLE });
  expect(open).toMatchObject({
    method: "session/new",
    params: {
      cwd: "/w/o__r/ses_1/1",
      mcpServers: [{ name: "orcha", env: [{ name: "ORCHA_SESSION", value: "ses_1" }] }],
    },
  });
  const [prompt] = talk.says({ id: "open", result: { sessionId: "c" } });
  expect(prompt).toMatchObject({ id: "prompt:1", method: "session/prompt" });
  expect(talk.kinds()).toEqual(["ready"]);
  talk.says(update("agent_message_chunk"));
  expect(talk.kinds()).toEqual(["ready", "taken m1"]);
});

test("what comes while a prompt runs waits, and all of it is the next prompt", () => {
  const talk = opened();
  talk.message("m1");
  talk.message("m2");
  talk.message("m3");
  const [next, ...more] = talk.says({ id: "prompt:1", result: { stopReason: "end_turn" } });
  expect(marksIn(JSON.stringify(next))).toEqual(["m2", "m3"]);
  expect(more).toEqual([]);
  expect(talk.kinds()).toEqual(["ready", "queued m2", "queued m3", "taken m1"]);
  talk.says({ id: "prompt:2", result: { stopReason: "end_turn" } });
  expect(talk.kinds().slice(4)).toEqual(["taken m2", "taken m3"]);
});

test("a message whose mark stands in the past is not given again; with nothing else, the agent goes on", () => {
  const talk = new Talk(acp, { conversation: "c" });
  talk.message("m1");
  expect(talk.says({ id: "initialize", ...CAPABLE })).toMatchObject([{ method: "session/load" }]);
  talk.says(update("user_message_chunk", { content: { type: "text", text: "hi\n(message m1)" } }));
  talk.says(update("agent_message_chunk", { content: { type: "text", text: "(message m2)" } }));
  const [prompt] = talk.says({ id: "open", result: {} });
  expect(JSON.stringify(prompt)).toContain("You were interrupted");
  expect(marksIn(JSON.stringify(prompt))).toEqual([]);
  expect(talk.kinds()).toEqual(["replay", "replay", "ready", "taken m1"]);
  talk.message("m2");
  expect(talk.kinds().at(-1)).toBe("queued m2");
});

test("Gemini CLI tells the past after its answer: nothing is said before its commands come", () => {
  const talk = opened({ conversation: "c" }, gemini);
  talk.message("m1");
  talk.says(update("user_message_chunk", { content: { type: "text", text: "(message m1)" } }));
  talk.says(update("tool_call", { toolCallId: "old" }));
  expect(talk.kinds()).toEqual(["replay"]);
  const [prompt] = talk.says(update("available_commands_update"));
  expect(prompt).toMatchObject({ method: "session/prompt" });
  expect(talk.kinds()).toEqual(["replay", "replay", "ready", "taken m1"]);
});

test.for([
  [{ sessionCapabilities: { resume: {} } }, "session/resume"],
  [{ loadSession: true, sessionCapabilities: { resume: {} } }, "session/load"],
] as const)("an earlier conversation with %j: %s", ([agentCapabilities, method]) => {
  const talk = new Talk(acp, { conversation: "c" });
  const written = talk.says({ id: "initialize", result: { agentCapabilities } });
  expect(written).toMatchObject([{ method, params: { sessionId: "c" } }]);
});

test("an agent that cannot go on with a conversation says so once and for all", () => {
  const talk = new Talk(acp, { conversation: "c" });
  expect(talk.says({ id: "initialize", result: { agentCapabilities: {} } })).toEqual([]);
  expect(talk.notes).toMatchObject([{ kind: "failed", retry: false }]);
});

const errors = [
  [-32_000, "Authentication required", false],
  [-32_603, "Internal error: please log in first", false],
  [-32_603, "the MCP server orcha did not start", true],
] as const;

test.for(errors)("session/new answers %i %s", ([code, message, retry]) => {
  const talk = new Talk(acp);
  talk.message("m1");
  talk.says({ id: "initialize", ...CAPABLE });
  expect(talk.says({ id: "open", error: { code, message } })).toEqual([]);
  expect(talk.notes).toMatchObject([{ kind: "failed", retry }]);
  expect(talk.message("m2")).toEqual([]);
});

const OPTIONS = [
  { optionId: "always", kind: "allow_always" },
  { optionId: "yes", kind: "allow_once" },
  { optionId: "no", kind: "reject_once" },
];

const permissions = [
  ["read-only", "read", "x", "yes"],
  ["read-only", "edit", "x", "no"],
  ["read-only", "execute", "x", "no"],
  ["read-only", "other", "ask_human (orcha MCP Server)", "yes"],
  ["read-only", "other", "something", "no"],
  ["edit", "execute", "x", "yes"],
  ["edit", "fetch", "x", "no"],
  ["edit+network", "fetch", "x", "yes"],
  ["full", "fetch", "x", "yes"],
  ["full", "never heard of", "x", "yes"],
] as const;

test.for(permissions)(
  "profile %s, asked for %s %s: %s, at once",
  ([profile, kind, title, optionId]) => {
    const talk = opened({ profile });
    const params = { sessionId: "c", toolCall: { kind, title }, options: OPTIONS };
    const written = talk.says({ id: 7, method: "session/request_permission", params });
    expect(written).toMatchObject([
      { id: 7, result: { outcome: { outcome: "selected", optionId } } },
    ]);
    expect(talk.notes.at(-1)).toMatchObject({ kind: "permission", allowed: optionId === "yes" });
  },
);

test("what we do not offer is refused, and an answer without a fitting choice is a cancel", () => {
  const talk = opened();
  expect(talk.says({ id: "x", method: "fs/read_text_file", params: {} })).toMatchObject([
    { id: "x", error: { code: -32_601 } },
  ]);
  const method = "session/request_permission";
  expect(talk.says({ id: 0, method, params: { toolCall: {}, options: [] } })).toMatchObject([
    { id: 0, result: { outcome: { outcome: "cancelled" } } },
  ]);
});

test("after a prompt that failed nothing more is asked of the provider", () => {
  const talk = opened();
  talk.message("m1");
  talk.message("m2");
  expect(talk.says({ id: "prompt:1", error: { code: 429, message: "quota" } })).toEqual([]);
  expect(talk.message("m3")).toEqual([]);
  expect(talk.kinds()).not.toContain("taken m1");
});

test("at the end of input a running prompt is cancelled", () => {
  const talk = opened();
  expect(talk.command({ kind: "finish" })).toEqual([]);
  const busy = opened();
  busy.message("m1");
  expect(busy.command({ kind: "finish" })).toMatchObject([{ method: "session/cancel" }]);
});

/** Messages at any time between the agent's lines: each is given exactly once, and noted as taken exactly once. */
test("no message is lost or given twice, whatever the order", () => {
  const moves = fc.array(fc.constantFrom("message", "answer", "update", "noise"), {
    maxLength: 60,
  });
  const property = fc.property(moves, fc.boolean(), (order, resumes) => {
    const talk = new Talk(acp, { conversation: resumes ? "c" : null });
    const open: unknown[] = talk.written.map(({ id }) => id);
    let count = 0;
    const note = (lines: readonly { readonly id?: unknown }[]): void => {
      // One line of the agent's never makes us write more than one.
      expect(lines.length).toBeLessThanOrEqual(1);
      open.push(...lines.map(({ id }) => id));
    };
    const answer = (): void => {
      const id = open.shift();
      if (id === undefined) return;
      const result =
        id === "initialize" ? CAPABLE.result : { sessionId: "c", stopReason: "end_turn" };
      note(talk.says({ id, result }));
    };
    for (const move of order) {
      if (move === "message") note(talk.message(`m${++count}`));
      else if (move === "answer") answer();
      else if (move === "update") note(talk.says(update("tool_call")));
      else note(talk.says({ id: "prompt:99", result: {} }));
    }
    for (let left = 0; left < 10 && open.length > 0; left++) answer();
    const expected = Array.from({ length: count }, (_, index) => `m${index + 1}`);
    expect(talk.written.flatMap((line) => marksIn(JSON.stringify(line)))).toEqual(expected);
    expect(talk.kinds().filter((kind) => kind.startsWith("taken"))).toEqual(
      expected.map((id) => `taken ${id}`),
    );
  });
  fc.assert(property, { numRuns: 300 });
});

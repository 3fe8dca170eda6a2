import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { claude } from "../../src/dialects/claude.ts";
import type { Opening, Step } from "../../src/dialects/dialect.ts";
import type { Note } from "../../src/dialects/note.ts";

const opening: Opening = {
  workspace: "/w",
  conversation: "33333333-3333-4333-8333-333333333333",
  session: "ses_0",
  profile: "edit",
  model: null,
  servers: { orcha: { command: "node", args: [], env: {} } },
};

/** What it says to these lines, from the beginning. */
function hear(
  lines: readonly string[],
  given: Partial<Opening> = {},
): { readonly notes: readonly Note[]; readonly write: readonly unknown[] } {
  const opened = claude.open({ ...opening, ...given });
  const steps: Step<typeof opened.state>[] = [];
  let { state } = opened;
  for (const line of lines) {
    const step = claude.line(state, line);
    state = step.state;
    steps.push(step);
  }
  return {
    notes: steps.flatMap(({ notes }) => notes),
    write: steps.flatMap(({ write }) => write.map((line): unknown => JSON.parse(line))),
  };
}

const recorded = (name: string): readonly string[] =>
  readFileSync(new URL(`fixtures/${name}.ndjson`, import.meta.url), "utf8").split("\n");

const asks = (tool: string): string =>
  JSON.stringify({
    type: "control_request",
    request_id: "r1",
    request: { subtype: "can_use_tool", tool_name: tool, input: { a: 1 } },
  });

test("a message is taken when the program repeats it, once, and steers when a turn runs", () => {
  const { notes } = hear(recorded("claude-interrupts-steer-partials"));
  expect(notes.slice(0, 1)).toEqual([
    { kind: "taken", id: "11111111-1111-4111-8111-111111111111", how: "turn" },
  ]);
  expect(notes.filter((note) => "id" in note && note.id.startsWith("2222"))).toHaveLength(1);
});

test("a message that the resumed conversation had already is taken, and the agent is told to go on", () => {
  const lines = recorded("claude-dedupe-after-resume");
  const { notes, write } = hear(lines);
  expect(notes).toEqual([
    { kind: "taken", id: "77777777-7777-4777-8777-777777777777", how: "turn" },
  ]);
  expect(write).toMatchObject([{ type: "user", message: { role: "user" } }]);
  expect(hear([...lines, ...lines]).notes).toEqual(notes);
});

test.each([
  ["read-only", "Read", true],
  ["read-only", "Bash", false],
  ["read-only", "Write", false],
  ["read-only", "SomethingNew", false],
  ["edit", "Bash", true],
  ["edit", "SomethingNew", true],
  ["edit", "WebFetch", false],
  ["edit+network", "WebFetch", true],
  ["full", "AskUserQuestion", false],
  ["read-only", "mcp__orcha__ask_human", true],
  ["full", "mcp__other__tool", false],
] as const)("profile %s: %s allowed: %s, at once", (profile, tool, allowed) => {
  const { notes, write } = hear([asks(tool)], { profile });
  expect(notes).toMatchObject([{ kind: "permission", what: tool, allowed }]);
  const response = allowed ? { behavior: "allow", updatedInput: { a: 1 } } : { behavior: "deny" };
  expect(write).toMatchObject([
    { type: "control_response", response: { request_id: "r1", subtype: "success", response } },
  ]);
});

test("a request that nobody can answer is answered all the same", () => {
  const request = { subtype: "mcp_message", server_name: "x" };
  const line = JSON.stringify({ type: "control_request", request_id: "r2", request });
  expect(hear([line]).write).toMatchObject([
    {
      response: {
        request_id: "r2",
        subtype: "error",
        error: expect.stringContaining("mcp_message"),
      },
    },
  ]);
});

test("whatever it prints, the dialect does not fail", () => {
  const lines = ["", "null", "[]", "{", '{"type":"control_request"}', '{"type":"result"', "\u0000"];
  expect(hear(lines)).toEqual({ notes: [], write: [] });
});

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { PLAIN } from "../../src/agents/catalog.ts";
import { encodeMessage, type Finding } from "../../src/agents/driver.ts";
import { driverNamed, driverNames } from "../../src/agents/registry.ts";
import { script } from "../../src/agents/script.ts";

const spec = {
  session: "ses_1",
  attempt: 1,
  role: "worker",
  conversation: null,
  settings: { ...PLAIN, driver: "script" },
} as const;

const lines: readonly [line: object, findings: readonly Finding[]][] = [
  [{ type: "ready", conversation: "c1" }, [{ kind: "conversation", id: "c1" }]],
  [{ type: "taken", uuid: "m1" }, [{ kind: "message-taken", id: "m1", how: "turn" }]],
  [{ type: "turn-start" }, [{ kind: "turn-started" }]],
  [{ type: "text", text: "hi" }, [{ kind: "text", text: "hi" }]],
  [
    { type: "tool", name: "ask_human", input: {} },
    [{ kind: "tool-call", call: null, name: "ask_human", detail: "" }],
  ],
  [{ type: "tool-result", name: "ask_human", isError: false, output: "x" }, []],
  [
    { type: "command", command: "npm test", code: 0, output: "" },
    [{ kind: "tool-call", call: null, name: "shell", detail: "npm test (0)" }],
  ],
  [{ type: "turn-end" }, [{ kind: "turn-ended", failure: null }]],
  [
    { type: "turn-end", failure: { reason: "r", retry: false } },
    [{ kind: "turn-ended", failure: { reason: "r", retry: false } }],
  ],
  [{ type: "something new" }, []],
  [{ type: "taken" }, []],
];

test.for(lines)("%j", ([line, findings]) => {
  expect(script.reduce(null, JSON.stringify(line)).findings).toEqual(findings);
});

test("no line is an error, and the same line gives the same findings", () => {
  const property = fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
    const first = script.reduce(null, line).findings;
    return JSON.stringify(first) === JSON.stringify(script.reduce(null, line).findings);
  });
  expect(fc.check(property)).toMatchObject({ failed: false });
});

test("a message is one line, whatever is in it", () => {
  const line = encodeMessage({ id: "m1", text: "a\nb\u2028\u0000" });
  expect(line).not.toContain("\n");
  expect(JSON.parse(line)).toEqual({ type: "user", uuid: "m1", text: "a\nb\u2028\u0000" });
});

test("it is started with its state and the relay, by the default or a configured command", () => {
  const tail = ["--state", "{state}", "--", "{node}", "{relay}", "{socket}"];
  expect(script.launch(spec).command).toEqual(["{node}", "{program}/script-agent.mjs", ...tail]);
  expect(
    script.launch({ ...spec, settings: { ...spec.settings, command: ["my-agent"] } }).command,
  ).toEqual(["my-agent", ...tail]);
});

test("drivers are found by name", () => {
  expect(driverNames).toEqual(["script", "claude", "codex", "gemini", "opencode", "acp"]);
  expect(driverNamed("script")).toBe(script);
  expect(driverNamed("toString")).toBeUndefined();
});

import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import type { ToolName } from "../../src/domain/tool-call.ts";
import { parseCall } from "../../src/tools/parse.ts";
import { toolSpecs, type Audience } from "../../src/tools/table.ts";
import { calls } from "../store/examples.ts";

const audiences: readonly Audience[] = ["manager", "worker", "reviewer"];
const names = (audience: Audience): string[] => toolSpecs(audience).map(({ name }) => name);

describe("what an agent is offered", () => {
  test("by role", () => {
    expect(names("manager")).toEqual([
      "propose_plan",
      "spawn_session",
      "message_session",
      "list_sessions",
      "get_session",
      "cancel_session",
      "publish_pr",
      "request_review",
      "finish_objective",
      "ask_human",
    ]);
    expect(names("worker")).toEqual([
      "ask_human",
      "report_progress",
      "report_problem",
      "report_result",
      "message_manager",
      "message_peer",
      "reply_to_review",
    ]);
    expect(names("reviewer")).toEqual(["ask_human", "report_progress", "submit_review"]);
  });

  test("nothing of a name that agents drop silently", () => {
    expect([...names("manager"), ...names("worker")]).not.toContain("ask_user");
  });

  test.for(audiences.flatMap(toolSpecs))("$name has a schema every client takes", (spec) => {
    const { inputSchema, description } = spec;
    expect(inputSchema).not.toHaveProperty("$schema");
    expect(inputSchema["type"]).toBe("object");
    expect(inputSchema["additionalProperties"]).toBe(false);
    expect(Array.isArray(inputSchema["required"])).toBe(true);
    expect(description.length).toBeGreaterThan(20);
    const ajv = new Ajv2020({ strict: true, strictTypes: false });
    expect(ajv.validateSchema(inputSchema)).toBe(true);
    expect(JSON.stringify(inputSchema)).not.toContain('"required":null');
    expect(unusual(inputSchema)).toEqual([]);
  });
});

/** What of JSON Schema every client and every provider behind it takes. */
const USUAL = new Set([
  ..."type properties required additionalProperties description items enum".split(" "),
  ..."minLength maxLength minItems maxItems minimum maximum".split(" "),
]);

/** Words of a schema, and types that are no single word, beyond that. */
function unusual(schema: object): readonly string[] {
  const {
    properties = {},
    items,
    ...words
  } = schema as {
    readonly properties?: Readonly<Record<string, object>>;
    readonly items?: object;
  };
  const own = Object.entries(words).flatMap(([word, value]: [string, unknown]) =>
    !USUAL.has(word) || (word === "type" && typeof value !== "string") ? [word] : [],
  );
  const inside = [...Object.values(properties), ...(items === undefined ? [] : [items])];
  return [...own, ...inside.flatMap((one) => unusual(one))];
}

/** Whose tool it is, arguments as agents write them, and what is wrong with others. */
const table: {
  readonly [T in ToolName]: {
    readonly of: Audience;
    readonly input: unknown;
    readonly bad: readonly (readonly [unknown, string])[];
  };
} = {
  spawn_session: {
    of: "manager",
    input: { title: " a ", goal: "b", depends_on: ["c"], runner: null, agent: "codex" },
    bad: [
      [{ title: "a" }, "goal"],
      [{ title: "", goal: "b" }, "title"],
      [{ title: "x".repeat(101), goal: "b" }, "title"],
      [{ title: "a", goal: "b", depends_on: "c" }, "depends_on"],
      [{ title: "a", goal: "b", dependsOn: [] }, "dependsOn"],
    ],
  },
  message_session: {
    of: "manager",
    input: { session: "a", text: "b" },
    bad: [[{ session: "a" }, "text"]],
  },
  list_sessions: { of: "manager", input: {}, bad: [[{ all: true }, "all"]] },
  get_session: { of: "manager", input: { session: "a" }, bad: [[{}, "session"]] },
  cancel_session: {
    of: "manager",
    input: { session: "a", reason: "b" },
    bad: [[{ session: "a" }, "reason"]],
  },
  publish_pr: {
    of: "manager",
    input: { session: "a", title: "b" },
    bad: [[{ title: "b" }, "session"]],
  },
  finish_objective: {
    of: "manager",
    input: { summary: "a" },
    bad: [[{ summary: "  " }, "summary"]],
  },
  ask_human: {
    of: "worker",
    input: { question: "a", context: "b", options: ["c"] },
    bad: [[{ question: "a", options: Array.from({ length: 10 }, () => "o") }, "options"]],
  },
  report_progress: {
    of: "worker",
    input: { text: "a" },
    bad: [[{ text: "x".repeat(501) }, "text"]],
  },
  report_problem: { of: "worker", input: { text: "a" }, bad: [[{ text: 1 }, "text"]] },
  report_result: {
    of: "worker",
    input: { what: "a", why: "b", tests: [{ command: "npm test", exit_code: 1 }] },
    bad: [
      [{ what: "a" }, "why"],
      [{ what: "a", why: "b", tests: [{ command: "c", exit_code: 0.5 }] }, "exit_code"],
    ],
  },
  message_manager: { of: "worker", input: { text: "a" }, bad: [["text", "expected object"]] },
  reply_to_review: {
    of: "worker",
    input: { thread: 8, text: "a", outcome: "disagree" },
    bad: [
      [{ thread: 8, text: "a", outcome: "wontfix" }, "outcome"],
      [{ thread: -1, text: "a", outcome: "fixed" }, "thread"],
    ],
  },
  propose_plan: {
    of: "manager",
    input: { sessions: [{ title: "a", goal: "b" }], risks: ["c"] },
    bad: [
      [{ sessions: [] }, "sessions"],
      [{ sessions: [{ title: "a" }] }, "goal"],
    ],
  },
  request_review: {
    of: "manager",
    input: { session: "a", focus: null, agent: "b" },
    bad: [[{ focus: "a" }, "session"]],
  },
  message_peer: {
    of: "worker",
    input: { session: "a", text: "b" },
    bad: [[{ session: "a" }, "text"]],
  },
  submit_review: {
    of: "reviewer",
    input: { verdict: "request_changes", summary: "a", findings: [{ path: "a.ts", text: "b" }] },
    bad: [
      [{ verdict: "yes", summary: "a" }, "verdict"],
      [{ verdict: "approve", summary: "a", findings: [{ path: "a", line: 0, text: "b" }] }, "line"],
    ],
  },
};

const rows = Object.values(calls).map(({ tool }) => {
  const { of, input, bad } = table[tool];
  return { tool, of, input, bad };
});

describe("a call", () => {
  test.for(rows)("of $tool is taken, with what was left out filled in", ({ tool, of, input }) => {
    expect(parseCall(of, tool, input)).toEqual({ ok: true, request: calls[tool] });
  });

  test.for(
    rows.flatMap(({ tool, of, bad }) => bad.map(([input, word]) => ({ tool, of, input, word }))),
  )("of $tool without sense is refused, naming $word", ({ tool, of, input, word }) => {
    const parsed = parseCall(of, tool, input);
    expect(parsed.ok ? "it was taken" : parsed.reason).toContain(word);
  });

  test("without arguments is one with none", () => {
    expect(parseCall("manager", "list_sessions", null)).toMatchObject({ ok: true });
  });

  test.for(["publish_pr", "ask_user", "toString", "__proto__", ""])(
    "of %s by a worker is of no tool it has",
    (tool) => {
      expect(parseCall("worker", tool, {})).toEqual({
        ok: false,
        reason: `you do not have a tool of this name; yours are: ${names("worker").join(", ")}`,
      });
    },
  );
});

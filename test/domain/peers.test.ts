/** Words between workers, the plan, the same call twice, and what every refusal says. */
import { describe, expect, test } from "vitest";
import type { ToolCall } from "../../src/domain/tool-call.ts";
import { publish, published, report, spawn, started, withWorker } from "./begin.ts";
import type { Play } from "./play.ts";

const to = (session: string, text = "Which port?"): ToolCall => ({
  tool: "message_peer",
  session,
  text,
});

/** Two workers that run, and their manager. */
function two(): Play {
  const play = withWorker();
  play.call("manager", spawn("web"));
  return play.start("web");
}

describe("message_peer", () => {
  test("reaches the other worker as data, and the audit trail", () => {
    const play = two();
    expect(play.call("api", to("web"))?.isError).toBe(false);
    expect(play.last.notes).toContain('"api" said to "web": Which port?');
    const [sent] = play.effects("send-message");
    expect(sent?.session).toBe(play.session("web").id);
    expect(sent?.message.text).toContain('Worker "api" of this objective writes to you');
    expect(sent?.message.text).toContain('"text":"Which port?"');
  });

  test("three in a chain, then the manager has to say something", () => {
    const play = two();
    play.call("api", to("web"));
    play.call("web", to("api"));
    play.call("api", to("web"));
    expect(play.call("web", to("api"))).toMatchObject({
      isError: true,
      content:
        "3 messages between workers have followed one another; message_manager says what you need",
    });
    play.call("manager", { tool: "message_session", session: "web", text: "go on" });
    expect(play.call("web", to("api"))?.isError).toBe(false);
  });

  test("a line by the operator ends a chain too", () => {
    const play = two();
    for (const [from, name] of [
      ["api", "web"],
      ["web", "api"],
      ["api", "web"],
    ] as const)
      play.call(from, to(name));
    play.type("web", "talk to each other");
    expect(play.call("web", to("api"))?.isError).toBe(false);
  });

  test("twenty of one session are enough", () => {
    const play = two();
    for (let index = 0; index < 20; index++) play.call("api", to("web", `note ${index}`));
    expect(play.call("api", to("web"))?.content).toBe(
      "you have sent 20 messages to other workers, the most one may; message_manager instead",
    );
  });

  test.for([
    ["itself", "api", 'no worker "api" in this objective; message_peer takes one of: web'],
    ["the manager", "manager", 'no worker "manager" in this objective; message_peer takes one'],
    ["another objective's", "ses_9", 'no worker "ses_9" in this objective; message_peer takes one'],
  ] as const)("to %s is refused", ([, name, refusal]) => {
    expect(two().call("api", to(name))?.content).toContain(refusal);
  });

  test("to one that is over, or to nobody, says what to do instead", () => {
    const play = two();
    play.call("manager", { tool: "cancel_session", session: "web", reason: "no" });
    play.exited("web");
    expect(play.call("api", to("web"))?.content).toBe(
      'worker "web" is canceled; message_manager instead',
    );
    expect(withWorker().call("api", to("web"))?.content).toBe(
      "there is no other worker in this objective; message_manager instead",
    );
  });
});

test("a plan is shown, and waits for nobody", () => {
  const play = started();
  const plan = { sessions: [{ title: "api", goal: "limits" }], risks: ["slow"], questions: [] };
  expect(play.call("manager", { tool: "propose_plan", ...plan })?.content).toContain("go on");
  expect(play.it.questions).toEqual([]);
  const shown = JSON.stringify(play.effects("update-status"));
  for (const part of ["The plan", "api", ": limits", "Risks:", "slow"])
    expect(shown).toContain(part);
  expect(shown).not.toContain("Open questions:");
});

/** Each tool that changes something, and who calls it where. */
const calls: readonly (readonly [string, () => Play, ToolCall])[] = [
  ["manager", two, spawn("docs")],
  ["manager", two, { tool: "message_session", session: "api", text: "x" }],
  ["manager", two, { tool: "cancel_session", session: "api", reason: "x" }],
  ["manager", two, { tool: "list_sessions" }],
  ["manager", two, { tool: "get_session", session: "api" }],
  ["manager", two, publish("api")],
  ["manager", two, { tool: "finish_objective", summary: "x" }],
  ["manager", two, { tool: "propose_plan", sessions: [], risks: [], questions: [] }],
  [
    "manager",
    () => published().comment("x").start(),
    { tool: "request_review", session: "api", focus: null },
  ],
  ["api", two, { tool: "ask_human", question: "x", context: null, options: [] }],
  ["api", two, { tool: "report_progress", text: "x" }],
  ["api", two, { tool: "report_problem", text: "x" }],
  ["api", two, report()],
  ["api", two, { tool: "message_manager", text: "x" }],
  ["api", two, to("web")],
  ["api", two, { tool: "reply_to_review", thread: 8, text: "x", outcome: "fixed" }],
];

describe("the same call twice", () => {
  test.for(calls.map(([who, begin, request]) => ({ tool: request.tool, who, begin, request })))(
    "$tool: has the same answer, and is done once",
    ({ who, begin, request }) => {
      const play = begin();
      const event = { kind: "tool-called", ...play.of(who), call: "again", request } as const;
      play.send(event);
      const [first] = play.effects("answer-call");
      const before = { ...play.it, status: "", renders: 0 };
      play.send(event);
      expect(play.effects("answer-call").map(({ content }) => content)).toEqual(
        first === undefined ? [] : [first.content],
      );
      const others = play.last.effects.filter(({ effect }) => effect.kind !== "answer-call");
      expect(others).toEqual([]);
      expect({ ...play.it, status: "", renders: 0 }).toEqual(before);
    },
  );

  test("for a long answer that only shows something is shown anew", () => {
    const play = two();
    play.call("manager", spawn("docs", { goal: "word ".repeat(500) }));
    const request = { tool: "get_session", session: "docs" } as const;
    const event = { kind: "tool-called", ...play.of("manager"), call: "c", request } as const;
    const texts = [1, 2].map(() => play.send(event).effects("answer-call")[0]?.content);
    expect(texts[1]).toBe(texts[0]);
    expect(play.session().replied?.some(({ call }) => call === "c")).toBe(false);
  });

  test("by another attempt is another call", () => {
    const play = two();
    const request = { tool: "message_manager", text: "x" } as const;
    play.send({ kind: "tool-called", ...play.of("api"), call: "c", request });
    play.park("api");
    play.call("manager", { tool: "message_session", session: "api", text: "more" });
    play.start("api");
    play.send({ kind: "tool-called", ...play.of("api"), call: "c", request });
    expect(play.effects("send-message")).toHaveLength(1);
  });
});

/** Names a tool, or what to do now. */
const NEXT =
  /\b(?:spawn_session|message_session|finish_objective|publish_pr|request_review|message_manager|message_peer|report_result|reply_to_review|cancel_session|name one of|end your turn)\b/u;

test.for([
  ["manager", spawn("more", { dependsOn: ["none"] })],
  ["manager", spawn("more", { agent: "none" })],
  ["manager", { tool: "message_session", session: "none", text: "x" }],
  ["manager", { tool: "message_session", session: "web", text: "x" }],
  ["manager", { tool: "get_session", session: "none" }],
  ["manager", { tool: "cancel_session", session: "none", reason: "x" }],
  ["manager", publish("none")],
  ["manager", { tool: "finish_objective", summary: "x" }],
  ["manager", { tool: "request_review", session: "none", focus: null }],
  ["manager", { tool: "request_review", session: "api", focus: null }],
  ["api", to("none")],
  ["api", to("web")],
  ["api", { tool: "reply_to_review", thread: 8, text: "x", outcome: "fixed" }],
] as const satisfies readonly (readonly [string, ToolCall])[])(
  "a refusal says what to do instead: %j",
  ([who, request]) => {
    const play = two();
    play.call("manager", { tool: "cancel_session", session: "web", reason: "no" });
    const answer = play.exited("web").call(who, request);
    expect(answer?.isError).toBe(true);
    expect(answer?.content).toMatch(NEXT);
  },
);

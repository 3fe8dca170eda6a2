import { expect, test } from "vitest";
import { OBJECTIVE_BODY } from "../../../src/demo/objective.ts";
import type { Entry } from "./conversation.ts";
import { startModel } from "./server.ts";

/** How each provider is asked with this conversation, and what the call in its answer is. */
const PROVIDERS = {
  anthropic: {
    path: "/v1/messages",
    body: (entries: readonly Entry[]) => ({
      model: "m",
      stream: true,
      tools: [{ name: "Bash" }],
      messages: entries.map((entry) => ({
        role: "user",
        content: [
          entry.kind === "message"
            ? { type: "text", text: entry.text }
            : {
                type: "tool_result",
                tool_use_id: "t",
                content: entry.text,
                is_error: entry.isError,
              },
        ],
      })),
    }),
    shell: '"name":"Bash"',
    ours: '"name":"mcp__orcha__report_result"',
  },
  responses: {
    path: "/v1/responses",
    body: (entries: readonly Entry[]) => ({
      model: "m",
      stream: true,
      tools: [{ type: "function", name: "exec_command" }],
      input: entries.map((entry) =>
        entry.kind === "message"
          ? { type: "message", role: "user", content: [{ type: "input_text", text: entry.text }] }
          : { type: "function_call_output", call_id: "c", output: entry.text },
      ),
    }),
    shell: '"name":"exec_command"',
    ours: '"namespace":"mcp__orcha"',
  },
  chat: {
    path: "/v1/chat/completions",
    body: (entries: readonly Entry[]) => ({
      model: "m",
      stream: true,
      tools: [{ type: "function", function: { name: "bash" } }],
      messages: entries.map((entry) => ({
        role: entry.kind === "message" ? "user" : "tool",
        content: entry.text,
      })),
    }),
    shell: '"name":"bash"',
    ours: '"name":"orcha_report_result"',
  },
  gemini: {
    path: "/v1beta/models/m:streamGenerateContent?alt=sse",
    body: (entries: readonly Entry[]) => ({
      tools: [{ functionDeclarations: [{ name: "run_shell_command" }] }],
      contents: entries.map((entry) => ({
        role: "user",
        parts: [
          entry.kind === "message"
            ? { text: entry.text }
            : { functionResponse: { name: "f", response: { output: entry.text } } },
        ],
      })),
    }),
    shell: '"name":"run_shell_command"',
    ours: '"name":"mcp_orcha_report_result"',
  },
} as const;
type Provider = keyof typeof PROVIDERS;
const providers = ["anthropic", "responses", "chat", "gemini"] as const;

async function ask(
  url: string,
  provider: Provider,
  entries: readonly Entry[],
): Promise<{ readonly status: number; readonly text: string; readonly headers: Headers }> {
  const { path, body } = PROVIDERS[provider];
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    body: JSON.stringify(body(entries)),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

const brief = (steps: unknown): Entry => ({
  kind: "message",
  text: `Do this:\n\n\`\`\`orcha-steps\n${JSON.stringify(steps)}\n\`\`\`\n`,
});
const ran = (output: string, code = 0): Entry => ({
  kind: "result",
  isError: false,
  text: `Chunk\nOutput:\n[[begin]]\n${output}\n[[exit ${code}]]\n`,
});
const result = (text: string, isError = false): Entry => ({ kind: "result", isError, text });
const message = (text: string): Entry => ({ kind: "message", text });

const STEPS = [
  { run: "echo hello", save: "said" },
  { wait: "go on", save: "message" },
  { tool: "report_result", args: { what: "${said} ${message.data.answer}" } },
];

test.each(providers)("%s: the steps are played from the conversation alone", async (provider) => {
  await using model = await startModel();
  const { shell, ours } = PROVIDERS[provider];
  const so = [brief(STEPS)];
  expect((await ask(model.url, provider, so)).text).toContain(shell);
  so.push(ran("hello"));
  expect((await ask(model.url, provider, so)).text).toContain("Waiting for: go on");
  so.push(message('Please go on.\n\n```json\n{"answer": 42}\n```\n'));
  const { text } = await ask(model.url, provider, so);
  expect(text).toContain(ours);
  expect(text).toContain("hello 42");
  so.push(result('{"ok":true}'));
  expect((await ask(model.url, provider, so)).text).toContain("That was all.");
  expect(model.strays).toEqual([]);
  expect(model.requests).toHaveLength(4);
});

test.each(providers)(
  "%s: a refusal with its headers, as often as the step says",
  async (provider) => {
    await using model = await startModel();
    const steps = [
      { status: 429, times: 2, headers: { "retry-after": "7" }, type: "rate_limit_error" },
      { say: "here I am" },
    ];
    for (const _ of [1, 2]) {
      const refused = await ask(model.url, provider, [brief(steps)]);
      expect(refused.status).toBe(429);
      expect(refused.headers.get("retry-after")).toBe("7");
      expect(refused.text).toContain("scripted error 429");
    }
    expect((await ask(model.url, provider, [brief(steps)])).text).toContain("here I am");
  },
);

test("the demo's issue, as its manager and its workers see it", async () => {
  await using model = await startModel();
  const issue = message(OBJECTIVE_BODY);
  const first = await ask(model.url, "anthropic", [issue]);
  expect(first.text).toContain("mcp__orcha__spawn_session");
  const { move } = model.requests[0] ?? {};
  if (move?.kind !== "reply" || move.reply.call?.kind !== "ours") throw new Error("no call");
  const { goal } = move.reply.call.args;
  // The worker's list travels in its goal.
  await ask(model.url, "chat", [message(String(goal))]);
  expect(model.requests[1]?.move).toMatchObject({
    reply: { text: "Looking at the endpoints.", call: { tool: "report_progress" } },
  });
});

test("a call that was cut off is made again; a command that failed ends the turn with its reason", async () => {
  await using model = await startModel();
  const steps = [{ run: "npm test" }];
  const cut = "[Tool call interrupted: the session ended before this call's result was recorded]";
  const again = await ask(model.url, "anthropic", [brief(steps), result(cut), message("Go on.")]);
  expect(again.text).toContain("npm test");
  const failed = await ask(model.url, "anthropic", [brief(steps), ran("1 failed", 1)]);
  expect(failed.text).toContain("My script failed: step 1: ended with 1, not 0");
});

test("requests without tools are beside the conversation", async () => {
  await using model = await startModel();
  const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "a title?" }] });
  const response = await fetch(`${model.url}/v1/messages`, { method: "POST", body });
  expect(await response.json()).toMatchObject({ type: "message", stop_reason: "end_turn" });
  expect(model.requests[0]?.move).toBeNull();
});

/** OpenAI Responses, as Codex asks for them. */
import * as z from "zod";
import type { Call, Conversation, Entry, Reply } from "./conversation.ts";
import { newId, partText, sendEvents, sendJson, TOKENS, unwrapped, type Provider } from "./http.ts";

const Text = z.union([z.string(), z.array(z.unknown())]);
const Item = z.union([
  z.object({ type: z.literal("message"), role: z.literal("user"), content: Text }),
  z.object({ type: z.enum(["function_call_output", "custom_tool_call_output"]), output: Text }),
]);

const Request = z.object({
  model: z.string(),
  input: z.array(z.unknown()),
  tools: z.array(z.looseObject({ name: z.string().optional() })).optional(),
});

export const responses: Provider = {
  read(body): Conversation {
    const { input, tools = [] } = Request.parse(body);
    return {
      entries: input.flatMap(entriesOf),
      tools: tools.flatMap(({ name }) => (name === undefined ? [] : [name])),
      stream: true,
    };
  },
  answer(response, reply) {
    const output = itemsOf(reply);
    const id = newId("resp");
    const usage = {
      input_tokens: TOKENS.input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: TOKENS.output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: TOKENS.input + TOKENS.output,
    };
    const data = [
      { type: "response.created", response: { id } },
      ...output.flatMap((item, index) => [
        { type: "response.output_item.added", output_index: index, item },
        { type: "response.output_item.done", output_index: index, item },
      ]),
      { type: "response.completed", response: { id, output, usage, status: "completed" } },
    ];
    sendEvents(
      response,
      data.map((one) => ({ event: one.type, data: one })),
    );
  },
  refuse(response, { status, headers, type, message }) {
    // This one comes in the stream.
    if (type === "context_length_exceeded") {
      const data = {
        type: "response.failed",
        response: { id: newId("resp"), status: "failed", error: { code: type, message } },
      };
      sendEvents(response, [{ event: data.type, data }]);
      return;
    }
    const resets = headers["x-orcha-resets-in"];
    const error = {
      type,
      message,
      code: type,
      ...(resets === undefined
        ? {}
        : { resets_at: Math.floor(Date.now() / 1000) + Number(resets) }),
    };
    sendJson(response, { error }, { status, headers });
  },
};

/** What Codex says of the machine and the project, as a user's message. */
const CONTEXT = /^\s*(?:<environment_context>|<user_instructions>|<permissions|# AGENTS\.md)/u;

function entriesOf(value: unknown): Entry[] {
  const { data } = Item.safeParse(value);
  if (data === undefined) return [];
  if (data.type === "message") {
    const parts = typeof data.content === "string" ? [data.content] : data.content.map(partText);
    const text = parts.filter((part) => !CONTEXT.test(part)).join("\n");
    return text === "" ? [] : [{ kind: "message", text }];
  }
  const text = typeof data.output === "string" ? data.output : data.output.map(partText).join("\n");
  return [{ kind: "result", isError: isError(text), text: unwrapped(text) }];
}

/** The request does not say it. */
const isError = (text: string): boolean =>
  /^(?:err:|error|failed|tool call error|unsupported|apply_patch verification failed)/iu.test(
    text,
  ) || /"isError":\s*true/u.test(text);

function itemsOf({ text, call }: Reply): object[] {
  const items: object[] = [];
  if (text !== "")
    items.push({
      type: "message",
      id: newId("msg"),
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text, annotations: [] }],
    });
  if (call !== null)
    items.push({ id: newId("fc"), call_id: newId("call"), status: "completed", ...toolOf(call) });
  return items;
}

function toolOf(call: Call): object {
  switch (call.kind) {
    case "shell":
      return named("exec_command", { cmd: call.command, yield_time_ms: 30_000 });
    case "write":
      return { type: "custom_tool_call", name: "apply_patch", input: patchOf(call) };
    case "ours":
      return named(call.tool, call.args, { namespace: "mcp__orcha" });
    case "native":
      return named(call.tool, call.args);
  }
}

const named = (name: string, args: unknown, rest: object = {}): object => ({
  type: "function_call",
  name,
  arguments: JSON.stringify(args),
  ...rest,
});

function patchOf({ path, content }: Extract<Call, { kind: "write" }>): string {
  const lines = content.replace(/\n$/u, "").split("\n");
  const added = lines.map((line) => `+${line}`).join("\n");
  return `*** Begin Patch\n*** Add File: ${path}\n${added}\n*** End Patch\n`;
}

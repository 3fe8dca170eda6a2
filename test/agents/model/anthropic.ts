/** Anthropic Messages, as Claude Code asks for them. */
import * as z from "zod";
import type { Call, Conversation, Entry, Reply } from "./conversation.ts";
import { newId, partText, sendEvents, sendJson, TOKENS, type Provider } from "./http.ts";

const Block = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({
    type: z.literal("tool_result"),
    content: z.union([z.string(), z.array(z.unknown())]).optional(),
    is_error: z.boolean().optional(),
  }),
]);

const Request = z.object({
  model: z.string(),
  messages: z.array(
    z.object({ role: z.string(), content: z.union([z.string(), z.array(z.unknown())]) }),
  ),
  tools: z.array(z.object({ name: z.string() })).optional(),
  stream: z.boolean().optional(),
});

/** Said by the program, not by anybody to the agent. */
const REMINDER = "<system-reminder>";
/** How a message during a turn is handed on. */
const STEERED = "The user sent a new message while you were working";

export const anthropic: Provider = {
  read(body): Conversation {
    const { messages, tools = [], stream = false } = Request.parse(body);
    const entries = messages
      .filter(({ role }) => role !== "assistant")
      .flatMap(({ role, content }) => {
        const found = typeof content === "string" ? [messageOf(content)] : content.flatMap(entryOf);
        return role === "user" ? found : found.filter((one) => one?.text.startsWith(STEERED));
      })
      .filter((entry) => entry !== null);
    return { entries, tools: tools.map(({ name }) => name), stream };
  },
  answer(response, reply, { stream }) {
    const content = blocksOf(reply);
    const message = {
      id: newId("msg"),
      type: "message",
      role: "assistant",
      model: "scripted",
      content,
      stop_reason: reply.call === null ? "end_turn" : "tool_use",
      stop_sequence: null,
      usage: { input_tokens: TOKENS.input, output_tokens: TOKENS.output },
    };
    if (!stream) {
      sendJson(response, message);
      return;
    }
    const { stop_reason, stop_sequence } = message;
    const data = [
      { type: "message_start", message: { ...message, content: [], stop_reason: null } },
      ...content.flatMap(streamed),
      {
        type: "message_delta",
        delta: { stop_reason, stop_sequence },
        usage: { output_tokens: TOKENS.output },
      },
      { type: "message_stop" },
    ];
    sendEvents(
      response,
      data.map((one) => ({ event: one.type, data: one })),
    );
  },
  refuse(response, { status, headers, type, message }) {
    sendJson(response, { type: "error", error: { type, message } }, { status, headers });
  },
};

function messageOf(text: string): Entry | null {
  return text.startsWith(REMINDER) ? null : { kind: "message", text };
}

function entryOf(value: unknown): (Entry | null)[] {
  const { data } = Block.safeParse(value);
  if (data === undefined) return [];
  if (data.type === "text") return [messageOf(data.text)];
  const { content = "", is_error: isError = false } = data;
  const text = typeof content === "string" ? content : content.map(partText).join("\n");
  return [{ kind: "result", isError, text }];
}

type Content =
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "tool_use";
      readonly id: string;
      readonly name: string;
      readonly input: Readonly<Record<string, unknown>>;
    };

function blocksOf({ text, call }: Reply): Content[] {
  const blocks: Content[] = text === "" ? [] : [{ type: "text", text }];
  if (call !== null) blocks.push({ type: "tool_use", id: newId("toolu"), ...toolOf(call) });
  return blocks;
}

function toolOf(call: Call): { name: string; input: Readonly<Record<string, unknown>> } {
  switch (call.kind) {
    case "shell":
      return { name: "Bash", input: { command: call.command, description: "a scripted step" } };
    case "write":
      return { name: "Write", input: { file_path: call.path, content: call.content } };
    case "ours":
      return { name: `mcp__orcha__${call.tool}`, input: call.args };
    case "native":
      return { name: call.tool, input: call.args };
  }
}

function streamed(block: Content, index: number): { readonly type: string }[] {
  const begin = block.type === "text" ? { type: "text", text: "" } : { ...block, input: {} };
  const delta =
    block.type === "text"
      ? { type: "text_delta", text: block.text }
      : { type: "input_json_delta", partial_json: JSON.stringify(block.input) };
  const of = (type: string, rest: object): { readonly type: string; readonly index: number } => ({
    type,
    index,
    ...rest,
  });
  return [
    of("content_block_start", { content_block: begin }),
    of("content_block_delta", { delta }),
    of("content_block_stop", {}),
  ];
}

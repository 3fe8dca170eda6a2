/** OpenAI chat completions, as OpenCode asks for them of any compatible provider. */
import * as z from "zod";
import type { Call, Conversation, Entry, Reply } from "./conversation.ts";
import { newId, partText, sendEvents, sendJson, TOKENS, unwrapped, type Provider } from "./http.ts";

const Text = z.union([z.string(), z.array(z.unknown()), z.null()]).optional();

const Request = z.object({
  model: z.string(),
  messages: z.array(z.object({ role: z.string(), content: Text })),
  tools: z.array(z.object({ function: z.object({ name: z.string() }) })).optional(),
  stream: z.boolean().optional(),
});

const usage = {
  prompt_tokens: TOKENS.input,
  completion_tokens: TOKENS.output,
  total_tokens: TOKENS.input + TOKENS.output,
};

export const chat: Provider = {
  read(body): Conversation {
    const { messages, tools = [], stream = false } = Request.parse(body);
    const entries = messages.flatMap(({ role, content }): Entry[] => {
      if (role === "user")
        return partsOf(content).map((text): Entry => ({ kind: "message", text }));
      if (role !== "tool") return [];
      const text = partsOf(content).join("\n");
      return [{ kind: "result", isError: /^(?:error|failed)/iu.test(text), text: unwrapped(text) }];
    });
    return { entries, tools: tools.map((tool) => tool.function.name), stream };
  },
  answer(response, { text, call }: Reply, { stream }) {
    const calls =
      call === null ? [] : [{ id: newId("call"), type: "function", function: toolOf(call) }];
    const finish = call === null ? "stop" : "tool_calls";
    const head = { id: newId("chatcmpl"), created: 0, model: "scripted" };
    if (!stream) {
      const message = {
        role: "assistant",
        content: text,
        ...(call === null ? {} : { tool_calls: calls }),
      };
      const choices = [{ index: 0, message, finish_reason: finish }];
      sendJson(response, { ...head, object: "chat.completion", choices, usage });
      return;
    }
    const chunk = (delta: object, reason: string | null = null): object => ({
      ...head,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, finish_reason: reason }],
    });
    sendEvents(response, [
      { data: chunk({ role: "assistant", content: text }) },
      ...calls.map((one, index) => ({ data: chunk({ tool_calls: [{ index, ...one }] }) })),
      { data: { ...chunk({}, finish), usage } },
      { data: "[DONE]" },
    ]);
  },
  refuse(response, { status, headers, type, message }) {
    sendJson(response, { error: { type, message, code: type } }, { status, headers });
  },
};

function partsOf(content: z.infer<typeof Text>): string[] {
  if (content === null || content === undefined) return [];
  return typeof content === "string" ? [content] : content.map(partText);
}

function toolOf(call: Call): { readonly name: string; readonly arguments: string } {
  switch (call.kind) {
    case "shell":
      return named("bash", { command: call.command, description: "a scripted step" });
    case "write":
      return named("write", { filePath: call.path, content: call.content });
    case "ours":
      return named(`orcha_${call.tool}`, call.args);
    case "native":
      return named(call.tool, call.args);
  }
}

const named = (name: string, args: unknown): { name: string; arguments: string } => ({
  name,
  arguments: JSON.stringify(args),
});

/** Gemini generateContent, as the Gemini CLI asks for it. */
import * as z from "zod";
import type { Call, Conversation, Entry, Reply } from "./conversation.ts";
import { sendEvents, sendJson, TOKENS, unwrapped, type Provider } from "./http.ts";

const Part = z.object({
  text: z.string().optional(),
  thought: z.boolean().optional(),
  functionResponse: z
    .object({ id: z.string().optional(), response: z.record(z.string(), z.unknown()) })
    .optional(),
});

const Request = z.object({
  contents: z.array(z.object({ role: z.string().optional(), parts: z.array(Part) })),
  tools: z
    .array(z.object({ functionDeclarations: z.array(z.object({ name: z.string() })).optional() }))
    .optional(),
});

export const gemini: Provider = {
  read(body): Conversation {
    const { contents, tools = [] } = Request.parse(body);
    return {
      entries: contents
        .filter(({ role }) => role !== "model")
        .flatMap(({ parts }) => once(parts))
        .flatMap(entriesOf),
      tools: tools.flatMap(({ functionDeclarations = [] }) =>
        functionDeclarations.map(({ name }) => name),
      ),
      stream: true,
    };
  },
  answer(response, { text, call }: Reply, { stream }) {
    const parts: object[] = text === "" ? [] : [{ text }];
    if (call !== null) parts.push({ functionCall: toolOf(call) });
    const body = {
      candidates: [{ index: 0, content: { role: "model", parts }, finishReason: "STOP" }],
      usageMetadata: {
        promptTokenCount: TOKENS.input,
        candidatesTokenCount: TOKENS.output,
        totalTokenCount: TOKENS.input + TOKENS.output,
      },
      modelVersion: "scripted",
    };
    if (stream) sendEvents(response, [{ data: body }]);
    else sendJson(response, body);
  },
  refuse(response, { status, headers, type, message }) {
    const error = { code: status, message, status: type };
    sendJson(response, { error }, { status, headers });
  },
};

/** What the program says of the machine before the first message. */
const CONTEXT = /^\s*(?:<session_context>|This is the Gemini CLI)/u;

/** A conversation that is resumed has its results twice. */
function once(parts: readonly z.infer<typeof Part>[]): readonly z.infer<typeof Part>[] {
  const ids = parts.map(({ functionResponse }) => functionResponse?.id);
  return parts.filter((_, index) => ids[index] === undefined || ids.indexOf(ids[index]) === index);
}

function entriesOf({ text, thought, functionResponse }: z.infer<typeof Part>): Entry[] {
  if (functionResponse !== undefined) {
    const { output, error } = functionResponse.response;
    const value = output ?? error ?? functionResponse.response;
    const said = typeof value === "string" ? value : JSON.stringify(value);
    return [{ kind: "result", isError: error !== undefined, text: unwrapped(said) }];
  }
  if (text === undefined || thought === true || CONTEXT.test(text)) return [];
  return [{ kind: "message", text }];
}

function toolOf(call: Call): { readonly name: string; readonly args: object } {
  switch (call.kind) {
    case "shell":
      return {
        name: "run_shell_command",
        args: { command: call.command, description: "a scripted step" },
      };
    case "write":
      return { name: "write_file", args: { file_path: call.path, content: call.content } };
    case "ours":
      return { name: `mcp_orcha_${call.tool}`, args: call.args };
    case "native":
      return { name: call.tool, args: call.args };
  }
}

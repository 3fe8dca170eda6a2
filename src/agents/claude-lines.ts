/** Lines of Claude Code (`--output-format stream-json`) as findings. Shapes: those of the recorded streams in test/agents/fixtures. */
import * as z from "zod/mini";
import { failureOf, Result, usageOf } from "./claude-result.ts";
import type { Finding, PlanState, Reduced } from "./driver.ts";

/** What has to be remembered from line to line. */
export interface Known {
  /** Said once for each attempt. */
  readonly conversation: string | null;
  /** When the provider's window opens again, in ms since the epoch; from the event before the result that needs it. */
  readonly resetAt: number | null;
}

const Content = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("thinking"), thinking: z.string() }),
  z.object({
    type: z.literal("tool_use"),
    id: z.string(),
    name: z.string(),
    input: z.record(z.string(), z.unknown()),
  }),
  z.object({
    type: z.literal("tool_result"),
    tool_use_id: z.string(),
    content: z.optional(z.union([z.string(), z.array(z.unknown())])),
    is_error: z.optional(z.boolean()),
  }),
]);

const Message = z.object({
  model: z.optional(z.string()),
  content: z.union([z.string(), z.array(z.unknown())]),
});

const Line = z.discriminatedUnion("type", [
  z.object({ type: z.literal("assistant"), message: Message, session_id: z.string() }),
  z.object({
    type: z.literal("user"),
    message: Message,
    isReplay: z.optional(z.boolean()),
    tool_use_result: z.optional(z.unknown()),
  }),
  z.object({
    type: z.literal("system"),
    subtype: z.string(),
    attempt: z.optional(z.number()),
    retry_delay_ms: z.optional(z.number()),
    error_status: z.nullish(z.number()),
    error: z.optional(z.string()),
    content: z.optional(z.string()),
  }),
  z.object({
    type: z.literal("rate_limit_event"),
    rate_limit_info: z.object({ status: z.string(), resetsAt: z.optional(z.number()) }),
  }),
  Result,
  z.object({
    type: z.enum([
      "auth_status",
      "command_lifecycle",
      "control_cancel_request",
      "control_request",
      "control_response",
      "keep_alive",
      "stream_event",
      "tool_progress",
      "tool_use_summary",
    ]),
  }),
]);
type Line = z.infer<typeof Line>;

/** One line is shown as last activity; the transcript has all of it. */
const SHOWN_CHARACTERS = 500;

export function findingsOf(state: Known, text: string): Reduced<Known> {
  const line = parse(text);
  if (line === null) {
    const findings: Finding[] =
      text.trim() === "" ? [] : [{ kind: "unknown", text: text.slice(0, SHOWN_CHARACTERS) }];
    return { state, findings };
  }
  switch (line.type) {
    case "assistant":
      return said(state, line);
    case "user":
      return { state, findings: line.isReplay === true ? [] : resultsOf(line) };
    case "system":
      return { state, findings: system(line) };
    case "rate_limit_event": {
      const { status, resetsAt } = line.rate_limit_info;
      const resetAt = status === "rejected" && resetsAt !== undefined ? resetsAt * 1000 : null;
      return { state: { ...state, resetAt }, findings: [] };
    }
    case "result":
      return { state, findings: [...usageOf(line), failureOf(line, state.resetAt)] };
    case "auth_status":
    case "command_lifecycle":
    case "control_cancel_request":
    case "control_request":
    case "control_response":
    case "keep_alive":
    case "stream_event":
    case "tool_progress":
    case "tool_use_summary":
      return { state, findings: [] };
  }
}

function parse(text: string): Line | null {
  if (!text.startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(text);
    const parsed = Line.safeParse(value);
    return parsed.success ? parsed.data : null;
  } catch {
    // Garbage is allowed in an agent's output; it stays readable in the transcript.
    return null;
  }
}

/** A message of the program itself, instead of a model's: the result says the same. */
const SYNTHETIC = "<synthetic>";

function said(state: Known, line: Extract<Line, { type: "assistant" }>): Reduced<Known> {
  const { message, session_id: id } = line;
  const opened: Finding[] = state.conversation === id ? [] : [{ kind: "conversation", id }];
  const next = { ...state, conversation: id };
  if (message.model === SYNTHETIC) return { state: next, findings: opened };
  return { state: next, findings: [...opened, ...contentOf(message.content).flatMap(saidOf)] };
}

type Block = z.infer<typeof Content>;

function contentOf(content: string | readonly unknown[]): readonly Block[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return content.flatMap((value) => Content.safeParse(value).data ?? []);
}

function saidOf(block: Block): Finding[] {
  switch (block.type) {
    case "text":
      return block.text === ""
        ? []
        : [{ kind: "text", text: block.text.slice(0, SHOWN_CHARACTERS) }];
    case "thinking":
      return [{ kind: "thinking", text: block.thinking.slice(0, SHOWN_CHARACTERS) }];
    case "tool_result":
      return [];
    case "tool_use":
      return calledOf(block);
  }
}

function calledOf({ id, name, input }: Extract<Block, { type: "tool_use" }>): Finding[] {
  const call: Finding = { kind: "tool-call", call: id, name, detail: detailOf(input) };
  if (name === "TodoWrite") {
    const items = planOf(input["todos"]);
    return items.length === 0 ? [call] : [call, { kind: "plan", items }];
  }
  if (name === "AskUserQuestion") return [call, { kind: "question", text: detailOf(input) }];
  return [call];
}

/** What says most of a call to people: the command, the file, the question; else all of it. */
function detailOf(input: Readonly<Record<string, unknown>>): string {
  const telling = ["command", "file_path", "path", "pattern", "url", "question", "description"]
    .map((key) => input[key])
    .find((value) => typeof value === "string");
  return (typeof telling === "string" ? telling : JSON.stringify(input)).slice(0, SHOWN_CHARACTERS);
}

const Todos = z.array(z.object({ content: z.string(), status: z.string() }));
const STATES: Readonly<Record<string, PlanState>> = { in_progress: "doing", completed: "done" };

function planOf(todos: unknown): readonly { readonly text: string; readonly state: PlanState }[] {
  const { data = [] } = Todos.safeParse(todos);
  return data.map(({ content, status }) => ({ text: content, state: STATES[status] ?? "open" }));
}

const FileResult = z.object({
  filePath: z.string(),
  type: z.optional(z.string()),
  structuredPatch: z.unknown(),
});

function resultsOf(line: Extract<Line, { type: "user" }>): Finding[] {
  const changed = FileResult.safeParse(line.tool_use_result).data;
  const results = contentOf(line.message.content).flatMap((block): Finding[] => {
    if (block.type !== "tool_result") return [];
    const { tool_use_id: call, content = "", is_error: isError = false } = block;
    const text = typeof content === "string" ? content : content.map(partText).join("\n");
    return [{ kind: "tool-result", call, isError, text: text.slice(0, SHOWN_CHARACTERS) }];
  });
  if (changed === undefined || results.length === 0) return results;
  const change = changed.type === "create" ? "added" : "changed";
  return [...results, { kind: "file-change", path: changed.filePath, change }];
}

const partText = (part: unknown): string =>
  typeof part === "object" && part !== null && "text" in part && typeof part.text === "string"
    ? part.text
    : "";

function system(line: Extract<Line, { type: "system" }>): Finding[] {
  if (line.subtype === "init") return [{ kind: "turn-started" }];
  if (line.subtype === "api_retry") {
    const { attempt = 1, retry_delay_ms: waitMs = null, error_status: status, error = "" } = line;
    const reason = `${error.replaceAll("_", " ") || "no answer"}${status == null ? "" : ` (${status})`}`;
    return [{ kind: "retry", attempt, waitMs, reason }];
  }
  if (line.subtype === "model_fallback" && line.content !== undefined)
    return [{ kind: "text", text: line.content.slice(0, SHOWN_CHARACTERS) }];
  return [];
}

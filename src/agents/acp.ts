/**
 * Driver of every agent that speaks the Agent Client Protocol, stable version 1. What is said to it is the dialect's
 * (src/dialects/acp.ts), whose request ids tell which answers end a turn. Pure, like every driver.
 *
 * Not in the protocol, and so never found: retries, rate windows, the end of a limit.
 */
import { at, listAt, numberAt, textAt } from "../dialects/json.ts";
import { readRpc, type RpcError, type RpcLine } from "../dialects/rpc.ts";
import { changesIn, describeCall, textIn } from "./acp-call.ts";
import type { AgentDriver, Finding, LaunchSpec, PlanState, Reduced } from "./driver.ts";
import { flowOn, flowOut, NO_FLOW, type Flow } from "./flow.ts";
import { hear, NO_NOTES, type HostNotes } from "./host-notes.ts";
import { findingOf } from "./provider.ts";
import { hosted, type Hosted } from "./hosted.ts";

export interface AcpState {
  readonly notes: HostNotes;
  readonly flow: Flow;
  readonly calls: Readonly<Record<string, Call>>;
  /** Id of the prompt that ended last. */
  readonly ended: string | null;
  /** All that the conversation has cost, in dollars; null = not said yet. */
  readonly cost: number | null;
  /** What has been added to it since the last usage. */
  readonly spent: number | null;
}

interface Call {
  readonly title: string;
  readonly kind: string;
  readonly path: string | null;
  readonly told: boolean;
  readonly over: boolean;
}

/** Calls of one turn are few at a time; the oldest are forgotten. */
const CALLS_MAX = 200;
const SHOWN_CHARACTERS = 500;

const initial: AcpState = {
  notes: NO_NOTES,
  flow: NO_FLOW,
  calls: {},
  ended: null,
  cost: null,
  spent: null,
};

export interface AcpProgram {
  readonly name: string;
  /** What a person does about a missing login. */
  readonly login: string;
  readonly hosted: (spec: LaunchSpec) => Hosted;
}

export const acpDriver = ({ name, login, hosted: of }: AcpProgram): AgentDriver<AcpState> => ({
  name,
  launch: (spec) => hosted(spec, of(spec)),
  initial: () => initial,
  reduce: (state, line) => reduce(state, line, login),
});

function reduce(state: AcpState, line: string, login: string): Reduced<AcpState> {
  const heard = hear(state.notes, line);
  if (heard !== null) return { state: { ...state, notes: heard.notes }, findings: heard.findings };
  if (state.notes.replaying) return nothing(state);
  const read = readRpc(line);
  if (read === null) return line.trim() === "" ? nothing(state) : only(state, unknown(line));
  return react(state, read, login);
}

const nothing = (state: AcpState): Reduced<AcpState> => ({ state, findings: [] });

const only = (state: AcpState, finding: Finding): Reduced<AcpState> => ({
  state,
  findings: [finding],
});

const unknown = (text: string): Finding => ({
  kind: "unknown",
  text: text.slice(0, SHOWN_CHARACTERS),
});

function react(state: AcpState, read: RpcLine, login: string): Reduced<AcpState> {
  switch (read.kind) {
    case "notification":
      if (read.method === "session/update") return onUpdate(state, at(read.params, "update"));
      // Extensions of one program begin like this.
      return read.method.startsWith("_")
        ? nothing(state)
        : only(state, unknown(`the agent says ${read.method}`));
    case "request":
      // Permissions are the dialect's, and told by its notes.
      return read.method === "session/request_permission"
        ? nothing(state)
        : only(state, unknown(`the agent asks for ${read.method}, which is not offered`));
    case "result":
      return endsTurn(state, read.id) ? onEnd(state, String(read.id), read.result) : nothing(state);
    case "error":
      return endsTurn(state, read.id)
        ? onFailure(state, String(read.id), read.error, login)
        : nothing(state);
  }
}

const endsTurn = ({ ended }: AcpState, id: string | number): boolean =>
  typeof id === "string" && id.startsWith("prompt:") && id !== ended;

function onEnd(state: AcpState, id: string, result: unknown): Reduced<AcpState> {
  const failure = failureOf(textAt(result, "stopReason") ?? "");
  const findings = [...flowOut(state.flow), ...usageOf(result, state.spent)];
  return {
    state: { ...state, flow: NO_FLOW, calls: {}, ended: id, spent: null },
    findings: [...findings, { kind: "turn-ended", failure }],
  };
}

function failureOf(reason: string): Extract<Finding, { kind: "turn-ended" }>["failure"] {
  switch (reason) {
    case "max_tokens":
      return { reason: "its answer was cut off at the model's limit", retry: true };
    case "max_turn_requests":
      return { reason: "it asked its model too often in one turn, or in a loop", retry: true };
    case "refusal":
      return { reason: "the model refused", retry: false };
    case "cancelled":
      return { reason: "its turn was cancelled", retry: true };
    default:
      return null;
  }
}

/** Programs say it in two ways; some not at all. */
function usageOf(result: unknown, costUsd: number | null): readonly Finding[] {
  const usage = at(result, "usage");
  const count = at(result, "_meta", "quota", "token_count");
  const input = numberAt(usage, "inputTokens") ?? numberAt(count, "input_tokens");
  const output = numberAt(usage, "outputTokens") ?? numberAt(count, "output_tokens");
  if ((input ?? 0) + (output ?? 0) + (costUsd ?? 0) === 0) return [];
  return [
    {
      kind: "usage",
      inputTokens: input ?? 0,
      cachedTokens: numberAt(usage, "cachedReadTokens") ?? 0,
      outputTokens: output ?? 0,
      costUsd,
    },
  ];
}

function onFailure(
  state: AcpState,
  id: string,
  { code, message, data }: RpcError,
  login: string,
): Reduced<AcpState> {
  const detail = textAt(data, "details") ?? textAt(data, "message") ?? textAt(data, "error");
  const text = detail === undefined || message.includes(detail) ? message : `${message}: ${detail}`;
  const status = code === AUTH_REQUIRED ? 401 : statusOf(code, data);
  return {
    state: { ...state, flow: NO_FLOW, calls: {}, ended: id },
    findings: [...flowOut(state.flow), findingOf({ status, text, resetAt: null, login })],
  };
}

const AUTH_REQUIRED = -32_000;

/** Gemini CLI takes the provider's status for the code of the error. */
function statusOf(code: number | null, data: unknown): number | null {
  const status = numberAt(data, "status") ?? numberAt(data, "statusCode") ?? code;
  return status !== null && status >= 400 && status < 600 ? status : null;
}

function onUpdate(state: AcpState, update: unknown): Reduced<AcpState> {
  const kind = textAt(update, "sessionUpdate") ?? "";
  switch (kind) {
    case "agent_message_chunk":
      return flowing(state, "text", update);
    case "agent_thought_chunk":
      return flowing(state, "thinking", update);
    case "tool_call":
    case "tool_call_update":
      return onCall(state, update);
    case "plan":
      return only(state, { kind: "plan", items: planOf(update) });
    case "usage_update":
      return { state: withCost(state, numberAt(update, "cost", "amount")), findings: [] };
    case "user_message_chunk":
    case "available_commands_update":
    case "current_mode_update":
    case "config_option_update":
    case "session_info_update":
      return nothing(state);
    default:
      return only(state, unknown(`the agent says ${kind || "an update without a kind"}`));
  }
}

function flowing(state: AcpState, kind: Flow["kind"], update: unknown): Reduced<AcpState> {
  const piece = textAt(update, "content", "text") ?? "";
  const { flow, findings } = flowOn(state.flow, kind, piece);
  return { state: { ...state, flow }, findings };
}

function planOf(update: unknown): Extract<Finding, { kind: "plan" }>["items"] {
  return listAt(update, "entries").map((entry) => ({
    text: (textAt(entry, "content") ?? "").slice(0, SHOWN_CHARACTERS),
    state: PLAN_STATES[textAt(entry, "status") ?? ""] ?? "open",
  }));
}

const PLAN_STATES: Readonly<Record<string, PlanState>> = {
  pending: "open",
  in_progress: "doing",
  completed: "done",
};

/** The agent adds up over the conversation: what came before this attempt was counted there. */
function withCost(state: AcpState, amount: number | undefined): AcpState {
  if (amount === undefined || amount === state.cost) return state;
  const from = state.cost ?? (state.notes.resumed ? null : 0);
  const spent = from === null ? state.spent : (state.spent ?? 0) + Math.max(0, amount - from);
  return { ...state, cost: amount, spent };
}

function onCall(state: AcpState, update: unknown): Reduced<AcpState> {
  const id = textAt(update, "toolCallId") ?? "";
  const before = state.calls[id];
  if (before?.over === true) return nothing(state);
  const title = textAt(update, "title") ?? before?.title ?? "";
  const kind = textAt(update, "kind") ?? before?.kind ?? "other";
  const path = textAt(listAt(update, "locations")[0], "path") ?? before?.path ?? null;
  const status = textAt(update, "status") ?? "pending";
  const over = status === "completed" || status === "failed";
  const tells = before?.told !== true && (over || status === "in_progress");
  const call = { title, kind, path, over, told: before?.told === true || tells };
  const findings: Finding[] = [...flowOut(state.flow)];
  if (tells) findings.push({ kind: "tool-call", call: id, ...describeCall(title, kind) });
  if (over) {
    const isError = status === "failed";
    const text = textIn(update).slice(0, SHOWN_CHARACTERS);
    if (!isError) findings.push(...changesIn(update, kind, path));
    findings.push({ kind: "tool-result", call: id, isError, text });
  }
  return { state: { ...state, flow: NO_FLOW, calls: withCall(state.calls, id, call) }, findings };
}

function withCall(calls: AcpState["calls"], id: string, call: Call): AcpState["calls"] {
  const { [id]: before, ...others } = calls;
  const names = Object.keys(others);
  if (before !== undefined || names.length < CALLS_MAX) return { ...calls, [id]: call };
  return { ...Object.fromEntries(Object.entries(others).slice(-CALLS_MAX + 1)), [id]: call };
}

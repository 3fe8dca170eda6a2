/**
 * Driver of Codex by its app server. What is said to it is the dialect's (src/dialects/codex.ts). Pure, like every driver.
 *
 * There is no cost anywhere in it. A thread that is opened again tells the last usage of the past once more: only turns
 * that began in this record count.
 */
import { at, listAt, numberAt, textAt } from "../dialects/json.ts";
import { readRpc } from "../dialects/rpc.ts";
import { failureOf, retryOf } from "./codex-errors.ts";
import { itemBegins, itemEnds } from "./codex-items.ts";
import { launchCodex } from "./codex-launch.ts";
import type { AgentDriver, Finding, PlanState, Reduced } from "./driver.ts";
import { hear, NO_NOTES, type HostNotes } from "./host-notes.ts";

export interface CodexState {
  readonly notes: HostNotes;
  /** The newest turns that began, and those that ended: each is found once. */
  readonly began: readonly string[];
  readonly ended: readonly string[];
  /** Items whose beginning or end was told, of the turn that runs. */
  readonly told: readonly string[];
  /** Tokens of the thread at its last usage. */
  readonly tokens: number;
  /** Of the turn that runs: told at its end. Null = nothing yet. */
  readonly spent: Spent | null;
  /** When the provider's fullest window is new, in ms since the epoch. */
  readonly resetAt: number | null;
}

type Spent = Extract<Finding, { kind: "usage" }>;

const TURNS_KEPT = 20;
const ITEMS_KEPT = 500;
const SHOWN_CHARACTERS = 500;

export const codex: AgentDriver<CodexState> = {
  name: "codex",
  launch: launchCodex,
  initial: () => ({
    notes: NO_NOTES,
    began: [],
    ended: [],
    told: [],
    tokens: 0,
    spent: null,
    resetAt: null,
  }),
  reduce(state, line) {
    const heard = hear(state.notes, line);
    if (heard !== null)
      return { state: { ...state, notes: heard.notes }, findings: heard.findings };
    const read = readRpc(line);
    if (read === null) return line.trim() === "" ? found(state) : found(state, unknown(line));
    if (read.kind === "request" && read.method === "item/tool/requestUserInput")
      return found(state, ...questionsOf(read.params));
    // Other requests are told by the host's notes, answers by what follows them.
    if (read.kind !== "notification") return found(state);
    const { conversation } = state.notes;
    const thread = textAt(read.params, "threadId");
    // Threads of sub-agents: their work is shown by the calls that began them.
    if (conversation !== null && thread !== undefined && thread !== conversation)
      return found(state);
    return onNotification(state, read.method, read.params);
  },
};

const found = (state: CodexState, ...findings: readonly Finding[]): Reduced<CodexState> => ({
  state,
  findings,
});

const unknown = (text: string): Finding => ({
  kind: "unknown",
  text: text.slice(0, SHOWN_CHARACTERS),
});

const questionsOf = (params: unknown): readonly Finding[] =>
  listAt(params, "questions").map((question) => ({
    kind: "question",
    text: (textAt(question, "question") ?? "").slice(0, SHOWN_CHARACTERS),
  }));

function onNotification(state: CodexState, method: string, params: unknown): Reduced<CodexState> {
  switch (method) {
    case "turn/started":
      return onTurn(state, textAt(params, "turn", "id") ?? "");
    case "turn/completed":
      return onTurnOver(state, at(params, "turn"));
    case "item/started":
      return onItem(state, "begins", at(params, "item"), itemBegins);
    case "item/completed":
      return onItem(state, "ends", at(params, "item"), itemEnds);
    case "turn/plan/updated":
      return found(state, { kind: "plan", items: planOf(params) });
    case "thread/tokenUsage/updated":
      return onUsage(state, params);
    case "account/rateLimits/updated":
      return found({ ...state, resetAt: resetOf(at(params, "rateLimits")) ?? state.resetAt });
    case "error":
      return at(params, "willRetry") === true ? found(state, retryOf(params)) : found(state);
    case "warning":
    case "configWarning":
    case "deprecationNotice":
      return found(
        state,
        unknown(textAt(params, "message") ?? textAt(params, "summary") ?? method),
      );
    default:
      return found(state, ...(isExpected(method) ? [] : [unknown(`codex says ${method}`)]));
  }
}

/** Pieces of what comes whole later, and the state of the program itself. */
const isExpected = (method: string): boolean =>
  /[Dd]elta$|^(?:account|app|fs|hook|item|mcpServer|model|project|rawResponse|remoteControl|serverRequest|skills|thread|turn)\//u.test(
    method,
  );

function onTurn(state: CodexState, id: string): Reduced<CodexState> {
  if (state.began.includes(id)) return found(state);
  const began = [...state.began, id].slice(-TURNS_KEPT);
  return found({ ...state, began, told: [] }, { kind: "turn-started" });
}

function onTurnOver(state: CodexState, turn: unknown): Reduced<CodexState> {
  const id = textAt(turn, "id") ?? "";
  if (state.ended.includes(id)) return found(state);
  const ended = [...state.ended, id].slice(-TURNS_KEPT);
  const { spent } = state;
  const usage = spent !== null && spent.inputTokens + spent.outputTokens > 0 ? [spent] : [];
  return found({ ...state, ended, spent: null }, ...usage, endOf(turn, state.resetAt));
}

function endOf(turn: unknown, resetAt: number | null): Finding {
  switch (textAt(turn, "status") ?? "") {
    case "failed":
      return failureOf(at(turn, "error"), resetAt);
    case "interrupted":
      return { kind: "turn-ended", failure: { reason: "its turn was interrupted", retry: true } };
    default:
      return { kind: "turn-ended", failure: null };
  }
}

function onItem(
  state: CodexState,
  when: "begins" | "ends",
  item: unknown,
  findingsOf: (item: unknown) => readonly Finding[],
): Reduced<CodexState> {
  const key = `${when} ${textAt(item, "id") ?? ""}`;
  if (state.told.includes(key)) return found(state);
  const findings = findingsOf(item);
  const told = [...state.told, key].slice(-ITEMS_KEPT);
  return found({ ...state, told }, ...findings);
}

const PLAN_STATES: Readonly<Record<string, PlanState>> = {
  pending: "open",
  inProgress: "doing",
  completed: "done",
};

const planOf = (params: unknown): Extract<Finding, { kind: "plan" }>["items"] =>
  listAt(params, "plan").map((step) => ({
    text: (textAt(step, "step") ?? "").slice(0, SHOWN_CHARACTERS),
    state: PLAN_STATES[textAt(step, "status") ?? ""] ?? "open",
  }));

function onUsage(state: CodexState, params: unknown): Reduced<CodexState> {
  const usage = at(params, "tokenUsage");
  const tokens = numberAt(usage, "total", "totalTokens") ?? 0;
  const isOld = !state.began.includes(textAt(params, "turnId") ?? "") || tokens === state.tokens;
  if (isOld) return found({ ...state, tokens });
  const last = (name: string): number => numberAt(usage, "last", name) ?? 0;
  const cached = last("cachedInputTokens");
  const { spent } = state;
  return found({
    ...state,
    tokens,
    spent: {
      kind: "usage",
      // Codex counts what came from the cache among its input.
      inputTokens:
        (spent?.inputTokens ?? 0) + Math.max(0, last("inputTokens") - last("cachedInputTokens")),
      cachedTokens: (spent?.cachedTokens ?? 0) + cached,
      outputTokens: (spent?.outputTokens ?? 0) + last("outputTokens"),
      costUsd: null,
    },
  });
}

/** Of the windows that are used up, the one that lasts longest. */
function resetOf(limits: unknown): number | null {
  const ends = ["primary", "secondary"]
    .filter((name) => (numberAt(limits, name, "usedPercent") ?? 0) >= 100)
    .map((name) => numberAt(limits, name, "resetsAt") ?? 0);
  const last = Math.max(0, ...ends);
  return last === 0 ? null : last * 1000;
}

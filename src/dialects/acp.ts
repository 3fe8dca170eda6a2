/**
 * The Agent Client Protocol, stable version 1 (agentclientprotocol.com), from the client's side: for Gemini CLI,
 * OpenCode and every other program that speaks it.
 *
 *     initialize ─▶ session/new | session/load | session/resume ─▶ session/prompt ─▶ … one at a time
 *
 * There is no steering: what comes while a prompt runs waits, and all that waits becomes one prompt. The protocol has no
 * ids for messages either, so each carries a mark in its text; where the past is told again (session/load), a message
 * whose mark is in it was taken before.
 */
import type { Dialect, Opening, Step } from "./dialect.ts";
import { at, listAt, textAt } from "./json.ts";
import type { Note } from "./note.ts";
import { permit, type ToolKind } from "./permit.ts";
import { GO_ON, mark, marksIn, remember, sortOut, type Message } from "./recorded.ts";
import { answer, notify, readRpc, refuse, request, type RpcError, type RpcLine } from "./rpc.ts";

interface State {
  readonly opening: Opening;
  readonly program: Program;
  /** `replaying` = open, and the past is still being told. */
  readonly phase: "initializing" | "opening" | "replaying" | "open" | "over";
  readonly conversation: string;
  /** By session/load, which tells the past. */
  readonly loads: boolean;
  readonly queue: readonly Message[];
  /** Of the prompt that runs; null = none does. */
  readonly running: { readonly ids: readonly string[]; readonly taken: boolean } | null;
  readonly recorded: readonly string[];
  /** Prompts so far: their ids. */
  readonly prompts: number;
}

/** Ids of our requests. */
const INITIALIZE = "initialize";
const OPEN = "open";
const PROMPT = "prompt:";

/** Says that a person has to log in first. */
const AUTH_REQUIRED = -32_000;
/** All that waits goes into one prompt, up to this size. */
const PROMPT_CHARACTERS_MAX = 200_000;

interface Program {
  readonly name: string;
  readonly atEnd: Dialect["atEnd"];
  /** The protocol has the past told before the answer to session/load. */
  readonly tellsPast: "before-answer" | "before-commands";
}

export const acp = dialectOf({ name: "acp", atEnd: "ends", tellsPast: "before-answer" });
/** Gemini CLI 0.61 tells the past after its answer; its list of commands comes next. */
export const gemini = dialectOf({
  name: "gemini",
  atEnd: "ignores",
  tellsPast: "before-commands",
});

function dialectOf(program: Program): Dialect<State> {
  return {
    name: program.name,
    atEnd: program.atEnd,
    open: (opening) => ({
      state: {
        opening,
        program,
        phase: "initializing",
        conversation: opening.conversation ?? "",
        loads: false,
        queue: [],
        running: null,
        recorded: [],
        prompts: 0,
      },
      write: [
        request(INITIALIZE, "initialize", {
          protocolVersion: 1,
          clientCapabilities: {
            fs: { readTextFile: false, writeTextFile: false },
            terminal: false,
          },
          clientInfo: { name: "orcha", title: "Orcha", version: "1" },
        }),
      ],
      notes: [],
    }),
    line(state, line) {
      const read = readRpc(line);
      return read === null ? still(state) : react(state, read);
    },
    command(state, command) {
      if (command.kind === "finish") return finish(state);
      const { id, text } = command;
      const queue = [...state.queue, { id, text }];
      const step = flush({ ...state, queue });
      const waits = step.state.queue.some((message) => message.id === id);
      if (!waits || state.phase !== "open") return step;
      return { ...step, notes: [...step.notes, { kind: "queued", id }] };
    },
  };
}

const still = (state: State, write: readonly string[] = []): Step<State> => ({
  state,
  write,
  notes: [],
});

function finish(state: State): Step<State> {
  const { running, conversation } = state;
  const over: State = { ...state, phase: "over" };
  return running === null
    ? still(over)
    : still(over, [notify("session/cancel", { sessionId: conversation })]);
}

function react(state: State, read: RpcLine): Step<State> {
  switch (read.kind) {
    case "request":
      return onRequest(state, read);
    case "notification":
      return read.method === "session/update" ? onUpdate(state, read.params) : still(state);
    case "result":
      return onResult(state, read.id, read.result);
    case "error":
      return onError(state, read.id, read.error);
  }
}

function onResult(state: State, id: string | number, result: unknown): Step<State> {
  if (id === INITIALIZE && state.phase === "initializing") return openSession(state, result);
  if (id === OPEN && state.phase === "opening") return opened(state, result);
  if (isRunning(state, id)) {
    const taken = take(state);
    return join(taken, flush({ ...taken.state, running: null }));
  }
  return still(state);
}

const isRunning = ({ running, prompts }: State, id: string | number): boolean =>
  running !== null && id === `${PROMPT}${prompts}`;

function onError(state: State, id: string | number, error: RpcError): Step<State> {
  // The driver reads why. What waits, waits for the next attempt: this one is being stopped.
  if (isRunning(state, id)) return still({ ...state, phase: "over", running: null });
  if (id !== INITIALIZE && id !== OPEN) return still(state);
  const { code, message, data } = error;
  const why = textAt(data, "details") ?? textAt(data, "message");
  const text = why === undefined || message.includes(why) ? message : `${message}: ${why}`;
  const login = code === AUTH_REQUIRED || /authenticat|log ?in/iu.test(text);
  return failed(
    state,
    login
      ? `the agent is not logged in: ${text}; log in on the runner, or give its key`
      : `the agent did not open its conversation: ${text}`,
    !login,
  );
}

const failed = (state: State, reason: string, retry: boolean): Step<State> => ({
  state: { ...state, phase: "over" },
  write: [],
  notes: [{ kind: "failed", reason: reason.slice(0, REASON_CHARACTERS_MAX), retry }],
});

const REASON_CHARACTERS_MAX = 1_000;

function openSession(state: State, result: unknown): Step<State> {
  const { workspace, conversation, servers } = state.opening;
  const next: State = { ...state, phase: "opening" };
  const place = {
    cwd: workspace,
    mcpServers: Object.entries(servers).map(([name, { command, args, env }]) => ({
      name,
      command,
      args,
      env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
    })),
  };
  if (conversation === null) return still(next, [request(OPEN, "session/new", place)]);
  const params = { sessionId: conversation, ...place };
  const capabilities = at(result, "agentCapabilities");
  // Preferred: only what is told again shows which messages it had.
  if (at(capabilities, "loadSession") === true)
    return {
      state: { ...next, loads: true },
      write: [request(OPEN, "session/load", params)],
      notes: [{ kind: "replay", on: true }],
    };
  if (at(capabilities, "sessionCapabilities", "resume") !== undefined)
    return still(next, [request(OPEN, "session/resume", params)]);
  return failed(
    state,
    "the agent cannot go on with an earlier conversation: it offers neither session/load nor session/resume",
    false,
  );
}

function opened(state: State, result: unknown): Step<State> {
  const conversation = textAt(result, "sessionId") ?? state.conversation;
  if (!state.loads || state.program.tellsPast === "before-answer")
    return ready({ ...state, conversation });
  return still({ ...state, conversation, phase: "replaying" });
}

function ready(state: State): Step<State> {
  const { conversation, loads } = state;
  const step = flush({ ...state, phase: "open" });
  const replay: readonly Note[] = loads ? [{ kind: "replay", on: false }] : [];
  return { ...step, notes: [...replay, { kind: "ready", conversation }, ...step.notes] };
}

/** Everything that waits becomes the next prompt, if none runs. */
function flush(state: State): Step<State> {
  if (state.phase !== "open" || state.running !== null || state.queue.length === 0)
    return still(state);
  const { fresh, known } = sortOut(state.recorded, state.queue);
  const notes = known.map(({ id }): Note => ({ kind: "taken", id, how: "turn" }));
  const now: Message[] = [];
  let characters = 0;
  for (const message of fresh) {
    characters += message.text.length;
    if (now.length > 0 && characters > PROMPT_CHARACTERS_MAX) break;
    now.push(message);
  }
  const ids = now.map(({ id }) => id);
  const prompts = state.prompts + 1;
  const prompt = now.flatMap(({ id, text }) => [block(text), block(mark(id))]);
  return {
    state: { ...state, prompts, running: { ids, taken: false }, queue: fresh.slice(now.length) },
    write: [
      request(`${PROMPT}${prompts}`, "session/prompt", {
        sessionId: state.conversation,
        prompt: prompt.length === 0 ? [block(GO_ON)] : prompt,
      }),
    ],
    notes,
  };
}

const block = (text: string): object => ({ type: "text", text });

/** The agent works on the prompt: its messages are delivered. */
function take(state: State): Step<State> {
  const { running } = state;
  if (running === null || running.taken) return still(state);
  return {
    state: { ...state, running: { ...running, taken: true } },
    write: [],
    notes: running.ids.map((id) => ({ kind: "taken", id, how: "turn" })),
  };
}

/** These come at any time, and say nothing about a prompt. */
const ASIDE: ReadonlySet<string> = new Set([
  "available_commands_update",
  "current_mode_update",
  "config_option_update",
  "session_info_update",
  "usage_update",
  "user_message_chunk",
]);

function onUpdate(state: State, params: unknown): Step<State> {
  const update = at(params, "update");
  const kind = textAt(update, "sessionUpdate") ?? "";
  if (state.phase === "opening" || state.phase === "replaying") {
    if (state.phase === "replaying" && kind === "available_commands_update") return ready(state);
    if (kind !== "user_message_chunk") return still(state);
    const ids = marksIn(textAt(update, "content", "text") ?? "");
    return still({ ...state, recorded: remember(state.recorded, ids) });
  }
  return ASIDE.has(kind) ? still(state) : take(state);
}

function onRequest(
  state: State,
  { id, method, params }: Extract<RpcLine, { kind: "request" }>,
): Step<State> {
  if (method !== "session/request_permission") return still(state, [refuse(id, method)]);
  const call = at(params, "toolCall");
  const kind = kindOf(call, Object.keys(state.opening.servers));
  const { allowed, why } = permit(state.opening.profile, kind);
  const wanted = allowed ? ["allow_once", "allow_always"] : ["reject_once", "reject_always"];
  const options = listAt(params, "options");
  const chosen = wanted.flatMap((name) => options.filter((one) => textAt(one, "kind") === name))[0];
  const optionId = textAt(chosen, "optionId");
  const outcome =
    optionId === undefined ? { outcome: "cancelled" } : { outcome: "selected", optionId };
  const title = textAt(call, "title") ?? kind;
  const note: Note = {
    kind: "permission",
    what: title.slice(0, TITLE_CHARACTERS_MAX),
    allowed: allowed && optionId !== undefined,
    why,
  };
  const taken = take(state);
  return { ...taken, write: [answer(id, { outcome })], notes: [...taken.notes, note] };
}

const TITLE_CHARACTERS_MAX = 200;

const KINDS: ReadonlySet<string> = new Set<ToolKind>([
  "read",
  "edit",
  "delete",
  "move",
  "search",
  "execute",
  "think",
  "fetch",
]);

const isKind = (kind: string): kind is ToolKind => KINDS.has(kind);

/** Tools of servers have no kind of their own. Agents name them after the server, in one way or another. */
function kindOf(call: unknown, servers: readonly string[]): ToolKind {
  const kind = textAt(call, "kind") ?? "other";
  if (isKind(kind)) return kind;
  const names = `${textAt(call, "toolCallId") ?? ""} ${textAt(call, "title") ?? ""}`.toLowerCase();
  return servers.some((server) => names.includes(server.toLowerCase())) ? "server" : "other";
}

const join = (first: Step<State>, second: Step<State>): Step<State> => ({
  state: second.state,
  write: [...first.write, ...second.write],
  notes: [...first.notes, ...second.notes],
});

/**
 * Codex by its app server: JSON-RPC in lines.
 *
 *     initialize ─▶ thread/start | thread/resume ─▶ turn/start, turn/steer … ─▶ turn/completed
 *
 * A message begins a turn, or is steered into the one that runs. It is delivered when it stands in the thread, which is
 * kept on disk: Codex does not notice a repetition itself, but writes our id of each message beside it. Ids of our requests
 * are made of the ids of messages, so that an answer says what it is about.
 */
import { answerCodex } from "./codex-requests.ts";
import { instructionsOf, threadOf } from "./codex-thread.ts";
import type { Dialect, Opening, Step } from "./dialect.ts";
import { at, listAt, textAt } from "./json.ts";
import type { Note } from "./note.ts";
import { GO_ON, remember, sortOut, type Message } from "./recorded.ts";
import { notify, readRpc, request, type RpcId, type RpcLine } from "./rpc.ts";

interface State {
  readonly opening: Opening;
  readonly phase: "initializing" | "opening" | "open" | "over";
  readonly thread: string;
  /** The turn that runs: `starting` = asked for, without an id yet. */
  readonly turn:
    | { readonly kind: "none" | "starting" }
    | { readonly kind: "runs"; readonly id: string };
  readonly queue: readonly Message[];
  /** Given to Codex, not seen in the thread yet. */
  readonly given: readonly Given[];
  readonly recorded: readonly string[];
}

interface Given extends Message {
  readonly how: "turn" | "steered";
  /** The turn it was steered into; empty = it begins one. */
  readonly turn: string;
}

const INITIALIZE = "initialize";
const OPEN = "open";
const TURN = "turn:";
const STEER = "steer:";
const GOING_ON = "go-on";
/** Of the turns before; only messages of the newest can come again. */
const TURNS_READ = 20;

export const codex: Dialect<State> = {
  name: "codex",
  atEnd: "ends",
  open: (opening) => ({
    state: {
      opening,
      phase: "initializing",
      thread: opening.conversation ?? "",
      turn: { kind: "none" },
      queue: [],
      given: [],
      recorded: [],
    },
    write: [
      request(INITIALIZE, "initialize", {
        clientInfo: { name: "orcha", title: "Orcha", version: "1" },
        capabilities: { experimentalApi: true },
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
    return flush({ ...state, queue: [...state.queue, { id, text }] });
  },
};

const still = (state: State, write: readonly string[] = []): Step<State> => ({
  state,
  write,
  notes: [],
});

/** At the end of its input Codex gives up the turn: what it runs in a terminal has to be ended before. */
function finish(state: State): Step<State> {
  const { thread, turn } = state;
  const over: State = { ...state, phase: "over" };
  if (turn.kind !== "runs") return still(over);
  return still(over, [
    request("interrupt", "turn/interrupt", { threadId: thread, turnId: turn.id }),
    request("clean", "thread/backgroundTerminals/clean", { threadId: thread }),
  ]);
}

function react(state: State, read: RpcLine): Step<State> {
  switch (read.kind) {
    case "request": {
      const { write, notes } = answerCodex(state.opening.profile, read);
      return { state, write, notes };
    }
    case "notification":
      return onNotification(state, read.method, read.params);
    case "result":
      return onResult(state, read.id, read.result);
    case "error":
      return onError(state, read.id, read.error.message);
  }
}

function onResult(state: State, id: RpcId, result: unknown): Step<State> {
  if (id === INITIALIZE && state.phase === "initializing") return openThread(state);
  if (id === OPEN && state.phase === "opening") return opened(state, result);
  if (typeof id === "string" && id.startsWith(TURN)) {
    const turn = textAt(result, "turn", "id");
    // Its end may have come first.
    if (turn === undefined || state.turn.kind !== "starting") return still(state);
    return flush({ ...state, turn: { kind: "runs", id: turn } });
  }
  return still(state);
}

function onError(state: State, id: RpcId, message: string): Step<State> {
  if (id === INITIALIZE || id === OPEN) {
    const isGone = message.includes(GONE);
    return failed(state, `codex did not open the conversation: ${message}`, !isGone);
  }
  if (typeof id !== "string") return still(state);
  if (id.startsWith(TURN)) return failed(state, `codex did not begin a turn: ${message}`);
  if (!id.startsWith(STEER)) return still(state);
  const given = state.given.find((one) => one.id === id.slice(STEER.length));
  return given === undefined ? still(state) : steerRefused(state, given);
}

const REASON_CHARACTERS_MAX = 1_000;

/** Codex's words for a thread that is not on this machine (any more): asking again changes nothing. */
const GONE = "no rollout found";

const failed = (state: State, reason: string, retry = true): Step<State> => ({
  state: { ...state, phase: "over" },
  write: [],
  notes: [{ kind: "failed", reason: reason.slice(0, REASON_CHARACTERS_MAX), retry }],
});

/** The turn ended meanwhile, or takes nothing: the message waits for the next one. */
function steerRefused(state: State, given: Given): Step<State> {
  const { id, text, turn } = given;
  const next: State = {
    ...state,
    given: state.given.filter((one) => one !== given),
    queue: [{ id, text }, ...state.queue],
  };
  if (state.turn.kind !== "runs" || state.turn.id !== turn) return flush(next);
  return { state: next, write: [], notes: [{ kind: "queued", id }] };
}

function openThread(state: State): Step<State> {
  const { opening } = state;
  const next: State = { ...state, phase: "opening" };
  const thread = threadOf(opening);
  const developerInstructions = instructionsOf(opening);
  const write =
    opening.conversation === null
      ? request(OPEN, "thread/start", { ...thread, developerInstructions })
      : request(OPEN, "thread/resume", {
          ...thread,
          developerInstructions,
          threadId: opening.conversation,
          excludeTurns: true,
          initialTurnsPage: { limit: TURNS_READ, sortDirection: "desc", itemsView: "full" },
        });
  return still(next, [notify("initialized", {}), write]);
}

function opened(state: State, result: unknown): Step<State> {
  const thread = textAt(result, "thread", "id") ?? state.thread;
  const turns = [
    ...listAt(result, "initialTurnsPage", "data"),
    ...listAt(result, "thread", "turns"),
  ];
  const ids = turns
    .flatMap((turn) => listAt(turn, "items"))
    .map((item) => textAt(item, "clientId"))
    .filter((id) => id !== undefined);
  const open: State = { ...state, phase: "open", thread, recorded: remember(state.recorded, ids) };
  const step = flush(open);
  return { ...step, notes: [{ kind: "ready", conversation: thread }, ...step.notes] };
}

/** All that waits: the first begins a turn when none runs, the others are steered into it. */
function flush(state: State): Step<State> {
  if (state.phase !== "open" || state.queue.length === 0 || state.turn.kind === "starting")
    return still(state);
  const { fresh, known } = sortOut(state.recorded, state.queue);
  const notes = known.map(({ id }): Note => ({ kind: "taken", id, how: "turn" }));
  if (state.turn.kind === "runs") {
    const turn = state.turn.id;
    const steered = fresh.map((message): Given => ({ ...message, how: "steered", turn }));
    const write = steered.map(({ id, text }) =>
      request(`${STEER}${id}`, "turn/steer", { ...input(state, id, text), expectedTurnId: turn }),
    );
    return { state: { ...state, queue: [], given: [...state.given, ...steered] }, write, notes };
  }
  const [first, ...rest] = fresh;
  const starting: State = { ...state, turn: { kind: "starting" }, queue: rest };
  if (first === undefined) {
    const write = request(`${TURN}${GOING_ON}`, "turn/start", input(state, null, GO_ON));
    return { state: starting, write: [write], notes };
  }
  const given: Given = { ...first, how: "turn", turn: "" };
  const write = request(`${TURN}${first.id}`, "turn/start", input(state, first.id, first.text));
  return { state: { ...starting, given: [...state.given, given] }, write: [write], notes };
}

const input = ({ thread }: State, id: string | null, text: string): object => ({
  threadId: thread,
  clientUserMessageId: id,
  input: [{ type: "text", text, text_elements: [] }],
});

function onNotification(state: State, method: string, params: unknown): Step<State> {
  if (textAt(params, "threadId") !== state.thread) return still(state);
  switch (method) {
    case "turn/started": {
      const id = textAt(params, "turn", "id");
      return id === undefined ? still(state) : flush({ ...state, turn: { kind: "runs", id } });
    }
    case "turn/completed":
      return onTurnOver(state, textAt(params, "turn", "id"), textAt(params, "turn", "status"));
    case "item/started":
    case "item/completed":
      return onItem(state, at(params, "item"));
    default:
      return still(state);
  }
}

/** It stands in the thread from here on. */
function onItem(state: State, item: unknown): Step<State> {
  const id = textAt(item, "type") === "userMessage" ? textAt(item, "clientId") : undefined;
  const given = state.given.find((one) => one.id === id);
  if (id === undefined || given === undefined) return still(state);
  return {
    state: {
      ...state,
      given: state.given.filter((one) => one !== given),
      recorded: remember(state.recorded, [id]),
    },
    write: [],
    notes: [{ kind: "taken", id, how: given.how }],
  };
}

function onTurnOver(state: State, id: string | undefined, status = ""): Step<State> {
  if (state.turn.kind === "runs" && state.turn.id !== id) return still(state);
  // The driver reads why. What waits, waits for the next attempt: this one is being stopped.
  if (status === "failed") return still({ ...state, phase: "over", turn: { kind: "none" } });
  // What was steered into it and never taken up, the model has not seen.
  const missed = state.given.filter((one) => one.turn === id);
  return flush({
    ...state,
    turn: { kind: "none" },
    given: state.given.filter((one) => one.turn !== id),
    queue: [...missed.map(({ id: message, text }) => ({ id: message, text })), ...state.queue],
  });
}

/**
 * Dialect of Claude Code: `claude -p --input-format stream-json --output-format stream-json`, with its control protocol.
 * Messages carry our uuid: the program takes the same one once, also after it was killed and resumed, so nothing is
 * remembered here but what was said to be taken. A line during a turn is read after the tool that runs.
 *
 *     initialize ─▶ answered: ready ─▶ user lines ─▶ echo: taken          can_use_tool ─▶ answered by the profile
 */
import * as z from "zod/mini";
import { permitted } from "./claude-permissions.ts";
import type { Dialect, Opening, Step } from "./dialect.ts";
import type { Note } from "./note.ts";

const Line = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("control_request"),
    request_id: z.string(),
    request: z.looseObject({
      subtype: z.string(),
      tool_name: z.optional(z.string()),
      input: z.optional(z.record(z.string(), z.unknown())),
    }),
  }),
  z.object({
    type: z.literal("control_response"),
    response: z.object({
      subtype: z.string(),
      request_id: z.string(),
      error: z.optional(z.string()),
    }),
  }),
  z.object({ type: z.literal("command_lifecycle"), command_uuid: z.string(), state: z.string() }),
  z.object({ type: z.literal("user"), uuid: z.string(), isReplay: z.literal(true) }),
  z.object({ type: z.literal("result") }),
]);
type Line = z.infer<typeof Line>;

/** Every other line says nothing to us, and there are many. */
const MATTERS =
  /"type":"(?:control_request|control_response|command_lifecycle|result)"|"isReplay":true/u;

const INITIALIZE = "orcha-initialize";
/** Messages of one attempt that are remembered as taken. */
const TAKEN_MAX = 1_000;

export interface ClaudeState {
  readonly opening: Opening;
  readonly conversation: string;
  /** The message that began the turn that runs: what else is taken now steers it. Null = no turn runs. */
  readonly turn: string | null;
  readonly taken: readonly string[];
  /** Messages that a turn was begun for, or that one took in. */
  readonly started: readonly string[];
}

/** `conversation` of the opening is the id that the program was started with. */
export const claude: Dialect<ClaudeState> = {
  name: "claude",
  atEnd: "ends",
  open: (opening) => ({
    state: {
      opening,
      conversation: opening.conversation ?? "",
      turn: null,
      taken: [],
      started: [],
    },
    write: [
      JSON.stringify({
        type: "control_request",
        request_id: INITIALIZE,
        request: { subtype: "initialize" },
      }),
    ],
    notes: [],
  }),
  line(state, line) {
    const known = read(line);
    return known === null ? nothing(state) : react(state, known);
  },
  command(state, command) {
    if (command.kind === "finish") return nothing(state);
    const content = [{ type: "text", text: command.text }];
    const message = { role: "user", content };
    const write = [JSON.stringify({ type: "user", uuid: command.id, message })];
    return { state, write, notes: [] };
  },
};

const nothing = (state: ClaudeState): Step<ClaudeState> => ({ state, write: [], notes: [] });

function read(line: string): Line | null {
  if (!MATTERS.test(line)) return null;
  try {
    const value: unknown = JSON.parse(line);
    const parsed = Line.safeParse(value);
    return parsed.success ? parsed.data : null;
  } catch {
    // Not whole, or no JSON: it stays in the transcript.
    return null;
  }
}

function react(state: ClaudeState, line: Line): Step<ClaudeState> {
  switch (line.type) {
    case "control_response":
      return line.response.request_id === INITIALIZE
        ? opened(state, line.response)
        : nothing(state);
    case "control_request":
      return answer(state, line);
    case "command_lifecycle":
      return progressed(state, line);
    case "user":
      return taken(state, line.uuid);
    case "result":
      return nothing({ ...state, turn: null });
  }
}

function opened(
  state: ClaudeState,
  response: Extract<Line, { type: "control_response" }>["response"],
): Step<ClaudeState> {
  const note: Note =
    response.subtype === "success"
      ? { kind: "ready", conversation: state.conversation }
      : { kind: "failed", reason: response.error ?? "it refused to begin", retry: true };
  return { state, write: [], notes: [note] };
}

/**
 * A message that the resumed conversation had already is done with at once, and no turn begins: the last one was cut off,
 * and the program waits for somebody to say so.
 */
function progressed(
  state: ClaudeState,
  { command_uuid: id, state: to }: Extract<Line, { type: "command_lifecycle" }>,
): Step<ClaudeState> {
  if (to === "started")
    return nothing({
      ...state,
      turn: state.turn ?? id,
      started: [...state.started, id].slice(-TAKEN_MAX),
    });
  if (to !== "completed" && to !== "cancelled") return nothing(state);
  const step = taken(state, id);
  if (state.started.includes(id) || state.turn !== null) return step;
  const content = [{ type: "text", text: GO_ON }];
  const message = { role: "user", content };
  return { ...step, write: [JSON.stringify({ type: "user", message })] };
}

const GO_ON = "You were interrupted. Look at what is there and go on.";

/** Its echo says that a message is in the conversation; what it only queued is lost when it is killed. */
function taken(state: ClaudeState, id: string): Step<ClaudeState> {
  if (state.taken.includes(id)) return nothing(state);
  const how = state.turn === null || state.turn === id ? "turn" : "steered";
  return {
    state: { ...state, taken: [...state.taken, id].slice(-TAKEN_MAX) },
    write: [],
    notes: [{ kind: "taken", id, how }],
  };
}

function answer(
  state: ClaudeState,
  { request_id, request }: Extract<Line, { type: "control_request" }>,
): Step<ClaudeState> {
  const respond = (response: object): string =>
    JSON.stringify({ type: "control_response", response: { request_id, ...response } });
  if (request.subtype !== "can_use_tool") {
    // Nobody is there to do it; an answer is owed all the same.
    const error = `nobody here can answer ${request.subtype}`;
    return { state, write: [respond({ subtype: "error", error })], notes: [] };
  }
  const { tool_name: tool = "", input = {} } = request;
  const { allowed, why } = permitted(tool, state.opening);
  const behavior = allowed
    ? { behavior: "allow", updatedInput: input }
    : { behavior: "deny", message: why };
  return {
    state,
    write: [respond({ subtype: "success", response: behavior })],
    notes: [{ kind: "permission", what: tool, allowed, why }],
  };
}

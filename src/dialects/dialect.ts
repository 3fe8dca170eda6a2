/**
 * The port every agent program is spoken to through. A dialect is pure: lines of the agent and commands of ours in,
 * lines for the agent and notes out. The agent host (runners/agent-host) runs it on the runner, next to the agent, so
 * that a handshake, a permission prompt or a queued message never waits for the control plane or its network.
 *
 * The agent's own lines go into the transcript as they are; drivers (src/agents) read those and the notes.
 */
import type { Note } from "./note.ts";

/** What an agent may do without being asked. Nothing ever waits for a person at a prompt. */
export type Profile = "read-only" | "edit" | "edit+network" | "full";

export interface ServerSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A file of the repository that would change how the agent itself runs: the agent is not started while it is there. */
export interface Guard {
  /** Below the workspace. */
  readonly path: string;
  /** A JSON file that has no other keys than these does no harm. Empty = it must not be there at all. */
  readonly harmless: readonly string[];
}

/** What a conversation is opened with. Paths are absolute, on the runner. */
export interface Opening {
  readonly workspace: string;
  /** Conversation of an earlier attempt to go on with; null = a new one. */
  readonly conversation: string | null;
  /** Known before the agent starts: `[8-4-4-4-12]` hex, the same for all attempts of a session. */
  readonly session: string;
  readonly profile: Profile;
  /** Null = the agent's own default. */
  readonly model: string | null;
  /** MCP servers by name; `orcha` is ours, through the relay. */
  readonly servers: Readonly<Record<string, ServerSpec>>;
  /** For agents that cannot be told to leave the repository's settings alone. */
  readonly guards?: readonly Guard[] | undefined;
  /** Whose record of conversations has to be looked after before one is opened again (runners/agent-host). */
  readonly record?: "gemini" | undefined;
}

export type Command =
  | { readonly kind: "message"; readonly id: string; readonly text: string }
  /** No more input: the process is about to be stopped. */
  | { readonly kind: "finish" };

/** Answer to one line or command. */
export interface Step<State> {
  readonly state: State;
  /** Lines for the agent, without newlines at their ends. */
  readonly write: readonly string[];
  readonly notes: readonly Note[];
}

export interface Dialect<State = unknown> {
  readonly name: string;
  /** What the agent does at the end of its input: `ends`, or it has to be sent SIGTERM. */
  readonly atEnd: "ends" | "ignores";
  open(opening: Opening): Step<State>;
  /** One whole line of the agent's output. Never throws: what it does not know means nothing. */
  line(state: State, line: string): Step<State>;
  command(state: State, command: Command): Step<State>;
}

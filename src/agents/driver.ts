/**
 * The port every agent program is understood through.
 *
 * A driver is pure: it turns lines of the agent's output into findings. It runs in the control plane over the redacted
 * transcript, so a driver can be mended after the fact and a session replayed. It knows nothing of runners, sockets or
 * files. What is said to the agent is the dialect's (src/dialects).
 */
import type { Profile, ServerSpec } from "../dialects/dialect.ts";

/** An agent by its name in the configuration: which program, and how it is run. */
export interface AgentSettings {
  readonly driver: string;
  /** Program and arguments; empty = the driver's own. */
  readonly command: readonly string[];
  /** Names of the runner's own variables that pass through, beside those that the driver needs. */
  readonly inherit: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly profile: Profile;
  readonly model: string | null;
  /** MCP servers beside ours, by name. */
  readonly servers: Readonly<Record<string, ServerSpec>>;
  /** Name of the agent that takes over when this one has hit its provider's limit; missing or null = none. */
  readonly next?: string | null;
  /** Said to it after the text of its role; missing or null = nothing. */
  readonly prompt?: string | null;
}

/** What the control plane wants running. */
export interface LaunchSpec {
  readonly session: string;
  readonly attempt: number;
  readonly role: "manager" | "worker" | "reviewer";
  /** Conversation of an earlier attempt to go on with; null = the first attempt. */
  readonly conversation: string | null;
  readonly settings: AgentSettings;
}

/** How to start it. `{node}`, `{program}`, `{state}`, `{workspace}`, `{relay}`, `{socket}` are filled in on the runner. */
export interface Launch {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Names of the runner's own variables that pass through. Everything else is dropped. */
  readonly inherit: readonly string[];
  readonly files: readonly { readonly path: string; readonly content: string }[];
}

/** A message for the agent. Its id is the agent's own message uuid where it has one, so that a repetition is harmless. */
export interface AgentMessage {
  readonly id: string;
  readonly text: string;
}

/** What a driver found in the output. Some become events of the domain; all are shown to people; the line itself stays in the transcript. */
export type Finding =
  /** The agent took up this message: delivered, as a turn of its own or into the turn that runs. */
  | { readonly kind: "message-taken"; readonly id: string; readonly how: "turn" | "steered" }
  /** It has the message, and reads it when its turn is over. */
  | { readonly kind: "message-queued"; readonly id: string }
  | { readonly kind: "conversation"; readonly id: string }
  | { readonly kind: "turn-started" }
  /** The turn is over; with `failure`, badly. `retry` false = starting again cannot help (a mistake in the brief). */
  | { readonly kind: "turn-ended"; readonly failure: null | Failure }
  /** A provider limit; `resetAt` in ms since the epoch when the provider said it. */
  | { readonly kind: "limit-hit"; readonly resetAt: number | null; readonly reason: string }
  /** The provider did not answer and is asked again. */
  | {
      readonly kind: "retry";
      readonly attempt: number;
      readonly waitMs: number | null;
      readonly reason: string;
    }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "thinking"; readonly text: string }
  /** `call` = the agent's own id of it, null where there is none; `detail` is for people. */
  | {
      readonly kind: "tool-call";
      readonly call: string | null;
      readonly name: string;
      readonly detail: string;
    }
  | {
      readonly kind: "tool-result";
      readonly call: string | null;
      readonly isError: boolean;
      readonly text: string;
    }
  | {
      readonly kind: "file-change";
      readonly path: string;
      readonly change: "added" | "changed" | "removed";
    }
  | {
      readonly kind: "plan";
      readonly items: readonly { readonly text: string; readonly state: PlanState }[];
    }
  /** A question by the agent's own means. Nobody is asked: it is told to use `ask_human`. */
  | { readonly kind: "question"; readonly text: string }
  | {
      readonly kind: "permission";
      readonly what: string;
      readonly allowed: boolean;
      readonly why: string;
    }
  /** Spent since the last one. `inputTokens` without those that came from the cache. Cost in US dollars when the agent says it. */
  | {
      readonly kind: "usage";
      readonly inputTokens: number;
      readonly cachedTokens: number;
      readonly outputTokens: number;
      readonly costUsd: number | null;
    }
  /** A line that means nothing to the driver. */
  | { readonly kind: "unknown"; readonly text: string }
  /** The agent's tool call was interrupted before it read the reply (see decision 24). */
  | { readonly kind: "call-interrupted"; readonly call: string };

export type PlanState = "open" | "doing" | "done";

export interface Failure {
  readonly reason: string;
  readonly retry: boolean;
  /** The provider does not know who we are: somebody has to log in on the runner. Missing = told by the reason, if at all. */
  readonly login?: true;
}

export interface Reduced<State> {
  readonly state: State;
  readonly findings: readonly Finding[];
}

export interface AgentDriver<State = unknown> {
  readonly name: string;
  /** Its conversation stays in the directory where it began: in another checkout it begins anew, with a brief. */
  readonly bound?: true;
  launch(spec: LaunchSpec): Launch;
  initial(): State;
  /** One whole line of output, without the newline. Unknown lines are never an error. */
  reduce(state: State, line: string): Reduced<State>;
}

/** The line that gives an agent this message; the same for all. */
export const encodeMessage = ({ id, text }: AgentMessage): string =>
  JSON.stringify({ type: "user", uuid: id, text });

/**
 * The port every agent program is driven through.
 *
 * A driver is pure: it turns lines of the agent's output into findings, and messages into lines for its
 * input. It runs in the control plane over the redacted transcript, so a driver can be mended after the
 * fact and a session replayed. It knows nothing of runners, sockets or files.
 */

/** What the control plane wants running. */
export interface LaunchSpec {
  readonly session: string;
  readonly attempt: number;
  readonly role: "manager" | "worker" | "reviewer";
  /** Conversation of an earlier attempt to go on with; null = the first attempt. */
  readonly conversation: string | null;
  /** Command line of this agent from the configuration; empty = the driver's own default. */
  readonly command: readonly string[];
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

/** What a driver found in the output. Only findings become events; everything stays readable in the transcript. */
export type Finding =
  /** The agent took up this message: delivered. */
  | { readonly kind: "message-taken"; readonly id: string }
  | { readonly kind: "conversation"; readonly id: string }
  | { readonly kind: "turn-started" }
  /** The turn is over; with `failure`, badly. `retry` false = starting again cannot help (a mistake in the brief). */
  | {
      readonly kind: "turn-ended";
      readonly failure: null | { readonly reason: string; readonly retry: boolean };
    }
  /** A provider limit; `resetAt` in ms since the epoch when the provider said it. */
  | { readonly kind: "limit-hit"; readonly resetAt: number | null; readonly reason: string }
  /** For people: what it said or did, one line of it is shown as "last activity". */
  | { readonly kind: "said"; readonly text: string }
  | { readonly kind: "did"; readonly text: string }
  /** The agent's tool call was interrupted before it read the reply (see decision 24). */
  | { readonly kind: "call-interrupted"; readonly call: string };

export interface Reduced<State> {
  readonly state: State;
  readonly findings: readonly Finding[];
}

export interface AgentDriver<State = unknown> {
  readonly name: string;
  launch(spec: LaunchSpec): Launch;
  initial(): State;
  /** One whole line of output, without the newline. Unknown lines give no findings and are never an error. */
  reduce(state: State, line: string): Reduced<State>;
  /** The line that gives the agent this message. */
  encode(message: AgentMessage): string;
}

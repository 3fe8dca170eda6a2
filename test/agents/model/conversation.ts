/** A model request of any provider, reduced to what the player needs: who said what, in order. */

export type Entry =
  /** Somebody's message to the agent. */
  | { readonly kind: "message"; readonly text: string }
  /** The result of a tool call that was asked for before. */
  | { readonly kind: "result"; readonly isError: boolean; readonly text: string };

export interface Conversation {
  readonly entries: readonly Entry[];
  /** Names of the tools that the program offers. None = it asks for something beside the conversation: a title, a route. */
  readonly tools: readonly string[];
  readonly stream: boolean;
}

/** What the model says next. */
export interface Reply {
  readonly text: string;
  /** Null = the turn is over. */
  readonly call: Call | null;
}

/** A tool call, before it has a name and arguments in the program's own words. */
export type Call =
  | { readonly kind: "shell"; readonly command: string }
  | { readonly kind: "write"; readonly path: string; readonly content: string }
  | {
      readonly kind: "ours";
      readonly tool: string;
      readonly args: Readonly<Record<string, unknown>>;
    }
  /** A tool by its own name in the program. */
  | {
      readonly kind: "native";
      readonly tool: string;
      readonly args: Readonly<Record<string, unknown>>;
    };

/** The provider's error. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly type: string;
  readonly message: string;
}

export type Move =
  | { readonly kind: "reply"; readonly reply: Reply }
  | { readonly kind: "refuse"; readonly refusal: Refusal }
  /** The connection stays open, and nothing comes. */
  | { readonly kind: "hang" };

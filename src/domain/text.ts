/**
 * The texts we post, as typed parts. `render.ts` makes them; `src/markdown` turns them into Markdown that
 * cannot mention, close, command or imitate anything. Only `agent` and `quote` carry text that is not ours.
 */
export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "strong"; readonly text: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly url: string }
  /** A real mention that notifies: people who are asked something, nobody else. */
  | { readonly kind: "mention"; readonly login: string }
  /** A live reference to an issue or pull request of this repository, `#12`. */
  | { readonly kind: "reference"; readonly number: number };

export type Block =
  | { readonly kind: "paragraph"; readonly inlines: readonly Inline[] }
  | { readonly kind: "heading"; readonly depth: 2 | 3; readonly inlines: readonly Inline[] }
  | {
      readonly kind: "list";
      readonly ordered: boolean;
      readonly items: readonly (readonly Inline[])[];
    }
  | {
      readonly kind: "table";
      readonly header: readonly (readonly Inline[])[];
      readonly rows: readonly (readonly (readonly Inline[])[])[];
    }
  /** Markdown written by an agent: kept readable, made harmless. */
  | { readonly kind: "agent"; readonly text: string }
  /** Somebody's words, quoted, made harmless. */
  | { readonly kind: "quote"; readonly text: string }
  | { readonly kind: "code-block"; readonly text: string }
  | {
      readonly kind: "details";
      readonly summary: readonly Inline[];
      readonly blocks: readonly Block[];
    };

export type Text = readonly Block[];

/** What we post, as plain words: for reading in tests, not what people see. */
import type { Block, Inline, Text } from "../../src/domain/text.ts";

/** Typed parts as one plain line. */
export const words = (text: Text): string => text.map(blockWords).join(" ");

function blockWords(block: Block): string {
  switch (block.kind) {
    case "paragraph":
    case "heading":
      return inlineWords(block.inlines);
    case "list":
      return block.items.map((item) => `* ${inlineWords(item)}`).join(" ");
    case "table":
      return [block.header, ...block.rows]
        .map((row) => row.map(inlineWords).join(" | "))
        .join("\n");
    case "agent":
    case "quote":
    case "code-block":
      return `“${block.text}”`;
    case "details":
      return `${inlineWords(block.summary)}: ${words(block.blocks)}`;
  }
}

const inlineWords = (inlines: readonly Inline[]): string =>
  inlines
    .map((inline) => {
      if (inline.kind === "mention") return `@${inline.login}`;
      return inline.kind === "reference" ? `#${inline.number}` : inline.text;
    })
    .join("");

/**
 * GitHub-flavoured Markdown to a syntax tree, with limits. The parser is quadratic on some inputs and deep
 * recursion overflows the stack, so texts built to do that are refused instead of parsed.
 */
import type { Nodes, Root } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";

/** Characters of one text that are looked at; GitHub's own limit for a body is 65,536. */
export const TEXT_MAX = 66_000;

/** The tree, or null when the text is too costly to parse or the parser fails on it: no text by people does. */
export function parseMarkdown(text: string): Root | null {
  if (text.length > TEXT_MAX || isCostly(text)) return null;
  try {
    return fromMarkdown(text, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
  } catch {
    // Found by a property test: "*\n[ ] @x" breaks an assertion of the parser's. Hostile text must not stop us.
    return null;
  }
}

/** Children of any node; leaves have none. */
export const childrenOf = (node: Nodes): readonly Nodes[] =>
  "children" in node ? node.children : [];

/** Per paragraph: how many of each delimiter the parser may meet. Measured: about 0.1 s each. */
const DELIMITERS: readonly (readonly [RegExp, number])[] = [
  [/[*_]+/gu, 3_000],
  [/~+/gu, 1_000],
  [/\]\(/gu, 2_000],
  [/[[\]]/gu, 6_000],
];
const NESTING_MAX = 40;

function isCostly(text: string): boolean {
  for (const paragraph of text.split(/\n[ \t]*\n/u))
    for (const [delimiter, max] of DELIMITERS)
      if (paragraph.length > max && (paragraph.match(delimiter)?.length ?? 0) > max) return true;
  return text.split("\n").some((line) => nesting(line) > NESTING_MAX);
}

/** How many block quotes and list items a line opens. */
function nesting(line: string): number {
  const marker = /[ \t]*(?:>|[-+*](?=[ \t]|$)|\d{1,9}[.)](?=[ \t]|$))/uy;
  let count = 0;
  while (count <= NESTING_MAX && marker.test(line)) count += 1;
  return count;
}

/**
 * Markdown from GitHub as a human sees it on the page, for prompts. What GitHub does not show is how agents
 * are given instructions nobody vouched for: comments, alt texts, titles, closed details, invisible
 * characters (security.md D6). Works on the source, so what stays is exactly what was written.
 */
import type { Nodes, Root } from "mdast";
import { VISIBLE, isHidden, readHtml, type HtmlState } from "./html.ts";
import { childrenOf, parseMarkdown, TEXT_MAX } from "./parse.ts";
import { cleanLine, cleanUnicode, cut } from "./unicode.ts";

/** Longest text handed on, in UTF-16 units. */
export const VISIBLE_MAX = 60_000;

/**
 * What a person sees of this Markdown. Fenced code stays byte for byte, except for invisible characters.
 * At most `VISIBLE_MAX` characters and a note saying how much is missing.
 */
export function visibleText(markdown: string): string {
  const clean = cleanUnicode(markdown);
  const source = cut(clean, TEXT_MAX);
  const tree = parseMarkdown(source);
  const seen = tree === null ? visiblePlain(source) : visibleParts(tree, source);
  return limited(
    joined(seen)
      .replace(/^\s*\n/u, "")
      .trimEnd(),
    clean.length - source.length,
  );
}

/** A title or a name: plain text on one line, at most 500 characters. */
export const visibleLine = (text: string): string =>
  cut(cleanLine(text.slice(0, 5_000)).normalize("NFC"), 500);

interface Part {
  readonly text: string;
  readonly code: boolean;
}

interface Walk {
  readonly source: string;
  readonly parts: Part[];
  readonly urls: ReadonlyMap<string, string>;
  readonly footnotes: ReadonlySet<string>;
  /** Everything before is in `parts` or cut. */
  at: number;
  html: HtmlState;
}

function visibleParts(tree: Root, source: string): readonly Part[] {
  const walk: Walk = {
    source,
    parts: [],
    urls: definitions(tree),
    footnotes: usedFootnotes(tree),
    at: 0,
    html: VISIBLE,
  };
  for (const child of tree.children) visit(walk, child);
  keep(walk, source.length);
  return walk.parts;
}

function visit(walk: Walk, node: Nodes): void {
  const { start, end } = range(node);
  switch (node.type) {
    case "html": {
      const { text, state } = readHtml(walk.source.slice(start, end), walk.html);
      walk.html = state;
      replace(walk, start, end, text.trim() === "" ? "" : text);
      return;
    }
    case "definition":
      replace(walk, start, end, "");
      return;
    case "footnoteDefinition":
      if (!walk.footnotes.has(node.identifier)) replace(walk, start, end, "");
      else visitChildren(walk, node);
      return;
    case "image":
      replace(walk, start, end, imageText(node.url));
      return;
    case "imageReference":
      replace(walk, start, end, imageText(walk.urls.get(node.identifier) ?? ""));
      return;
    case "link":
      visitLink(walk, node, node.url);
      return;
    case "linkReference":
      visitLink(walk, node, walk.urls.get(node.identifier) ?? "");
      return;
    case "code":
      keepCode(walk, start, end, node.lang === "math");
      return;
    case "inlineCode":
      keepCode(walk, start, end, false);
      return;
    case "text":
      if (isHidden(walk.html)) replace(walk, start, end, "");
      else replace(walk, start, end, withoutPhantoms(walk.source.slice(start, end)));
      return;
    case "blockquote":
    case "break":
    case "delete":
    case "emphasis":
    case "footnoteReference":
    case "heading":
    case "list":
    case "listItem":
    case "paragraph":
    case "root":
    case "strong":
    case "table":
    case "tableCell":
    case "tableRow":
    case "thematicBreak":
    case "yaml":
      visitOther(walk, node, start, end);
  }
}

/** Hidden as a whole when nothing inside changes what is hidden; else its hidden leaves go one by one. */
function visitOther(walk: Walk, node: Nodes, start: number, end: number): void {
  const children = childrenOf(node);
  if (isHidden(walk.html) && !containsHtml(node)) replace(walk, start, end, "");
  else if (children.length > 0) visitChildren(walk, node);
}

function visitChildren(walk: Walk, node: Nodes): void {
  for (const child of childrenOf(node)) visit(walk, child);
}

const containsHtml = (node: Nodes): boolean =>
  node.type === "html" || childrenOf(node).some((child) => containsHtml(child));

/** `[text](url "title")` and `[text][ref]` become `[text](url)`; nothing to click on means nothing to see. */
function visitLink(walk: Walk, node: Nodes, url: string): void {
  const { start, end } = range(node);
  if (isHidden(walk.html)) return replace(walk, start, end, "");
  if (walk.source[start] !== "[") return; // an autolink shows its own address
  const children = childrenOf(node);
  const last = children.at(-1);
  if (last === undefined || !showsSomething(node)) return replace(walk, start, end, "");
  for (const child of children) visit(walk, child);
  const tail = range(last).end;
  replace(walk, Math.max(tail, walk.at), end, `](${encodedUrl(url)})`);
}

const showsSomething = (node: Nodes): boolean => {
  if (node.type === "image" || node.type === "imageReference") return true;
  if (node.type === "text" || node.type === "inlineCode") return node.value.trim() !== "";
  return childrenOf(node).some((child) => showsSomething(child));
};

const imageText = (url: string): string =>
  /^https?:\/\//iu.test(url) ? `[image](${encodedUrl(url)})` : "[image]";

const encodedUrl = (url: string): string =>
  cut(url, 2_000).replaceAll(/[\s()<>"\\]/gu, (found) =>
    encodeURIComponent(found).replace("(", "%28").replace(")", "%29"),
  );

function keep(walk: Walk, until: number): void {
  if (until <= walk.at) return;
  walk.parts.push({ text: walk.source.slice(walk.at, until), code: false });
  walk.at = until;
}

function keepCode(walk: Walk, start: number, end: number, isMath: boolean): void {
  if (isHidden(walk.html)) return replace(walk, start, end, "");
  keep(walk, start);
  const code = walk.source.slice(start, end);
  walk.parts.push({ text: isMath ? withoutPhantoms(code) : code, code: true });
  walk.at = end;
}

function replace(walk: Walk, start: number, end: number, text: string): void {
  keep(walk, start);
  walk.parts.push({ text, code: false });
  walk.at = Math.max(walk.at, end);
}

const range = (node: Nodes): { start: number; end: number } => ({
  start: node.position?.start.offset ?? 0,
  end: node.position?.end.offset ?? 0,
});

function definitions(tree: Root): Map<string, string> {
  const urls = new Map<string, string>();
  each(tree, (node) => {
    if (node.type === "definition" && !urls.has(node.identifier))
      urls.set(node.identifier, node.url);
  });
  return urls;
}

/** Footnotes that the visible text leads to, also through other footnotes. */
function usedFootnotes(tree: Root): Set<string> {
  const outside = new Set<string>();
  const inside = new Map<string, Set<string>>();
  const collect = (node: Nodes, into: Set<string>): void => {
    if (node.type === "footnoteReference") into.add(node.identifier);
    const own = node.type === "footnoteDefinition" ? new Set<string>() : into;
    if (node.type === "footnoteDefinition") inside.set(node.identifier, own);
    for (const child of childrenOf(node)) collect(child, own);
  };
  collect(tree, outside);
  // A set that grows while it is walked visits what was added: at most one round per definition.
  for (const used of outside) for (const next of inside.get(used) ?? []) outside.add(next);
  return outside;
}

function each(node: Nodes, found: (node: Nodes) => void): void {
  found(node);
  for (const child of childrenOf(node)) each(child, found);
}

/** `\phantom{…}` in formulas takes space and shows nothing. */
function withoutPhantoms(text: string): string {
  if (!text.includes("phantom")) return text;
  let rest = text;
  for (let round = 0; round < 20; round += 1) {
    const start = rest.search(/\\[hv]?phantom\b/u);
    if (start === -1) return rest;
    rest = rest.slice(0, start) + rest.slice(endOfGroup(rest, start));
  }
  return rest.slice(0, Math.max(0, rest.search(/\\[hv]?phantom\b/u)));
}

function endOfGroup(text: string, start: number): number {
  let depth = 0;
  for (let index = start; index < text.length; index += 1) {
    if (text[index] === "{") depth += 1;
    if (text[index] === "}") depth -= 1;
    if (text[index] === "}" && depth <= 0) return index + 1;
  }
  return text.length;
}

/** Too costly to parse: code fences stay, of everything else only what stands outside of tags. */
function visiblePlain(source: string): readonly Part[] {
  const pieces = source.split(/^(?<fence>```[^\n]*\n[^]*?\n```[ \t]*$)/mu);
  return pieces.map((text, index) =>
    index % 2 === 1 ? { text, code: true } : { text: readHtml(text, VISIBLE).text, code: false },
  );
}

/** Cutting can put `<!-` and `-` together: what looks like a comment then is removed as well. */
function joined(parts: readonly Part[]): string {
  const chunks: { text: string; code: boolean }[] = [];
  for (const part of parts) {
    const last = chunks.at(-1);
    if (last !== undefined && !last.code && !part.code) last.text += part.text;
    else chunks.push({ ...part });
  }
  return chunks
    .map(({ text, code }) =>
      code
        ? text
        : withoutComments(text)
            .normalize("NFC")
            .replaceAll(/\n{3,}/gu, "\n\n"),
    )
    .join("");
}

function withoutComments(text: string): string {
  let rest = text;
  for (let round = 0; round < 20 && rest.includes("<!--"); round += 1)
    rest = rest.replaceAll(/<!--(?:[^]*?--!?>|[^\n]*(?:\n(?![ \t]*\n)[^\n]*)*)/gu, "");
  return rest.replaceAll("<!--", "");
}

function limited(text: string, missingBefore: number): string {
  if (text.length <= VISIBLE_MAX && missingBefore === 0) return text;
  const kept = cut(text, VISIBLE_MAX - 100);
  const missing = text.length - kept.length + missingBefore;
  return `${kept}\n\n[${missing} characters left out]`;
}

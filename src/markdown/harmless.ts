/**
 * Text that is not ours, as Markdown nodes that do nothing on GitHub: no mention, no reference, no closing
 * keyword, no command to a bot, no remote image, no raw HTML, no foreign link, no heading of our size
 * (security.md D7, E1–E6). What would act is put into a code span, where GitHub leaves it alone.
 */
import type {
  BlockContent,
  DefinitionContent,
  InlineCode,
  List,
  ListItem,
  Nodes,
  PhrasingContent,
  Root,
  Table,
  Text as TextNode,
} from "mdast";
import { childrenOf, parseMarkdown } from "./parse.ts";
import { cleanUnicode } from "./unicode.ts";

export interface HarmlessOptions {
  /** Hosts (name or name:port) a link in foreign text may lead to. */
  readonly allowedHosts: readonly string[];
  /** Takes secrets out; applied before and after parsing, so that markup inside a secret does not hide it. */
  readonly redact: (text: string) => string;
}

type Block = BlockContent | DefinitionContent;

/** Agent Markdown as harmless blocks. A text too costly to parse comes out as one code block. */
export function harmlessBlocks(markdown: string, options: HarmlessOptions): readonly Block[] {
  const source = options.redact(cleanUnicode(markdown));
  const tree = parseMarkdown(source);
  if (tree === null) return [codeBlock(source, null, options)];
  const walk: Walk = { options, urls: definitions(tree) };
  return tree.children.flatMap((child) => block(walk, child));
}

/** Plain text as harmless inline nodes: nothing in it is Markdown, nothing in it acts. */
export function harmlessText(text: string, options: HarmlessOptions): PhrasingContent[] {
  return joinedCode(inert(options.redact(cleanUnicode(text)), true));
}

/** A code span that stays on its line and holds no marker of ours. */
export const codeSpan = (text: string, options: HarmlessOptions): InlineCode => ({
  type: "inlineCode",
  value:
    withoutMarker(options.redact(cleanUnicode(text)))
      .replaceAll(/\s+/gu, " ")
      .trim() || "–",
});

/** A code block whose lines no bot takes for a command, and that GitHub renders as text only. */
export const codeBlock = (
  text: string,
  lang: string | null,
  options: HarmlessOptions,
): BlockContent => ({
  type: "code",
  lang: lang !== null && /^[\w+#.-]{1,30}$/u.test(lang) && !RENDERED.test(lang) ? lang : null,
  value: withoutMarker(options.redact(cleanUnicode(text))).replaceAll(COMMAND_LINES, "· $&"),
});

/** Languages of fences that GitHub runs or turns into buttons instead of showing them. */
const RENDERED = /^(?:mermaid|geojson|topojson|stl|math|suggestion)/iu;

interface Walk {
  readonly options: HarmlessOptions;
  readonly urls: ReadonlyMap<string, string>;
}

function block(walk: Walk, node: Nodes): Block[] {
  switch (node.type) {
    case "heading":
      return [
        {
          type: "heading",
          depth: node.depth < 4 ? 4 : node.depth,
          children: inlines(walk, node, true),
        },
      ];
    case "blockquote":
      return [{ type: "blockquote", children: blocks(walk, node) }];
    case "list":
      return [list(walk, node)];
    case "code":
      return [codeBlock(node.value, node.lang ?? null, walk.options)];
    case "thematicBreak":
      return [{ type: "thematicBreak" }];
    case "table":
      return [table(walk, node)];
    case "html":
      return htmlBlock(walk, node.value);
    case "footnoteDefinition":
      return [
        paragraph([{ type: "text", value: `[${node.identifier}]: ` }]),
        ...blocks(walk, node),
      ];
    case "definition":
    case "yaml":
      return [];
    case "listItem":
    case "root":
      return blocks(walk, node);
    case "break":
    case "delete":
    case "emphasis":
    case "footnoteReference":
    case "image":
    case "imageReference":
    case "inlineCode":
    case "link":
    case "linkReference":
    case "paragraph":
    case "strong":
    case "tableCell":
    case "tableRow":
    case "text":
      return [paragraph(inlines(walk, node, true))];
  }
}

const list = (walk: Walk, node: List): Block => ({
  type: "list",
  ordered: node.ordered ?? false,
  start: node.start ?? null,
  spread: false,
  children: node.children.map((item) => ({
    type: "listItem",
    spread: false,
    children: listItem(walk, item),
  })),
});

const table = (walk: Walk, node: Table): Block => ({
  type: "table",
  align: node.align ?? null,
  children: node.children.map((row) => ({
    type: "tableRow",
    children: row.children.map((cell) => ({
      type: "tableCell",
      children: inlines(walk, cell, false),
    })),
  })),
});

const blocks = (walk: Walk, node: Nodes): Block[] =>
  childrenOf(node).flatMap((child) => block(walk, child));

/** A live task box in our comment would be ours to honour: boxes become signs. */
function listItem(walk: Walk, item: ListItem): Block[] {
  const children = blocks(walk, item);
  if (typeof item.checked !== "boolean") return children;
  const sign: TextNode = { type: "text", value: item.checked ? "☑ " : "☐ " };
  const [first, ...rest] = children;
  if (first?.type === "paragraph") return [paragraph([sign, ...first.children]), ...rest];
  return [paragraph([sign]), ...children];
}

const paragraph = (children: PhrasingContent[]): Block => ({ type: "paragraph", children });

/** Raw HTML is shown as the text it is; comments are for machines and go. */
function htmlBlock(walk: Walk, html: string): Block[] {
  const text = withoutComments(html).trim();
  return text === "" ? [] : [paragraph(inert(walk.options.redact(text), true))];
}

/** Inline content. `lineStart`: a bot that reads line by line would see this at the start of one. */
function inlines(walk: Walk, node: Nodes, lineStart: boolean): PhrasingContent[] {
  const flat = childrenOf(node).flatMap((child) => inline(walk, child));
  const result: PhrasingContent[] = [];
  let text = "";
  const flush = (): void => {
    if (text !== "")
      result.push(...inert(walk.options.redact(text), lineStart && startsLine(result)));
    text = "";
  };
  // Neighbouring texts are joined first: "@" and "x" are harmless only as long as they stay apart.
  for (const child of flat)
    if (child.type === "text") text += child.value;
    else {
      flush();
      result.push(child);
    }
  flush();
  return joinedCode(result);
}

/** Two code spans side by side would share their backticks, and neither would be one. */
export function joinedCode(nodes: readonly PhrasingContent[]): PhrasingContent[] {
  const result: PhrasingContent[] = [];
  for (const node of nodes) {
    const last = result.at(-1);
    if (node.type === "inlineCode" && last?.type === "inlineCode")
      result[result.length - 1] = { type: "inlineCode", value: last.value + node.value };
    else result.push(node);
  }
  return result;
}

const startsLine = (before: readonly PhrasingContent[]): boolean =>
  before.length === 0 || before.at(-1)?.type === "break";

function inline(walk: Walk, node: Nodes): PhrasingContent[] {
  switch (node.type) {
    case "text":
      return [{ type: "text", value: node.value }];
    case "emphasis":
    case "strong":
    case "delete":
      return [{ type: node.type, children: inlines(walk, node, false) }];
    case "inlineCode":
      return [codeSpan(node.value, walk.options)];
    case "break":
      return [{ type: "break" }];
    case "html":
      return [{ type: "text", value: withoutComments(node.value) }];
    case "link":
      return link(walk, node, node.url);
    case "linkReference":
      return link(walk, node, walk.urls.get(node.identifier) ?? "");
    case "image":
      return picture(walk, node.alt ?? "", node.url);
    case "imageReference":
      return picture(walk, node.alt ?? "", walk.urls.get(node.identifier) ?? "");
    case "footnoteReference":
      return [{ type: "text", value: `[${node.identifier}]` }];
    case "blockquote":
    case "code":
    case "definition":
    case "footnoteDefinition":
    case "heading":
    case "list":
    case "listItem":
    case "paragraph":
    case "root":
    case "table":
    case "tableCell":
    case "tableRow":
    case "thematicBreak":
    case "yaml":
      return childrenOf(node).flatMap((child) => inline(walk, child));
  }
}

function link(walk: Walk, node: Nodes, url: string): PhrasingContent[] {
  const clean = walk.options.redact(url);
  const children = inlines(walk, node, false);
  const words = plain(node);
  if (clean === url && isAllowed(url, walk.options.allowedHosts)) {
    const shown = words === url ? [codeSpan(url, walk.options)] : children;
    return [{ type: "link", url, children: shown }];
  }
  const address = codeSpan(clean, walk.options);
  return isAddress(words, url) ? [address] : [...children, { type: "text", value: " " }, address];
}

const isAddress = (words: string, url: string): boolean =>
  words.trim() === "" || url.endsWith(words) || url === `mailto:${words}`;

/** A picture is fetched by everybody who looks: only its words and its address are kept. */
function picture(walk: Walk, alt: string, url: string): PhrasingContent[] {
  return [
    { type: "text", value: `image: ${alt} ` },
    ...link(walk, { type: "text", value: url }, url),
  ];
}

const plain = (node: Nodes): string =>
  "value" in node
    ? node.value
    : childrenOf(node)
        .map((child) => plain(child))
        .join("");

/** https or http to a listed host, without user name; never an issue or pull request, which would be told. */
function isAllowed(url: string, hosts: readonly string[]): boolean {
  if (!/^https?:\/\//iu.test(url) || !URL.canParse(url)) return false;
  const { host, hostname, username, password, pathname } = new URL(url);
  if (username !== "" || password !== "" || !(hosts.includes(host) || hosts.includes(hostname)))
    return false;
  return !/\/(?:issues|pull|discussions|commit)\//iu.test(pathname);
}

/** What acts on GitHub when it stands in text. Each alternative is linear. */
const ACTIVE = new RegExp(
  [
    String.raw`(?:https?|ftp):\/\/[^\s<>\x60]+`,
    String.raw`www\.[^\s<>\x60]+`,
    // Mentions of people and teams, commits (`owner/repo@sha`), addresses; look-alikes of the sign too.
    String.raw`[\w.\/+\-]{0,200}[@\uFF20\uFE6B][\w][\w.\/\-]{0,200}`,
    // Issues: `#1`, `GH-1`, `repo#1`, `owner/repo#1`.
    String.raw`[\w.\/\-]{0,200}#\d{1,20}`,
    String.raw`GH-\d{1,20}`,
  ].join("|"),
  "giu",
);

/** What other bots take for a command when a line begins with it, spaces or not. */
const COMMAND_LINES = new RegExp(
  String.raw`^[ \t]*(?:${[
    String.raw`\/[a-z][\w\-]*`,
    String.raw`(?:bors|homu)\b[^\n]*`,
    String.raw`@(?:bors|claude|codex|coderabbitai|copilot|cursor|dependabot|gemini|greptileai|jules|mergifyio|renovate|rustbot)\b`,
    String.raw`r[+=?\-]\S*`,
    String.raw`(?:retest|ok to test|rerun|rebase)\b`,
  ].join("|")})`,
  "gimu",
);

/** Text nodes and code spans: what acts goes into code. */
function inert(text: string, lineStart: boolean): PhrasingContent[] {
  const clean = withoutMarker(text);
  const spans: { start: number; end: number }[] = [];
  for (const match of clean.matchAll(ACTIVE))
    spans.push({ start: match.index, end: match.index + match[0].length });
  for (const match of clean.matchAll(COMMAND_LINES)) {
    if (match.index === 0 && !lineStart) continue;
    const start = match.index + (match[0].length - match[0].trimStart().length);
    spans.push({ start, end: match.index + match[0].length });
  }
  return pieces(
    clean,
    spans.toSorted((a, b) => a.start - b.start),
  );
}

function pieces(
  text: string,
  spans: readonly { readonly start: number; readonly end: number }[],
): PhrasingContent[] {
  const result: PhrasingContent[] = [];
  let at = 0;
  for (const { start, end } of spans) {
    if (end <= at) continue;
    const from = Math.max(at, start);
    if (from > at) result.push({ type: "text", value: text.slice(at, from) });
    result.push({ type: "inlineCode", value: text.slice(from, end) });
    at = end;
  }
  if (at < text.length) result.push({ type: "text", value: text.slice(at) });
  return result;
}

const withoutMarker = (text: string): string => text.replaceAll(/<!--(?=\s*orcha)/giu, "<!- -");

const withoutComments = (html: string): string => html.replaceAll(/<!--(?:[^]*?--!?>|[^]*$)/gu, "");

function definitions(tree: Root): Map<string, string> {
  const urls = new Map<string, string>();
  const collect = (node: Nodes): void => {
    if (node.type === "definition" && !urls.has(node.identifier))
      urls.set(node.identifier, node.url);
    for (const child of childrenOf(node)) collect(child);
  };
  collect(tree);
  return urls;
}

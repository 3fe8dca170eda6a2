/**
 * Our typed texts (src/domain/text.ts) to the Markdown GitHub gets. Only `mention` notifies and only
 * `reference` refers; whatever else looks like it is put into code. Secrets are taken out of every part
 * and of the whole. Never longer than GitHub takes.
 */
import type { BlockContent, DefinitionContent, PhrasingContent, Root } from "mdast";
import { gfmToMarkdown } from "mdast-util-gfm";
import { toMarkdown as serialise } from "mdast-util-to-markdown";
import type { Block, Inline, Text } from "../domain/text.ts";
import {
  codeBlock,
  codeSpan,
  harmlessBlocks,
  harmlessText,
  joinedCode,
  type HarmlessOptions,
} from "./harmless.ts";
import { redactText, redactValues } from "./redact-text.ts";
import { cut } from "./unicode.ts";

/** Longest body we post, in UTF-16 units; GitHub refuses more than 65,536. */
export const BODY_MAX = 60_000;

export interface OutgoingOptions {
  /** Hosts (name or name:port) that links in foreign text may lead to. */
  readonly allowedHosts: readonly string[];
  /** Values that must not be posted. */
  readonly secrets: readonly string[];
}

/** Markdown of at most `BODY_MAX` characters; what did not fit is counted in a note where it was. */
export function toMarkdown(text: Text, options: OutgoingOptions): string {
  const part: HarmlessOptions = {
    allowedHosts: options.allowedHosts,
    redact: (value) => redactText(value, options.secrets),
  };
  // Halving ends: after eleven rounds a foreign text of 60,000 characters is down to thirty.
  for (
    let foreignMax = BODY_MAX;
    foreignMax >= FOREIGN_MIN;
    foreignMax = Math.floor(foreignMax / 2)
  ) {
    const markdown = redactValues(render(text, part, foreignMax), options.secrets);
    if (markdown.length <= BODY_MAX) return markdown;
  }
  const markdown = redactValues(render(text, part, FOREIGN_MIN), options.secrets);
  return `${closed(cut(markdown, BODY_MAX - 200))}\n\n${missing(markdown.length - BODY_MAX + 200)}\n`;
}

/** A title: one line, harmless, at most 250 characters. Titles end up in merge commits. */
export function toTitle(title: string, options: OutgoingOptions): string {
  const line = redactText(title, options.secrets)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029]+/gu, " ")
    .replaceAll(/\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]/giu, "")
    .replaceAll(/\*\*\*NO_CI\*\*\*|^(?:##\[|##vso\[|::)/giu, "")
    .replaceAll(/[@\uFF20\uFE6B](?=\w)/gu, "")
    .replaceAll(/(?<name>[\w./-]*)#(?=\d)/gu, "$<name> no. ")
    .replaceAll(/\s+/gu, " ")
    .trim();
  return cut(line, 250) || "Changes";
}

const FOREIGN_MIN = 30;

type MdastBlock = BlockContent | DefinitionContent;

function render(text: Text, options: HarmlessOptions, foreignMax: number): string {
  const tree: Root = {
    type: "root",
    children: text.flatMap((part) => block(part, options, foreignMax)),
  };
  return serialise(tree, {
    extensions: [gfmToMarkdown()],
    bullet: "-",
    rule: "-",
    emphasis: "_",
    resourceLink: true,
  });
}

function block(part: Block, options: HarmlessOptions, foreignMax: number): MdastBlock[] {
  switch (part.kind) {
    case "paragraph":
      return [{ type: "paragraph", children: inlines(part.inlines, options) }];
    case "heading":
      return [{ type: "heading", depth: part.depth, children: inlines(part.inlines, options) }];
    case "list":
      return [
        {
          type: "list",
          ordered: part.ordered,
          start: part.ordered ? 1 : null,
          spread: false,
          children: part.items.map((item) => ({
            type: "listItem",
            spread: false,
            children: [{ type: "paragraph", children: inlines(item, options) }],
          })),
        },
      ];
    case "table":
      return [
        {
          type: "table",
          children: [part.header, ...part.rows].map((row) => ({
            type: "tableRow",
            children: row.map((cell) => ({ type: "tableCell", children: inlines(cell, options) })),
          })),
        },
      ];
    case "agent":
      return foreign(part.text, foreignMax, (kept) => harmlessBlocks(kept, options));
    case "quote":
      return foreign(part.text, foreignMax, (kept) => [
        { type: "blockquote", children: [...harmlessBlocks(kept, options)] },
      ]);
    case "code-block":
      return foreign(part.text, foreignMax, (kept) => [codeBlock(kept, null, options)]);
    case "details":
      return [
        html(
          `<details>\n<summary>${part.summary.map((item) => summaryHtml(item, options)).join("")}</summary>`,
        ),
        ...part.blocks.flatMap((child) => block(child, options, foreignMax)),
        html("</details>"),
      ];
  }
}

const html = (value: string): MdastBlock => ({ type: "html", value });

function foreign(
  text: string,
  max: number,
  show: (kept: string) => readonly MdastBlock[],
): MdastBlock[] {
  if (text.length <= max) return [...show(text)];
  const kept = cut(text, max);
  return [
    ...show(kept),
    {
      type: "paragraph",
      children: [{ type: "text", value: missing(text.length - kept.length) }],
    },
  ];
}

const missing = (count: number): string => `(${count} characters left out)`;

function inlines(parts: readonly Inline[], options: HarmlessOptions): PhrasingContent[] {
  const nodes = parts.flatMap((part, at): PhrasingContent[] => {
    const next = parts[at + 1];
    const live = part.kind === "mention" || part.kind === "reference";
    // "@bob" and "by" in a row would call somebody else.
    const joins = live && next !== undefined && /^[\w/-]/u.test(wordsOf(next));
    const shown = inline(part, options);
    return joins ? [...shown, { type: "text", value: " " }] : shown;
  });
  return joinedCode(nodes);
}

const wordsOf = (part: Inline): string => ("text" in part ? part.text : "@");

function inline(part: Inline, options: HarmlessOptions): PhrasingContent[] {
  switch (part.kind) {
    case "text":
      return harmlessText(part.text, options);
    case "strong":
      return [{ type: "strong", children: harmlessText(part.text, options) }];
    case "code":
      return [codeSpan(part.text, options)];
    case "link":
      return /^https?:\/\/[^\s]+$/iu.test(part.url) && URL.canParse(part.url)
        ? [{ type: "link", url: part.url, children: harmlessText(part.text, options) }]
        : harmlessText(part.text, options);
    case "mention":
      // Kept as HTML nodes: the serialiser would escape the sign's neighbours.
      return LOGIN.test(part.login)
        ? [{ type: "html", value: `@${part.login}` }]
        : [codeSpan(part.login, options)];
    case "reference":
      return [{ type: "html", value: `#${Math.trunc(part.number)}` }];
  }
}

/** GitHub's rule for user names, enterprise suffix included. */
const LOGIN = /^[A-Za-z0-9][A-Za-z0-9-]{0,60}(?:_[A-Za-z0-9]{1,20})?$/u;

/** Inside a summary GitHub reads HTML, not Markdown. */
function summaryHtml(part: Inline, options: HarmlessOptions): string {
  return inline(part, options)
    .map((node) => nodeHtml(node))
    .join("");
}

function nodeHtml(node: PhrasingContent): string {
  switch (node.type) {
    case "text":
      return escaped(node.value);
    case "inlineCode":
      return `<code>${escaped(node.value)}</code>`;
    case "strong":
      return `<strong>${node.children.map((child) => nodeHtml(child)).join("")}</strong>`;
    case "link":
      return `<a href="${escaped(node.url)}">${node.children.map((child) => nodeHtml(child)).join("")}</a>`;
    case "html":
      return node.value;
    // None of our inlines becomes one of these.
    case "break":
    case "delete":
    case "emphasis":
    case "footnoteReference":
    case "image":
    case "imageReference":
    case "linkReference":
      return "";
  }
}

const escaped = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll(/\s+/gu, " ");

/** A text cut in the middle of a fence or details would swallow what we write after it. */
function closed(markdown: string): string {
  const fences = markdown.match(/^ {0,3}(?:`{3,}|~{3,})/gmu) ?? [];
  const fence = fences.length % 2 === 1 ? `\n${fences.at(-1)?.trim() ?? ""}` : "";
  const open = (markdown.match(/^<details>$/gmu) ?? []).length;
  const shut = (markdown.match(/^<\/details>$/gmu) ?? []).length;
  return `${markdown}${fence}${"\n\n</details>".repeat(Math.max(0, open - shut))}`;
}

/**
 * Enough Markdown to read what people and bots write: paragraphs, headings, lists, tasks, tables, quotes, code, links,
 * details. Everything is escaped first; only what is recognized here becomes markup, so hostile text stays text.
 */
import { escape, type Markup, trusted } from "./markup.ts";

const linesMax = 5000;

export function renderMarkdown(text: string): Markup {
  const visible = text.replaceAll(/<!--[\s\S]*?(?:-->|$)/gu, "").replaceAll("\r\n", "\n");
  return trusted(blocks(visible.split("\n").slice(0, linesMax)));
}

/** A block that starts at this line: its markup and how many lines it took. */
type Block = { readonly markup: string; readonly taken: number } | undefined;

const readers: readonly ((lines: readonly string[], at: number) => Block)[] = [
  fence,
  details,
  heading,
  table,
  quote,
  list,
];

function blocks(lines: readonly string[]): string {
  const out: string[] = [];
  let paragraph: string[] = [];
  const flush = (): void => {
    if (paragraph.length > 0) out.push(`<p>${paragraph.map(inline).join("<br>")}</p>`);
    paragraph = [];
  };
  for (let at = 0; at < lines.length;) {
    const found = firstBlock(lines, at);
    if (found !== undefined) {
      flush();
      out.push(found.markup);
      at += found.taken;
      continue;
    }
    const line = lines[at] ?? "";
    if (line.trim() === "") flush();
    else paragraph.push(line);
    at += 1;
  }
  flush();
  return out.join("\n");
}

function firstBlock(lines: readonly string[], at: number): Block {
  for (const read of readers) {
    const found = read(lines, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function fence(lines: readonly string[], at: number): Block {
  const open = /^ {0,3}(`{3,}|~{3,})/u.exec(lines[at] ?? "")?.[1];
  if (open === undefined) return undefined;
  const end = lines.findIndex((line, index) => index > at && line.trim().startsWith(open));
  const stop = end === -1 ? lines.length : end;
  const code = escape(lines.slice(at + 1, stop).join("\n"));
  return { markup: `<pre><code>${code}</code></pre>`, taken: stop - at + 1 };
}

function details(lines: readonly string[], at: number): Block {
  const line = (lines[at] ?? "").trim();
  if (/^<\/?details(?: open)?>$/u.test(line)) return { markup: line, taken: 1 };
  const match = /^(<details(?: open)?>)?<summary>(.*)<\/summary>$/u.exec(line);
  if (match === null) return undefined;
  return { markup: `${match[1] ?? ""}<summary>${inline(match[2] ?? "")}</summary>`, taken: 1 };
}

function heading(lines: readonly string[], at: number): Block {
  const line = lines[at] ?? "";
  if (/^ {0,3}(?:-{3,}|\*{3,}|_{3,})\s*$/u.test(line)) return { markup: "<hr>", taken: 1 };
  const match = /^(#{1,6}) +(.*?)#*$/u.exec(line);
  if (match === null) return undefined;
  // The page itself has the first two levels.
  const level = Math.min(6, (match[1] ?? "").length + 2);
  return { markup: `<h${level}>${inline(match[2] ?? "")}</h${level}>`, taken: 1 };
}

function table(lines: readonly string[], at: number): Block {
  if (!(lines[at] ?? "").includes("|")) return undefined;
  if (!/^ *\|?(?: *:?-+:? *\|)+ *(?::?-+:? *)?$/u.test(lines[at + 1] ?? "")) return undefined;
  const rows: string[] = [];
  let taken = 2;
  while ((lines[at + taken] ?? "").includes("|")) {
    rows.push(row(lines[at + taken] ?? "", "td"));
    taken += 1;
  }
  const head = `<thead>${row(lines[at] ?? "", "th")}</thead>`;
  return { markup: `<table>${head}<tbody>${rows.join("")}</tbody></table>`, taken };
}

function row(line: string, cell: "th" | "td"): string {
  const inner = line.trim().replace(/^\|/u, "").replace(/\|$/u, "");
  const cells = inner.split(/(?<!\\)\|/u).map((text) => inline(text.trim().replaceAll("\\|", "|")));
  return `<tr>${cells.map((text) => `<${cell}>${text}</${cell}>`).join("")}</tr>`;
}

function quote(lines: readonly string[], at: number): Block {
  let taken = 0;
  while (/^ {0,3}>/u.test(lines[at + taken] ?? "")) taken += 1;
  if (taken === 0) return undefined;
  const inner = lines.slice(at, at + taken).map((line) => line.replace(/^ {0,3}> ?/u, ""));
  // Nested quotes are shown as text: depth is what hostile text would blow up.
  return { markup: `<blockquote>${inner.map(inline).join("<br>")}</blockquote>`, taken };
}

function list(lines: readonly string[], at: number): Block {
  const first = item(lines[at] ?? "");
  if (first === undefined) return undefined;
  const items: string[] = [];
  let taken = 0;
  for (let line = lines[at]; line !== undefined; line = lines[at + taken]) {
    const found = item(line);
    if (found !== undefined) items.push(`<li class="depth-${found.depth}">${found.markup}</li>`);
    else if (/^ {2,}\S/u.test(line)) items.push(`<li class="more">${inline(line.trim())}</li>`);
    else break;
    taken += 1;
  }
  const tag = first.ordered ? "ol" : "ul";
  return { markup: `<${tag}>${items.join("")}</${tag}>`, taken };
}

function item(
  line: string,
): { readonly markup: string; readonly ordered: boolean; readonly depth: number } | undefined {
  const match = /^( *)([-*+]|\d{1,9}[.)]) +(?:\[([ xX])\] )?(.*)$/u.exec(line);
  if (match === null) return undefined;
  const [, indent = "", bullet = "", task, content = ""] = match;
  const box = task === undefined ? "" : task === " " ? "☐ " : "☑ ";
  const depth = Math.min(4, Math.floor(indent.length / 2));
  return { markup: `${box}${inline(content)}`, ordered: /\d/u.test(bullet), depth };
}

/** Code spans first, so that nothing inside them is touched. */
function inline(text: string): string {
  return text
    .split(/(`+[^`]+`+)/u)
    .map((part) =>
      /^`.*`$/u.test(part)
        ? `<code>${escape(part.replaceAll(/^`+|`+$/gu, ""))}</code>`
        : marks(part),
    )
    .join("");
}

function marks(text: string): string {
  return escape(text)
    .replaceAll(/!?\[([^\]\n]*)\]\((https?:\/\/[^\s)]+)\)/gu, (_, label: string, url: string) =>
      anchor(url, label),
    )
    .replaceAll(
      /(^|[\s(])(https?:\/\/[^\s<)]+[^\s<).,;:])/gu,
      (_, before: string, url: string) => `${before}${anchor(url, url)}`,
    )
    .replaceAll(/\*\*([^*\n]+)\*\*/gu, "<strong>$1</strong>")
    .replaceAll(/(^|[\s(])_([^_\n]+)_(?=[\s).,;:!?]|$)/gu, "$1<em>$2</em>")
    .replaceAll(/~~([^~\n]+)~~/gu, "<del>$1</del>")
    .replaceAll(/&lt;(\/?(?:sub|sup|kbd))&gt;/gu, "<$1>")
    .replaceAll(/&lt;br ?\/?&gt;/gu, "<br>");
}

function anchor(url: string, label: string): string {
  return `<a href="${url}" rel="noopener noreferrer nofollow">${label}</a>`;
}

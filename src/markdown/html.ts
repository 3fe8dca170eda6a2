/**
 * Just enough HTML to know what of it a reader sees: which elements hide their content, and where they end.
 * Not a renderer, and stricter than a browser: what is not closed hides everything after it.
 */

export interface HtmlState {
  /** Open elements that hide, innermost last. A `summary` inside `details` shows again. */
  readonly stack: readonly string[];
}

export const VISIBLE: HtmlState = { stack: [] };

export const isHidden = ({ stack }: HtmlState): boolean =>
  stack.length > 0 && stack.at(-1) !== "summary";

/** Reads a piece of HTML: the text a reader sees in it, and the state after it. Linear. */
export function readHtml(html: string, before: HtmlState): { text: string; state: HtmlState } {
  let state = before;
  let text = "";
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    const end = open === -1 ? html.length : open;
    if (!isHidden(state)) text += html.slice(at, end);
    if (open === -1) break;
    const close = endOfTag(html, open);
    state = step(state, html.slice(open, close));
    at = close;
  }
  return { text, state };
}

function endOfTag(html: string, open: number): number {
  if (!html.startsWith("<!--", open)) {
    const close = html.indexOf(">", open);
    return close === -1 ? html.length : close + 1;
  }
  // What a browser takes for the end of a comment, parse errors included.
  const end = /--!?>/gu;
  end.lastIndex = open + 2;
  const found = end.exec(html);
  return found === null ? html.length : found.index + found[0].length;
}

const HIDES =
  /^(?:script|style|template|title|picture|noscript|svg|math|object|head|iframe|audio|video|canvas|select|textarea|noembed|noframes|xmp|plaintext)$/u;
const DEPTH_MAX = 50;

function step(state: HtmlState, tag: string): HtmlState {
  const match = /^<(?<slash>\/?)(?<name>[A-Za-z][A-Za-z0-9-]*)/u.exec(tag)?.groups;
  if (match === undefined) return state;
  const name = (match["name"] ?? "").toLowerCase();
  if (match["slash"] === "/") {
    const at = state.stack.lastIndexOf(name);
    return at === -1 ? state : { stack: state.stack.slice(0, at) };
  }
  const { stack } = state;
  if (stack.length >= DEPTH_MAX) return state;
  if (name === "summary" && stack.at(-1) === "details") return { stack: [...stack, name] };
  if (name === "details" && /\sopen(?:[\s=>/]|$)/iu.test(tag) && !isHidden(state)) return state;
  if (name === "details" || HIDES.test(name)) return { stack: [...stack, name] };
  if (VOID.test(name) || tag.endsWith("/>")) return state;
  // Elements of the same name inside a hidden one are counted, or the first end tag would show the rest.
  if (hidesByAttribute(tag) || stack.includes(name)) return { stack: [...stack, name] };
  return state;
}

const VOID = /^(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)$/u;

const hidesByAttribute = (tag: string): boolean =>
  /[\s"'/](?:hidden|style|aria-hidden|popover|inert)(?:[\s=>/]|$)/iu.test(tag);

/**
 * A YAML text checked by a schema, or one problem that names the line, the key, its value and what is
 * allowed. For files people write by hand.
 */
import { LineCounter, parseDocument, type Document } from "yaml";
import type * as z from "zod";

export interface YamlProblem {
  readonly line: number | null;
  readonly message: string;
}

export type ParsedYaml<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: YamlProblem };

const TEXT_MAX = 64 * 1024;

/** An empty text is an empty table. `keys`: the keys known at each dotted path, "" is the top. */
export function parseYaml<T>(
  text: string,
  schema: z.ZodType<T>,
  keys: Readonly<Record<string, readonly string[]>>,
): ParsedYaml<T> {
  if (text.length > TEXT_MAX) return bad(null, `the file is longer than ${TEXT_MAX} characters`);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
  });
  const [error] = document.errors;
  if (error !== undefined) return bad(lines.linePos(error.pos[0]).line, lowerFirst(error.message));
  const value: unknown = toPlain(document);
  const parsed = schema.safeParse(value ?? {}, { reportInput: true });
  if (parsed.success) return { ok: true, value: parsed.data };
  return problemOf(parsed.error.issues[0], document, lines, keys);
}

const bad = (line: number | null, message: string): ParsedYaml<never> => ({
  ok: false,
  problem: { line, message },
});

/** Aliases are expanded up to the library's limit of 100: no file grows a million times. */
function toPlain(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    return "too many aliases"; // reported like any value that is not a table
  }
}

function problemOf(
  issue: z.core.$ZodIssue | undefined,
  document: Document,
  lines: LineCounter,
  keys: Readonly<Record<string, readonly string[]>>,
): ParsedYaml<never> {
  if (issue === undefined) return bad(null, "the file is not understood");
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const full = [...path, key];
    return bad(
      lineOf(document, lines, full),
      `unknown key \`${full.join(".")}\`; known here: ${(keys[path.join(".")] ?? []).join(", ")}`,
    );
  }
  const name = path.length === 0 ? "the file" : `\`${path.join(".")}\``;
  const value = path.length === 0 ? "" : ` is ${shown(issue.input)}, but`;
  return bad(lineOf(document, lines, path), `${name}${value} ${allowed(issue)}`);
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 80);

function allowed(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_value":
      return `must be one of: ${issue.values.map(String).join(", ")}`;
    case "invalid_type":
      return `must be ${ARTICLES[issue.expected] ?? issue.expected}`;
    case "too_big":
      return `must be at most ${issue.maximum}${unit(issue.origin)}`;
    case "too_small":
      return `must be at least ${issue.minimum}${unit(issue.origin)}`;
    case "custom":
    case "invalid_element":
    case "invalid_format":
    case "invalid_key":
    case "invalid_union":
    case "not_multiple_of":
    case "unrecognized_keys":
      return lowerFirst(issue.message);
  }
}

const ARTICLES: Readonly<Record<string, string>> = {
  object: "a table of keys and values",
  array: "a list",
  string: "a text",
  int: "a whole number",
  number: "a number",
};

const unit = (origin: string): string =>
  origin === "string" ? " characters" : origin === "array" ? " entries" : "";

function lineOf(document: Document, lines: LineCounter, path: readonly string[]): number | null {
  for (let length = path.length; length > 0; length -= 1) {
    const key = keyNode(document, path.slice(0, length));
    if (key !== null) return lines.linePos(key).line;
  }
  return path.length === 0 ? 1 : null;
}

/** Where the key (or list entry) at `path` begins. */
function keyNode(document: Document, path: readonly string[]): number | null {
  const parent: unknown =
    path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (typeof parent !== "object" || parent === null || !("items" in parent)) return null;
  if (!Array.isArray(parent.items)) return null;
  const last = path.at(-1) ?? "";
  for (const [index, item] of parent.items.entries()) {
    const key: unknown =
      typeof item === "object" && item !== null && "key" in item ? item.key : item;
    const name = hasValue(key) ? String(key.value) : null;
    const isPair = typeof item === "object" && item !== null && "key" in item;
    if (isPair ? name === last : String(index) === last) return startOf(key);
  }
  return null;
}

const hasValue = (node: unknown): node is { readonly value: unknown } =>
  typeof node === "object" && node !== null && "value" in node;

function startOf(node: unknown): number | null {
  if (typeof node !== "object" || node === null || !("range" in node)) return null;
  const range: unknown = node.range;
  const first: unknown = Array.isArray(range) ? range[0] : null;
  return typeof first === "number" ? first : null;
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

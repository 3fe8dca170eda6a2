/** `${name.path.0}` in every string of a step. Pure. */
import { ScriptError } from "./steps.ts";

const PLACEHOLDER = /\$\{(?<path>[A-Za-z_]\w*(?:\.[\w-]+)*)\}/gu;
const ONLY = /^\$\{(?<path>[A-Za-z_]\w*(?:\.[\w-]+)*)\}$/u;

/** Fills in a value of any shape. A string that is exactly one placeholder keeps the value's type. Throws ScriptError. */
export function fill(value: unknown, variables: Readonly<Record<string, unknown>>): unknown {
  if (typeof value === "string") {
    const path = ONLY.exec(value)?.groups?.["path"];
    return path === undefined ? fillText(value, variables) : look(path, variables);
  }
  if (Array.isArray(value)) return value.map((item: unknown) => fill(item, variables));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, fill(item, variables)]),
  );
}

export function fillText(text: string, variables: Readonly<Record<string, unknown>>): string {
  return text.replaceAll(PLACEHOLDER, (_, path: string) => asText(look(path, variables)));
}

function look(path: string, variables: Readonly<Record<string, unknown>>): unknown {
  let value: unknown = variables;
  for (const part of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) {
      const known = Object.keys(variables).join(", ") || "none";
      throw new ScriptError(`\${${path}}: there is no ${part}; saved so far: ${known}`);
    }
    value = Reflect.get(value, part);
  }
  return value;
}

export function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

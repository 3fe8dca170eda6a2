/** Careful reading of JSON that somebody else wrote: what is not there, or of another type, is undefined. */

export type Fields = Readonly<Record<string, unknown>>;

/** Undefined = not JSON, or no object. */
export function parseObject(line: string): Fields | undefined {
  // Most of what is no JSON is seen without an exception, which costs more than all the rest.
  if (!/^\s*\{/u.test(line)) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isFields(value) ? value : undefined;
  } catch {
    // Anything may stand in an agent's output.
    return undefined;
  }
}

/** What is found on this way into nested objects. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (!isFields(found) || !Object.hasOwn(found, name)) return undefined;
    found = found[name];
  }
  return found;
}

export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === "string" ? found : undefined;
}

export function numberAt(value: unknown, ...path: readonly string[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === "number" && Number.isFinite(found) ? found : undefined;
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

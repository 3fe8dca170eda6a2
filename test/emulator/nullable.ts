/** OpenAPI 3.0 says `nullable: true` where JSON Schema, which ajv reads, has a type "null". */
/** The same description in JSON Schema's words. */
export function nullable(schema: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const rewritten: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(schema)) rewritten[key] = rewrite(item);
  return rewritten;
}

function rewrite(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewrite);
  if (typeof value !== "object" || value === null) return value;
  const schema: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) schema[key] = rewrite(item);
  if (schema["nullable"] !== true) return schema;
  delete schema["nullable"];
  const list = schema["enum"];
  if (Array.isArray(list) && !list.includes(null)) schema["enum"] = [...list, null];
  if (typeof schema["type"] === "string") {
    schema["type"] = [schema["type"], "null"];
    return schema;
  }
  return { anyOf: [schema, { type: "null" }] };
}

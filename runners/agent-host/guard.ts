/** Looks before the agent starts whether the repository would change how it runs: where requests go, what is loaded. */
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Guard } from "../../src/dialects/dialect.ts";

/** Settings are small. */
const BYTES_MAX = 256 * 1024;

/** Null = nothing stands in the way. */
export function whyNot(workspace: string, guards: readonly Guard[]): string | null {
  for (const { path, harmless } of guards) {
    const found = lstatSync(join(workspace, path), { throwIfNoEntry: false });
    if (found === undefined) continue;
    const what =
      harmless.length > 0 && found.isFile() && found.size <= BYTES_MAX
        ? harmful(join(workspace, path), harmless)
        : "";
    if (what === null) continue;
    return `the repository's ${path}${what} would change how the agent runs, and the agent cannot be told to leave it alone; take it out of the branch, or use another agent`;
  }
  return null;
}

/** What of it is harmful, for people; null = nothing. */
function harmful(file: string, harmless: readonly string[]): string | null {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return " (which is not plain JSON)";
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const keys = Object.keys(value).filter((key) => !harmless.includes(key));
  return keys.length === 0 ? null : ` (${keys.slice(0, 5).join(", ")})`;
}

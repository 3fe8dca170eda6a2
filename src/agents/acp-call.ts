/** Tool calls of the Agent Client Protocol: their names, results and changes of files, for people. */
import { at, listAt, textAt } from "../dialects/json.ts";
import type { Finding } from "./driver.ts";

const DETAIL_CHARACTERS = 500;

/** The protocol has a kind and a title; a name only for what has no kind. */
export function describeCall(
  title: string,
  kind: string,
): { readonly name: string; readonly detail: string } {
  const detail = title.slice(0, DETAIL_CHARACTERS);
  if (kind === "other") return { name: detail === "" ? "tool" : detail, detail: "" };
  const name = kind === "execute" ? "shell" : kind;
  return { name, detail: detail === name ? "" : detail };
}

/** The texts of its content. */
export const textIn = (update: unknown): string =>
  listAt(update, "content")
    .map((part) => textAt(part, "content", "text"))
    .filter((text) => text !== undefined)
    .join("\n");

/** Programs that show no differences name at least the file. */
export function changesIn(update: unknown, kind: string, path: string | null): readonly Finding[] {
  const changes: Finding[] = listAt(update, "content")
    .filter((part) => textAt(part, "type") === "diff")
    .map((part) => ({
      kind: "file-change",
      path: textAt(part, "path") ?? path ?? "",
      change: isNew(part) ? "added" : "changed",
    }));
  if (changes.length > 0 || path === null) return changes;
  if (kind === "delete") return [{ kind: "file-change", path, change: "removed" }];
  if (kind !== "edit" && kind !== "move") return [];
  const added = at(update, "rawOutput", "metadata", "exists") === false;
  return [{ kind: "file-change", path, change: added ? "added" : "changed" }];
}

/** Gemini CLI says an empty old text for a new file, and its kind beside it. */
const isNew = (diff: unknown): boolean =>
  textAt(diff, "_meta", "kind") === "add" || at(diff, "oldText") === null;

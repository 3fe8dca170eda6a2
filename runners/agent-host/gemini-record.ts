/**
 * Gemini CLI 0.61 loses the record of a conversation that is opened again. It begins a second file for it, named by the
 * minute: in the minute of the first beginning that is the same file, which it empties; otherwise its tidying up takes
 * the second for broken, and deletes all files of the conversation at the next start. So the first is named as if it were
 * of the minute before, and the second ones are taken away; it finds a conversation by what is in the file. Records lie in
 * a folder for each workspace: no other session's are touched.
 */
import { readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Opening } from "../../src/dialects/dialect.ts";

const MINUTE_MS = 60_000;

/** `home` = where `.gemini` is. */
export function prepareRecord(
  { conversation, record }: Pick<Opening, "conversation" | "record">,
  home: string,
  now: Date,
): void {
  if (conversation === null || record !== "gemini") return;
  const short = conversation.slice(0, 8);
  const nameAt = (time: number): string =>
    `session-${new Date(time).toISOString().slice(0, 16).replace(":", "-")}-${short}.jsonl`;
  for (const folder of foldersIn(join(home, ".gemini", "tmp"))) {
    const chats = join(folder, "chats");
    const [first, ...others] = namesIn(chats)
      .filter((name) => name.startsWith("session-") && name.endsWith(`-${short}.jsonl`))
      .toSorted();
    if (first === undefined) continue;
    const { size } = statSync(join(chats, first));
    for (const other of others)
      if (statSync(join(chats, other)).size < size) rmSync(join(chats, other), { force: true });
    if (first === nameAt(now.getTime()))
      renameSync(join(chats, first), join(chats, nameAt(now.getTime() - MINUTE_MS)));
  }
}

const foldersIn = (path: string): readonly string[] =>
  namesIn(path).map((name) => join(path, name));

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    // No folder: nothing is recorded there.
    return [];
  }
}

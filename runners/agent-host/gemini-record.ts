/**
 * Gemini CLI 0.61 loses the record of a conversation that is opened again. It begins a second file for it, named by the
 * minute: in the minute of the first beginning that is the same file, which it empties; otherwise its tidying up takes
 * the second for broken, and deletes all files of the conversation at the next start. So we wait for the next minute,
 * and take the second files away. Records lie in a folder for each workspace: no other session's are touched.
 */
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Opening } from "../../src/dialects/dialect.ts";

const MINUTE_MS = 60_000;
/** The agent's clock is ours, but it starts a little later. */
const MARGIN_MS = 250;

/** How long the start has to wait, in ms. `home` = where `.gemini` is. */
export function prepareRecord(
  { conversation, record }: Pick<Opening, "conversation" | "record">,
  home: string,
  now: Date,
): number {
  if (conversation === null || record !== "gemini") return 0;
  const ends = `-${conversation.slice(0, 8)}.jsonl`;
  const minute = now.toISOString().slice(0, 16).replace(":", "-");
  let waitMs = 0;
  for (const folder of foldersIn(join(home, ".gemini", "tmp"))) {
    const chats = join(folder, "chats");
    const [first, ...others] = namesIn(chats)
      .filter((name) => name.startsWith("session-") && name.endsWith(ends))
      .toSorted();
    if (first === undefined) continue;
    const { size } = statSync(join(chats, first));
    for (const other of others)
      if (statSync(join(chats, other)).size < size) rmSync(join(chats, other), { force: true });
    if (first.startsWith(`session-${minute}`))
      waitMs = MINUTE_MS - (now.getTime() % MINUTE_MS) + MARGIN_MS;
  }
  return waitMs;
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

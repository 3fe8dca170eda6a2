/**
 * Gemini CLI 0.61 loses the record of a conversation that is opened again. It begins a second file for it, named by the
 * minute: in the minute of the first beginning that is the same file, which it empties; otherwise its tidying up takes
 * the second for broken, and deletes all files of the conversation at the next start. So the first is named as if it were
 * of the minute before, and the second ones are taken away; it finds a conversation by what is in the file. Records lie in
 * a folder for each workspace, which has the workspace's path in `.project_root`: a session that has another checkout now
 * takes its record along. No other session's are touched.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Opening } from "../../src/dialects/dialect.ts";

const MINUTE_MS = 60_000;

/** `home` = where `.gemini` is. */
export function prepareRecord(
  { conversation, record, workspace }: Pick<Opening, "conversation" | "record" | "workspace">,
  home: string,
  now: Date,
): void {
  if (conversation === null || record !== "gemini") return;
  const short = conversation.slice(0, 8);
  const nameAt = (time: number): string =>
    `session-${new Date(time).toISOString().slice(0, 16).replace(":", "-")}-${short}.jsonl`;
  const tmp = join(home, ".gemini", "tmp");
  for (const folder of foldersIn(tmp)) {
    const chats = join(folder, "chats");
    const [first, ...others] = namesIn(chats)
      .filter((name) => name.startsWith("session-") && name.endsWith(`-${short}.jsonl`))
      .toSorted();
    if (first === undefined) continue;
    const { size } = statSync(join(chats, first));
    for (const other of others)
      if (statSync(join(chats, other)).size < size) rmSync(join(chats, other), { force: true });
    const name = first === nameAt(now.getTime()) ? nameAt(now.getTime() - MINUTE_MS) : first;
    const owner = ownerOf(folder);
    const to = owner === null || owner === workspace ? chats : chatsOf(tmp, workspace, short);
    renameSync(join(chats, first), join(to, name));
  }
}

const MARK = ".project_root";

/** The workspace that a folder of records is for; null = it does not say. */
function ownerOf(folder: string): string | null {
  try {
    return readFileSync(join(folder, MARK), "utf8").trim();
  } catch {
    // No mark: not a folder of records, or an older program's.
    return null;
  }
}

/** The program finds the folder of a workspace by the mark, whatever its name. */
function chatsOf(tmp: string, workspace: string, short: string): string {
  const found = foldersIn(tmp).find((folder) => ownerOf(folder) === workspace);
  const folder = found ?? join(tmp, newName(tmp, `orcha-${short}`));
  const chats = join(folder, "chats");
  mkdirSync(chats, { recursive: true });
  if (found === undefined) writeFileSync(join(folder, MARK), workspace);
  return chats;
}

function newName(tmp: string, name: string): string {
  const taken = namesIn(tmp).filter((one) => one.startsWith(name));
  return `${name}-${taken.length + 1}`;
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

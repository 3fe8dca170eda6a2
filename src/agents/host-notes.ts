/** What a driver remembers of the agent host's notes: whether the past is told, which messages were taken. */
import type { Finding } from "./driver.ts";
import { readNote } from "./notes.ts";

export interface HostNotes {
  /** The agent tells what was said before: nothing of it happens now. */
  readonly replaying: boolean;
  /** The conversation began before this attempt. */
  readonly resumed: boolean;
  /** Null = not open yet. */
  readonly conversation: string | null;
  /** The newest messages that were taken: each is found once. */
  readonly taken: readonly string[];
}

export const NO_NOTES: HostNotes = {
  replaying: false,
  resumed: false,
  conversation: null,
  taken: [],
};

const TAKEN_MAX = 100;

/** Null = the line is the agent's. */
export function hear(
  before: HostNotes,
  line: string,
): { readonly notes: HostNotes; readonly findings: readonly Finding[] } | null {
  const note = readNote(line);
  if (note === null) return null;
  const { replaying = before.replaying } = note;
  let { conversation, taken } = before;
  const findings: Finding[] = [];
  for (const finding of note.findings) {
    if (finding.kind === "message-taken") {
      if (taken.includes(finding.id)) continue;
      taken = taken.slice(1 - TAKEN_MAX).concat(finding.id);
    } else if (finding.kind === "conversation") conversation = finding.id;
    findings.push(finding);
  }
  const resumed = before.resumed || replaying;
  return { notes: { replaying, resumed, conversation, taken }, findings };
}

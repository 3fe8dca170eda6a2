/** What the agent host's notes mean, for every driver. */
import { parseNote } from "../dialects/note.ts";
import type { Finding } from "./driver.ts";

/** Null = the line is the agent's. `line` = what the agent printed, when it had to be wrapped. */
export function readNote(line: string): {
  readonly findings: readonly Finding[];
  readonly replaying?: boolean;
  readonly line?: string;
} | null {
  const note = parseNote(line);
  if (note === null) return null;
  switch (note.kind) {
    case "ready":
      return { findings: [{ kind: "conversation", id: note.conversation }] };
    case "taken":
      return { findings: [{ kind: "message-taken", id: note.id, how: note.how }] };
    case "queued":
      return { findings: [{ kind: "message-queued", id: note.id }] };
    case "permission": {
      const { what, allowed, why } = note;
      return { findings: [{ kind: "permission", what, allowed, why }] };
    }
    case "replay":
      return { findings: [], replaying: note.on };
    case "failed": {
      const { reason, retry } = note;
      return { findings: [{ kind: "turn-ended", failure: { reason, retry } }] };
    }
    case "overlong":
      return {
        findings: [
          { kind: "unknown", text: `a line of ${note.bytes} bytes is too long to be understood` },
        ],
      };
    case "line":
      return { findings: [{ kind: "unknown", text: note.text }], line: note.text };
  }
}

/**
 * What the agent host says itself, between the agent's lines: `{"orcha":{…}}`. A line of the agent that begins like one
 * is wrapped, so that nothing an agent prints can be taken for ours.
 */
import * as z from "zod/mini";

const Note = z.discriminatedUnion("kind", [
  /** The conversation is open: messages reach it from here on. */
  z.object({ kind: z.literal("ready"), conversation: z.string() }),
  /** The agent has this message: as a turn of its own, or into the turn that runs. */
  z.object({ kind: z.literal("taken"), id: z.string(), how: z.enum(["turn", "steered"]) }),
  /** It cannot be steered: the message waits for the end of the turn. */
  z.object({ kind: z.literal("queued"), id: z.string() }),
  /** A permission prompt, answered by the profile. */
  z.object({
    kind: z.literal("permission"),
    what: z.string(),
    allowed: z.boolean(),
    why: z.string(),
  }),
  /** Between these two the agent tells again what was said before. */
  z.object({ kind: z.literal("replay"), on: z.boolean() }),
  /** The conversation could not be opened, or cannot go on. `retry` false = trying again cannot help. */
  z.object({ kind: z.literal("failed"), reason: z.string(), retry: z.boolean() }),
  /** A line that is too long to be understood; it is in the transcript. */
  z.object({ kind: z.literal("overlong"), bytes: z.number() }),
  /** A line of the agent that looks like a note. */
  z.object({ kind: z.literal("line"), text: z.string() }),
]);

export type Note = z.infer<typeof Note>;

const BEGIN = '{"orcha":';

export const noteLine = (note: Note): string => `${BEGIN}${JSON.stringify(note)}}`;

/** Whether the agent's line has to be wrapped. */
export const looksLikeNote = (line: string): boolean => line.trimStart().startsWith(BEGIN);

/** Ours are shorter. A line that the host could not hold to look at it is longer (runners/agent-host/host.ts). */
const CHARACTERS_MAX = 2 * 1024 * 1024;

/** Null = a line of the agent. */
export function parseNote(line: string): Note | null {
  if (!line.startsWith(BEGIN) || line.length > CHARACTERS_MAX) return null;
  try {
    const value: unknown = JSON.parse(line.slice(BEGIN.length, -1));
    const parsed = Note.safeParse(value);
    return parsed.success ? parsed.data : null;
  } catch {
    // Cut off by a full disk or a kill: as good as not said.
    return null;
  }
}

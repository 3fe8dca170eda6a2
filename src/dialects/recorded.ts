/**
 * Messages that the agent's own record of the conversation holds already: a process that was killed had them. They are
 * not given again; if nothing else is to be said, the agent is told to go on.
 */

export interface Message {
  readonly id: string;
  readonly text: string;
}

/** Said in place of messages that are recorded already. Not a message of ours: nobody waits for it. */
export const GO_ON =
  "You were interrupted before you had finished with what you were told last. Look at what is there and go on.";

/** Longest record that is kept in mind: of the newest messages, only the last ones can come again. */
const RECORDED_MAX = 1_000;

export const remember = (recorded: readonly string[], ids: readonly string[]): readonly string[] =>
  ids.length === 0 ? recorded : [...recorded, ...ids].slice(-RECORDED_MAX);

export function sortOut(
  recorded: readonly string[],
  queue: readonly Message[],
): { readonly fresh: readonly Message[]; readonly known: readonly Message[] } {
  const ids = new Set(recorded);
  return {
    fresh: queue.filter(({ id }) => !ids.has(id)),
    known: queue.filter(({ id }) => ids.has(id)),
  };
}

/** A line of its own at the end of a message, so that it is found again in what the agent tells of the past. */
export const mark = (id: string): string => `(message ${id})`;

export const marksIn = (text: string): readonly string[] =>
  [...text.matchAll(/\(message (?<id>[\w:.-]{1,128})\)/gu)].map(
    ({ groups }) => groups?.["id"] ?? "",
  );

/** One attempt on a modelled runner's disk: its journal, its output, its inputs and tool calls. No behaviour. */
import type { JournalEntry, JournalLine } from "../../../src/protocol/journal.ts";
import type { AttemptSpec, InputLine } from "../../../src/protocol/requests.ts";

export type CallState =
  | { readonly kind: "open"; readonly tool: string; readonly args: unknown }
  | {
      readonly kind: "answered";
      readonly outcome: "result" | "parked";
      readonly isError: boolean;
      readonly content: string;
    };

export interface Attempt {
  readonly session: string;
  readonly number: number;
  readonly journal: JournalLine[];
  readonly inputs: InputLine[];
  readonly calls: Map<string, CallState>;
  spec: AttemptSpec | null;
  out: Buffer;
  err: Buffer;
  stopped: boolean;
  /** A preparation that is under way; resolves when it is journaled how it ended. */
  preparing: Promise<void> | null;
}

export const newAttempt = (session: string, number: number): Attempt => ({
  session,
  number,
  journal: [],
  inputs: [],
  calls: new Map(),
  spec: null,
  out: Buffer.alloc(0),
  err: Buffer.alloc(0),
  stopped: false,
  preparing: null,
});

export const lastOf = (attempt: Attempt, kind: JournalEntry["kind"]): JournalLine | undefined =>
  attempt.journal.findLast(({ entry }) => entry.kind === kind);

export const isFinished = (attempt: Attempt): boolean =>
  ["exited", "prepare-failed"].includes(attempt.journal.at(-1)?.entry.kind ?? "");

export const isRunning = (attempt: Attempt): boolean =>
  lastOf(attempt, "spawned") !== undefined && !isFinished(attempt);

export const isBusy = (attempt: Attempt): boolean =>
  isRunning(attempt) || attempt.preparing !== null;

export function append(attempt: Attempt, entry: JournalEntry, at: number): void {
  const outAt = lastOf(attempt, "spawned") === undefined ? 0 : attempt.out.byteLength;
  attempt.journal.push({ seq: attempt.journal.length + 1, outAt, at, entry });
}

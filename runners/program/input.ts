/**
 * Lines for the agent. The file `in` is what it reads; a line is journaled before it is appended, and the
 * text waits in `input.pending` in between, so that a crash at any point neither loses nor doubles it.
 */
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { InputLine } from "../../src/protocol/requests.ts";
import { readIfThere, sizeOf, writeAll, writeAtomic } from "./files.ts";
import type { JournalFile } from "./journal-file.ts";

export interface InputTarget {
  readonly directory: string;
  readonly journal: JournalFile;
  /** Bytes in `out` now. */
  outAt(): number;
}

/** Stores the line once per id. Throws what the file system throws; then it may be repeated. */
export function storeInput(target: InputTarget, { id, line }: InputLine): void {
  const { directory, journal } = target;
  if (journal.inputs.has(id)) {
    completeInput(target);
    return;
  }
  // Completes what a full disk may have cut off before, so that `offset` is right.
  completeInput(target);
  const bytes = Buffer.from(`${line}\n`);
  const offset = sizeOf(join(directory, "in"));
  writeAtomic(join(directory, "input.pending"), JSON.stringify({ id, offset, line }));
  journal.append({ kind: "input-stored", id, offset, length: bytes.byteLength }, target.outAt());
  completeInput(target);
}

/** Appends what is missing of the line journaled last. Does nothing when all of it is there. */
export function completeInput({ directory, journal }: InputTarget): void {
  const last = journal.last.input;
  if (last === undefined) return;
  const path = join(directory, "in");
  const missing = last.offset + last.length - sizeOf(path);
  if (missing <= 0) return;
  const pending: unknown = JSON.parse(readIfThere(join(directory, "input.pending")) ?? "null");
  const line = lineOf(pending, last.id);
  if (line === undefined) return;
  const bytes = Buffer.from(`${line}\n`);
  const fd = openSync(path, "a", 0o600);
  try {
    writeAll(fd, bytes.subarray(bytes.byteLength - missing));
  } finally {
    closeSync(fd);
  }
}

function lineOf(pending: unknown, id: string): string | undefined {
  if (typeof pending !== "object" || pending === null) return undefined;
  if (!("id" in pending) || pending.id !== id || !("line" in pending)) return undefined;
  return typeof pending.line === "string" ? pending.line : undefined;
}

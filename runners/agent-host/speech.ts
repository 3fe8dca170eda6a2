/** What the host writes: the agent's bytes as they are, and notes of ours between its lines, never inside one. */
import { writeSync } from "node:fs";
import { noteLine, type Note } from "../../src/dialects/note.ts";

export interface Speech {
  /** Whole lines, each with its newline. */
  lines(bytes: Uint8Array): void;
  /** A part of a line that is too long to be kept. */
  piece(bytes: Uint8Array): void;
  /** The end of such a line. */
  lineEnds(): void;
  say(note: Note): void;
}

/** How long to wait before a full disk is tried again. */
const FULL_DISK_MS = 1_000;
const NEWLINE = 0x0a;

export function openSpeech(write: (bytes: Uint8Array) => void = writeOut): Speech {
  /** The last byte of the long line that is under way. */
  let last: number | undefined;
  let held: Note[] = [];
  const say = (note: Note): void => {
    if (last === undefined) write(Buffer.from(`${noteLine(note)}\n`));
    else held.push(note);
  };
  return {
    lines: write,
    piece(bytes) {
      last = bytes.at(-1) ?? last;
      write(bytes);
    },
    lineEnds() {
      if (last !== undefined && last !== NEWLINE) write(Buffer.from("\n"));
      last = undefined;
      const notes = held;
      held = [];
      for (const note of notes) say(note);
    },
    say,
  };
}

const writeOut = (bytes: Uint8Array): void => print(1, bytes);

/** Synchronous, so that what was said is written when we die. A full disk is waited for: the agent waits with us. */
export function print(fd: 1 | 2, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength;) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "ENOSPC" || code === "EDQUOT") pause(FULL_DISK_MS);
      else if (code !== "EAGAIN") throw error;
    }
  }
}

const pause = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

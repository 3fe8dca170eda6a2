/**
 * Where to take up a record whose transcript here is shorter than its cursor says: the database was restored on
 * another machine, or the files were. The cursor goes back to the last whole line that is there, and the runner
 * sends the rest again; what was found in it enters by its position, so it enters once.
 */
import type { Cursor } from "../store/port.ts";
import type { Stream, Transcripts } from "../store/transcripts.ts";

const PART_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

interface Place {
  readonly session: string;
  readonly attempt: number;
}

/** The same cursor when everything up to it is there. Journal entries are rows: they are where they were. */
export const rewind = (transcripts: Transcripts, place: Place, cursor: Cursor): Cursor => ({
  out: reach(transcripts, { ...place, stream: "out" }, cursor.out),
  err: reach(transcripts, { ...place, stream: "err" }, cursor.err),
  seq: cursor.seq,
});

function reach(
  transcripts: Transcripts,
  place: Place & { readonly stream: Stream },
  cursor: number,
): number {
  if (cursor === 0 || isThere(transcripts, place, cursor - 1)) return cursor;
  let end = lengthBelow(transcripts, place, cursor);
  while (end > 0) {
    const from = Math.max(0, end - PART_BYTES);
    const part = transcripts.read({ ...place, from, bytesMax: end - from });
    const newline = part.lastIndexOf(NEWLINE);
    if (newline !== -1) return from + newline + 1;
    end = from;
  }
  return 0;
}

const isThere = (
  transcripts: Transcripts,
  place: Place & { readonly stream: Stream },
  at: number,
): boolean => transcripts.read({ ...place, from: at, bytesMax: 1 }).byteLength === 1;

/** Halves until it is found: transcripts tell what they have, not how much. */
function lengthBelow(
  transcripts: Transcripts,
  place: Place & { readonly stream: Stream },
  limit: number,
): number {
  let [has, lacks] = [0, limit];
  while (has < lacks) {
    const middle = Math.floor((has + lacks) / 2);
    if (isThere(transcripts, place, middle)) has = middle + 1;
    else lacks = middle;
  }
  return has;
}

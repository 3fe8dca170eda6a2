/**
 * Where the lines of a transcript are: a sparse index in a file beside it, one entry for every 64 KiB of text, so
 * that any page of any transcript costs a search and the reading of one such part. It is no data: what is missing
 * or does not fit is made again from the text.
 *
 * An entry: offset of the first byte of a line (6 bytes), number of lines before it (6 bytes), CRC-32 of both.
 */
import { closeSync, ftruncateSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";

const STEP_BYTES = 64 * 1024;
const ENTRY_BYTES = 16;
const PART_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

export const indexPath = (text: string): string => `${text}.idx`;

interface Entry {
  readonly offset: number;
  readonly line: number;
}

const START: Entry = { offset: 0, line: 0 };

/** Kept while a transcript grows. Its writer is the only one. */
export interface LineIndex {
  /** Bytes that were just appended to the text. */
  appended(bytes: Uint8Array): void;
  /** The text is shorter than it was. */
  cut(): void;
  close(): void;
}

/** Reads what of the text is not in the index yet. */
export function openLineIndex(path: string, textFd: number): LineIndex {
  const fd = openSync(path, "a+", 0o600);
  let at: Growing;
  const resume = (): void => {
    const { size } = fstatSync(textFd);
    const count = lastFitting(fd, textFd, size);
    ftruncateSync(fd, count * ENTRY_BYTES);
    const last = entryAt(fd, count - 1) ?? START;
    at = { ...last, length: last.offset, marked: last.offset };
    for (const part of partsOf(textFd, last.offset, size)) grow(at, part, fd);
  };
  resume();
  return {
    appended: (bytes) => grow(at, bytes, fd),
    cut: resume,
    close: () => closeSync(fd),
  };
}

interface Growing {
  /** Lines that have ended. */
  line: number;
  /** First byte after the last of them. */
  offset: number;
  /** Of the text. */
  length: number;
  /** Offset of the last entry. */
  marked: number;
}

function grow(at: Growing, bytes: Uint8Array, fd: number): void {
  const base = at.length;
  at.length += bytes.byteLength;
  for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, end + 1)) {
    at.line += 1;
    at.offset = base + end + 1;
    if (at.offset - at.marked < STEP_BYTES) continue;
    at.marked = at.offset;
    writeSync(fd, encode(at));
  }
}

function encode({ offset, line }: Entry): Buffer {
  const entry = Buffer.alloc(ENTRY_BYTES);
  entry.writeUIntLE(offset, 0, 6);
  entry.writeUIntLE(line, 6, 6);
  entry.writeUInt32LE(crc32(entry.subarray(0, 12)), 12);
  return entry;
}

/** Null when there is none, or it is not whole. */
function entryAt(fd: number, index: number): Entry | null {
  if (index < 0) return null;
  const entry = Buffer.alloc(ENTRY_BYTES);
  if (readSync(fd, entry, 0, ENTRY_BYTES, index * ENTRY_BYTES) < ENTRY_BYTES) return null;
  if (crc32(entry.subarray(0, 12)) !== entry.readUInt32LE(12)) return null;
  return { offset: entry.readUIntLE(0, 6), line: entry.readUIntLE(6, 6) };
}

/** How many entries from the first on may be believed: after a power loss the last ones may be anything. */
function lastFitting(fd: number, textFd: number, size: number): number {
  let count = Math.floor(fstatSync(fd).size / ENTRY_BYTES);
  while (count > 0 && !fits(entryAt(fd, count - 1), textFd, size)) count -= 1;
  return count;
}

/** Is there the begin of a line? */
function fits(entry: Entry | null, textFd: number, size: number): boolean {
  if (entry === null || entry.offset > size) return false;
  const before = Buffer.alloc(1);
  return readSync(textFd, before, 0, 1, entry.offset - 1) === 1 && before[0] === NEWLINE;
}

function* partsOf(fd: number, from: number, to: number): Iterable<Uint8Array> {
  const buffer = Buffer.allocUnsafe(PART_BYTES);
  for (let at = from; at < to;) {
    const read = readSync(fd, buffer, 0, Math.min(PART_BYTES, to - at), at);
    if (read === 0) return;
    at += read;
    yield buffer.subarray(0, read);
  }
}

export interface Lines {
  /** Without their newlines. */
  readonly lines: readonly string[];
  /** There are more from `from + lines.length` on. */
  readonly more: boolean;
}

export interface LineRange {
  /** Number of the first line wanted, from 0 on. */
  readonly from: number;
  readonly count: number;
  /** Of all lines together; what does not fit of the last one is left out. */
  readonly bytesMax: number;
}

/** Reads lines of a text that may be growing. Without an index it reads from the begin. */
export function readLines(path: string, range: LineRange): Lines {
  const textFd = openSync(path, "r");
  try {
    const { size } = fstatSync(textFd);
    return collect(textFd, size, startOf(path, textFd, size, range.from), range);
  } finally {
    closeSync(textFd);
  }
}

/** The last entry at or before this line. */
function startOf(path: string, textFd: number, size: number, from: number): Entry {
  const fd = openIfThere(indexPath(path));
  if (fd === null) return START;
  try {
    let low = 0;
    let high = Math.floor(fstatSync(fd).size / ENTRY_BYTES);
    let best = START;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = entryAt(fd, middle);
      if (entry === null || entry.line > from || entry.offset > size) high = middle;
      else {
        best = entry;
        low = middle + 1;
      }
    }
    return best === START || fits(best, textFd, size) ? best : START;
  } finally {
    closeSync(fd);
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

function collect(
  fd: number,
  size: number,
  start: Entry,
  { from, count, bytesMax }: LineRange,
): Lines {
  const lines: string[] = [];
  let skip = from - start.line;
  let room = bytesMax;
  let rest: Buffer = Buffer.alloc(0);
  for (const part of partsOf(fd, start.offset, size)) {
    let at = 0;
    for (; skip > 0; skip--) {
      const end = part.indexOf(NEWLINE, at);
      if (end === -1) break;
      at = end + 1;
    }
    if (skip > 0) continue;
    const whole = Buffer.concat([rest, part.subarray(at)]);
    let begin = 0;
    for (let end = whole.indexOf(NEWLINE); end !== -1; end = whole.indexOf(NEWLINE, begin)) {
      if (lines.length === count || room <= 0) return { lines, more: true };
      lines.push(whole.toString("utf8", begin, Math.min(end, begin + room)));
      room -= end - begin;
      begin = end + 1;
    }
    rest = Buffer.from(whole.subarray(begin));
    if (lines.length === count || room <= 0) return { lines, more: rest.byteLength > 0 };
    if (rest.byteLength > room) {
      lines.push(rest.toString("utf8", 0, room));
      return { lines, more: true };
    }
  }
  if (rest.byteLength > 0 && lines.length < count) lines.push(rest.toString("utf8"));
  return { lines, more: false };
}

/**
 * Redaction of what an agent said before it is stored (decision 15): known secret values only, overwritten
 * with `*` at the same length, so that offsets stay those of the runner's file and a line of JSON stays one.
 * Pattern rules are for posted texts only (redact-text.ts).
 */
import { needlesOf, SECRET_MIN } from "./needles.ts";
import { redactText } from "./redact-text.ts";

export interface Redactor {
  /** One whole line without its newline: same number of bytes, a line that parsed as JSON still does. */
  line(bytes: Uint8Array): Uint8Array;
  /** For texts that are shown: values in every encoding, long pieces of them, and patterns. */
  text(text: string): string;
}

/** Asks for the secrets on every call: tokens are minted while it runs. */
export function openRedactor(secrets: () => readonly string[]): Redactor {
  let seen: readonly string[] = [];
  let list: readonly string[] = seen;
  let index = indexOf([]);
  const current = (): Index => {
    const now = secrets();
    if (now === list && now.length === seen.length) return index;
    list = now;
    if (now.length !== seen.length || now.some((secret, at) => secret !== seen[at])) {
      seen = [...now];
      index = indexOf(seen);
    }
    return index;
  };
  return {
    line: (bytes) => redactLine(bytes, current()),
    text: (text) => redactText(text, secrets()),
  };
}

const PREFIX = 4;
interface Index {
  /** Needles by their first four bytes. */
  readonly needles: ReadonlyMap<number, readonly Buffer[]>;
  /** 1 = needles may begin so. Asked for every byte an agent prints: a map would cost ten times as much. */
  readonly filter: Uint8Array;
}

const FILTER_BITS = 16;
/** Spreads keys that differ in few bits (Knuth's multiplicative hash). */
const placeOf = (key: number): number => Math.imul(key, 0x9e37_79b1) >>> (32 - FILTER_BITS);

function indexOf(secrets: readonly string[]): Index {
  const index = new Map<number, Buffer[]>();
  const filter = new Uint8Array(2 ** FILTER_BITS);
  for (const secret of secrets)
    for (const needle of needlesOf(secret)) {
      const bytes = Buffer.from(needle, "utf8");
      if (bytes.length < SECRET_MIN) continue;
      const key = bytes.readInt32BE(0);
      filter[placeOf(key)] = 1;
      const same = index.get(key);
      if (same === undefined) index.set(key, [bytes]);
      else same.push(bytes);
    }
  return { needles: index, filter };
}

function redactLine(bytes: Uint8Array, index: Index): Uint8Array {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const hits = findHits(line, index);
  if (hits.length === 0) return bytes;
  const redacted = Buffer.from(line);
  for (const hit of hits) {
    const { start, end } = widened(line, hit);
    redacted.fill(STAR, start, end);
  }
  // A value that spans quotes or stands where a number does: nothing smaller than the line is safe.
  if (parses(line) && !parses(redacted)) {
    redacted.fill(STAR);
    redacted[0] = QUOTE;
    redacted[redacted.length - 1] = QUOTE;
  }
  return redacted;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

const STAR = 0x2a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

function findHits(line: Buffer, { needles, filter }: Index): readonly Range[] {
  const hits: Range[] = [];
  if (needles.size === 0 || line.length < SECRET_MIN) return hits;
  let key = line.readInt32BE(0);
  for (let start = 0; ; start += 1) {
    if (filter[placeOf(key)] === 1)
      for (const needle of needles.get(key) ?? []) {
        const end = start + needle.length;
        if (end <= line.length && line.compare(needle, 0, needle.length, start, end) === 0)
          hits.push({ start, end });
      }
    const next = line[start + PREFIX];
    if (next === undefined) return hits;
    key = (key << 8) | next; // bitwise operators keep 32 bits, as readInt32BE does
  }
}

/** No escape sequence and no UTF-8 sequence is cut in two. */
function widened(line: Buffer, { start, end }: Range): Range {
  let from = start;
  let to = end;
  while (from > 0 && isContinuation(line[from])) from -= 1;
  while (to < line.length && isContinuation(line[to])) to += 1;
  return { start: escapeAround(line, from)?.start ?? from, end: escapeAround(line, to)?.end ?? to };
}

const isContinuation = (byte: number | undefined): boolean =>
  byte !== undefined && (byte & 0xc0) === 0x80;

const ESCAPE_MAX = 6; // \uXXXX

/** The JSON escape that begins before `at` and ends after it. */
function escapeAround(line: Buffer, at: number): Range | null {
  for (let start = at - 1; start >= 0 && start > at - ESCAPE_MAX; start -= 1) {
    if (line[start] !== BACKSLASH || backslashesBefore(line, start) % 2 === 1) continue;
    const end = Math.min(line.length, start + (line[start + 1] === LETTER_U ? ESCAPE_MAX : 2));
    if (at < end) return { start, end };
  }
  return null;
}

function backslashesBefore(line: Buffer, at: number): number {
  let count = 0;
  while (count < at && line[at - 1 - count] === BACKSLASH) count += 1;
  return count;
}

function parses(line: Buffer): boolean {
  try {
    JSON.parse(line.toString("utf8"));
    return true;
  } catch {
    return false; // not JSON: nothing to keep parseable
  }
}

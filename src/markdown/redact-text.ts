/**
 * Secrets out of a text that people will read. Known values in every encoding, any 16 characters of them
 * in a row ("leave out the first seven" must not help), and what looks like a credential by its pattern.
 * Not covered: a value broken up by separators every few characters, or reversed.
 */
import { needlesOf, SECRET_MIN } from "./needles.ts";

const REDACTED = "(redacted)";

/** Linear in the text for a given set of secrets. */
export const redactText = (text: string, secrets: readonly string[]): string =>
  without(text, [...valueRanges(text, secrets), ...patternRanges(text)]);

/** Known values only: for finished Markdown, where a pattern could take markup for part of a credential. */
export const redactValues = (text: string, secrets: readonly string[]): string =>
  without(text, valueRanges(text, secrets));

function without(text: string, ranges: readonly Range[]): string {
  if (ranges.length === 0) return text;
  let result = "";
  let at = 0;
  for (const { start, end } of merged(ranges)) {
    result += text.slice(at, start) + REDACTED;
    at = end;
  }
  return result + text.slice(at);
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Length of the pieces of a secret that are recognised by themselves. */
const PIECE = 16;

function valueRanges(text: string, secrets: readonly string[]): readonly Range[] {
  const ranges: Range[] = [];
  for (const { set, beginnings } of piecesOf(secrets))
    for (let start = 0; start + PIECE <= text.length; start += 1)
      if (beginnings[beginningAt(text, start)] === 1 && set.has(text.slice(start, start + PIECE)))
        ranges.push({ start, end: start + PIECE });
  for (const secret of secrets)
    for (const needle of needlesOf(secret))
      if (needle.length < PIECE) ranges.push(...occurrences(text, needle));
  return ranges;
}

function occurrences(text: string, needle: string): readonly Range[] {
  const ranges: Range[] = [];
  if (needle.length < SECRET_MIN) return ranges;
  for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + 1))
    ranges.push({ start: at, end: at + needle.length });
  return ranges;
}

interface Pieces {
  readonly set: ReadonlySet<string>;
  /** 1 where a piece begins so. Hardly any text does, and to look into the set costs ten times as much. */
  readonly beginnings: Uint8Array;
}

/** Four characters as a number of 16 bits. */
const beginningAt = (text: string, at: number): number =>
  (text.charCodeAt(at) ^
    (text.charCodeAt(at + 1) << 3) ^
    (text.charCodeAt(at + 2) << 6) ^
    (text.charCodeAt(at + 3) << 9)) &
  0xff_ff;

function withBeginnings(set: ReadonlySet<string>): Pieces {
  const beginnings = new Uint8Array(0x1_00_00);
  for (const piece of set) beginnings[beginningAt(piece, 0)] = 1;
  return { set, beginnings };
}

/** By the list itself: whoever keeps the secrets hands out a new list only when they changed. */
const memory = new WeakMap<readonly string[], readonly Pieces[]>();

/**
 * All pieces of all forms of all secrets. The frame of a PEM block and runs of one character are no secret. Keys have
 * a set each: with every new token their thousands of pieces would be put together with it again.
 */
function piecesOf(secrets: readonly string[]): readonly Pieces[] {
  const known = memory.get(secrets);
  if (known !== undefined) return known;
  const each = secrets.map((secret) => piecesOfOne(secret));
  const together = new Set<string>();
  const made: Pieces[] = [];
  for (const pieces of each)
    if ("beginnings" in pieces) made.push(pieces);
    else for (const piece of pieces.set) together.add(piece);
  if (together.size > 0) made.push(withBeginnings(together));
  memory.set(secrets, made);
  return made;
}

const LARGE = 2_000;

/** A new token must not make us cut up the others and the App's key again. The oldest goes first. */
const pieced = new Map<string, Pieces | Pick<Pieces, "set">>();
const PIECED_MAX = 200;

function piecesOfOne(secret: string): Pieces | Pick<Pieces, "set"> {
  const known = pieced.get(secret);
  if (known !== undefined) return known;
  const set = new Set(cutUp(secret));
  const [oldest] = pieced.keys();
  if (pieced.size >= PIECED_MAX && oldest !== undefined) pieced.delete(oldest);
  const pieces = set.size < LARGE ? { set } : withBeginnings(set);
  pieced.set(secret, pieces);
  return pieces;
}

function* cutUp(secret: string): Iterable<string> {
  for (const part of partsOf(secret))
    for (const needle of needlesOf(part))
      for (let start = 0; start + PIECE <= needle.length; start += 1) {
        const piece = needle.slice(start, start + PIECE);
        if (isVaried(piece)) yield piece;
      }
}

/** More than four different characters. */
function isVaried(piece: string): boolean {
  let seen = "";
  for (const character of piece) {
    if (seen.includes(character)) continue;
    seen += character;
    if (seen.length > 4) return true;
  }
  return false;
}

const partsOf = (secret: string): readonly string[] =>
  secret.includes("\n")
    ? secret.split(/\r?\n/u).filter((line) => line !== "" && !line.startsWith("-----"))
    : [secret];

/** Shapes of credentials, by their issuers' documentation. Each is linear: no nested repetition. */
const PATTERNS: readonly RegExp[] = [
  /\bgh[opusr]_[A-Za-z0-9._-]{36,}/gu,
  /\bgithub_pat_[A-Za-z0-9_]{40,}/gu,
  /\bsk-ant-[A-Za-z0-9_-]{20,}/gu,
  /\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}/gu,
  /\bAIza[A-Za-z0-9_-]{35}/gu,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/gu,
  /\bnpm_[A-Za-z0-9]{36}/gu,
  /\bglpat-[A-Za-z0-9_-]{20,}/gu,
  /\bhf_[A-Za-z0-9]{30,}/gu,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}/gu,
  /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}/gu,
  /\b\d{8,10}:AA[A-Za-z0-9_-]{33}/gu,
  /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/gu,
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[A-Za-z0-9+/=\s\\:,-]{0,20000}/gu,
];

/** The same, where only a part of the match is the secret. */
const CAPTURES: readonly RegExp[] = [
  /\b(?:bearer|token)\s{1,3}(?<secret>[A-Za-z0-9._~+/-]{24,})/giu,
  /\bbasic\s{1,3}(?<secret>[A-Za-z0-9+/=]{20,})/giu,
  /\b[a-z][a-z0-9+.-]{1,15}:\/\/[^\s:/?#@\x60<>]{0,100}:(?<secret>[^\s:/?#@\x60<>]{3,200})@/giu,
];

function patternRanges(text: string): readonly Range[] {
  const ranges: Range[] = [];
  for (const pattern of PATTERNS)
    for (const match of text.matchAll(pattern))
      ranges.push({ start: match.index, end: match.index + match[0].length });
  for (const pattern of CAPTURES)
    for (const match of text.matchAll(pattern)) {
      const secret = match.groups?.["secret"] ?? "";
      const start = match.index + match[0].lastIndexOf(secret);
      ranges.push({ start, end: start + secret.length });
    }
  return ranges;
}

function merged(ranges: readonly Range[]): readonly Range[] {
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

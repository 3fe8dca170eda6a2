/**
 * The shapes a secret value can take in text: as it is, escaped, encoded. Two users: `redact.ts` (whole
 * lines before they are stored) and `redact-text.ts` (texts we post).
 */

/** Values shorter than this are not secrets worth hiding: they would hit everywhere. */
export const SECRET_MIN = 8;

/** Every form of one secret, longest first. Bounded: twelve forms per secret, and its lines. Remembers what it made. */
export function needlesOf(secret: string): readonly string[] {
  const known = memory.get(secret);
  if (known !== undefined) return known;
  const needles = makeNeedles(secret);
  if (memory.size >= MEMORY_MAX) memory.clear();
  memory.set(secret, needles);
  return needles;
}

const memory = new Map<string, readonly string[]>();
const MEMORY_MAX = 1_000;

function makeNeedles(secret: string): readonly string[] {
  if (secret.length < SECRET_MIN) return [];
  const bytes = Buffer.from(secret, "utf8");
  const json = JSON.stringify(secret).slice(1, -1);
  const hex = bytes.toString("hex");
  const base64 = [0, 1, 2].map((offset) => base64At(bytes, offset));
  const forms = [
    secret,
    json,
    JSON.stringify(json).slice(1, -1),
    encodeURIComponent(secret.toWellFormed()),
    hex,
    hex.toUpperCase(),
    ...base64,
    ...base64.map((form) => form.replaceAll("+", "-").replaceAll("/", "_")),
    ...bodyLines(secret),
  ];
  return [...new Set(forms)]
    .filter((form) => form.length >= SECRET_MIN)
    .toSorted((a, b) => b.length - a.length);
}

/** A PEM key is told line by line, or in one piece without its line breaks; each line gives a part of it away. */
function bodyLines(secret: string): readonly string[] {
  const lines = secret.split("\n").map((line) => line.trim());
  const body = lines.filter((line) => line.length >= BODY_LINE_MIN && !line.startsWith("-----"));
  return lines.length < 2 ? [] : [...body.slice(0, BODY_LINES_MAX), body.join("")];
}

const BODY_LINE_MIN = 20;
/** A 16,384 bit RSA key has about 200. */
const BODY_LINES_MAX = 256;

/** The characters of base64 that depend on these bytes alone when they start at `offset` modulo 3. */
function base64At(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
  const from = Math.ceil((offset * 8) / 6);
  const to = Math.floor(((offset + bytes.length) * 8) / 6);
  return encoded.slice(from, to);
}

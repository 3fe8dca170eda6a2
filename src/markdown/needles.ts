/**
 * The shapes a secret value can take in text: as it is, escaped, encoded. Two users: `redact.ts` (whole
 * lines before they are stored) and `redact-text.ts` (texts we post).
 */

/** Values shorter than this are not secrets worth hiding: they would hit everywhere. */
export const SECRET_MIN = 8;

/** Every form of one secret, longest first. Bounded: twelve forms per secret. Remembers what it made. */
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
  ];
  return [...new Set(forms)]
    .filter((form) => form.length >= SECRET_MIN)
    .toSorted((a, b) => b.length - a.length);
}

/** The characters of base64 that depend on these bytes alone when they start at `offset` modulo 3. */
function base64At(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
  const from = Math.ceil((offset * 8) / 6);
  const to = Math.floor(((offset + bytes.length) * 8) / 6);
  return encoded.slice(from, to);
}

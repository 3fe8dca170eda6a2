/** Times as GitHub writes them: UTC, whole seconds. */
export function iso(ms: number): string;
export function iso(ms: number | undefined): string | null;
export function iso(ms: number | undefined): string | null {
  if (ms === undefined) return null;
  const second = Math.floor(ms / 1000);
  const known = texts.get(second);
  if (known !== undefined) return known;
  const text = new Date(second * 1000).toISOString().replace(".000Z", "Z");
  if (texts.size >= textsMax) texts.clear();
  texts.set(second, text);
  return text;
}

/** One answer says the same few times again and again, and a date's text is slow to make. */
const texts = new Map<number, string>();
const textsMax = 1000;

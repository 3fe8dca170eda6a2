/**
 * Characters a human cannot see, removed: they are how instructions are smuggled into a prompt and how a
 * mention or a file name is disguised in a comment. Not a spell checker: visible look-alikes stay.
 */

/**
 * The text without control, format, private, unassigned and default-ignorable characters, blank look-alikes
 * and noncharacters. Line ends become `\n`. Joiners and selectors stay inside an emoji sequence only.
 * Linear in the length of the text.
 */
export function cleanUnicode(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\r\n?|[\u2028\u2029\u0085]/gu, "\n")
    .replaceAll(HIDDEN_OR_EMOJI, (found) => (EMOJI.test(found) ? found : ""));
}

/** `cleanUnicode` on one line, for titles and names. */
export const cleanLine = (text: string): string =>
  cleanUnicode(text).replaceAll(/\s+/gu, " ").trim();

/** The first `max` UTF-16 units, never half a character. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const half = /[\uD800-\uDBFF]/u.test(text.charAt(max - 1)) ? 1 : 0;
  return text.slice(0, max - half);
}

const HIDDEN = String.raw`[[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800\uFFFC]--[\n\t]]`;
/** An emoji as Unicode writes it: keycap, flag, sub-division flag (tag characters), or a joined sequence. */
const PICTURE = String.raw`\p{Extended_Pictographic}(?:\uFE0F|\p{Emoji_Modifier})?`;
const SEQUENCE = [
  String.raw`[0-9#*]\uFE0F\u20E3`,
  String.raw`\u{1F3F4}[\u{E0030}-\u{E0039}\u{E0061}-\u{E007A}]{2,8}\u{E007F}`,
  String.raw`${PICTURE}(?:\u200D${PICTURE}){0,9}`,
].join("|");

const HIDDEN_OR_EMOJI = new RegExp(`${SEQUENCE}|${HIDDEN}`, "gv");
const EMOJI = new RegExp(`^(?:${SEQUENCE})$`, "v");

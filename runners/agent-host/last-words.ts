/** The end of what an agent said on stderr, for the reason that people read when it ended by itself. */

export interface LastWords {
  feed(chunk: Buffer): void;
  /** One line, at most 300 characters; empty = it said nothing. */
  line(): string;
}

const KEPT_BYTES = 8 * 1024;
const CHARACTERS_MAX = 300;
/** What programs end a crash with says less than the line before: a stack, the version of the runtime. */
const ERROR =
  /\b(?:error|failed|fatal|panic|cannot|unable|not found|denied|invalid|unknown|unexpected)\b|Error:/iu;
// oxlint-disable-next-line no-control-regex -- colours of a terminal
const COLOURS = /\u001b\[[0-9;]*[A-Za-z]/gu;

export function openLastWords(): LastWords {
  let kept: Buffer = Buffer.alloc(0);
  return {
    feed(chunk) {
      kept = Buffer.concat([kept, chunk]).subarray(-KEPT_BYTES);
    },
    line() {
      const lines = kept
        .toString("utf8")
        .replaceAll(COLOURS, "")
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "");
      const found = lines.findLast((line) => ERROR.test(line)) ?? lines.at(-1) ?? "";
      return found.slice(0, CHARACTERS_MAX);
    },
  };
}

/** Bytes to whole lines. What is longer than `max` is let through in pieces and not kept. */

export interface LineReader {
  feed(chunk: Buffer): void;
  /** The last line, if it had no newline. */
  end(): void;
}

export interface LineEvents {
  /** `bytes` with its newline, `text` without; bytes that are no UTF-8 are shown as U+FFFD in `text` only. */
  line(text: string, bytes: Buffer): void;
  /** A piece of a line that is too long. */
  piece(bytes: Buffer): void;
  /** Its end. */
  overlong(bytes: number): void;
}

const NEWLINE = 0x0a;

export function readLines(max: number, events: LineEvents): LineReader {
  let held: Buffer[] = [];
  let length = 0;
  /** Bytes of the long line that are through already. */
  let through = 0;

  const take = (part: Buffer): void => {
    held.push(part);
    length += part.byteLength;
    if (through === 0 && length <= max) return;
    through += length;
    events.piece(Buffer.concat(held));
    held = [];
    length = 0;
  };
  const close = (): void => {
    if (through > 0) events.overlong(through);
    else {
      const bytes = Buffer.concat(held);
      const text = bytes.toString("utf8");
      events.line(text.endsWith("\n") ? text.slice(0, -1) : text, bytes);
    }
    held = [];
    length = 0;
    through = 0;
  };
  return {
    feed(chunk) {
      let from = 0;
      for (;;) {
        const end = chunk.indexOf(NEWLINE, from);
        if (end === -1) break;
        take(chunk.subarray(from, end + 1));
        close();
        from = end + 1;
      }
      if (from < chunk.byteLength) take(chunk.subarray(from));
    },
    end() {
      if (length > 0 || through > 0) close();
    },
  };
}

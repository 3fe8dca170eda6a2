/** Cuts a byte stream into redacted whole lines, whatever the chunks. Offsets stay those of the runner: redaction keeps lengths. */

/** A longer line is kept in pieces, and no driver sees it: nothing may make us hold more than this. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

export interface Cut {
  /** What goes into the transcript. */
  readonly bytes: Uint8Array;
  /** Whole lines in it, each with the offset of the byte after its newline. */
  readonly lines: readonly { readonly text: string; readonly end: number }[];
}

export class LineCutter {
  #rest: Buffer = Buffer.alloc(0);
  /** Inside a line that was too long. */
  #overlong = false;
  #offset: number;
  readonly #redact: (line: Uint8Array) => Uint8Array;

  constructor(offset: number, redact: (line: Uint8Array) => Uint8Array) {
    this.#offset = offset;
    this.#redact = redact;
  }

  /** Offset of the next byte that `feed` expects. */
  get received(): number {
    return this.#offset + this.#rest.byteLength;
  }

  feed(chunk: Uint8Array): Cut {
    const whole = Buffer.concat([this.#rest, chunk]);
    const parts: Uint8Array[] = [];
    const lines: { text: string; end: number }[] = [];
    let start = 0;
    for (let stop = whole.indexOf(NEWLINE); stop !== -1; stop = whole.indexOf(NEWLINE, start)) {
      const line = this.#redact(whole.subarray(start, stop));
      parts.push(line, whole.subarray(stop, stop + 1));
      start = stop + 1;
      if (!this.#overlong)
        lines.push({ text: Buffer.from(line).toString("utf8"), end: this.#offset + start });
      this.#overlong = false;
    }
    this.#rest = whole.subarray(start);
    this.#offset += start;
    if (this.#rest.byteLength > LINE_BYTES_MAX) {
      parts.push(this.end());
      this.#overlong = true;
    }
    return { bytes: Buffer.concat(parts), lines };
  }

  /** What came without a final newline: kept, and not processed. */
  end(): Uint8Array {
    const tail = this.#redact(this.#rest);
    this.#offset += this.#rest.byteLength;
    this.#rest = Buffer.alloc(0);
    return tail;
  }
}

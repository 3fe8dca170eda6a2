/**
 * Sends one attempt over one connection, from a position on, following. Reads from the files and waits for
 * the connection to drain, so a slow or dead reader costs one chunk of memory and holds up nobody.
 *
 * Order: no output before `spawned`; each journal entry after the output up to its `outAt`; with `exited`
 * everything up to the recorded sizes came before, and nothing comes after.
 */
import { join } from "node:path";
import type { Attempt } from "./attempt.ts";
import { readRange } from "./files.ts";

const CHUNK_BYTES = 64 * 1024;

export interface Position {
  readonly out: number;
  readonly err: number;
  readonly seq: number;
}

export interface StreamTarget {
  /** Resolve when there is room for more. Reject when the connection is gone. */
  output(kind: "out" | "err", at: number, bytes: Uint8Array): Promise<void>;
  journal(seq: number, outAt: number, line: Uint8Array): Promise<void>;
}

/** Returns the function that ends the stream. */
export function streamAttempt(attempt: Attempt, from: Position, target: StreamTarget): () => void {
  const stream = new AttemptStream(attempt, from, target);
  // A lost connection ends the stream; the reader attaches again from where it got to.
  void stream.follow().catch(() => stream.end());
  return () => stream.end();
}

class AttemptStream {
  readonly #attempt: Attempt;
  readonly #target: StreamTarget;
  readonly #unsubscribe: () => void;
  #out: number;
  #err: number;
  #seq: number;
  #ended = false;
  #dirty = true;
  #wake: (() => void) | undefined;

  constructor(attempt: Attempt, from: Position, target: StreamTarget) {
    this.#attempt = attempt;
    this.#target = target;
    this.#out = from.out;
    this.#err = from.err;
    this.#seq = from.seq;
    this.#unsubscribe = attempt.onChange(() => {
      this.#dirty = true;
      this.#wake?.();
    });
  }

  end(): void {
    this.#ended = true;
    this.#unsubscribe();
    this.#wake?.();
  }

  async follow(): Promise<void> {
    while (!this.#ended) {
      this.#dirty = false;
      while (!this.#ended && (await this.#step()));
      if (this.#ended || this.#dirty) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  /** Sends the next piece; false when there is nothing to send now. */
  async #step(): Promise<boolean> {
    const { journal, directory } = this.#attempt;
    const next = journal.outAt(this.#seq + 1);
    const { spawned, exited } = journal.last;
    const sizes =
      exited === undefined ? this.#attempt.sizes() : { out: exited.outBytes, err: exited.errBytes };
    const outLimit = next ?? (spawned === undefined ? 0 : sizes.out);
    if (this.#out < outLimit) {
      const bytes = chunk(join(directory, "out"), this.#out, outLimit);
      await this.#target.output("out", this.#out, bytes);
      this.#out += bytes.byteLength;
      return true;
    }
    const atExit = exited !== undefined && this.#seq + 1 === journal.seq;
    if (spawned !== undefined && this.#err < sizes.err && (next === undefined || atExit)) {
      const bytes = chunk(join(directory, "err"), this.#err, sizes.err);
      await this.#target.output("err", this.#err, bytes);
      this.#err += bytes.byteLength;
      return true;
    }
    if (next === undefined) return false;
    this.#seq += 1;
    await this.#target.journal(this.#seq, next, journal.read(this.#seq));
    return true;
  }
}

function chunk(path: string, offset: number, limit: number): Buffer {
  const bytes = readRange(path, offset, Math.min(CHUNK_BYTES, limit - offset));
  if (bytes.byteLength === 0) throw new RangeError(`${path} lost bytes after ${offset}`);
  return bytes;
}

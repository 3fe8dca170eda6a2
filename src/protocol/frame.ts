/**
 * Frames on the link: one JSON header line, then exactly `bytes` bytes.
 *
 *     {"k":"out","s":"ses_…","a":1,"at":4096,"bytes":512}\n<512 bytes of the agent's own output>
 *
 * Both directions use the same form. Payloads are never escaped or re-encoded, so agent output passes
 * at the speed of a copy and cannot imitate a frame: its length was announced before it.
 */
import * as z from "zod/mini";

/** A header longer than this is not ours: the reader gives up instead of buffering without end. */
export const HEADER_BYTES_MAX = 64 * 1024;
/** Largest payload of one frame (decision 14: exports are capped at 64 MiB). */
export const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;

const count = z.int().check(z.gte(0));
const bytes = count.check(z.lte(PAYLOAD_BYTES_MAX));
const attempt = z.int().check(z.gte(1));
const id = z.string().check(z.minLength(1), z.maxLength(128));

/** Control plane → daemon: `bytes` bytes of JSON follow, a `Request` of requests.ts. */
const RequestHeader = z.object({ k: z.literal("request"), id, bytes });
/** Daemon → control plane: the answer; `bytes` bytes of attachment follow (an export's bundle). */
const ReplyHeader = z.object({ k: z.literal("reply"), id, body: z.unknown(), bytes });
/** Daemon → control plane: raw output of an attempt, starting at offset `at` of its file. */
const OutputHeader = z.object({ k: z.enum(["out", "err"]), s: id, a: attempt, at: count, bytes });
/** Daemon → control plane: one journal entry (JSON); every output line that ends at or before `outAt` came before it. */
const JournalHeader = z.object({
  k: z.literal("journal"),
  s: id,
  a: attempt,
  seq: z.int().check(z.gte(1)),
  outAt: count,
  bytes,
});

const Header = z.discriminatedUnion("k", [RequestHeader, ReplyHeader, OutputHeader, JournalHeader]);
export type Header = z.infer<typeof Header>;
export interface Frame {
  readonly header: Header;
  readonly payload: Uint8Array;
}

type WithoutBytes<T> = T extends Header ? Omit<T, "bytes"> : never;

/** Encodes one frame. Throws RangeError when the payload is over the limit. */
export function encodeFrame(header: WithoutBytes<Header>, payload: Uint8Array): Uint8Array {
  if (payload.byteLength > PAYLOAD_BYTES_MAX)
    throw new RangeError(`payload of ${payload.byteLength} bytes is over ${PAYLOAD_BYTES_MAX}`);
  const line = Buffer.from(`${JSON.stringify({ ...header, bytes: payload.byteLength })}\n`);
  if (line.byteLength > HEADER_BYTES_MAX)
    throw new RangeError(`header of ${line.byteLength} bytes is over ${HEADER_BYTES_MAX}`);
  return Buffer.concat([line, payload]);
}

/** A stream that is not made of frames. The connection has to be closed: there is no way to find the next frame. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Cuts a byte stream into frames, whatever the chunks. Holds at most one incomplete frame. */
export class FrameReader {
  #parts: Uint8Array[] = [];
  #length = 0;
  #header: Header | undefined;

  /** Returns the frames completed by this chunk, in order. Throws FrameError on a broken stream. */
  feed(chunk: Uint8Array): Frame[] {
    this.#parts.push(chunk);
    this.#length += chunk.byteLength;
    const frames: Frame[] = [];
    for (;;) {
      this.#header ??= this.#takeHeader();
      if (this.#header === undefined || this.#length < this.#header.bytes) return frames;
      frames.push({ header: this.#header, payload: this.#take(this.#header.bytes) });
      this.#header = undefined;
    }
  }

  #takeHeader(): Header | undefined {
    const buffer = this.#joined();
    const end = buffer.indexOf(0x0a);
    if (end === -1 || end >= HEADER_BYTES_MAX) {
      if (buffer.byteLength < HEADER_BYTES_MAX && end === -1) return undefined;
      throw new FrameError(`no header within ${HEADER_BYTES_MAX} bytes`);
    }
    return parseHeader(Buffer.from(this.#take(end + 1)).toString("utf8"));
  }

  /** One buffer, copied only when it is in pieces: a chunk may hold thousands of small frames. */
  #joined(): Uint8Array {
    const [only, ...more] = this.#parts;
    if (only !== undefined && more.length === 0) return only;
    const whole = Buffer.concat(this.#parts);
    this.#parts = [whole];
    return whole;
  }

  #take(length: number): Uint8Array {
    const whole = this.#joined();
    this.#parts = [whole.subarray(length)];
    this.#length -= length;
    return whole.subarray(0, length);
  }
}

function parseHeader(line: string): Header {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new FrameError(`header is not JSON: ${line.slice(0, 80)}`, { cause });
  }
  const parsed = Header.safeParse(value);
  if (!parsed.success) throw new FrameError(`unknown header: ${line.slice(0, 200)}`);
  return parsed.data;
}

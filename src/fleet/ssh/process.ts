/**
 * A process on another machine: its input and output as one plain stream, what it says on the side, its end.
 * However it was started: ssh2's channels and children of ours look the same from here on.
 */
import { Duplex, type Readable, type Writable } from "node:stream";
import type { LinkClock } from "../link.ts";

/** 64 KiB of a command's, after whatever a login shell says first. */
const STDERR_BYTES_MAX = 80 * 1024;
/** Lines before ours: what a login shell's files print. */
const NOISE_BYTES_MAX = 256 * 1024;

export interface RemoteProcess {
  /** Its stdin and stdout. `close` always comes after destroy; destroying it closes stdin. */
  readonly stream: Duplex;
  /** The beginning of what it said on stderr. */
  stderr(): Buffer;
  /** Resolves after its output has come to an end. Null: a signal, or the connection was lost: unknown. */
  readonly ended: Promise<number | null>;
}

/** A plain stream over two that may not be (ssh2's channels report no `close` of their own after destroy). */
export function joined(input: Writable, output: Readable, close: () => void): Duplex {
  let over = false;
  const stream = new Duplex({
    read: () => void output.resume(),
    write: (chunk: Buffer, _, done) => void input.write(chunk, done),
    final(done) {
      input.end();
      done();
    },
    destroy(error, done) {
      // Drained, so that the other side's `close` is heard of.
      output.resume();
      close();
      done(error);
    },
  });
  const end = (): void => {
    if (over || stream.destroyed) return;
    over = true;
    stream.push(null);
  };
  output.on("data", (chunk: Buffer) => {
    if (!stream.destroyed && !over && !stream.push(chunk)) output.pause();
  });
  output.once("end", end);
  output.once("close", () => {
    end();
    // Nobody reads what is written any more.
    if (stream.readableEnded) stream.destroy();
    else stream.once("end", () => stream.destroy());
  });
  for (const one of new Set([input, output]))
    one.on("error", (error: Error) => void stream.destroy(error));
  // Whoever uses it may not care why it closed; `close` comes all the same.
  stream.on("error", () => {});
  return stream;
}

/** Takes the beginning of a stream and lets the rest go by. */
export function beginningOf(source: Readable, bytesMax = STDERR_BYTES_MAX): () => Buffer {
  const parts: Buffer[] = [];
  let left = bytesMax;
  source.on("data", (chunk: Buffer) => {
    const part = chunk.subarray(0, left);
    left -= part.byteLength;
    if (part.byteLength > 0) parts.push(part);
  });
  source.on("error", () => {}); // it ends; its process is looked after by its output
  return () => Buffer.concat(parts);
}

/**
 * The next line that begins as wanted; others are passed over. Null when the stream ends before it comes.
 * What follows the line stays in the stream.
 */
export async function lineWith(
  stream: Duplex,
  wanted: RegExp,
): Promise<{ readonly line: string | null; readonly noise: string }> {
  let noise = "";
  let text = Buffer.alloc(0);
  let seen = 0;
  while (seen < NOISE_BYTES_MAX) {
    const chunk = await nextChunk(stream);
    if (chunk === null) return { line: null, noise: noise + text.toString("utf8") };
    seen += chunk.byteLength;
    text = Buffer.concat([text, chunk]);
    for (let at = text.indexOf(10); at !== -1; at = text.indexOf(10)) {
      const line = text.toString("utf8", 0, at);
      text = text.subarray(at + 1);
      if (!wanted.test(line)) {
        noise = `${noise}${line}\n`.slice(-2000);
        continue;
      }
      if (text.byteLength > 0) stream.unshift(text);
      return { line, noise };
    }
  }
  return { line: null, noise: `${noise}…` };
}

function nextChunk(stream: Duplex): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const look = (): void => {
      const chunk: Buffer | null = stream.read();
      if (chunk === null && !stream.readableEnded && !stream.destroyed) return;
      for (const name of ["readable", "end", "close"]) stream.off(name, look);
      resolve(chunk);
    };
    for (const name of ["readable", "end", "close"]) stream.on(name, look);
    look();
  });
}

/** All of its output, up to a limit; the rest goes by. */
export function outputOf(stream: Duplex, bytesMax: number): Promise<Buffer> {
  const read = beginningOf(stream, bytesMax);
  return new Promise((resolve) => {
    stream.once("end", () => resolve(read()));
    stream.once("close", () => resolve(read()));
  });
}

/** Destroys the stream when time is up. `over` tells whether that happened, and ends the waiting. */
export function limit(
  stream: Duplex,
  clock: LinkClock,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): { over(): boolean } {
  let late = false;
  const end = (): void => void stream.destroy();
  const cancel = clock.after(timeoutMs, () => {
    late = true;
    end();
  });
  signal?.addEventListener("abort", end);
  if (signal?.aborted === true) end();
  return {
    over() {
      cancel();
      signal?.removeEventListener("abort", end);
      return late;
    },
  };
}

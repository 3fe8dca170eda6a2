/**
 * Transcripts: the agent's own output, one append-only file per attempt and stream, in the data
 * directory. The same offsets as on the runner, whole lines only while the attempt lives, already redacted.
 */
import {
  closeSync,
  fdatasync,
  ftruncateSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

export type Stream = "out" | "err";

export interface Transcript {
  length(stream: Stream): number;
  append(stream: Stream, bytes: Uint8Array): void;
  /** Forgets everything from `length` on: it is fetched again. */
  cut(stream: Stream, length: number): void;
  /** On disk when it resolves. */
  sync(): Promise<void>;
  close(): void;
}

export interface Transcripts {
  open(session: string, attempt: number): Transcript;
  /** Up to `bytesMax` bytes from `from` on; empty at the end or when there is none. */
  read(place: {
    readonly session: string;
    readonly attempt: number;
    readonly stream: Stream;
    readonly from: number;
    readonly bytesMax: number;
  }): Uint8Array;
}

const ID = /^[A-Za-z0-9_-]{1,64}$/u;
const syncData = promisify(fdatasync);

export function openTranscripts(directory: string): Transcripts {
  const folder = (session: string): string => {
    if (!ID.test(session))
      throw new RangeError(`not a session id: ${JSON.stringify(session).slice(0, 80)}`);
    return join(directory, session);
  };
  const file = (session: string, attempt: number, stream: Stream): string =>
    join(folder(session), `${attempt}.${stream}`);
  return {
    open(session, attempt) {
      mkdirSync(folder(session), { recursive: true, mode: 0o700 });
      return openTranscript({
        out: file(session, attempt, "out"),
        err: file(session, attempt, "err"),
      });
    },
    read({ session, attempt, stream, from, bytesMax }) {
      return readPart(file(session, attempt, stream), from, bytesMax);
    },
  };
}

function openTranscript(paths: Readonly<Record<Stream, string>>): Transcript {
  const streams = { out: openFile(paths.out), err: openFile(paths.err) };
  return {
    length: (stream) => streams[stream].length,
    append(stream, bytes) {
      const target = streams[stream];
      for (let done = 0; done < bytes.byteLength;)
        done += writeSync(target.fd, bytes, done, bytes.byteLength - done);
      target.length += bytes.byteLength;
      target.dirty = true;
    },
    cut(stream, length) {
      const target = streams[stream];
      if (length >= target.length) return;
      ftruncateSync(target.fd, length);
      target.length = length;
    },
    async sync() {
      for (const target of [streams.out, streams.err]) {
        if (!target.dirty) continue;
        target.dirty = false;
        await syncData(target.fd);
      }
    },
    close() {
      closeSync(streams.out.fd);
      closeSync(streams.err.fd);
    },
  };
}

function openFile(path: string): { readonly fd: number; length: number; dirty: boolean } {
  const fd = openSync(path, "a+", 0o600);
  return { fd, length: fstatSync(fd).size, dirty: false };
}

function readPart(path: string, from: number, bytesMax: number): Uint8Array {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return new Uint8Array();
    throw error;
  }
  try {
    const buffer = new Uint8Array(bytesMax);
    return buffer.subarray(0, readSync(fd, buffer, 0, bytesMax, from));
  } finally {
    closeSync(fd);
  }
}

/**
 * Transcripts: the agent's own output, one append-only file per attempt and stream, in the data
 * directory. The same offsets as on the runner, whole lines only while the attempt lives, already redacted.
 */
import {
  closeSync,
  existsSync,
  fdatasync,
  ftruncateSync,
  fstatSync,
  mkdirSync,
  openSync,
  promises as files,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { indexPath, openLineIndex, readLines, type LineIndex, type Lines } from "./line-index.ts";

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

/** Transcripts as files: any page of lines costs the same, however long the text is. */
export interface TranscriptFiles extends Transcripts {
  /** Sessions that have any. */
  sessions(): Promise<readonly string[]>;
  /** All of a session. Nobody must be writing them. */
  remove(session: string): Promise<void>;
  /** Lines by number, from 0 on; none when there is no such transcript. At most `bytesMax` bytes (default 1 MiB). */
  lines(place: {
    readonly session: string;
    readonly attempt: number;
    readonly stream: Stream;
    readonly from: number;
    readonly count: number;
    readonly bytesMax?: number;
  }): Lines;
}

const PAGE_BYTES_MAX = 1024 * 1024;

const ID = /^[A-Za-z0-9_-]{1,64}$/u;
const syncData = promisify(fdatasync);

export function openTranscripts(directory: string): TranscriptFiles {
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
    async sessions() {
      if (!existsSync(directory)) return [];
      return (await files.readdir(directory)).filter((name) => ID.test(name));
    },
    remove: (session) => files.rm(folder(session), { recursive: true, force: true }),
    lines({ session, attempt, stream, from, count, bytesMax = PAGE_BYTES_MAX }) {
      const path = file(session, attempt, stream);
      const nothing = { lines: [], more: false };
      return ifThere(() => readLines(path, { from, count, bytesMax })) ?? nothing;
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
      target.index.appended(bytes);
    },
    cut(stream, length) {
      const target = streams[stream];
      if (length >= target.length) return;
      ftruncateSync(target.fd, length);
      target.length = length;
      target.index.cut();
    },
    async sync() {
      for (const target of [streams.out, streams.err]) {
        if (!target.dirty) continue;
        target.dirty = false;
        await syncData(target.fd);
      }
    },
    close() {
      for (const { fd, index } of [streams.out, streams.err]) {
        closeSync(fd);
        index.close();
      }
    },
  };
}

interface OpenFile {
  readonly fd: number;
  readonly index: LineIndex;
  length: number;
  dirty: boolean;
}

function openFile(path: string): OpenFile {
  const fd = openSync(path, "a+", 0o600);
  const index = openLineIndex(indexPath(path), fd);
  return { fd, index, length: fstatSync(fd).size, dirty: false };
}

/** Null when the file is not there. */
function ifThere<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

function readPart(path: string, from: number, bytesMax: number): Uint8Array {
  const fd = ifThere(() => openSync(path, "r"));
  if (fd === null) return new Uint8Array();
  try {
    const buffer = new Uint8Array(bytesMax);
    return buffer.subarray(0, readSync(fd, buffer, 0, bytesMax, from));
  } finally {
    closeSync(fd);
  }
}

/**
 * Append-only files that are on disk when a write has resolved, without holding up anything else meanwhile: SQLite's own
 * syncs stop the whole process for as long as they take.
 */
import { constants, promises as files } from "node:fs";
import { join } from "node:path";

/** What is appended lives as long as the machine's disk. */
export interface Segments {
  /** Oldest first. */
  list(): Promise<readonly string[]>;
  read(name: string): Promise<Uint8Array>;
  create(name: string): Promise<Segment>;
  remove(name: string): Promise<void>;
}

export interface Segment {
  /** On disk when it resolves. After a failure the end of the file may be anything: write no more. */
  append(parts: readonly Uint8Array[]): Promise<void>;
  /** `length` bytes from `at` on. */
  read(at: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

const NAME = /^\d{1,16}-\d{1,9}\.log$/u;

/** Files in a directory of their own, readable by us alone. */
export function openSegments(directory: string): Segments {
  return {
    async list() {
      await files.mkdir(directory, { recursive: true, mode: 0o700 });
      const names = await files.readdir(directory);
      return names.filter((name) => NAME.test(name)).toSorted(byNumber);
    },
    read: (name) => files.readFile(join(directory, name)),
    async create(name) {
      await files.mkdir(directory, { recursive: true, mode: 0o700 });
      const { O_CREAT, O_EXCL, O_APPEND, O_RDWR } = constants;
      const file = await files.open(
        join(directory, name),
        O_CREAT | O_EXCL | O_APPEND | O_RDWR,
        0o600,
      );
      await syncDirectory(directory);
      return segment(file);
    },
    remove: (name) => files.rm(join(directory, name), { force: true }),
  };
}

/** `<time>-<count>.log` */
const byNumber = (a: string, b: string): number => {
  const [timeA = 0, countA = 0] = a.split(/[-.]/u).map(Number);
  const [timeB = 0, countB = 0] = b.split(/[-.]/u).map(Number);
  return timeA - timeB || countA - countB;
};

function segment(file: files.FileHandle): Segment {
  return {
    async append(parts) {
      const bytes = parts.reduce((sum, part) => sum + part.length, 0);
      const { bytesWritten } = await file.writev(parts);
      if (bytesWritten !== bytes)
        throw new Error(`${bytesWritten} of ${bytes} bytes were written: is the disk full?`);
      await file.datasync();
    },
    async read(at, length) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}

/** The file's name is as durable as its content then. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await files.open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

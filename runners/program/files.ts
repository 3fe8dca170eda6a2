/** File helpers every part of the daemon uses. All of them synchronous: a daemon may be killed between any two lines. */
import {
  closeSync,
  constants,
  fdatasyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { systemCode } from "./errors.ts";

/**
 * Makes the directory and its parents, for this user only. Step by step: below /proc, where a parent is there and
 * takes no directories, Node's own recursion never ends.
 */
export function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  if (dirname(path) !== path) makeDirectory(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Somebody else was quicker.
    const made = systemCode(error) === "EEXIST" && statSync(path).isDirectory();
    if (!made) throw error;
  }
}

/** Writes the whole file or nothing: temporary name, sync, rename. Readers never see half of it. */
export function writeAtomic(path: string, content: string): void {
  const temporary = `${path}.tmp`;
  const fd = openSync(temporary, "w", 0o600);
  try {
    writeAll(fd, Buffer.from(content));
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}

export function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.byteLength) done += writeSync(fd, bytes, done);
}

/** The file's text, or undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Bytes in the file; 0 when there is none. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Reads up to `length` bytes at `offset`; fewer at the end of the file. */
export function readRange(path: string, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  const fd = openSync(path, "r");
  try {
    let done = 0;
    while (done < length) {
      const read = readSync(fd, buffer, done, length - done, offset + done);
      if (read === 0) break;
      done += read;
    }
    return buffer.subarray(0, done);
  } finally {
    closeSync(fd);
  }
}

/** The beginning of a file that somebody else may have made: no link is followed, no size believed. Undefined = there is none to read. */
export function readPlain(path: string, bytesMax: number): string | undefined {
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const fd = openSync(path, flags);
    try {
      const buffer = Buffer.alloc(bytesMax);
      return buffer.toString("utf8", 0, readSync(fd, buffer, 0, bytesMax, 0));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    // A link, or not there.
    return undefined;
  }
}

/**
 * Writes a file below `root` without ever following a link that whoever owns `root` may have put there:
 * links on the way are removed, the file itself is created anew.
 */
export function writeBelow(
  root: string,
  relative: string,
  content: Uint8Array,
  mode = 0o600,
): void {
  const path = join(root, relative);
  for (const parent of parentsBelow(root, relative)) {
    const found = lstatSync(parent, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) continue;
    if (found !== undefined) unlinkSync(parent);
    mkdirSync(parent, { mode: 0o700 });
  }
  rmSync(path, { recursive: true, force: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(path, flags, mode);
  try {
    writeAll(fd, content);
  } finally {
    closeSync(fd);
  }
}

/** Directories between `root` and the file, outermost first. */
export function parentsBelow(root: string, relative: string): string[] {
  const parts = dirname(relative)
    .split("/")
    .filter((part) => part !== "." && part !== "");
  return parts.map((_, index) => join(root, ...parts.slice(0, index + 1)));
}

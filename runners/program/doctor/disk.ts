/** The work root: can it be written, and is there room? Tried, because modes and mount options say less than a write. */
import { randomBytes } from "node:crypto";
import { open, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { explainDisk } from "../errors.ts";
import { type Finding, type Machine, type Named, bad, good } from "./check.ts";

/** A checkout of a middling project with its dependencies. */
const FREE_BYTES_MIN = 1024 ** 3;
/** The same in files: `node_modules` alone may have as many. */
const FREE_INODES_MIN = 100_000;

export const workRootCheck = ({ workRoot }: Machine): Named => ({
  name: "work root",
  required: true,
  async find() {
    const path = join(workRoot, `.doctor-${randomBytes(6).toString("hex")}`);
    try {
      const file = await open(path, "wx", 0o600);
      try {
        await file.write("written by the doctor, may be removed\n");
        await file.sync();
      } finally {
        await file.close();
        await unlink(path);
      }
      return good(workRoot);
    } catch (error) {
      return bad(workRoot, explainDisk(error, workRoot));
    }
  },
});

export const diskCheck = ({ workRoot }: Machine): Named => ({
  name: "disk",
  required: false,
  find: async () => judgeSpace(await statfs(workRoot), workRoot),
});

interface Space {
  readonly bavail: number;
  readonly bsize: number;
  /** 0 where the file system has no fixed number of them. */
  readonly files: number;
  readonly ffree: number;
}

/** Exported for its test: no test can fill a real disk. */
export function judgeSpace({ bavail, bsize, files, ffree }: Space, path: string): Finding {
  const free = bavail * bsize;
  const inodes = files === 0 ? "" : `, ${ffree} inodes`;
  const found = `${(free / 1024 ** 3).toFixed(1)} GiB${inodes} free`;
  if (free < FREE_BYTES_MIN)
    return bad(found, `free some space at ${path}: less than 1 GiB is left`);
  if (files !== 0 && ffree < FREE_INODES_MIN)
    return bad(found, `remove files at ${path}: less than ${FREE_INODES_MIN} inodes are left`);
  return good(found);
}

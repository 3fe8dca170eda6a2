/**
 * Where sockets are when nobody says otherwise: a short path below /tmp, one per user and work root. Anybody
 * may write in /tmp, so what is there already is ours only when the file system says so.
 */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { systemCode } from "./errors.ts";

/** `/tmp/orcha-<uid>-<first 8 hexadecimal digits of the hash of the absolute work root>`. */
export function defaultRuntimeDir(workRoot: string): string {
  const hash = createHash("sha256").update(resolve(workRoot)).digest("hex").slice(0, 8);
  return `/tmp/orcha-${userId()}-${hash}`;
}

/** Makes it when it is missing. Throws when it is not a directory of ours alone: a link, or somebody else's. */
export function claimRuntimeDir(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
  isClaimed(path);
}

/** False when it is missing; throws as above. */
export function isClaimed(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  const wrong = !found.isDirectory()
    ? "is not a directory"
    : found.uid !== userId()
      ? `belongs to user ${found.uid}`
      : (found.mode & 0o077) !== 0
        ? `is open to others (mode ${(found.mode & 0o777).toString(8)})`
        : undefined;
  if (wrong === undefined) return true;
  throw new Error(
    `the runtime directory ${path} ${wrong}: somebody else may have made it; remove it, or choose another with --runtime-dir`,
  );
}

function userId(): number {
  return process.getuid?.() ?? 0;
}

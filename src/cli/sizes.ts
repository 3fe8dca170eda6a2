/** How much room the data directory takes, for the doctor. */
import { existsSync, statSync } from "node:fs";
import { opendir } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { DoctorCheck } from "../protocol/requests.ts";
import { DATABASE } from "../store/backup.ts";
import { check } from "./server-checks.ts";

/** Files looked at in one directory; what is beyond is said to be more. */
const FILES_MAX = 100_000;

export async function sizeChecks({ dataDir, ops }: Config): Promise<readonly DoctorCheck[]> {
  const database = ["", "-wal"]
    .map((suffix) => join(dataDir, `${DATABASE}${suffix}`))
    .reduce((sum, path) => sum + (existsSync(path) ? statSync(path).size : 0), 0);
  const transcripts = await sizeOf(join(dataDir, "transcripts"));
  const backups = await sizeOf(join(dataDir, "backups"));
  return [
    check(
      "database",
      true,
      `${sizeText(database)}; ${keptText("rows of ended objectives", ops.rowsDays)}`,
      "",
    ),
    check(
      "transcripts",
      true,
      `${transcripts}; ${keptText("those of ended objectives", ops.transcriptsDays)}`,
      "",
    ),
    check("backups", true, backups, ""),
  ];
}

const keptText = (what: string, days: number): string =>
  days === 0 ? `${what} are kept for ever` : `${what} are kept for ${days} days`;

async function sizeOf(directory: string): Promise<string> {
  if (!existsSync(directory)) return sizeText(0);
  let bytes = 0;
  let files = 0;
  for await (const entry of await opendir(directory, { recursive: true })) {
    if (!entry.isFile()) continue;
    if (files === FILES_MAX) return `more than ${sizeText(bytes)}`;
    files += 1;
    // It may have been removed since it was listed.
    bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return `${sizeText(bytes)} in ${files} files`;
}

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

export function sizeText(bytes: number): string {
  const unit = bytes === 0 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit] ?? ""}`;
}

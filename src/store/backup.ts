/** Backups: a checked copy of the database, and the way back. Transcripts are files of their own and not in it. */
import Database from "better-sqlite3";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkChain } from "./chain.ts";
import { Damaged, publish, quickCheck } from "./copy.ts";
import { openReadOnly, over, type Db } from "./database.ts";
import { markRestored } from "./identity.ts";
import { migrate } from "./migrate.ts";
import { CHAIN_START, type BackupInfo } from "./port.ts";

export const DATABASE = "orcha.db";
const CHAIN_ROWS = 10_000;

/** Throws Damaged when what was copied is not whole; then there is no backup. */
export async function writeBackup(db: Db, path: string): Promise<BackupInfo> {
  let events = 0;
  const copy = await db.copy(path, (written) => {
    events = checkChainOf(written);
  });
  return { ...copy, events };
}

/** The same for a database that nobody serves; it is not migrated. */
export async function backupFile(database: string, path: string): Promise<BackupInfo> {
  const db = openReadOnly(database);
  try {
    return await writeBackup(db, path);
  } finally {
    db.close();
  }
}

/**
 * Puts a backup into a data directory, marked so that its next start takes over. What was there is moved aside;
 * says where to. The directory's lock must be held. Throws Damaged, NewerSchema; then nothing was changed.
 */
export async function restoreBackup(options: {
  readonly from: string;
  readonly dataDir: string;
  readonly now: number;
}): Promise<{ readonly events: number; readonly replaced: string | null }> {
  const { from, dataDir, now } = options;
  const target = join(dataDir, DATABASE);
  const part = `${target}.part`;
  rmSync(part, { force: true });
  copyFileSync(from, part);
  let events: number;
  try {
    events = await prepare(part, now);
  } catch (error) {
    for (const suffix of SUFFIXES) rmSync(`${part}${suffix}`, { force: true });
    throw error;
  }
  const replaced = moveAside(dataDir, now);
  publish(part, target);
  return { events, replaced };
}

async function prepare(part: string, now: number): Promise<number> {
  const sqlite = new Database(part, { fileMustExist: true });
  try {
    quickCheck(sqlite);
    sqlite.pragma("journal_mode = delete");
    await migrate(sqlite);
    const db = over(sqlite);
    const events = checkChainOf(db);
    db.transaction(() => markRestored(db, now));
    return events;
  } finally {
    sqlite.close();
  }
}

/** The write-ahead log belongs to its database: left behind, it would be taken for the new one's. */
const SUFFIXES = ["", "-wal", "-shm", "-journal"];

function moveAside(dataDir: string, now: number): string | null {
  const target = join(dataDir, DATABASE);
  if (!existsSync(target)) return null;
  const directory = join(dataDir, "replaced", stamp(now));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const suffix of SUFFIXES)
    if (existsSync(`${target}${suffix}`))
      renameSync(`${target}${suffix}`, join(directory, `${DATABASE}${suffix}`));
  return directory;
}

/** Of a moment, for names of files: sorts by time. */
export const stamp = (at: number): string => new Date(at).toISOString().replaceAll(/[:.]/gu, "-");

/** All of it at once; the number of events. */
function checkChainOf(db: Db): number {
  for (let at = CHAIN_START; ;) {
    const step = checkChain(db, at, CHAIN_ROWS);
    if (step.kind === "broken")
      throw new Damaged(`the audit trail is broken at row ${step.seq}: ${step.reason}`);
    if (step.kind === "end") return step.at.seq;
    at = step.at;
  }
}

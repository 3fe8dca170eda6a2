/**
 * One control plane per data directory. The lock is an open exclusive transaction in a database file of its
 * own: the system lets go of it when the process dies, however it dies.
 */
import Database from "better-sqlite3";
import { join } from "node:path";

/** Somebody else writes here. */
export class DirectoryTaken extends Error {
  override readonly name = "DirectoryTaken";
}

export interface DirectoryLock extends Disposable {
  release(): void;
}

/** Throws DirectoryTaken at once when another process has it. */
export function lockDirectory(directory: string): DirectoryLock {
  const db = new Database(join(directory, "lock.db"), { timeout: 0 });
  try {
    db.exec("begin exclusive");
  } catch (error) {
    db.close();
    if (error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY"))
      throw new DirectoryTaken(
        `another orcha is running on ${directory}; stop it, or set ORCHA_DATA_DIR to a directory of its own`,
        { cause: error },
      );
    throw error;
  }
  const release = (): void => void db.close();
  return { release, [Symbol.dispose]: release };
}

/**
 * Brings a database to this version's schema: forward only, all pending migrations in one transaction. A copy of
 * the database as it was is written beside it first. A database of a newer version is left alone.
 */
import type Database from "better-sqlite3";
import { Kysely, SqliteAdapter, SqliteDialect } from "kysely";
import { Migrator } from "kysely/migration";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { copyDatabase } from "./copy.ts";
import { up as first } from "./migrations/0001-first.ts";
import { up as neverLost } from "./migrations/0002-never-lost.ts";
import { up as heads } from "./migrations/0003-heads.ts";
import { up as retention } from "./migrations/0004-retention.ts";
import { up as runners } from "./migrations/0005-runners.ts";
import { up as placement } from "./migrations/0006-placement.ts";

const MIGRATIONS = {
  "0001-first": { up: first },
  "0002-never-lost": { up: neverLost },
  "0003-heads": { up: heads },
  "0004-retention": { up: retention },
  "0005-runners": { up: runners },
  "0006-placement": { up: placement },
};

/** Written by a version of ours that knows more than this one. */
class NewerSchema extends Error {
  override readonly name = "NewerSchema";
}

/** Throws NewerSchema, or an error that says what failed; then nothing was changed. */
export async function migrate(sqlite: Database.Database): Promise<void> {
  const done = migrationsOf(sqlite);
  const known = Object.keys(MIGRATIONS);
  const newer = done.filter((name) => !known.includes(name));
  if (newer.length > 0)
    throw new NewerSchema(
      `this database was written by a newer orcha (its schema has ${newer.join(", ")}); start that version again, or restore a backup from before it: orcha restore FILE`,
    );
  const next = known.find((name) => !done.includes(name));
  if (next === undefined) return;
  if (done.length > 0 && !sqlite.memory) await copyDatabase(sqlite, copyPath(sqlite.name, next));
  const db = new Kysely<unknown>({ dialect: new MigratingDialect({ database: sqlite }) });
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(MIGRATIONS) },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined)
    throw new Error(
      `the database could not be brought to this version: ${error instanceof Error ? error.message : "unknown"}`,
      { cause: error },
    );
}

function migrationsOf(sqlite: Database.Database): readonly string[] {
  const table = sqlite.prepare("select 1 from sqlite_master where name = 'kysely_migration'").get();
  if (table === undefined) return [];
  return sqlite
    .prepare<[], { readonly name: string }>("select name from kysely_migration order by name")
    .all()
    .map(({ name }) => name);
}

/** A migration that failed may have left a copy already: none is overwritten. */
const COPIES_MAX = 100;

function copyPath(database: string, next: string): string {
  const directory = join(dirname(database), "backups");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (let count = 1; count < COPIES_MAX; count++) {
    const path = join(directory, `before-${next}${count === 1 ? "" : `-${count}`}.db`);
    if (!existsSync(path)) return path;
  }
  throw new Error(
    `there are ${COPIES_MAX} copies of the database in ${directory}: remove old ones`,
  );
}

/** Without it a migration that fails half way leaves half a schema: SQLite has transactional DDL, Kysely does not use it. */
class TransactionalDdl extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class MigratingDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalDdl();
  }
}

/**
 * better-sqlite3 under Kysely: Kysely compiles the queries, they run synchronously here, so a transaction
 * can never span an await and no stray statement can join it (decision 9).
 */
import Database from "better-sqlite3";
import type { Compilable, Kysely } from "kysely";
import { StoreUnavailable } from "../inbox/port.ts";
import { migrate } from "./migrate.ts";
import { copyDatabase, type Copy } from "./copy.ts";
import { compiler } from "./prepared.ts";
import type { Tables } from "./schema.ts";

export interface Db {
  /** Builds queries; it cannot run them. */
  readonly build: Kysely<Tables>;
  readonly all: <Row>(query: Compilable<Row>) => Row[];
  readonly get: <Row>(query: Compilable<Row>) => Row | undefined;
  /** Rows changed. */
  readonly run: (query: Compilable) => number;
  /** Commits when `work` returns, rolls back when it throws. */
  readonly transaction: <T>(work: () => T) => T;
  /** A copy, made while it is in use; `check` throws when it is not good. */
  readonly copy: (path: string, check: (written: Db) => void) => Promise<Copy>;
  readonly close: () => void;
}

/** Opens and migrates. `path` ":memory:" is a database of its own. */
export async function openDatabase(path: string): Promise<Db> {
  const sqlite = new Database(path);
  try {
    return await databaseOver(sqlite);
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/**
 * Pages in the write-ahead log before they go into the database (8 MiB; SQLite's own default is half of it): each
 * time costs two syncs, and pages written often are written once.
 */
const LOG_PAGES = 2_000;

/** Migrates what is open already. */
export async function databaseOver(sqlite: Database.Database): Promise<Db> {
  sqlite.pragma("journal_mode = wal");
  sqlite.pragma("synchronous = full");
  sqlite.pragma("foreign_keys = on");
  sqlite.pragma(`wal_autocheckpoint = ${LOG_PAGES}`);
  await migrate(sqlite);
  return over(sqlite);
}

/** Opens without writing anything; the file must be there. */
export const openReadOnly = (path: string): Db =>
  over(new Database(path, { readonly: true, fileMustExist: true }));

/** What is open and migrated, for queries. */
export function over(sqlite: Database.Database): Db {
  const statements = new Map<string, Database.Statement>();
  const prepared = (query: Compilable): [Database.Statement, readonly unknown[]] => {
    const { sql, parameters } = query.compile();
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = sqlite.prepare(sql);
      statements.set(sql, statement);
    }
    return [statement, parameters];
  };
  return {
    build: compiler,
    all<Row>(query: Compilable<Row>) {
      const [statement, parameters] = prepared(query);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Kysely derived Row from the same query
      return statement.all(...parameters) as Row[];
    },
    get<Row>(query: Compilable<Row>) {
      const [statement, parameters] = prepared(query);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Kysely derived Row from the same query
      return statement.get(...parameters) as Row | undefined;
    },
    run(query) {
      const [statement, parameters] = prepared(query);
      return statement.run(...parameters).changes;
    },
    transaction(work) {
      try {
        return sqlite.transaction(work).immediate();
      } catch (error) {
        throw isOutage(error)
          ? new StoreUnavailable(`the database cannot be written: ${error.message}`, {
              cause: error,
            })
          : error;
      }
    },
    copy: (path, check) => copyDatabase(sqlite, path, (written) => check(over(written))),
    close: () => void sqlite.close(),
  };
}

/** What passes when there is room, or the disk is back; everything else SQLite says is a mistake of ours. */
const OUTAGE = /^SQLITE_(?:FULL|IOERR|BUSY|READONLY|CANTOPEN|NOMEM)/u;

const isOutage = (error: unknown): error is Error =>
  error instanceof Database.SqliteError && OUTAGE.test(error.code);

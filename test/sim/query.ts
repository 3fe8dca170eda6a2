/** Prepares each query once per database: the simulation asks the same ones after everything that happens. */
import type Database from "better-sqlite3";

const known = new WeakMap<Database.Database, Map<string, Database.Statement>>();

export function query<Row>(sqlite: Database.Database, sql: string, ...values: unknown[]): Row[] {
  const statements = known.get(sqlite) ?? new Map<string, Database.Statement>();
  known.set(sqlite, statements);
  const statement = statements.get(sql) ?? sqlite.prepare(sql);
  statements.set(sql, statement);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- who writes the query names its columns
  return statement.all(...values) as Row[];
}

const counters = new WeakMap<Database.Database, Database.Statement>();

/** Rows changed in this database since it was opened. Asked before and after every call through a port. */
export function changesOf(sqlite: Database.Database): number {
  let counter = counters.get(sqlite);
  if (counter === undefined) {
    counter = sqlite.prepare("select total_changes()").pluck();
    counters.set(sqlite, counter);
  }
  return Number(counter.get());
}

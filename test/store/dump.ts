/** A database as SQL text and back: golden databases are kept as text, and two databases are compared by it. */
import Database from "better-sqlite3";

/** Statements that make the same database again, in an order that does not depend on chance. */
export function dump(db: Database.Database): string {
  const all = db
    .prepare<[], { readonly name: string; readonly type: string; readonly sql: string }>(
      "select name, type, sql from sqlite_master where sql is not null and name not like 'sqlite_%' order by type desc, name",
    )
    .all();
  const schema = all.filter(({ type }) => type !== "trigger");
  // Last: they must not change the rows as they come.
  const triggers = all.filter(({ type }) => type === "trigger");
  const rows = schema
    .filter(({ type }) => type === "table")
    .flatMap(({ name }) =>
      rowsOf(db, name).map((row) => `insert into "${name}" values (${row.join(", ")});`),
    );
  return [
    ...schema.map(({ sql }) => `${sql};`),
    ...rows,
    ...triggers.map(({ sql }) => `${sql};`),
    "",
  ].join("\n");
}

/** Makes the database a dump describes, in memory. */
export function restore(sql: string, path = ":memory:"): Database.Database {
  const db = new Database(path);
  // Tables come by name, not by who refers to whom.
  db.pragma("foreign_keys = off");
  db.exec(sql);
  db.pragma("foreign_keys = on");
  return db;
}

const rowsOf = (db: Database.Database, table: string): readonly (readonly string[])[] =>
  db
    .prepare<[], Record<string, unknown>>(`select * from "${table}"`)
    .all()
    .map((row) => Object.values(row).map(literal))
    .toSorted((a, b) => a.join().localeCompare(b.join()));

function literal(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return `'${value.replaceAll("'", "''")}'`;
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString("hex")}'`;
  throw new TypeError(`not dumped: ${typeof value}`);
}

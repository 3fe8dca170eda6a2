/**
 * Queries that are built and compiled once. Kysely takes 30 to 50 µs to build and compile a query, SQLite 5 to run
 * most of ours; those that every round of the engine asks are therefore kept compiled, with places for their values.
 */
import {
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type Compilable,
  type CompiledQuery,
} from "kysely";
import type { Tables } from "./schema.ts";

/** Builds and compiles; it has no database and runs nothing. */
export const compiler = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/** Stands in a query where a value goes. */
class Place {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * `make` sees places that are typed as the values they stand for: it may put them into the query, and do nothing else
 * with them. A value that is compared with NULL, or a list of values, needs a query of its own each time.
 */
export function prepared<Row, V extends object = object>(
  make: (build: Kysely<Tables>, values: V) => Compilable<Row>,
): (values: V) => Compilable<Row> {
  let compiled: CompiledQuery<Row> | null = null;
  let names: readonly (string | Fixed)[] = [];
  return (values) => {
    if (compiled === null) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- places pass for the values they stand for; Kysely only hands them on
      compiled = make(compiler, places as V).compile();
      names = compiled.parameters.map((value) =>
        value instanceof Place ? value.name : { fixed: value },
      );
    }
    const whole = compiled;
    const parameters: unknown[] = names.map((name) =>
      typeof name === "string" ? Reflect.get(values, name) : name.fixed,
    );
    return { compile: () => ({ ...whole, parameters }) };
  };
}

interface Fixed {
  readonly fixed: unknown;
}

/** Whatever is asked of it, a place of that name. */
const places: object = new Proxy({}, { get: (_, name) => new Place(String(name)) });

/**
 * Queries that are built and compiled once. Kysely takes 30 to 50 µs to build and compile a query, SQLite 5 to run
 * most of ours; those that every round of the engine asks are therefore kept compiled, with places for their values.
 * What does not change stands in them as it is. Where a value decides on the plan, as in `state = ?` with a partial index
 * or in `limit ?`, SQLite prepares the statement anew each time one is bound (sqlite3_prepare_v2, "the specific value
 * bound to a host parameter"): 10 to 25 µs instead of 1.
 */
import {
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type Compilable,
  type CompiledQuery,
  type LimitNode,
} from "kysely";
import type { Tables } from "./schema.ts";

const kyselyWith = (createQueryCompiler: () => SqliteQueryCompiler): Kysely<Tables> =>
  new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler,
    },
  });

/** Builds and compiles; it has no database and runs nothing. */
export const compiler = kyselyWith(() => new SqliteQueryCompiler());

/** Stands in a query where a value goes. */
class Place {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** Only places become parameters. */
const literal = kyselyWith(
  () =>
    new (class extends SqliteQueryCompiler {
      protected override appendValue(value: unknown): void {
        if (value instanceof Place) super.appendValue(value);
        else this.appendImmediateValue(value);
      }
      protected override visitLimit(node: LimitNode): void {
        super.visitLimit(node);
        // A sum is no value that the plan could depend on.
        this.append(" + 0");
      }
    })(),
);

/**
 * `make` sees places that are typed as the values they stand for: it may put them into the query, and do nothing else
 * with them. A value that is compared with NULL, or a list of values, needs a query of its own each time.
 */
export function prepared<Row, V extends object = object>(
  make: (build: Kysely<Tables>, values: V) => Compilable<Row>,
): (values: V) => Compilable<Row> {
  let compiled: CompiledQuery<Row> | null = null;
  let names: readonly string[] = [];
  return (values) => {
    if (compiled === null) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- places pass for the values they stand for; Kysely only hands them on
      compiled = make(literal, places as V).compile();
      names = compiled.parameters.flatMap((value) => (value instanceof Place ? value.name : []));
    }
    const whole = compiled;
    const parameters: unknown[] = names.map((name) => Reflect.get(values, name));
    return { compile: () => ({ ...whole, parameters }) };
  };
}

/** Whatever is asked of it, a place of that name. */
const places: object = new Proxy({}, { get: (_, name) => new Place(String(name)) });

/**
 * Goal: in every lane exactly the oldest pending row is its head, whatever happens to rows. Method: any statements that
 * enter, end, bury and revive rows, and after each a comparison with the definition.
 */
import Database from "better-sqlite3";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { databaseOver } from "../../src/store/database.ts";

type Step =
  | { readonly kind: "enter"; readonly lane: string }
  | { readonly kind: "end" | "revive" | "postpone"; readonly row: number };

const lane = fc.constantFrom("a", "b", "c");
const row = fc.nat(30);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("enter" as const), lane }) },
  fc.record({ kind: fc.constantFrom("end" as const, "revive" as const, "postpone" as const), row }),
);

const TABLES = {
  inbox: "(key, lane, repository, subject, event, state, attempts, not_before, created_at)",
  outbox: "(key, lane, priority, effect, objective_id, state, attempts, not_before, created_at)",
} as const;

test.for(["inbox", "outbox"] as const)("%s: one head per lane, the oldest", async (table) => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
      using sqlite = new Scratch();
      await databaseOver(sqlite.db);
      for (const [index, one] of steps.entries()) {
        apply(sqlite.db, table, one, index);
        const heads = sqlite.db.prepare(`select seq from ${table} where head = 1 order by seq`);
        const oldest = sqlite.db.prepare(
          `select min(seq) as seq from ${table} where state = 'pending' group by lane order by seq`,
        );
        expect(heads.all()).toEqual(oldest.all());
      }
    }),
    { numRuns: 60 },
  );
});

class Scratch implements Disposable {
  readonly db = new Database(":memory:");
  [Symbol.dispose](): void {
    this.db.close();
  }
}

function apply(
  db: Database.Database,
  table: keyof typeof TABLES,
  step: Step,
  index: number,
): unknown {
  switch (step.kind) {
    case "enter":
      return db
        .prepare(
          `insert into ${table} ${TABLES[table]} values (?, ?, 1, '', '', 'pending', 0, 0, 1)`,
        )
        .run(`key-${index}`, step.lane);
    case "end":
      return db.prepare(`update ${table} set state = 'done' where seq = ?`).run(step.row);
    case "revive":
      return db.prepare(`update ${table} set state = 'pending' where seq = ?`).run(step.row);
    case "postpone":
      return db.prepare(`update ${table} set not_before = 9 where seq = ?`).run(step.row);
  }
}

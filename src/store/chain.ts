/**
 * The hash chain of the audit trail: every event row carries a hash of itself and of the hash before it, and
 * `meta.chain` says where the chain ends. SQLite keeps no checksums of its pages: a flipped byte in a row is
 * seen by nobody else. Not a signature: who can write the database can write a new chain.
 */
import { createHash } from "node:crypto";
import { sql, type Kysely, type Selectable } from "kysely";
import type { Db } from "./database.ts";
import { CHAIN_START, type ChainPlace, type ChainStep } from "./port.ts";
import { prepared } from "./prepared.ts";
import type { Tables } from "./schema.ts";

export type EventFields = Omit<Selectable<Tables["event"]>, "seq" | "hash">;

/**
 * What is left of rows that were removed, from `first` on: the hash of the last of them. The row after it was chained to
 * that hash, so a checkpoint that is not what was written is noticed there.
 */
export const checkpoint = (first: number) =>
  ({ item: `removed:${first}`, objective_id: null, event: "", facts: "", notes: "" }) as const;

/** From which row on a checkpoint stands for what was removed; null = it is a row like others. No key looks like it. */
export function removedFrom(item: string): number | null {
  const first = /^removed:(?<first>\d{1,15})$/u.exec(item)?.groups?.["first"];
  return first === undefined ? null : Number(first);
}

/** Adds a row to the end of the chain. Inside a transaction. */
export function appendEvent(db: Db, fields: EventFields): void {
  const before = endOf(db);
  const seq = before.seq + 1;
  const hash = hashOf(before.hash, seq, fields);
  db.run(appended({ seq, ...fields, hash }));
  db.run(moved({ end: `${seq}:${hash}` }));
}

const appended = prepared((build, row: Readonly<Selectable<Tables["event"]>>) => {
  const { seq, at, objective_id, item, event, facts, notes, hash } = row;
  return build
    .insertInto("event")
    .values({ seq, at, objective_id, item, event, facts, notes, hash });
});

const moved = prepared((build, { end }: { readonly end: string }) =>
  build
    .insertInto("meta")
    .values({ key: "chain", value: end })
    .onConflict((conflict) => conflict.column("key").doUpdateSet({ value: end })),
);

/** Checks up to `limit` rows after `from`. */
export function checkChain(db: Db, from: ChainPlace, limit: number): ChainStep {
  const { build, all } = db;
  const rows = all(
    build.selectFrom("event").selectAll().where("seq", ">", from.seq).orderBy("seq").limit(limit),
  );
  let at = from;
  for (const { seq, hash, ...fields } of rows) {
    const removed = removedFrom(fields.item);
    // Rows may be removed between two steps of a check: then a checkpoint begins before the place it has got to.
    if (removed === null ? seq !== at.seq + 1 : removed > at.seq + 1)
      return { kind: "broken", seq: at.seq + 1, reason: "the row is missing" };
    if (removed === null && hash !== hashOf(at.hash, seq, fields))
      return { kind: "broken", seq, reason: "the row is not what was written" };
    at = { seq, hash };
  }
  if (rows.length === limit) return { kind: "on", at };
  const end = endOf(db);
  if (end.seq !== at.seq || end.hash !== at.hash)
    return { kind: "broken", seq: at.seq + 1, reason: `the log does not end at row ${end.seq}` };
  return { kind: "end", at };
}

/** Chains the rows of a database that had none. Inside the migration's transaction. */
export async function chainUp(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<Selectable<Tables["event"]>>`select * from event order by seq`.execute(
    db,
  );
  let at = CHAIN_START;
  for (const [index, { seq: old, hash: _, ...fields }] of rows.entries()) {
    const seq = index + 1;
    const hash = hashOf(at.hash, seq, fields);
    await sql`update event set seq = ${seq}, hash = ${hash} where seq = ${old}`.execute(db);
    at = { seq, hash };
  }
  await sql`insert into meta (key, value) values ('chain', ${`${at.seq}:${at.hash}`})`.execute(db);
}

const chainRow = prepared((build) =>
  build.selectFrom("meta").select("value").where("key", "=", "chain"),
);

function endOf({ get }: Db): ChainPlace {
  const row = get(chainRow({}));
  const [seq = "0", hash = ""] = row?.value.split(":") ?? [];
  return { seq: Number(seq), hash };
}

function hashOf(
  before: string,
  seq: number,
  { at, objective_id, item, event, facts, notes }: EventFields,
): string {
  const text = JSON.stringify([before, seq, at, objective_id, item, event, facts, notes]);
  return createHash("sha256").update(text).digest("hex");
}

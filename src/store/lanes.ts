/** What inbox and outbox have in common: rows in lanes, taken from the head, each try counted before it is made. */
import type { Db } from "./database.ts";
import { SURVIVED, type Hands } from "./hands.ts";
import { prepared } from "./prepared.ts";

export interface Take {
  readonly now: number;
  readonly limit: number;
  /** Lanes that are being worked on. */
  readonly busy: ReadonlySet<string>;
}

type Lanes = "inbox" | "outbox";

interface Row {
  readonly seq: number;
  readonly lane: string;
  readonly attempts: number;
  readonly crashes: number;
}

/** Of these heads those in free lanes; a crash loop runs out of tries because they are counted here. */
export function takeRows<R extends Row>(
  { run }: Db,
  { table, hands }: { readonly table: Lanes; readonly hands: Hands },
  heads: readonly R[],
  { limit, busy }: Take,
): readonly R[] {
  const free = heads.filter(({ lane }) => !busy.has(lane));
  const taken = hands.choose(table, free).slice(0, limit);
  for (const row of taken) {
    run(counted[table]({ seq: row.seq, attempts: row.attempts + 1 }));
    hands.take(table, row);
  }
  return taken;
}

const count = (table: Lanes) =>
  prepared((build, { seq, attempts }: { readonly seq: number; readonly attempts: number }) =>
    build.updateTable(table).set({ attempts, held: 1 }).where("seq", "=", seq),
  );
const counted = { inbox: count("inbox"), outbox: count("outbox") };

/** When the next head that was put off is due. */
export const nextOf = ({ get }: Db, table: Lanes, now: number): number | null =>
  get(due[table]({ now }))?.due ?? null;

const firstAfter = (table: Lanes) =>
  prepared((build, { now }: { readonly now: number }) =>
    build
      .selectFrom(table)
      .select(({ fn }) => fn.min<number | null>("not_before").as("due"))
      .where("head", "=", 1)
      .where("not_before", ">", now),
  );
const due = { inbox: firstAfter("inbox"), outbox: firstAfter("outbox") };

/** It has shown that its handling lets the process live. */
export function letGo({ build, run }: Db, table: Lanes, seq: number): void {
  run(build.updateTable(table).set(SURVIVED).where("seq", "=", seq).where("held", "=", 1));
}

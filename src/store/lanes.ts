/** What inbox and outbox have in common: rows in lanes, taken from the head, each try counted before it is made. */
import type { Db } from "./database.ts";
import { SURVIVED, type Hands } from "./hands.ts";

export interface Take {
  readonly now: number;
  readonly limit: number;
  /** Lanes that are being worked on. */
  readonly busy: ReadonlySet<string>;
}

type Lanes = "inbox" | "outbox";

/** The oldest pending row of every lane, by `seq`. */
export const headsOf = ({ build }: Db, table: Lanes) =>
  build
    .selectFrom(table)
    .select(({ fn }) => fn.min("seq").as("head"))
    .where("state", "=", "pending")
    .groupBy("lane");

interface Row {
  readonly seq: number;
  readonly lane: string;
  readonly attempts: number;
  readonly crashes: number;
}

/** Of these heads those in free lanes; a crash loop runs out of tries because they are counted here. */
export function takeRows<R extends Row>(
  { build, run }: Db,
  { table, hands }: { readonly table: Lanes; readonly hands: Hands },
  heads: readonly R[],
  { limit, busy }: Take,
): readonly R[] {
  const free = heads.filter(({ lane }) => !busy.has(lane));
  const taken = hands.choose(table, free).slice(0, limit);
  for (const row of taken) {
    run(
      build
        .updateTable(table)
        .set({ attempts: row.attempts + 1, held: 1 })
        .where("seq", "=", row.seq),
    );
    hands.take(table, row);
  }
  return taken;
}

/** It has shown that its handling lets the process live. */
export function letGo({ build, run }: Db, table: Lanes, seq: number): void {
  run(build.updateTable(table).set(SURVIVED).where("seq", "=", seq).where("held", "=", 1));
}

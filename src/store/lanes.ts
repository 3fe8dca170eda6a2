/** What inbox and outbox have in common: rows in lanes, taken from the head, each try counted before it is made. */
import type { Db } from "./database.ts";

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
}

/** Of these heads those in free lanes; a crash loop runs out of tries because they are counted here. */
export function takeRows<R extends Row>(
  { build, run }: Db,
  table: Lanes,
  heads: readonly R[],
  { limit, busy }: Take,
): readonly R[] {
  const taken = heads.filter(({ lane }) => !busy.has(lane)).slice(0, limit);
  for (const { seq, attempts } of taken)
    run(
      build
        .updateTable(table)
        .set({ attempts: attempts + 1 })
        .where("seq", "=", seq),
    );
  return taken;
}

/** What is there, in numbers: for metrics, for readiness, for the decision to take no more. */
import type { Db } from "./database.ts";
import type { Depth, Stats } from "./port.ts";

/** Indexed counts only: it is asked every few seconds. */
export function readStats(db: Db): Stats {
  const { build, all, get } = db;
  const sessions = all(
    build
      .selectFrom("session")
      .select(({ fn }) => ["state", fn.countAll<number>().as("count")])
      .where("objective_id", "in", build.selectFrom("objective").select("id").where("live", "=", 1))
      .groupBy("state"),
  );
  const slots = get(build.selectFrom("slot").select(({ fn }) => fn.countAll<number>().as("count")));
  const runners = all(build.selectFrom("runner").select(["state", "slots"]));
  return {
    inbox: { pending: depthOf(db, "inbox"), dead: deadOf(db, "inbox") },
    outbox: { pending: depthOf(db, "outbox"), dead: deadOf(db, "outbox") },
    deliveries: { pending: deliveriesOf(db) },
    sessions: new Map(sessions.map(({ state, count }) => [state, count])),
    slots: {
      taken: slots?.count ?? 0,
      total: runners
        .filter(({ state }) => state === "online")
        .reduce((sum, { slots: own }) => sum + own, 0),
    },
    runners: {
      online: runners.filter(({ state }) => state === "online").length,
      total: runners.length,
    },
  };
}

const depthOf = ({ build, get }: Db, table: "inbox" | "outbox"): Depth =>
  get(
    build
      .selectFrom(table)
      .select(({ fn }) => [
        fn.countAll<number>().as("rows"),
        fn.min<number | null>("created_at").as("oldest"),
      ])
      .where("state", "=", "pending"),
  ) ?? NOTHING;

const deadOf = ({ build, get }: Db, table: "inbox" | "outbox"): number =>
  get(
    build
      .selectFrom(table)
      .select(({ fn }) => fn.countAll<number>().as("rows"))
      .where("state", "=", "dead"),
  )?.rows ?? 0;

/** `octet_length` reads the size from the row's header, not the body. */
function deliveriesOf({ build, get }: Db): Depth & { readonly bytes: number } {
  const row = get(
    build
      .selectFrom("delivery")
      .select(({ fn }) => [
        fn.countAll<number>().as("rows"),
        fn.min<number | null>("received_at").as("oldest"),
        fn.sum<number | null>(fn<number>("octet_length", ["body"])).as("bytes"),
      ])
      .where("state", "=", "new"),
  );
  return { ...NOTHING, ...row, bytes: row?.bytes ?? 0 };
}

const NOTHING: Depth = { rows: 0, oldest: null };

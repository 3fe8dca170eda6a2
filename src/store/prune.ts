/**
 * Rows that nobody asks for any more, a bounded number at a time. Kept are: everything of live objectives, objectives
 * themselves, and the keys by which something would be taken for new that is not. The audit trail stays whole: of rows
 * that follow each other the last stays as a checkpoint, with its hash and nothing else.
 */
import type { Db } from "./database.ts";
import { checkpoint, removedFrom } from "./chain.ts";
import { decodeSession } from "./codec.ts";
import type { EndedSession, Prune, PrunePlace } from "./port.ts";

interface Step {
  readonly removed: number;
  /** Where to go on in this table; null = that was all of it. */
  readonly after: number | null;
}

const TABLES = { delivery: deliveries, inbox: items, outbox: effects, event: events } as const;
const NEXT = { delivery: "inbox", inbox: "outbox", outbox: "event", event: null } as const;

/** Looks at `limit` rows at most. Inside a transaction. */
export function prune(
  db: Db,
  request: Prune,
): { readonly removed: number; readonly next: PrunePlace | null } {
  const { table, after } = request.place ?? { table: "delivery", after: 0 };
  const step = TABLES[table](db, request, after);
  const next = NEXT[table];
  if (step.after !== null) return { removed: step.removed, next: { table, after: step.after } };
  return { removed: step.removed, next: next === null ? null : { table: next, after: 0 } };
}

/** What was routed stands in the inbox, under its own keys; GitHub redelivers nothing that is older than three days. */
function deliveries({ build, all, run }: Db, request: Prune, _after: number): Step {
  const { before, deliveriesBefore, limit } = request;
  const over = build.selectFrom("delivery").select("guid").where("state", "<>", "new").limit(limit);
  const old = [
    ...all(over.where("state", "=", "routed").where("received_at", "<", deliveriesBefore)),
    ...all(over.where("state", "=", "rejected").where("received_at", "<", before)),
  ].map(({ guid }) => guid);
  if (old.length > 0) run(build.deleteFrom("delivery").where("guid", "in", old));
  return { removed: old.length, after: old.length < limit ? null : 0 };
}

/** A year: no webhook comes again after that. Labels that a sweep found are found again for ever. */
const LABELS_MS = 365 * 24 * 60 * 60_000;

function items(db: Db, { before, limit }: Prune, after: number): Step {
  const { build, all } = db;
  const rows = all(
    build
      .selectFrom("inbox")
      .select(["seq", "state", "created_at"])
      .where("seq", ">", after)
      .orderBy("seq")
      .limit(limit),
  );
  const aged = rows
    .filter(({ state, created_at: at }) => state !== "pending" && at < before)
    .map(({ seq }) => seq);
  const removed = removeItems(db, before, aged);
  return { removed, after: rows.length < limit ? null : (rows.at(-1)?.seq ?? null) };
}

/** How many were removed, or emptied. */
function removeItems(db: Db, before: number, aged: readonly number[]): number {
  if (aged.length === 0) return 0;
  const { build, all, run } = db;
  const isOver = overLanes(db, before);
  const old = all(
    build
      .selectFrom("inbox")
      .select(["seq", "key", "lane", "event", "created_at"])
      .where("seq", "in", aged),
  ).filter(({ lane }) => isOver(lane));
  // A label starts an objective: its key stays, so that the same one never starts another.
  const isKept = ({ key, event, created_at: at }: (typeof old)[number]): boolean =>
    (event === "" || /"labels":\["/u.test(event)) &&
    (key.startsWith("labeled:") || at >= before - LABELS_MS);
  const gone = old.filter((row) => !isKept(row)).map(({ seq }) => seq);
  const emptied = old.filter((row) => isKept(row) && row.event !== "").map(({ seq }) => seq);
  if (gone.length > 0) run(build.deleteFrom("inbox").where("seq", "in", gone));
  if (emptied.length > 0)
    run(build.updateTable("inbox").set({ event: "" }).where("seq", "in", emptied));
  return gone.length + emptied.length;
}

/** Nobody works on the issue of this lane, and nobody has for a while. */
function overLanes({ build, get }: Db, before: number): (lane: string) => boolean {
  const known = new Map<string, boolean>();
  const look = (lane: string): boolean => {
    const of = /^issue:(?<repository>\d+)#(?<issue>\d+)$/u.exec(lane)?.groups;
    if (of === undefined) return true;
    const young = build
      .selectFrom("objective")
      .select("id")
      .where("repository_id", "=", Number(of["repository"]))
      .where("issue_number", "=", Number(of["issue"]))
      .where((where) => where("live", "=", 1).or("updated_at", ">=", before))
      .limit(1);
    return get(young) === undefined;
  };
  return (lane) => {
    const over = known.get(lane) ?? look(lane);
    known.set(lane, over);
    return over;
  };
}

function effects({ build, all, run }: Db, { before, limit }: Prune, after: number): Step {
  const rows = all(
    build
      .selectFrom("outbox")
      .leftJoin("objective", "objective.id", "outbox.objective_id")
      .select(["outbox.seq", "outbox.state", "outbox.created_at", "live", "updated_at"])
      .where("outbox.seq", ">", after)
      .orderBy("outbox.seq")
      .limit(limit),
  );
  const gone = rows
    .filter(
      ({ state, created_at: at, live, updated_at: ended }) =>
        state !== "pending" && live !== 1 && Math.max(at, ended ?? 0) < before,
    )
    .map(({ seq }) => seq);
  if (gone.length > 0) run(build.deleteFrom("outbox").where("seq", "in", gone));
  return { removed: gone.length, after: rows.length < limit ? null : (rows.at(-1)?.seq ?? null) };
}

function events({ build, all, run }: Db, { before, limit }: Prune, after: number): Step {
  const rows = all(
    build
      .selectFrom("event")
      .leftJoin("objective", "objective.id", "event.objective_id")
      .select(["event.seq", "event.at", "event.item", "live", "updated_at"])
      .where("event.seq", ">", after)
      .orderBy("event.seq")
      .limit(limit),
  ).map(({ seq, at, item, live, updated_at: ended }) => {
    const removed = removedFrom(item);
    const old = removed !== null || (live !== 1 && Math.max(at, ended ?? 0) < before);
    return { seq, removed, old };
  });
  const gone: number[] = [];
  let written = 0;
  let first: number | null = null;
  for (const [index, { seq, removed, old }] of rows.entries()) {
    if (!old) continue;
    first ??= removed ?? seq;
    if (rows[index + 1]?.old === true) gone.push(seq);
    else {
      if (first !== removed) {
        run(build.updateTable("event").set(checkpoint(first)).where("seq", "=", seq));
        written += 1;
      }
      first = null;
    }
  }
  if (gone.length > 0) run(build.deleteFrom("event").where("seq", "in", gone));
  const last = rows.at(-1);
  // The run may go on in the next part: its last row is looked at again.
  const from = last === undefined ? null : last.old && rows.length > 1 ? last.seq - 1 : last.seq;
  return { removed: gone.length + written, after: rows.length < limit ? null : from };
}

/** Asked at once; SQLite takes 32,766 parameters. */
export function endedSessions(
  { build, all }: Db,
  sessions: readonly string[],
  before: number,
): readonly EndedSession[] {
  const over = build
    .selectFrom("session")
    .innerJoin("objective", "objective.id", "session.objective_id")
    .select(["session.id", "session.body"])
    .where("objective.live", "=", 0)
    .where("objective.updated_at", "<", before)
    .where("session.live", "=", 0)
    .where("session.id", "in", sessions);
  const attempts = Map.groupBy(
    all(build.selectFrom("attempt").selectAll().where("session_id", "in", sessions)),
    ({ session_id }) => session_id,
  );
  return all(over).map(({ id, body }) => {
    const session = decodeSession(body);
    return {
      id: session.id,
      // A manager's checkout is detached, and nothing is ever published from it.
      keepsWork: session.role === "worker",
      workspace: session.workspace?.path ?? null,
      attempts: (attempts.get(id) ?? [])
        .filter(({ closed }) => closed === 1)
        .map(({ attempt, out, err, seq }) => ({ attempt, out, err, seq })),
    };
  });
}

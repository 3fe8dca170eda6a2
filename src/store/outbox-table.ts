/** The outbox: everything we do leaves from here, lane by lane, in order, counted before it is tried. */
import type { SessionId } from "../domain/id.ts";
import type { Emitted } from "../domain/step.ts";
import { decodeEffect, encode, readable } from "./codec.ts";
import type { Db } from "./database.ts";
import { SURVIVED, type Hands } from "./hands.ts";
import { takeRows, type Take } from "./lanes.ts";
import type { EndedEffect, OutboxItem, OutboxRow } from "./port.ts";
import { prepared } from "./prepared.ts";

export interface Insert {
  readonly objective: string | null;
  readonly now: number;
  /** An earlier life of this database may have done it already. */
  readonly doubt: boolean;
}

export function insertEffect(
  { run }: Db,
  emitted: Emitted,
  { objective, now, doubt }: Insert,
): void {
  const { key, lane, priority, coalesce, effect } = emitted;
  if (coalesce !== null)
    // Only what was never sent may be replaced; what was tried has to be settled first.
    run(replaced({ coalesce, now }));
  const row = { key, lane, priority, coalesce, objective, effect: encode(effect), now };
  run(inserted({ ...row, doubt: doubt ? 1 : 0 }));
}

const replaced = prepared(
  (build, { coalesce, now }: { readonly coalesce: string; readonly now: number }) =>
    build
      .updateTable("outbox")
      .set({ state: "replaced", ended_at: now })
      .where("coalesce", "=", coalesce)
      .where("state", "=", "pending")
      .where("attempts", "=", 0),
);

interface NewRow extends Omit<Insert, "doubt">, Omit<Emitted, "effect"> {
  readonly effect: string;
  readonly doubt: number;
}
const inserted = prepared((build, row: NewRow) => {
  const { key, lane, priority, coalesce, objective, effect, now, doubt } = row;
  return build
    .insertInto("outbox")
    .values({
      key,
      lane,
      priority,
      coalesce,
      objective_id: objective,
      effect,
      state: "pending",
      attempts: 0,
      not_before: 0,
      error: null,
      created_at: now,
      ended_at: null,
      doubt,
    })
    .onConflict((conflict) => conflict.column("key").doNothing());
});

export function takeOutbox(db: Db, hands: Hands, take: Take): readonly OutboxItem[] {
  const { build, all, run } = db;
  const { now, limit, busy } = take;
  const rows = all(heads({ now, limit: limit + busy.size }));
  return readable(
    takeRows(db, { table: "outbox", hands }, rows, take),
    decodeEffect,
    (seq, error) => {
      const dead = { state: "dead", error, ended_at: take.now, held: 0 } as const;
      run(build.updateTable("outbox").set(dead).where("seq", "=", seq));
      hands.letGo("outbox", seq);
    },
  );
}

const heads = prepared((build, { now, limit }: { readonly now: number; readonly limit: number }) =>
  build
    .selectFrom("outbox")
    .leftJoin("artifact", "artifact.key", "outbox.coalesce")
    .selectAll("outbox")
    .select("artifact.value as known")
    .where("head", "=", 1)
    .where("not_before", "<=", now)
    .orderBy("priority")
    .orderBy("seq")
    .limit(limit),
);

export function endEffect(
  { build, run }: Db,
  { item, now, state, reason, artifact }: EndedEffect,
): void {
  run(ended({ seq: item.seq, state, reason, now }));
  const key = item.coalesce;
  if (key === null || artifact === undefined) return;
  if (artifact === null) run(build.deleteFrom("artifact").where("key", "=", key));
  else
    run(
      build
        .insertInto("artifact")
        .values({ key, value: artifact })
        .onConflict((conflict) => conflict.column("key").doUpdateSet({ value: artifact })),
    );
}

interface Ended extends Pick<EndedEffect, "state" | "reason" | "now"> {
  readonly seq: number;
}
const ended = prepared((build, { seq, state, reason, now }: Ended) =>
  build
    .updateTable("outbox")
    .set({ state, error: reason, ended_at: now, held: 0 })
    .where("seq", "=", seq),
);

export function isStartPending({ all }: Db, session: SessionId, attempt: number): boolean {
  // Its lane, on whichever runner ("A" comes after "@").
  const lanes = { from: `attempt:${session}@`, before: `attempt:${session}A` };
  return all(pendingIn(lanes)).some((row) => {
    const { effect } = decodeEffect({ ...row, known: null });
    return effect.kind === "start-attempt" && effect.attempt === attempt;
  });
}

interface Lanes {
  readonly from: string;
  readonly before: string;
}
const pendingIn = prepared((build, { from, before }: Lanes) =>
  build
    .selectFrom("outbox")
    .selectAll()
    .where("lane", ">=", from)
    .where("lane", "<", before)
    .where("state", "=", "pending"),
);

export interface Postpone {
  readonly notBefore: number;
  readonly error: string;
  readonly sure: boolean;
}

export function postponeEffect(
  { build, run }: Db,
  seq: number,
  { notBefore, error, sure }: Postpone,
): void {
  run(
    build
      .updateTable("outbox")
      .set(({ eb }) => ({
        not_before: notBefore,
        error,
        ...SURVIVED,
        attempts: sure ? eb("attempts", "-", 1) : eb.ref("attempts"),
        waits: eb("waits", "+", 1),
      }))
      .where("seq", "=", seq),
  );
}

export function listOutbox(
  { build, all }: Db,
  state: OutboxRow["state"] | "all",
  limit: number,
): readonly OutboxRow[] {
  const query = build.selectFrom("outbox").selectAll().orderBy("seq", "desc").limit(limit);
  const rows = all(state === "all" ? query : query.where("state", "=", state));
  return rows.map((row) => ({
    key: row.key,
    lane: row.lane,
    state: row.state,
    attempts: row.attempts,
    notBefore: row.not_before,
    error: row.error,
    createdAt: row.created_at,
    effect: decodeEffect({ ...row, known: null }).effect,
  }));
}

/**
 * Our clock was set, or the machine slept: stored deadlines move with it, so that what was to happen in five minutes
 * happens in five minutes. Moments of the past stay as they were told. In one transaction with the moment it is seen at.
 */
import type { Session } from "../domain/objective.ts";
import { appendEvent } from "./chain.ts";
import { decodeSession, encode } from "./codec.ts";
import type { Db } from "./database.ts";
import { moveExhausted } from "./exhausted-table.ts";
import type { Moment } from "./port.ts";
import { readMark, writeMark } from "./watch-table.ts";

const MARK = "clock";

/** Null = none was noted, or by a version that noted it in another way. */
export function lastMoment(db: Db): Moment | null {
  const [wall, elapsed, boot] = readMark(db, MARK)?.split(" ") ?? [];
  const moment = { wall: Number(wall), elapsed: Number(elapsed), boot: boot ?? "" };
  return Number.isFinite(moment.wall) && Number.isFinite(moment.elapsed) ? moment : null;
}

export function rebase(db: Db, byMs: number, { wall, elapsed, boot }: Moment): void {
  writeMark(db, MARK, `${wall} ${elapsed} ${boot}`);
  if (byMs === 0) return;
  for (const table of ["inbox", "outbox"] as const)
    db.run(
      db.build
        .updateTable(table)
        .set(({ eb }) => ({ not_before: eb("not_before", "+", byMs) }))
        .where("state", "=", "pending")
        .where("not_before", ">", 0),
    );
  moveTimers(db, byMs);
  if (byMs >= 0) return;
  moveSessions(db, byMs, wall);
  moveExhausted(db, byMs);
}

/** Providers say by their own clock when a limit ends: ours going on, or being put right, does not move that. */
function moveTimers({ build, run }: Db, byMs: number): void {
  const timers = build.updateTable("timer").set(({ eb }) => ({ due: eb("due", "+", byMs) }));
  run(byMs < 0 ? timers : timers.where("name", "not like", "resume:%"));
}

/** Holds that would not end for as long as the clock was set back, and turns that would be lost to everybody new. */
function moveSessions(db: Db, byMs: number, now: number): void {
  const { build, all, run } = db;
  const moving = build
    .selectFrom("session")
    .select(["id", "objective_id", "body"])
    .where("state", "in", ["queued", "waiting_limit", "starting", "running", "stopping"])
    .where("objective_id", "in", build.selectFrom("objective").select("id").where("live", "=", 1));
  const touched = new Set<string>();
  for (const { id, objective_id, body } of all(moving)) {
    const before = decodeSession(body);
    const session = moved(before, byMs);
    if (session === before) continue;
    touched.add(objective_id);
    const changes = { since: session.state.since, body: encode(session) };
    run(build.updateTable("session").set(changes).where("id", "=", id));
  }
  for (const id of touched) {
    // Whoever has loaded it loads it again.
    run(
      build
        .updateTable("objective")
        .set(({ eb }) => ({ rev: eb("rev", "+", 1) }))
        .where("id", "=", id),
    );
    appendEvent(db, {
      at: now,
      objective_id: id,
      item: `clock:${now}`,
      event: encode({ kind: "clock-set", byMs }),
      facts: encode({}),
      notes: encode([`the clock was set back by ${Math.round(-byMs / 1000)} s`]),
    });
  }
}

function moved(session: Session, byMs: number): Session {
  const { state, hold } = session;
  const held =
    hold === null ? session : { ...session, hold: { ...hold, until: hold.until + byMs } };
  if (state.kind === "waiting_limit")
    return { ...held, state: { ...state, until: state.until + byMs } };
  return state.kind === "queued"
    ? { ...held, state: { ...state, since: state.since + byMs } }
    : held;
}

/** Slots, attempts and timers. */
import { objectiveId } from "../domain/id.ts";
import { agentAt } from "../domain/objective.ts";
import { isTerminal, type Place, type SessionPlace } from "../domain/session.ts";
import type { Claim } from "../domain/schedule.ts";
import type { Timer } from "../domain/step.ts";
import { decodeSession, decodeObjectiveBody } from "./codec.ts";
import type { Db } from "./database.ts";
import { insertItem } from "./inbox-table.ts";
import { attemptKey, type Advance, type Cursor, type LiveAttempt } from "./port.ts";
import { prepared } from "./prepared.ts";
import { haunt } from "./slot-table.ts";

/** Inserting the slot row is the claim: taken slots and claimed sessions make it fail. */
export function claimSlot(db: Db, { session, runner, slot }: Claim, now: number): boolean {
  const { build, get, run } = db;
  const row = get(claimable({ session }));
  const online = get(onlineRunner({ runner }));
  if (row === undefined || online === undefined || slot >= online.slots) return false;
  const { leaves, attempt } = row;
  // It has answered in between: the session is where it was.
  if (leaves !== null && get(lostRunner({ runner: leaves })) === undefined) return false;
  if (get(slotAt({ runner, slot })) !== undefined) return false;
  if (leaves !== null) haunt(db, { runner: leaves, session, attempt });
  const claimed = run(
    build
      .insertInto("slot")
      .values({
        runner,
        slot,
        session_id: session,
        objective_id: row.objective_id,
        claimed_at: now,
      })
      .onConflict((conflict) => conflict.doNothing()),
  );
  if (claimed === 0) return false;
  insertItem(
    db,
    {
      key: `claim:${session}:${row.attempt + 1}:${now}`,
      repository: decodeObjectiveBody(row.body).repository,
      subject: { kind: "objective", id: objectiveId(row.objective_id) },
      event: { kind: "slot-claimed", session, runner, slot },
    },
    now,
  );
  return true;
}

const claimable = prepared((build, { session }: { readonly session: string }) =>
  build
    .selectFrom("session")
    .innerJoin("objective", "objective.id", "session.objective_id")
    .select(["session.objective_id", "session.attempt", "objective.body", "leaves"])
    .where("session.id", "=", session)
    .where("ready", "=", 1),
);
const onlineRunner = prepared((build, { runner }: { readonly runner: string }) =>
  build
    .selectFrom("runner")
    .select("slots")
    .where("name", "=", runner)
    .where("state", "=", "online")
    .where("reach", "=", "attached"),
);
const slotAt = prepared((build, { runner, slot }: Place) =>
  build
    .selectFrom("slot")
    .select("session_id")
    .where("runner", "=", runner)
    .where("slot", "=", slot),
);
const lostRunner = prepared((build, { runner }: { readonly runner: string }) =>
  build.selectFrom("runner").select("name").where("name", "=", runner).where("reach", "=", "lost"),
);

export function placeOf({ get }: Db, session: string): SessionPlace | null {
  const row = get(sessionBody({ session }));
  if (row === undefined) return null;
  const { runner, attempt, state } = decodeSession(row.body);
  return { runner, attempt, over: isTerminal(state) };
}

const sessionBody = prepared((build, { session }: { readonly session: string }) =>
  build.selectFrom("session").select("body").where("id", "=", session),
);

/** Asked in every round: sessions are only read and decoded for attempts that are new. */
export function liveAttempts(
  { build, all }: Db,
  except: ReadonlySet<string> = new Set(),
): readonly LiveAttempt[] {
  const open = all(openAttempts({}));
  return open
    .filter(({ session_id, attempt }) => !except.has(attemptKey({ session: session_id, attempt })))
    .flatMap(({ session_id, attempt, out, err, seq, runner: at }) => {
      const query = build
        .selectFrom("session")
        .innerJoin("objective", "objective.id", "session.objective_id")
        .select(["session.body", "objective.body as objective", "session.objective_id"])
        .where("session.id", "=", session_id);
      return all(query).flatMap(({ body, objective, objective_id }) => {
        const session = decodeSession(body);
        const { id, role, runner: now } = session;
        const agent = agentAt(session, attempt);
        // One that was fenced is followed where it was.
        const runner = at ?? now;
        const { repository } = decodeObjectiveBody(objective);
        const place = { session: id, attempt, objective: objectiveId(objective_id), repository };
        return runner === null
          ? []
          : [{ ...place, agent, role, runner, cursor: { out, err, seq } }];
      });
    });
}

const openAttempts = prepared((build) =>
  build.selectFrom("attempt").selectAll().where("closed", "=", 0),
);

export function readCursor({ build, get }: Db, session: string, attempt: number): Cursor {
  const row = get(
    build
      .selectFrom("attempt")
      .select(["out", "err", "seq"])
      .where("session_id", "=", session)
      .where("attempt", "=", attempt),
  );
  return row ?? { out: 0, err: 0, seq: 0 };
}

/** The cursor moves in the transaction that stores what was found up to it. */
export function advance(
  db: Db,
  { session, attempt, now, cursor, items, closed, activity }: Advance,
): void {
  db.run(advanced({ session, attempt, ...cursor, closed: closed ? 1 : 0 }));
  for (const item of items) insertItem(db, item, now);
  if (activity !== null) db.run(active({ session, activity, now }));
}

interface Advanced extends Cursor {
  readonly session: string;
  readonly attempt: number;
  readonly closed: number;
}
const advanced = prepared((build, { session, attempt, out, err, seq, closed }: Advanced) =>
  build
    .updateTable("attempt")
    .set({ out, err, seq, closed })
    .where("session_id", "=", session)
    .where("attempt", "=", attempt),
);

interface Active {
  readonly session: string;
  readonly activity: string;
  readonly now: number;
}
const active = prepared((build, { session, activity, now }: Active) =>
  build
    .insertInto("activity")
    .values({ session_id: session, text: activity, at: now })
    .onConflict((conflict) =>
      conflict.column("session_id").doUpdateSet({ text: activity, at: now }),
    ),
);

export function closeAttempt({ build, run }: Db, session: string, attempt: number): void {
  run(
    build
      .updateTable("attempt")
      .set({ closed: 1 })
      .where("session_id", "=", session)
      .where("attempt", "=", attempt),
  );
}

export function setTimer({ build, run }: Db, objective: string, { name, at }: Timer): void {
  if (at === null)
    run(build.deleteFrom("timer").where("objective_id", "=", objective).where("name", "=", name));
  else
    run(
      build
        .insertInto("timer")
        .values({ objective_id: objective, name, due: at })
        .onConflict((conflict) =>
          conflict.columns(["objective_id", "name"]).doUpdateSet({ due: at }),
        ),
    );
}

/** Timers only enqueue: a due one becomes an inbox item and is gone, in one transaction. */
export function fireTimers(db: Db, now: number): number | null {
  const { build, all, run } = db;
  for (const { objective_id, name, due: at, body } of all(dueTimers({ now }))) {
    insertItem(
      db,
      {
        key: `timer:${objective_id}:${name}:${at}`,
        repository: decodeObjectiveBody(body).repository,
        subject: { kind: "objective", id: objectiveId(objective_id) },
        event: { kind: "timer-fired", name },
      },
      now,
    );
    run(
      build.deleteFrom("timer").where("objective_id", "=", objective_id).where("name", "=", name),
    );
  }
  return nextTimer(db);
}

const dueTimers = prepared((build, { now }: { readonly now: number }) =>
  build
    .selectFrom("timer")
    .innerJoin("objective", "objective.id", "timer.objective_id")
    .select(["timer.objective_id", "timer.name", "timer.due", "objective.body"])
    .where("timer.due", "<=", now)
    .limit(100),
);

export const nextTimer = ({ get }: Db): number | null => get(firstTimer({}))?.due ?? null;

const firstTimer = prepared((build) =>
  build.selectFrom("timer").select(({ fn }) => fn.min<number | null>("due").as("due")),
);

/** Whether sessions can go on at a runner: a change of that is written together with the events that tell of it. */
import { sql } from "kysely";
import { objectiveId } from "../domain/id.ts";
import type { Presence } from "../domain/presence.ts";
import { absenceOf, type Absence, type Away } from "../domain/runner.ts";
import { decodeObjectiveBody } from "./codec.ts";
import type { Db } from "./database.ts";
import { insertItem } from "./inbox-table.ts";
import type { NewRunner } from "./port.ts";
import { prepared } from "./prepared.ts";
import * as table from "./runner-table.ts";

/** Registers a runner, or changes what is given. */
export function putRunner(db: Db, runner: NewRunner, now: number): void {
  telling(db, runner.name, now, () => table.putRunner(db, runner));
}

export function setReach(
  db: Db,
  { runner, presence, now }: { runner: string; presence: Presence; now: number },
): boolean {
  const { reach, since } = presence;
  const row = db.get(reachOf({ runner }));
  if (row === undefined) return false;
  if (row.reach !== reach)
    telling(db, runner, now, () =>
      db.run(
        db.build
          .updateTable("runner")
          .set({ reach, reach_since: since })
          .where("name", "=", runner),
      ),
    );
  if (reach === "attached") hasten(db, runner, now);
  return true;
}

/** What was put off because its runner was away is due. */
function hasten({ run }: Db, runner: string, now: number): void {
  run(due({ runner, now }));
}

const due = prepared((build, { runner, now }: { readonly runner: string; readonly now: number }) =>
  build
    .updateTable("outbox")
    .set({ not_before: now })
    .where("head", "=", 1)
    .where("not_before", ">", now)
    .where(sql<string>`effect ->> '$.runner'`, "=", runner),
);

const reachOf = prepared((build, { runner }: { readonly runner: string }) =>
  build.selectFrom("runner").select(["state", "reach", "reach_since"]).where("name", "=", runner),
);

function telling(db: Db, runner: string, now: number, change: () => unknown): void {
  const before = awayOf(db, runner, now);
  change();
  const away = awayOf(db, runner, now);
  if ((before?.is ?? null) === (away?.is ?? null)) return;
  for (const { id, body } of db.all(objectivesOn({ runner })))
    insertItem(
      db,
      {
        key: `runner:${runner}:${id}:${away?.is ?? "back"}:${now}:${db.get(lastItem({}))?.seq ?? 0}`,
        repository: decodeObjectiveBody(body).repository,
        subject: { kind: "objective", id: objectiveId(id) },
        event: { kind: "runner-changed", runner, away },
      },
      now,
    );
}

function awayOf({ get }: Db, runner: string, now: number): Away | null {
  const row = get(reachOf({ runner }));
  const is: Absence | null = row === undefined ? null : absenceOf(row);
  if (row === undefined || is === null) return null;
  return { is, since: is === "disabled" ? now : (row.reach_since ?? now) };
}

/** With a session there that is not over, or with one that has just been placed there. */
const objectivesOn = prepared((build, { runner }: { readonly runner: string }) =>
  build
    .selectFrom("objective")
    .select(["id", "body"])
    .where("id", "in", (query) =>
      query
        .selectFrom("session")
        .select("objective_id")
        .where("state", "not in", ["succeeded", "failed", "canceled"])
        .where(sql<string>`body ->> '$.runner'`, "=", runner)
        .union(query.selectFrom("slot").select("objective_id").where("runner", "=", runner)),
    )
    .orderBy("id"),
);

/** Tells two changes of one millisecond apart. */
const lastItem = prepared((build) =>
  build.selectFrom("inbox").select(({ fn }) => fn.max<number | null>("seq").as("seq")),
);

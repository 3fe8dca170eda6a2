/** The whole queue, a page at a time: for saying why, not for placing. */
import { sql } from "kysely";
import type { Waiting } from "./presence-port.ts";
import { decodeObjectiveBody } from "./codec.ts";
import type { Db } from "./database.ts";
import { prepared } from "./prepared.ts";
import { atWork, candidateOf, type AtWork } from "./queue-head.ts";
import { runnerSnapshots } from "./runner-table.ts";

export function waiting(db: Db, after: string, limit: number): Waiting {
  const rows = db.all(page({ after, limit }));
  const { busy, repositories } = rows.length === 0 ? NOBODY : atWork(db);
  return {
    runners: rows.length === 0 ? [] : runnerSnapshots(db),
    busy,
    repositories,
    waiting: rows.map((row) => ({
      candidate: candidateOf(row, undefined),
      attempt: row.attempt,
      why: row.why,
      toldAt: row.told_at,
      repository: decodeObjectiveBody(row.objective_body).repository,
    })),
  };
}

const NOBODY: Pick<AtWork, "busy" | "repositories"> = { busy: new Map(), repositories: new Map() };

interface Page {
  readonly after: string;
  readonly limit: number;
}

const page = prepared((build, { after, limit }: Page) =>
  build
    .selectFrom("session")
    .innerJoin("objective", "objective.id", "session.objective_id")
    .leftJoin("slot", (join) =>
      join.onRef("slot.session_id", "=", "session.id").on("leaves", "is", null),
    )
    .where("ready", "=", 1)
    .where("session.id", ">", after)
    .where("slot.slot", "is", null)
    .select(["session.id", "session.objective_id", "rank", "since", "pin", "want", "worker"])
    .select(["workers_max", "sessions_max", "leaves", "repository", "attempt", "why"])
    .select("objective.body as objective_body")
    .select(sql<number | null>`session.body ->> '$.waits.since'`.as("told_at"))
    .orderBy("session.id")
    .limit(limit),
);

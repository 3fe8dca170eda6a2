/** Runners that cannot be reached, sessions that leave lost ones, what sessions ask of a runner, and why they wait. */
import { sql, type Kysely } from "kysely";

const STATEMENTS = [
  `alter table runner add column reach text not null default 'attached'`,
  // Since when it is not attached.
  `alter table runner add column reach_since integer`,
  // Where the attempt was; null = where its session is.
  `alter table attempt add column runner text`,
  // The lost runner where it has a slot and may have a process: placed elsewhere it is fenced there.
  `alter table session add column leaves text`,
  // Labels a runner must have, sorted, with a comma after each.
  `alter table session add column want text not null default ''`,
  `alter table session add column repository integer not null default 0`,
  `update session set repository = (select repository_id from objective where objective.id = objective_id)`,
  // Sessions of its repository that may be live at the same time; null = no limit.
  `alter table session add column sessions_max integer`,
  // The class of the reason for which it waits, as its status shows it.
  `alter table session add column why text not null default ''`,
  `drop index session_turn`,
  `create index session_turn on session (rank, pin, want, turn, since) where ready = 1`,
  `create index session_waits on session (id) where ready = 1`,
  // What waits for a lost runner holds up nothing that goes to another one.
  `update outbox set lane = lane || '@' || (effect ->> '$.runner')
    where state = 'pending' and (effect ->> '$.kind') in ('start-attempt', 'send-message', 'stop-attempt', 'answer-call')`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

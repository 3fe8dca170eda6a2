/**
 * What the engine asks for in every round costs the same however much waits: the head of each lane is marked, and
 * waiting sessions are in the order in which an objective's come up.
 *
 * Triggers keep the marks, not the queries that end rows: a lane whose head were forgotten would stand still.
 */
import { sql, type Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const lanes = (table: "inbox" | "outbox", order: string): readonly string[] => [
  `alter table ${table} add column head integer not null default 0`,
  `update ${table} set head = 1 where seq in (select min(seq) from ${table} where state = 'pending' group by lane)`,
  // One head per lane.
  `create unique index ${table}_head_lane on ${table} (lane) where head = 1`,
  `create index ${table}_head on ${table} (${order}, not_before) where head = 1`,
  `create index ${table}_head_due on ${table} (not_before) where head = 1`,
  `create trigger ${table}_enters after insert on ${table} when new.state = 'pending' and new.head = 0 begin
    update ${table} set head = 1 where seq = new.seq
      and not exists (select 1 from ${table} where lane = new.lane and head = 1);
  end`,
  `create trigger ${table}_leaves after update of state on ${table} when old.head = 1 and new.state <> 'pending' begin
    update ${table} set head = 0 where seq = new.seq;
    update ${table} set head = 1
      where seq = (select min(seq) from ${table} where lane = new.lane and state = 'pending');
  end`,
  `create trigger ${table}_returns after update of state on ${table} when old.state <> 'pending' and new.state = 'pending' begin
    update ${table} set head = 0 where lane = new.lane and head = 1;
    update ${table} set head = 1
      where seq = (select min(seq) from ${table} where lane = new.lane and state = 'pending');
  end`,
];

const STATEMENTS = [
  ...lanes("inbox", "seq"),
  ...lanes("outbox", "priority, seq"),
  // How many of its objective's come up before it: nobody's crowd hides the others.
  `alter table session add column turn integer not null default 0`,
  `drop index session_ready`,
  `create index session_turn on session (rank, pin, turn, since) where ready = 1`,
];

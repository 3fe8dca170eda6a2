/** The first schema. Forward only; later migrations add, and never rewrite this one. */
import { sql, type Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `create table delivery (
    guid text primary key, name text not null, body text not null, received_at integer not null,
    state text not null, reason text)`,
  `create index delivery_new on delivery (received_at) where state = 'new'`,
  `create table inbox (
    seq integer primary key, key text not null unique, lane text not null, repository text not null,
    subject text not null, event text not null, state text not null, attempts integer not null,
    not_before integer not null, error text, created_at integer not null)`,
  `create index inbox_pending on inbox (lane, seq) where state = 'pending'`,
  `create table objective (
    id text primary key, repository_id integer not null, issue_id integer not null, issue_number integer not null,
    revision integer not null, rev integer not null, live integer not null, updated_at integer not null, body text not null,
    unique (repository_id, issue_id, revision))`,
  // One live revision per issue, whatever is duplicated or reordered.
  `create unique index objective_live on objective (repository_id, issue_id) where live = 1`,
  `create index objective_issue on objective (repository_id, issue_number, revision)`,
  `create table session (
    id text primary key, objective_id text not null references objective (id), position integer not null,
    state text not null, attempt integer not null, ready integer not null, rank integer not null, since integer not null,
    pin text, worker integer not null, workers_max integer not null, live integer not null, body text not null)`,
  `create index session_objective on session (objective_id, position)`,
  `create index session_ready on session (rank, since) where ready = 1`,
  `create index session_live on session (objective_id) where live = 1`,
  `create table question (
    id text primary key, objective_id text not null references objective (id), position integer not null,
    state text not null, body text not null)`,
  `create index question_objective on question (objective_id, position)`,
  `create table pull_request (
    session_id text primary key references session (id), objective_id text not null references objective (id),
    repository_id integer not null, branch text not null, number integer, state text not null, body text not null,
    unique (repository_id, branch))`,
  `create index pull_request_objective on pull_request (objective_id)`,
  `create unique index pull_request_number on pull_request (repository_id, number) where number is not null`,
  `create table outbox (
    seq integer primary key, key text not null unique, lane text not null, priority integer not null, coalesce text,
    objective_id text, effect text not null, state text not null, attempts integer not null, not_before integer not null,
    error text, created_at integer not null, ended_at integer)`,
  `create index outbox_pending on outbox (lane, seq) where state = 'pending'`,
  `create index outbox_coalesce on outbox (coalesce) where state = 'pending' and coalesce is not null`,
  `create table artifact (key text primary key, value text not null) without rowid`,
  `create table timer (objective_id text not null, name text not null, due integer not null, primary key (objective_id, name)) without rowid`,
  `create index timer_due on timer (due)`,
  `create table event (
    seq integer primary key, at integer not null, objective_id text, item text not null, event text not null,
    facts text not null, notes text not null)`,
  `create index event_objective on event (objective_id, seq)`,
  `create table runner (name text primary key, kind text not null, state text not null, slots integer not null) without rowid`,
  // A slot is a row: claiming is inserting, so a runner cannot hold more sessions than it has slots.
  `create table slot (
    runner text not null, slot integer not null, session_id text not null unique, objective_id text not null,
    claimed_at integer not null, primary key (runner, slot)) without rowid`,
  `create table attempt (
    session_id text not null, attempt integer not null, out integer not null, err integer not null, seq integer not null,
    closed integer not null, primary key (session_id, attempt)) without rowid`,
  `create index attempt_open on attempt (closed) where closed = 0`,
  `create table activity (session_id text primary key, text text not null, at integer not null) without rowid`,
  `create table configuration (repository_id integer primary key, sha text not null, body text not null)`,
  `create table meta (key text primary key, value text not null) without rowid`,
];

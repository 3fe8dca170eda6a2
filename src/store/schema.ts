/** The tables, as Kysely types. Times are ms since the epoch; `body` columns hold JSON (codec.ts). */
import type { Generated } from "kysely";

export interface Tables {
  delivery: {
    guid: string;
    name: string;
    /** Empty once it was routed. */
    body: string;
    received_at: number;
    state: "new" | "routed" | "rejected";
    reason: string | null;
    /** 1 = being handled; still 1 at the start = the process died with it (hands.ts). */
    held: Generated<number>;
    crashes: Generated<number>;
  };
  inbox: {
    seq: Generated<number>;
    key: string;
    lane: string;
    repository: string;
    subject: string;
    event: string;
    state: "pending" | "done" | "dead";
    attempts: number;
    not_before: number;
    error: string | null;
    created_at: number;
    held: Generated<number>;
    crashes: Generated<number>;
    /** 1 = the oldest pending row of its lane; kept by triggers. */
    head: Generated<number>;
  };
  objective: {
    id: string;
    repository_id: number;
    issue_id: number;
    issue_number: number;
    revision: number;
    /** Compared and set by every commit. */
    rev: number;
    live: number;
    updated_at: number;
    body: string;
  };
  session: {
    id: string;
    objective_id: string;
    position: number;
    state: string;
    attempt: number;
    /** 1 = waits for a slot and may run. The next three order and limit it. */
    ready: number;
    rank: number;
    /** Of the same rank how many of its objective wait longer. */
    turn: number;
    since: number;
    pin: string | null;
    worker: number;
    workers_max: number;
    live: number;
    body: string;
    /** The lost runner where it has a slot and may have a process. */
    leaves: Generated<string | null>;
    /** Labels a runner must have: sorted, a comma after each. */
    want: Generated<string>;
    repository: Generated<number>;
    sessions_max: Generated<number | null>;
    /** Class of the reason for which it waits. */
    why: Generated<string>;
  };
  question: { id: string; objective_id: string; position: number; state: string; body: string };
  pull_request: {
    session_id: string;
    objective_id: string;
    repository_id: number;
    branch: string;
    number: number | null;
    state: string;
    body: string;
  };
  outbox: {
    seq: Generated<number>;
    key: string;
    lane: string;
    priority: number;
    coalesce: string | null;
    objective_id: string | null;
    effect: string;
    state: "pending" | "done" | "refused" | "dead" | "replaced";
    attempts: number;
    not_before: number;
    error: string | null;
    created_at: number;
    ended_at: number | null;
    held: Generated<number>;
    crashes: Generated<number>;
    /** 1 = an earlier life of this database may have done it: even the first try looks. */
    doubt: Generated<number>;
    waits: Generated<number>;
    head: Generated<number>;
  };
  artifact: { key: string; value: string };
  timer: { objective_id: string; name: string; due: number };
  event: {
    seq: Generated<number>;
    at: number;
    objective_id: string | null;
    item: string;
    event: string;
    facts: string;
    notes: string;
    /** Of this row and the hash before (chain.ts). */
    hash: string;
  };
  runner: {
    name: string;
    kind: "local" | "ssh";
    state: "online" | "draining" | "offline" | "disabled" | "untrusted";
    slots: number;
    /** JSON: an array of texts. */
    labels: string;
    /** JSON; null = this machine. */
    address: string | null;
    host_key: string | null;
    problem: string | null;
    reach: Generated<"attached" | "unreachable" | "lost">;
    reach_since: Generated<number | null>;
  };
  slot: {
    runner: string;
    slot: number;
    /** A session's id, or the key of an attempt whose end nobody has seen (slot-table.ts). */
    session_id: string;
    objective_id: string;
    claimed_at: number;
  };
  attempt: {
    session_id: string;
    attempt: number;
    out: number;
    err: number;
    seq: number;
    closed: number;
    /** null = where its session is. */
    runner: Generated<string | null>;
  };
  activity: { session_id: string; text: string; at: number };
  configuration: { repository_id: number; sha: string; body: string };
  meta: { key: string; value: string };
}

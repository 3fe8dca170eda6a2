/**
 * A chaos run as evidence for the invariants, the same that judge the simulation: GitHub from the emulator, rows from
 * the database opened read-only and closed again at once, records from the runner's directories, processes from /proc.
 */
import Database from "better-sqlite3";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { over } from "../../src/store/database.ts";
import { exhausted } from "../../src/store/exhausted-table.ts";
import { loadObjective } from "../../src/store/objective-table.ts";
import {
  arrivedIn,
  type EffectRow,
  type Evidence,
  type PushEvidence,
  type RunnerEvidence,
  type TranscriptEvidence,
  type StoredRows,
} from "../invariants/evidence.ts";
import { LABEL, TRUSTED, type ChaosGitHub } from "./github.ts";
import { processesIn } from "./processes.ts";

export interface EvidenceOptions {
  readonly directory: string;
  readonly github: ChaosGitHub;
  readonly slots: number;
  readonly upSince: () => number;
}

const RUNNER = "local";

/** Null before the first start. GitHub stands still while the rows are read, so they are never older than it. */
export async function readEvidence(options: EvidenceOptions): Promise<Evidence | null> {
  const path = join(options.directory, "data", "orcha.db");
  const pushes = await options.github.pushes();
  if (!existsSync(path)) return null;
  // Before the rows: what leaves a file meanwhile is in them.
  const waiting = arrived(join(options.directory, "data", "arrivals"));
  const sqlite = new Database(path, { readonly: true, fileMustExist: true });
  try {
    const rows = sqlite.transaction(() => readRows(sqlite))();
    if (rows === null) return null;
    const deliveries = new Map([...waiting, ...rows.deliveries]);
    return assemble(options, { ...rows, deliveries }, pushes);
  } finally {
    sqlite.close();
  }
}

type Rows = StoredRows &
  Pick<Evidence, "secret"> & {
    readonly deliveries: ReturnType<Evidence["deliveries"]>;
    readonly limits: ReturnType<Evidence["exhausted"]>;
    readonly attempts: readonly {
      readonly session: string;
      readonly attempt: number;
      readonly closed: number;
    }[];
  };

/** All in one transaction. */
function readRows(sqlite: Database.Database): Rows | null {
  const all = <T>(query: string): T[] => sqlite.prepare<[], T>(query).all();
  const tables = all<{ name: string }>("select name from sqlite_master where name = 'objective'");
  if (tables.length === 0) return null;
  const [secret] = all<{ value: string }>("select value from meta where key = 'secret'");
  if (secret === undefined) return null;
  const counted = (query: string): Map<string, number> =>
    new Map(
      all<{ name: string; count: number }>(query).map(({ name, count }) => [name, count] as const),
    );
  const db = over(sqlite);
  const ids = all<{ id: string; rev: number }>("select id, rev from objective");
  return {
    secret: Buffer.from(secret.value, "hex"),
    objectives: ids.flatMap(({ id }) => loadObjective(db, id)?.objective ?? []),
    revs: new Map(ids.map(({ id, rev }) => [id, rev])),
    audits: counted(
      "select objective_id as name, count(*) as count from event where objective_id is not null group by objective_id",
    ),
    effects: all<Omit<EffectRow, "effect"> & { readonly effect: string }>(
      "select seq, key, objective_id as objective, state, effect from outbox",
    ).map(({ seq, key, objective, state, effect }) => ({
      seq,
      key,
      objective,
      state,
      effect: JSON.parse(effect),
    })),
    inboxPending:
      counted("select 'n' as name, count(*) as count from inbox where state = 'pending'").get(
        "n",
      ) ?? 0,
    slots: counted("select runner as name, count(*) as count from slot group by runner"),
    claimed: new Set(all<{ id: string }>("select session_id as id from slot").map(({ id }) => id)),
    holders: new Map(
      all<{ id: string; place: string }>(
        "select session_id as id, runner || '/' || slot as place from slot",
      ).map(({ id, place }) => [id, place]),
    ),
    away: new Set(
      all<{ name: string }>(
        "select name from runner where reach <> 'attached' or state <> 'online'",
      ).map(({ name }) => name),
    ),
    deliveries: new Map(
      all<{ guid: string; state: "new" | "routed" | "rejected" }>(
        "select guid, state from delivery",
      ).map(({ guid, state }) => [guid, state] as const),
    ),
    limits: exhausted(db),
    attempts: all("select session_id as session, attempt, closed from attempt"),
  };
}

function assemble(
  { directory, github, slots, upSince }: EvidenceOptions,
  rows: Rows,
  pushes: readonly PushEvidence[],
): Evidence {
  const { world, app, repositories, writes } = github;
  const { deliveries, attempts, limits, ...read } = rows;
  const now = world.nowMs();
  const since = upSince();
  return {
    ...read,
    now,
    appId: app.id,
    label: LABEL,
    issues: repositories.flatMap((repository) =>
      world.issues(repository).map((issue) => ({ repository, issue })),
    ),
    comments: (issue) => issue.comments,
    pulls: repositories.flatMap((repository) =>
      world.pulls(repository).map((pull) => ({ repository, pull })),
    ),
    deliveries: () => deliveries,
    exhausted: () => limits,
    accepted: github.accepted(),
    // Transcripts first: the agent's record may only grow meanwhile.
    transcripts: attempts.map((row) => transcriptOf(directory, row)),
    runners: [runnerOf(directory, slots)],
    pushes,
    writes,
    trusted: new Set(TRUSTED),
    installed: () => true,
    deleted: new Set(),
    lateWrites: [],
    inTransaction: false,
    upMs: Number.isFinite(since) ? Math.max(0, now - since) : 0,
    restored: 0,
    forgetful: false,
    listsLag: true,
  };
}

const arrived = (directory: string): readonly (readonly [string, "new"])[] =>
  existsSync(directory)
    ? readdirSync(directory).flatMap((name) => arrivedIn(readFileSync(join(directory, name))))
    : [];

function transcriptOf(directory: string, row: Rows["attempts"][number]): TranscriptEvidence {
  const { session, attempt, closed } = row;
  const path = join(directory, "data", "transcripts", session, `${attempt}.out`);
  return { session, attempt, runner: RUNNER, stored: bytesOf(path), closed: closed === 1 };
}

function runnerOf(directory: string, slots: number): RunnerEvidence {
  const sessions = join(directory, "work", "sessions");
  return {
    name: RUNNER,
    slots,
    processes: attemptsRunning(directory),
    // What it obeys stands in no file; test/runners and the simulation look at that.
    begun: [],
    output: (session, attempt) => {
      const path = join(sessions, session, String(attempt), "out");
      return existsSync(path) ? readFileSync(path) : null;
    },
    taken: (session) => takenBy(join(sessions, session, "state", "script-agent.json")),
  };
}

/** Seen in two looks: one takes a moment, in which a process may end and its successor begin. */
function attemptsRunning(directory: string): RunnerEvidence["processes"] {
  const look = (): Map<string, RunnerEvidence["processes"][number]> =>
    new Map(
      processesIn(directory).flatMap(({ session, attempt }) =>
        session === null || attempt === null
          ? []
          : [[`${session}/${attempt}`, { session, attempt }] as const],
      ),
    );
  const first = look();
  return [...look()].flatMap(([name, found]) => (first.has(name) ? [found] : []));
}

/** The script agent writes what it knows whole and synced: what it took is there. */
function takenBy(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by runners/script-agent/memory.ts
  const memory = JSON.parse(readFileSync(path, "utf8")) as {
    readonly messages: readonly { readonly text: string }[];
  };
  return memory.messages.map(({ text }) => text);
}

const bytesOf = (path: string): Uint8Array =>
  existsSync(path) ? readFileSync(path) : new Uint8Array();

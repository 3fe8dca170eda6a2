/**
 * Who may be placed next: the head of the queue, never all of it. Rows stand in an index by rank, by the runner they are
 * bound to, by the labels they want; each of those has a head of its own, so that what cannot be placed (its runner is
 * full, nobody has its labels, its objective has as many workers as it may) hides nobody. Each objective's first come
 * before everybody's second; objectives at work, and so at their limit, are no more than there are slots.
 */
import { sql } from "kysely";
import { objectiveId, sessionId } from "../domain/id.ts";
import { directoryOf } from "../domain/repository.ts";
import { freeSlots, hasLabels } from "../domain/runner.ts";
import type { Candidate, Snapshot } from "../domain/schedule.ts";
import type { Db } from "./database.ts";
import { prepared } from "./prepared.ts";
import { runnerSnapshots } from "./runner-table.ts";

/** Sorted, each once, with a comma after each: equal wishes are equal texts. */
export const wantOf = (labels: readonly string[]): string =>
  [...new Set(labels)]
    .toSorted()
    .map((label) => `${label},`)
    .join("");

const labelsOf = (want: string): readonly string[] =>
  want === "" ? [] : want.slice(0, -1).split(",");

export function snapshot(db: Db, limit: number): Snapshot {
  const { all } = db;
  const runners = runnerSnapshots(db);
  const free = runners.filter((runner) => freeSlots(runner).length > 0);
  if (free.length === 0) return { runners, queue: [], busy: new Map() };
  const slots = runners.reduce((sum, runner) => sum + runner.slots, 0);
  const each = Math.min(limit, 2 * slots + HEAD_MARGIN);
  const { busy, repositories, full } = atWork(db);
  const fits = (want: string, pin: string | null): boolean =>
    free.some((runner) => (pin === null ? hasLabels(runner, labelsOf(want)) : runner.name === pin));
  const queue = ranks(db).flatMap((rank) =>
    [null, ...free.map(({ name }) => name)].flatMap((pin) =>
      wants(db, rank, pin)
        .filter((want) => fits(want, pin))
        .flatMap((want) => all(head({ rank, pin, want, full: JSON.stringify(full), limit: each }))),
    ),
  );
  const mirrors = mirrorsOf(db, queue);
  return {
    runners,
    queue: queue.map((row) => candidateOf(row, mirrors.get(row.repository))),
    busy,
    repositories,
  };
}

export interface AtWork extends Pick<Snapshot, "busy"> {
  readonly repositories: ReadonlyMap<number, number>;
  /** Repositories with a limit that is reached: by what their sessions at work know of it. */
  readonly full: readonly number[];
}

/** Sessions at work: what stands on a lost runner and may leave it is not. */
export function atWork({ all }: Db): AtWork {
  const rows = all(working({}));
  const repositories = new Map<number, number>();
  for (const { repository, sessions } of rows)
    repositories.set(repository, (repositories.get(repository) ?? 0) + sessions);
  const full = rows.filter(
    ({ repository, most }) => most !== null && (repositories.get(repository) ?? 0) >= most,
  );
  return {
    busy: new Map(
      rows.map(({ objective_id, sessions, workers }) => [objective_id, { sessions, workers }]),
    ),
    repositories,
    full: full.map(({ repository }) => repository),
  };
}

export interface WaitingRow {
  readonly id: string;
  readonly objective_id: string;
  readonly rank: number;
  readonly since: number;
  readonly pin: string | null;
  readonly want: string;
  readonly worker: number;
  readonly workers_max: number;
  readonly sessions_max: number | null;
  readonly leaves: string | null;
  readonly repository: number;
}

export function candidateOf(row: WaitingRow, mirror: string | undefined): Candidate {
  const { pin, rank, since, leaves, sessions_max: sessionsMax } = row;
  const labels = labelsOf(row.want);
  return {
    session: sessionId(row.id),
    objective: objectiveId(row.objective_id),
    rank,
    since,
    pin,
    worker: row.worker === 1,
    workersMax: row.workers_max,
    repository: row.repository,
    ...(leaves === null ? {} : { leaves }),
    ...(labels.length === 0 ? {} : { labels }),
    ...(sessionsMax === null ? {} : { sessionsMax }),
    ...(mirror === undefined ? {} : { mirror }),
  };
}

const HEAD_MARGIN = 16;
/** Sets of labels that are looked at per rank and runner. */
const WANTS_MAX = 64;

function ranks({ get }: Db): readonly number[] {
  const found: number[] = [];
  for (let rank = get(rankAfter({ rank: -1 }))?.rank; rank !== undefined && rank !== null;) {
    found.push(rank);
    rank = get(rankAfter({ rank }))?.rank;
  }
  return found;
}

const rankAfter = prepared((build, { rank }: { readonly rank: number }) =>
  build
    .selectFrom("session")
    .select(({ fn }) => fn.min<number | null>("rank").as("rank"))
    .where("ready", "=", 1)
    .where("rank", ">", rank),
);

/** From one to the next by the index, however many rows have each. */
function wants({ get }: Db, rank: number, pin: string | null): readonly string[] {
  const found: string[] = [];
  for (let want = get(firstWant({ rank, pin }))?.want; want !== undefined && want !== null;) {
    found.push(want);
    if (found.length >= WANTS_MAX) break;
    want = get(wantAfter({ rank, pin, want }))?.want;
  }
  return found;
}

interface Head {
  readonly rank: number;
  readonly pin: string | null;
}

const waitingAt = (build: Db["build"], { rank, pin }: Head) =>
  build
    .selectFrom("session")
    .where("ready", "=", 1)
    .where("rank", "=", rank)
    .where("pin", "is", pin);

// Values of a prepared query are places, which cannot be spread.
const firstWant = prepared((build, { rank, pin }: Head) =>
  waitingAt(build, { rank, pin }).select(({ fn }) => fn.min<string | null>("want").as("want")),
);
const wantAfter = prepared((build, { want, rank, pin }: Head & { readonly want: string }) =>
  waitingAt(build, { rank, pin })
    .where("want", ">", want)
    .select(({ fn }) => fn.min<string | null>("want").as("want")),
);

interface Wanted extends Head {
  readonly want: string;
  /** JSON: repositories that have as many sessions as they may. */
  readonly full: string;
  readonly limit: number;
}

const head = prepared((build, { want, full, limit, rank, pin }: Wanted) =>
  waitingAt(build, { rank, pin })
    .where("want", "=", want)
    .where(sql<boolean>`repository not in (select value from json_each(${full}))`)
    // The slot on a lost runner is nobody's; one elsewhere was claimed already.
    .leftJoin("slot", (join) =>
      join
        .onRef("slot.session_id", "=", "session.id")
        .on(sql<boolean>`slot.runner is not session.leaves`),
    )
    .where("slot.slot", "is", null)
    .select(["session.id", "session.objective_id", "rank", "since", "pin", "want", "worker"])
    .select(["workers_max", "sessions_max", "leaves", "repository"])
    .orderBy("turn")
    .orderBy("since")
    .limit(limit),
);

/** From the slots, of which there are few: SQLite leaves a cross join in its order. */
const working = prepared((build) =>
  build
    .selectFrom("slot")
    .crossJoin("session")
    .whereRef("session.id", "=", "slot.session_id")
    // The slot on a lost runner is nobody's.
    .where(sql<boolean>`slot.runner is not session.leaves`)
    .select(({ fn }) => [
      "slot.objective_id",
      fn.countAll<number>().as("sessions"),
      fn.sum<number>("worker").as("workers"),
      fn.min<number>("repository").as("repository"),
      fn.min<number | null>("sessions_max").as("most"),
    ])
    .groupBy("slot.objective_id"),
);

/** Names of the mirrors of these repositories: of each one objective says it. */
function mirrorsOf({ get }: Db, queue: readonly WaitingRow[]): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const { repository, objective_id } of queue) {
    if (found.has(repository)) continue;
    const name = get(named({ objective: objective_id }));
    if (name !== undefined) found.set(repository, directoryOf(name));
  }
  return found;
}

const named = prepared((build, { objective }: { readonly objective: string }) =>
  build
    .selectFrom("objective")
    .select([
      sql<string>`body ->> '$.repository.owner'`.as("owner"),
      sql<string>`body ->> '$.repository.name'`.as("name"),
    ])
    .where("id", "=", objective),
);

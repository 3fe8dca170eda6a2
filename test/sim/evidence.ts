/** The simulation as evidence for the invariants: read incrementally, because it is read after everything that happens. */
import type { Objective } from "../../src/domain/objective.ts";
import type { Comment, Issue } from "../../src/emulator/model.ts";
import { loadObjective } from "../../src/store/objective-table.ts";
import type {
  EffectRow,
  Evidence,
  PushEvidence,
  RunnerEvidence,
  TranscriptEvidence,
  WriteEvidence,
} from "../invariants/evidence.ts";
import type { SimGitHub } from "./github.ts";
import type { Operators } from "./operators.ts";
import type { SimPlane } from "./plane.ts";
import { changesOf, query } from "./query.ts";
import { isBusy, isRunning } from "./runner/attempt.ts";
import type { Machine } from "./runner/machine.ts";
import type { Sim } from "./sim.ts";

export interface EvidenceParts {
  readonly sim: Sim;
  readonly plane: SimPlane;
  readonly github: SimGitHub;
  readonly machines: readonly Machine[];
  readonly slots: number;
  readonly pushes: readonly PushEvidence[];
  readonly writes: readonly WriteEvidence[];
  readonly deleted: readonly string[];
  readonly operators: Pick<Operators, "restored" | "upSince">;
  readonly listsLag: boolean;
}

type Rows = Pick<
  Evidence,
  "objectives" | "revs" | "audits" | "effects" | "inboxPending" | "slots" | "claimed"
>;

interface OutboxRow {
  readonly seq: number;
  readonly key: string;
  readonly objective_id: string | null;
  readonly state: EffectRow["state"];
  readonly effect: string;
}

interface ObjectiveRow {
  readonly id: string;
  readonly rev: number;
}

const MINUTE_MS = 60_000;

export class EvidenceReader {
  readonly #parts: EvidenceParts;
  #sqlite: SimPlane["sqlite"] | null = null;
  #objectives = new Map<string, { readonly rev: number; readonly objective: Objective }>();
  #effects = new Map<number, EffectRow>();
  #changes = -1;
  #rows: Rows | null = null;

  #seen = "";
  #touched = 0;

  constructor(parts: EvidenceParts) {
    this.#parts = parts;
    const touch = (): void => void (this.#touched += 1);
    parts.github.world.watch(touch);
    for (const machine of parts.machines) machine.onChange(touch);
  }

  /** False = nothing the invariants look at has changed since it was last asked. */
  changed(): boolean {
    const { plane, sim } = this.#parts;
    const minute = Math.floor(sim.time.now() / MINUTE_MS);
    const seen = `${changesOf(plane.sqlite)}/${this.#touched}/${minute}/${plane.lives}`;
    const changed = seen !== this.#seen;
    this.#seen = seen;
    return changed;
  }

  read(): Evidence {
    const { sim, github, plane, machines, slots, operators, pushes, writes, deleted } = this.#parts;
    const now = sim.time.now();
    const rows = this.#readRows();
    return {
      now,
      appId: github.app.id,
      secret: plane.secret,
      label: github.label,
      issues: github.repositories.flatMap((repository) =>
        github.world.issues(repository).map((issue) => ({ repository, issue })),
      ),
      comments: (issue: Issue): readonly Comment[] => issue.comments,
      pulls: github.repositories.flatMap((repository) =>
        github.world.pulls(repository).map((pull) => ({ repository, pull })),
      ),
      ...rows,
      deliveries: () => (plane.db === null ? new Map() : deliveriesOf(plane.sqlite)),
      accepted: plane.accepted,
      runners: machines.map((machine) => runnerOf(machine, slots)),
      transcripts: this.#transcripts(rows.objectives),
      pushes,
      writes,
      trusted: new Set(["ann", "bob"]),
      installed: (repository) => github.installed(repository),
      deleted: new Set(deleted),
      inTransaction: plane.sqlite.inTransaction,
      upMs: now - operators.upSince,
      restored: operators.restored,
      listsLag: this.#parts.listsLag,
      forgetful: this.#parts.machines.some(({ forgot }) => forgot),
    };
  }

  #readRows(): Rows {
    const { sqlite, db } = this.#parts.plane;
    if (this.#sqlite !== sqlite) {
      this.#sqlite = sqlite;
      this.#objectives.clear();
      this.#effects.clear();
      this.#changes = -1;
    }
    const changes = changesOf(sqlite);
    if (this.#rows !== null && changes === this.#changes) return this.#rows;
    this.#changes = changes;
    const revs = new Map<string, number>();
    if (db !== null)
      for (const { id, rev } of query<ObjectiveRow>(sqlite, "select id, rev from objective")) {
        revs.set(id, rev);
        if (this.#objectives.get(id)?.rev === rev) continue;
        const loaded = loadObjective(db, id);
        if (loaded !== null) this.#objectives.set(id, { rev, objective: loaded.objective });
      }
    this.#rows = {
      objectives: [...this.#objectives.values()].map(({ objective }) => objective),
      revs,
      audits: counted(
        sqlite,
        "select objective_id as name, count(*) as count from event where objective_id is not null group by objective_id",
      ),
      effects: db === null ? [] : this.#readEffects(),
      inboxPending:
        db === null
          ? 0
          : (counted(
              sqlite,
              "select 'n' as name, count(*) as count from inbox where state = 'pending'",
            ).get("n") ?? 0),
      claimed: new Set(
        db === null
          ? []
          : counted(sqlite, "select session_id as name, 1 as count from slot").keys(),
      ),
      slots:
        db === null
          ? new Map()
          : counted(sqlite, "select runner as name, count(*) as count from slot group by runner"),
    };
    return this.#rows;
  }

  /** Rows that ended are not read again. */
  #readEffects(): readonly EffectRow[] {
    const { sqlite } = this.#parts.plane;
    const open = [...this.#effects.values()]
      .filter(({ state }) => state === "pending")
      .map(({ seq }) => seq);
    const from = Math.max(0, ...this.#effects.keys());
    const rows = query<OutboxRow>(
      sqlite,
      "select seq, key, objective_id, state, effect from outbox where seq > ? or seq in (select value from json_each(?))",
      from,
      JSON.stringify(open),
    );
    for (const { seq, key, objective_id: objective, state, effect } of rows)
      this.#effects.set(seq, {
        seq,
        key,
        objective,
        state,
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the store under test
        effect: JSON.parse(effect) as EffectRow["effect"],
      });
    return [...this.#effects.values()];
  }

  #transcripts(objectives: readonly Objective[]): readonly TranscriptEvidence[] {
    const { plane, machines } = this.#parts;
    const closed = new Set(
      plane.db === null
        ? []
        : query<{ readonly id: string }>(
            plane.sqlite,
            "select session_id || '/' || attempt as id from attempt where closed = 1",
          ).map(({ id }) => id),
    );
    return machines.flatMap((machine) =>
      [...machine.attempts]
        .filter(([id, { session }]) => isOf(machine, id, session, { machines, objectives }))
        .map(([id, { session, number }]) => ({
          session,
          attempt: number,
          runner: machine.name,
          stored: plane.transcripts.content(session, number, "out"),
          closed: closed.has(id),
        })),
    );
  }
}

/** A restored backup may have placed a session on another runner than was done after it: its record is of that one. */
function isOf(
  machine: Machine,
  id: string,
  session: string,
  all: { readonly machines: readonly Machine[]; readonly objectives: readonly Objective[] },
): boolean {
  if (all.machines.every((other) => other === machine || !other.attempts.has(id))) return true;
  const sessions = all.objectives.flatMap((objective) => objective.sessions);
  return sessions.some((one) => one.id === session && one.runner === machine.name);
}

const counted = (sqlite: SimPlane["sqlite"], sql: string): Map<string, number> =>
  new Map(
    query<{ readonly name: string; readonly count: number }>(sqlite, sql).map(({ name, count }) => [
      name,
      count,
    ]),
  );

interface DeliveryRow {
  readonly guid: string;
  readonly state: "new" | "routed" | "rejected";
}

const deliveriesOf = (sqlite: SimPlane["sqlite"]): ReturnType<Evidence["deliveries"]> =>
  new Map(
    query<DeliveryRow>(sqlite, "select guid, state from delivery").map(({ guid, state }) => [
      guid,
      state,
    ]),
  );

function runnerOf(machine: Machine, slots: number): RunnerEvidence {
  const { name, attempts, spawned, memories } = machine;
  return {
    name,
    slots,
    processes: [...attempts.values()]
      .filter((attempt) => isRunning(attempt) || isBusy(attempt))
      .map(({ session, number }) => ({ session, attempt: number })),
    spawned,
    output: (session, attempt) => attempts.get(`${session}/${attempt}`)?.out ?? null,
    taken: (session) => memories.get(session)?.taken.map(({ text }) => text) ?? [],
  };
}

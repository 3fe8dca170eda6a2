/**
 * The simulation as evidence for the invariants. It is read after everything that happens, so incrementally: what has not
 * changed is the same object as before, and invariants that look at nothing else are not checked again.
 */
import type { Objective } from "../../src/domain/objective.ts";
import type { Comment, Issue } from "../../src/emulator/model.ts";
import {
  arrivedIn,
  type Evidence,
  type PushEvidence,
  type RunnerEvidence,
  type TranscriptEvidence,
  type WriteEvidence,
} from "../invariants/evidence.ts";
import type { SimGitHub } from "./github.ts";
import type { Operators } from "./operators.ts";
import type { SimPlane } from "./plane.ts";
import { exhausted } from "../../src/store/exhausted-table.ts";
import { query } from "./query.ts";
import { RowReader } from "./rows.ts";
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

const MINUTE_MS = 60_000;
// ada is the operator: she answers on the server itself (hands.ts).
const TRUSTED: ReadonlySet<string> = new Set(["ann", "bob", "ada"]);

/** Made once, and again only when `key` is another one. */
class Kept<T> {
  #key: string | number | null = null;
  #value: T | undefined;
  get(key: string | number, make: (before: T | undefined) => T): T {
    if (this.#key === key && this.#value !== undefined) return this.#value;
    this.#key = key;
    this.#value = make(this.#value);
    return this.#value;
  }
}

export class EvidenceReader {
  readonly #parts: EvidenceParts;
  readonly #rows: RowReader;
  readonly #world = new Kept<Pick<Evidence, "issues" | "pulls" | "comments" | "installed">>();
  readonly #runners = new Kept<readonly RunnerEvidence[]>();
  readonly #transcripts = new Kept<readonly TranscriptEvidence[]>();
  readonly #deliveries = new Kept<Evidence["deliveries"]>();
  readonly #accepted = new Kept<ReadonlySet<string>>();
  readonly #pushes = new Kept<Evidence["pushes"]>();
  readonly #lateWrites = new Kept<Evidence["lateWrites"]>();
  readonly #writes = new Kept<Evidence["writes"]>();
  readonly #deleted = new Kept<ReadonlySet<string>>();
  /** The same one always: what it is asked with changes. */
  readonly #exhausted = (): ReturnType<Evidence["exhausted"]> => {
    const { plane } = this.#parts;
    return plane.db === null ? new Map() : exhausted(plane.db);
  };
  #seen = "";
  #github = 0;
  #attempts = 0;

  constructor(parts: EvidenceParts) {
    this.#parts = parts;
    this.#rows = new RowReader(parts.plane);
    parts.github.world.watch(() => (this.#github += 1));
    for (const machine of parts.machines) machine.onChange(() => (this.#attempts += 1));
  }

  /** False = nothing the invariants look at has changed since it was last asked. */
  changed(): boolean {
    const { version } = this.#parts.plane.arrivals;
    const seen = `${this.#rows.key()}/${version}/${this.#github}/${this.#machines()}/${this.#minute()}`;
    const changed = seen !== this.#seen;
    this.#seen = seen;
    return changed;
  }

  read(): Evidence {
    const { github, plane, machines, slots, operators, pushes, writes, deleted } = this.#parts;
    const rows = this.#rows.read();
    const key = this.#rows.key();
    const runners = this.#machines();
    return {
      now: this.#minute() * MINUTE_MS,
      appId: github.app.id,
      secret: plane.secret,
      label: github.label,
      ...this.#world.get(this.#github, () => worldOf(github)),
      ...rows,
      exhausted: this.#exhausted,
      deliveries: this.#deliveries.get(
        `${key}/${plane.arrivals.version}`,
        () => () => deliveriesOf(plane),
      ),
      accepted: this.#accepted.get(plane.accepted.size, () => new Set(plane.accepted)),
      runners: this.#runners.get(runners, () => machines.map((one) => runnerOf(one, slots))),
      transcripts: this.#transcripts.get(`${key}/${runners}`, () =>
        transcriptsOf(this.#parts, rows.objectives),
      ),
      pushes: this.#pushes.get(pushes.length, () => Array.from(pushes)),
      writes: this.#writes.get(writes.length, () => Array.from(writes)),
      trusted: TRUSTED,
      deleted: this.#deleted.get(deleted.length, () => new Set(deleted)),
      lateWrites: this.#lateWrites.get(plane.lateWrites.length, () => Array.from(plane.lateWrites)),
      inTransaction: plane.sqlite.inTransaction,
      upMs: Math.floor((this.#parts.sim.time.now() - operators.upSince) / MINUTE_MS) * MINUTE_MS,
      restored: operators.restored,
      listsLag: this.#parts.listsLag,
      forgetful: machines.some(({ forgot }) => forgot),
    };
  }

  #minute(): number {
    return Math.floor(this.#parts.sim.time.now() / MINUTE_MS);
  }

  #machines(): string {
    const each = this.#parts.machines.map(
      ({ daemon, boot, attempts }) => `${daemon},${boot},${attempts.size}`,
    );
    return `${this.#attempts}/${each.join("/")}`;
  }
}

const worldOf = (
  github: SimGitHub,
): Pick<Evidence, "issues" | "pulls" | "comments" | "installed"> => ({
  issues: github.repositories.flatMap((repository) =>
    github.world.issues(repository).map((issue) => ({ repository, issue })),
  ),
  pulls: github.repositories.flatMap((repository) =>
    github.world.pulls(repository).map((pull) => ({ repository, pull })),
  ),
  comments: (issue: Issue): readonly Comment[] => issue.comments,
  installed: (repository) => github.installed(repository),
});

interface AttemptRow {
  readonly id: string;
  readonly closed: number;
  readonly runner: string | null;
}

function transcriptsOf(
  { plane, machines, operators: { restored } }: EvidenceParts,
  objectives: readonly Objective[],
): readonly TranscriptEvidence[] {
  const rows =
    plane.db === null
      ? []
      : query<AttemptRow>(
          plane.sqlite,
          "select session_id || '/' || attempt as id, closed, runner from attempt",
        );
  const known = new Map(rows.map((row) => [row.id, row]));
  return machines.flatMap((machine) =>
    [...machine.attempts]
      .filter(
        ([id, { session }]) =>
          restored === 0 || isOf(machine, session, { row: known.get(id), objectives }),
      )
      .map(([id, { session, number }]) => ({
        session,
        attempt: number,
        runner: machine.name,
        stored: plane.transcripts.content(session, number, "out"),
        closed: known.get(id)?.closed === 1,
      })),
  );
}

/**
 * A restored backup may have placed a session on another runner than was done after it, under the same number: its record
 * is of that one.
 */
const isOf = (
  machine: Machine,
  session: string,
  at: { readonly row: AttemptRow | undefined; readonly objectives: readonly Objective[] },
): boolean =>
  at.row?.runner === undefined || at.row.runner === null
    ? at.objectives.some(({ sessions }) =>
        sessions.some(({ id, runner }) => id === session && runner === machine.name),
      )
    : at.row.runner === machine.name;

interface DeliveryRow {
  readonly guid: string;
  readonly state: "new" | "routed" | "rejected";
}

/** Those in files are not routed yet, unless the database knows better. */
const deliveriesOf = ({ db, sqlite, arrivals }: SimPlane): ReturnType<Evidence["deliveries"]> =>
  new Map([
    ...arrivals.contents().flatMap((file) => arrivedIn(file)),
    ...(db === null
      ? []
      : query<DeliveryRow>(sqlite, "select guid, state from delivery").map(
          ({ guid, state }) => [guid, state] as const,
        )),
  ]);

function runnerOf(machine: Machine, slots: number): RunnerEvidence {
  const { name, attempts, begun, memories } = machine;
  return {
    name,
    slots,
    processes: [...attempts.values()]
      .filter((attempt) => isRunning(attempt) || isBusy(attempt))
      .map(({ session, number }) => ({ session, attempt: number })),
    begun,
    output(session, attempt) {
      const found = attempts.get(`${session}/${attempt}`);
      // What a disk that was lost held is nowhere; a stop leaves an empty record in its place.
      const gone = found === undefined || (machine.forgot && found.spec === null);
      return gone ? null : found.out;
    },
    taken: (session) => memories.get(session)?.taken.map(({ text }) => text) ?? [],
  };
}

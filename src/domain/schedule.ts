/**
 * Who gets the free slots. Pure: a snapshot in, claims and reasons out; the store makes each claim
 * atomic, so a stale snapshot costs a round, never a slot.
 *
 * Order: managers, answered questions, reviews, messages, new workers (decision 6); within one class the
 * objective with the fewest sessions at work first, then the one that waits longest.
 */
import type { ObjectiveId, SessionId } from "./id.ts";
import type { Objective } from "./objective.ts";
import { isReady, type Waiting } from "./plan.ts";
import { freeSlots, type RunnerSnapshot } from "./runner.ts";
import type { Purpose } from "./session.ts";

/** A session that waits for a slot and is ready to run. */
export interface Candidate {
  readonly session: SessionId;
  readonly objective: ObjectiveId;
  readonly rank: number;
  readonly since: number;
  /** Runner it must run on: asked for, or where its conversation is. */
  readonly pin: string | null;
  /** New workers count against the objective's limit. */
  readonly worker: boolean;
  readonly workersMax: number;
}

export interface Claim {
  readonly session: SessionId;
  readonly runner: string;
  readonly slot: number;
}

const RANK: Readonly<Record<Purpose, number>> = { answer: 1, review: 2, message: 3, work: 4 };

/** What the scheduler has to know of an objective's sessions. */
export function candidates(objective: Objective): readonly Candidate[] {
  return objective.sessions
    .filter((session): session is Waiting => isReady(objective, session))
    .map((session) => candidateOf(objective, session));
}

function candidateOf(objective: Objective, session: Waiting): Candidate {
  const { state } = session;
  return {
    session: session.id,
    objective: objective.id,
    rank: session.role === "manager" ? 0 : RANK[state.purpose],
    since: state.since,
    pin: session.runner ?? session.pin,
    worker: session.role === "worker",
    workersMax: objective.config.limits.workers,
  };
}

export interface Snapshot {
  readonly runners: readonly RunnerSnapshot[];
  readonly queue: readonly Candidate[];
  /** Sessions at work per objective. */
  readonly busy: ReadonlyMap<string, { readonly sessions: number; readonly workers: number }>;
}

export function schedule({ runners, queue, busy }: Snapshot): readonly Claim[] {
  const free = new Map(runners.map((runner) => [runner.name, freeSlots(runner)]));
  const load = new Map(
    [...busy].map(([objective, { sessions, workers }]) => [objective, { sessions, workers }]),
  );
  const waiting = [...queue];
  const claims: Claim[] = [];
  while (waiting.length > 0) {
    waiting.sort(
      (a, b) =>
        a.rank - b.rank || loadOf(load, a).sessions - loadOf(load, b).sessions || a.since - b.since,
    );
    const next = waiting.shift();
    const claim = next && place(next, free, load);
    if (claim !== undefined) claims.push(claim);
  }
  return claims;
}

type Load = Map<string, { sessions: number; workers: number }>;

const loadOf = (load: Load, { objective }: Candidate): { sessions: number; workers: number } =>
  load.get(objective) ?? { sessions: 0, workers: 0 };

function place(candidate: Candidate, free: Map<string, number[]>, load: Load): Claim | undefined {
  const used = loadOf(load, candidate);
  if (candidate.worker && used.workers >= candidate.workersMax) return undefined;
  const runner = roomiest(candidate, free);
  const slot = runner === undefined ? undefined : free.get(runner)?.shift();
  if (runner === undefined || slot === undefined) return undefined;
  load.set(candidate.objective, {
    sessions: used.sessions + 1,
    workers: used.workers + (candidate.worker ? 1 : 0),
  });
  return { session: candidate.session, runner, slot };
}

/** The runner with the most free slots, or the one it is pinned to. */
function roomiest(
  { pin }: Candidate,
  free: ReadonlyMap<string, readonly number[]>,
): string | undefined {
  const [best] = [...free]
    .filter(([name, slots]) => slots.length > 0 && (pin === null || pin === name))
    .toSorted(([, a], [, b]) => b.length - a.length);
  return best?.[0];
}

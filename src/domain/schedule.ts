/**
 * Who gets the free slots. Pure: a snapshot in, claims and reasons out; the store makes each claim
 * atomic, so a stale snapshot costs a round, never a slot.
 *
 * Order: managers, answered questions, reviews, messages, new workers (decision 6); within one class the
 * objective with the fewest sessions at work first, then the one that waits longest.
 */
import type { ObjectiveId, SessionId } from "./id.ts";
import { boundTo, isStranded } from "./away.ts";
import type { Objective, Session } from "./objective.ts";
import { isReady } from "./plan.ts";
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
  /** The lost runner on which it has, or had, a process: being placed elsewhere it is fenced there. Missing = none. */
  readonly leaves?: string;
  /** Labels its runner must have; missing = none. */
  readonly labels?: readonly string[];
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
    .filter((session) => isReady(objective, session) || isStranded(objective, session))
    .map((session) => candidateOf(objective, session));
}

function candidateOf(objective: Objective, session: Session): Candidate {
  const { state } = session;
  const purpose = state.kind === "queued" ? state.purpose : "message";
  return {
    session: session.id,
    objective: objective.id,
    rank: session.role === "manager" ? 0 : RANK[purpose],
    since: state.since,
    pin: boundTo(session),
    ...(isStranded(objective, session) && session.runner !== null
      ? { leaves: session.runner }
      : {}),
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
  const claims: Claim[] = [];
  let waiting = queue;
  for (;;) {
    const roomiest = roomiestOf(free);
    const placeOf = ({ pin }: Candidate): Place | undefined =>
      pin === null ? roomiest : placeAt(pin, free);
    // Who has no place now will have none later: slots only get fewer, and objectives busier.
    waiting = waiting.filter(
      (candidate) => placeOf(candidate) !== undefined && isBelowLimit(candidate, load),
    );
    const next = firstOf(waiting, load);
    const place = next && placeOf(next);
    if (next === undefined || place === undefined) return claims;
    claims.push({ session: next.session, ...place });
    free.get(place.runner)?.shift();
    waiting = waiting.filter((candidate) => candidate !== next);
    const { sessions, workers } = loadOf(load, next);
    load.set(next.objective, {
      sessions: sessions + 1,
      workers: workers + (next.worker ? 1 : 0),
    });
  }
}

type Load = Map<string, { sessions: number; workers: number }>;
type Free = ReadonlyMap<string, number[]>;
type Place = Pick<Claim, "runner" | "slot">;

const loadOf = (load: Load, { objective }: Candidate): { sessions: number; workers: number } =>
  load.get(objective) ?? { sessions: 0, workers: 0 };

const isBelowLimit = (candidate: Candidate, load: Load): boolean =>
  !candidate.worker || loadOf(load, candidate).workers < candidate.workersMax;

function firstOf(waiting: readonly Candidate[], load: Load): Candidate | undefined {
  let [first] = waiting;
  for (const candidate of waiting)
    if (first !== undefined && isBefore(candidate, first, load)) first = candidate;
  return first;
}

function isBefore(a: Candidate, b: Candidate, load: Load): boolean {
  const by =
    a.rank - b.rank || loadOf(load, a).sessions - loadOf(load, b).sessions || a.since - b.since;
  return by < 0;
}

/** A slot of the runner that has the most free ones. */
function roomiestOf(free: Free): Place | undefined {
  const [best] = [...free].toSorted(([, a], [, b]) => b.length - a.length);
  return best && placeAt(best[0], free);
}

function placeAt(runner: string, free: Free): Place | undefined {
  const slot = free.get(runner)?.[0];
  return slot === undefined ? undefined : { runner, slot };
}

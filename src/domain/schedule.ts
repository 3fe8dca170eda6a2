/**
 * Who gets the free slots. Pure: a snapshot in, claims out; the store makes each claim atomic, so a stale snapshot costs
 * a round, never a slot. Why somebody waits: reason.ts.
 *
 * Order: managers, answered questions, reviews, messages, new workers (decision 6); within one class the priority of the
 * issue, then the objective with the fewest sessions at work, then the one that waits longest.
 */
import { boundTo, isStranded } from "./away.ts";
import { gateOf, GATE_LIMITS, scoreOf, type GateLimits, type Sample } from "./gates.ts";
import type { ObjectiveId, SessionId } from "./id.ts";
import type { Objective, Session } from "./objective.ts";
import { isReady } from "./plan.ts";
import { freeSlots, hasLabels, type RunnerSnapshot } from "./runner.ts";
import type { Purpose } from "./session.ts";

/** A session that waits for a slot and is ready to run. */
export interface Candidate {
  readonly session: SessionId;
  readonly objective: ObjectiveId;
  /** Its class; a quarter less with high priority, a quarter more with low. */
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
  /** Missing = not known, as in tests of one repository. */
  readonly repository?: number;
  /** Sessions its repository may have at work; missing = no limit. */
  readonly sessionsMax?: number;
  /** Name of its repository's mirror. */
  readonly mirror?: string;
}

export interface Claim {
  readonly session: SessionId;
  readonly runner: string;
  readonly slot: number;
}

const RANK: Readonly<Record<Purpose, number>> = { answer: 1, review: 2, message: 3, work: 4 };
const PRIORITY = { high: -0.25, normal: 0, low: 0.25 } as const;

/** What the scheduler has to know of an objective's sessions. */
export function candidates(objective: Objective): readonly Candidate[] {
  return objective.sessions
    .filter((session) => isReady(objective, session) || isStranded(objective, session))
    .map((session) => candidateOf(objective, session));
}

function candidateOf(objective: Objective, session: Session): Candidate {
  const { state } = session;
  const { config, placement } = objective;
  const purpose = state.kind === "queued" ? state.purpose : "message";
  const pin = boundTo(session);
  const labels = session.labels ?? (pin === null ? (config.runner?.labels ?? []) : []);
  const { sessions: sessionsMax } = config.limits;
  const leaves = isStranded(objective, session) ? session.runner : null;
  return {
    session: session.id,
    objective: objective.id,
    rank:
      (session.role === "manager" ? 0 : RANK[purpose]) + PRIORITY[placement?.priority ?? "normal"],
    since: state.since,
    pin,
    worker: session.role === "worker",
    workersMax: config.limits.workers,
    ...(leaves === null ? {} : { leaves }),
    ...(labels.length === 0 ? {} : { labels }),
    ...(sessionsMax === undefined ? {} : { sessionsMax }),
  };
}

export interface Snapshot {
  readonly runners: readonly RunnerSnapshot[];
  readonly queue: readonly Candidate[];
  /** Sessions at work per objective. */
  readonly busy: ReadonlyMap<string, { readonly sessions: number; readonly workers: number }>;
  /** The same per repository, by id; missing = not counted. */
  readonly repositories?: ReadonlyMap<number, number>;
  /** What machines last said of themselves, not older than a minute and a half. */
  readonly samples?: ReadonlyMap<string, Sample>;
  readonly limits?: GateLimits & {
    /** Sessions at work over everything; null = as many as there are slots. */
    readonly sessionsMax: number | null;
  };
}

export function schedule(snapshot: Snapshot): readonly Claim[] {
  const { runners, queue } = snapshot;
  const free = new Map(runners.map((runner) => [runner.name, freeSlots(runner)]));
  const busy = new Map(snapshot.busy);
  const repositories = new Map(snapshot.repositories);
  const now: Snapshot = { ...snapshot, busy, repositories };
  const claims: Claim[] = [];
  let waiting = queue;
  for (;;) {
    const places = new Map<string, Place | undefined>();
    const placeOf = (candidate: Candidate): Place | undefined => {
      const key = `${candidate.pin ?? ""} ${candidate.mirror ?? ""} ${candidate.labels?.join() ?? ""}`;
      if (!places.has(key)) places.set(key, bestPlace(candidate, snapshot, free));
      return places.get(key);
    };
    // Who has no place now will have none later: slots only get fewer, and objectives busier.
    waiting = waiting.filter(
      (candidate) => isBelowLimits(candidate, now) && placeOf(candidate) !== undefined,
    );
    const next = firstOf(waiting, busy);
    const place = next && placeOf(next);
    if (next === undefined || place === undefined) return claims;
    claims.push({ session: next.session, ...place });
    free.get(place.runner)?.shift();
    waiting = waiting.filter((candidate) => candidate !== next);
    const { sessions, workers } = loadOf(busy, next);
    busy.set(next.objective, {
      sessions: sessions + 1,
      workers: workers + (next.worker ? 1 : 0),
    });
    const { repository } = next;
    if (repository !== undefined)
      repositories.set(repository, (repositories.get(repository) ?? 0) + 1);
  }
}

type Load = Snapshot["busy"];
type Free = ReadonlyMap<string, number[]>;
type Place = Pick<Claim, "runner" | "slot">;

const loadOf = (
  load: Load,
  { objective }: Candidate,
): { readonly sessions: number; readonly workers: number } =>
  load.get(objective) ?? { sessions: 0, workers: 0 };

export interface Below {
  readonly workersMax: boolean;
  readonly repositoryMax: boolean;
  readonly sessionsMax: boolean;
}

/** Below which limits it is. */
export function isBelow(
  candidate: Candidate,
  { busy, repositories, limits }: Pick<Snapshot, "busy" | "repositories" | "limits">,
): Below {
  const { worker, workersMax, repository = -1, sessionsMax } = candidate;
  const inRepository = repositories?.get(repository) ?? 0;
  const most = limits?.sessionsMax ?? null;
  return {
    workersMax: !worker || loadOf(busy, candidate).workers < workersMax,
    repositoryMax: sessionsMax === undefined || inRepository < sessionsMax,
    sessionsMax:
      most === null || [...busy.values()].reduce((sum, { sessions }) => sum + sessions, 0) < most,
  };
}

function isBelowLimits(candidate: Candidate, snapshot: Snapshot): boolean {
  const { workersMax, repositoryMax, sessionsMax } = isBelow(candidate, snapshot);
  return workersMax && repositoryMax && sessionsMax;
}

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

/** A free slot on the machine it is bound to, or on the one that suits it best. */
function bestPlace(candidate: Candidate, snapshot: Snapshot, free: Free): Place | undefined {
  const { pin, labels = [], mirror } = candidate;
  const { runners, samples, limits = GATE_LIMITS } = snapshot;
  if (pin !== null) return placeAt(pin, free);
  let best: { readonly score: number; readonly place: Place } | undefined;
  for (const runner of runners) {
    const place = placeAt(runner.name, free);
    const sample = samples?.get(runner.name);
    if (place === undefined || !hasLabels(runner, labels)) continue;
    if (gateOf(sample, limits) !== null) continue;
    const score = scoreOf(Number(free.get(runner.name)?.length), sample, mirror);
    if (best === undefined || score > best.score) best = { score, place };
  }
  return best?.place;
}

function placeAt(runner: string, free: Free): Place | undefined {
  const slot = free.get(runner)?.[0];
  return slot === undefined ? undefined : { runner, slot };
}

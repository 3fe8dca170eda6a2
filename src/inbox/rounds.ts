/**
 * Looks at every repository, again and again: webhooks are only a hint. At the start and once an hour at everything,
 * in between at what changed. Each repository has a pace of its own, so that they do not all ask at once; the pace
 * slackens when GitHub's budget is short and while our own queues are full. Timers only: a clock that is set changes
 * nothing.
 */
import type { Repository } from "../domain/repository.ts";
import { PortError, type Clock, type Log } from "../engine/ports.ts";
import { lostRepository } from "./findings.ts";
import { lookAt, type Checked } from "./look.ts";
import type { Pressure, SweepStore } from "./port.ts";
import type { Survey } from "./survey.ts";

export interface RoundsOptions {
  readonly survey: Survey;
  readonly store: SweepStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly pressure: Pressure;
  /** Between two looks at the same repository, give or take a third; 0 = never. */
  readonly everyMs: number;
  /** Between two looks at everything; 0 = only at the start. */
  readonly fullEveryMs: number;
}

export interface Rounds {
  /** Looks at everything now; the number of findings that were new. Throws PortError. */
  reconcile(): Promise<number>;
  close(): Promise<void>;
}

/** Repositories that are looked at at the same time. */
const AT_ONCE = 2;
/** After a failed look, first; doubles up to the pace of the full look. */
const RETRY_MS = 30_000;
const RETRY_MS_MAX = 15 * 60_000;
/** Below this share of GitHub's budget looks become rarer. */
const SHARE_LOW = 0.25;
const STRETCH = 4;
/** There is more to read than one look takes. */
const SOON_MS = 1_000;

export function openRounds(options: RoundsOptions): Rounds {
  const { clock, log, survey } = options;
  const state: State = { places: new Map(), cancels: new Set(), closed: false, checked: new Map() };
  const gate = openGate(AT_ONCE);
  let refreshes = 0;

  const after = (delayMs: number, work: () => Promise<void>): void => {
    if (state.closed) return;
    const cancel = clock.after(delayMs, () => {
      state.cancels.delete(cancel);
      if (!state.closed) void work();
    });
    state.cancels.add(cancel);
  };

  /** Ends when the repository is gone from the App, or everything is closed. */
  const visit = async (place: Place): Promise<void> => {
    if (state.places.get(place.repository.id) !== place) return;
    const waitMs = await gate(() => lookOnce(options, state, place));
    after(waitMs, () => visit(place));
  };

  /** The list of repositories, and from it what was lost. New ones are looked at at once. */
  const refresh = async (): Promise<readonly Place[]> => {
    const found = await survey.repositories();
    const ids = new Set(found.map(({ id }) => id));
    for (const id of state.places.keys()) if (!ids.has(id)) state.places.delete(id);
    await enterLost(options, ids);
    return found.map((repository) => {
      const known = state.places.get(repository.id);
      if (known !== undefined) {
        known.repository = repository;
        return known;
      }
      const place: Place = { repository, failures: 0, full: true };
      state.places.set(repository.id, place);
      return place;
    });
  };

  const round = async (): Promise<void> => {
    let waitMs = options.fullEveryMs;
    try {
      const known = new Set(state.places.values());
      for (const place of await refresh()) {
        place.full = true;
        if (!known.has(place)) void visit(place);
      }
      refreshes = 0;
    } catch (error) {
      if (!(error instanceof PortError)) log.error(fieldsOf(error), "sweep failed");
      else log.warn(fieldsOf(error), "the App's repositories were not listed");
      waitMs = retryMs(refreshes, error);
      refreshes += 1;
    }
    if (waitMs > 0) after(waitMs, round);
  };

  const first = options.everyMs > 0 ? round() : Promise.resolve();
  return {
    async reconcile() {
      let entered = 0;
      for (const place of await refresh())
        entered += await gate(async () => (await look(options, state, place, true)).entered);
      return entered;
    },
    async close() {
      state.closed = true;
      for (const cancel of state.cancels) cancel();
      await first;
      await gate.idle();
    },
  };
}

interface Place {
  repository: Repository;
  failures: number;
  /** The next look is at everything. */
  full: boolean;
}

interface State {
  readonly places: Map<number, Place>;
  readonly cancels: Set<() => void>;
  readonly checked: Checked;
  closed: boolean;
}

const look = (options: RoundsOptions, state: State, { repository }: Place, full: boolean) =>
  lookAt(options, repository, { full, checked: state.checked });

/** One look; how long to wait until the next. Never throws. */
async function lookOnce(options: RoundsOptions, state: State, place: Place): Promise<number> {
  const { log, survey, pressure } = options;
  const { repository, full } = place;
  const name = `${repository.owner}/${repository.name}`;
  const paceMs = options.everyMs * (2 / 3 + (2 / 3) * spread(repository.id));
  const { share, pausedMs } = survey.budget(repository);
  const stretch = share < SHARE_LOW ? STRETCH : 1;
  if (state.closed || pressure() !== "ok" || pausedMs > 0) return Math.max(paceMs, pausedMs);
  try {
    const { entered, complete } = await look(options, state, place, full);
    place.failures = 0;
    place.full = false;
    if (entered > 0)
      log.info({ repository: name, entered, full }, "a sweep found what no webhook told");
    return complete ? paceMs * stretch : SOON_MS;
  } catch (error) {
    const known = error instanceof PortError;
    log[known ? "warn" : "error"]({ repository: name, ...fieldsOf(error) }, "repository not swept");
    const waitMs = Math.max(paceMs * stretch, retryMs(place.failures, error));
    place.failures += 1;
    return waitMs;
  }
}

function retryMs(failures: number, error: unknown): number {
  const asked = error instanceof PortError ? error.retryAfterMs : null;
  return Math.max(asked ?? 0, Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** Math.min(failures, 10)));
}

const fieldsOf = (error: unknown): { readonly error: string } => ({
  error: error instanceof Error ? error.message : "unknown failure",
});

/** Objectives in repositories that the App cannot see any more. */
async function enterLost({ store, clock }: RoundsOptions, ids: ReadonlySet<number>): Promise<void> {
  const watched = await store.watched(null);
  const lost = watched.filter(({ repository }) => !ids.has(repository.id));
  if (lost.length > 0)
    await store.enqueue(
      lost.map((one) => lostRepository(one)),
      clock.now(),
    );
}

/** From 0 to 1, the same for the same id: neighbours are far apart (Knuth's multiplicative hash). */
const spread = (id: number): number => (Math.imul(id, 2_654_435_761) >>> 0) / 2 ** 32;

interface Gate {
  <T>(work: () => Promise<T>): Promise<T>;
  idle(): Promise<void>;
}

/** Lets so many through at the same time; the others wait in order. */
function openGate(max: number): Gate {
  const waiting: (() => void)[] = [];
  const running = new Set<Promise<unknown>>();
  const gate = async <T>(work: () => Promise<T>): Promise<T> => {
    while (running.size >= max) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      await promise;
    }
    const one = work();
    running.add(one);
    try {
      return await one;
    } finally {
      running.delete(one);
      waiting.shift()?.();
    }
  };
  const idle = async (): Promise<void> => {
    while (running.size > 0) await Promise.allSettled(running);
  };
  return Object.assign(gate, { idle });
}

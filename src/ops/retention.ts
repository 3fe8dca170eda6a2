/**
 * What has ended is not kept for ever: rows of ended objectives, transcripts, and what runners still have of their
 * attempts. One pass an hour, a bounded part at a time, with room for others in between; what fails is said and tried
 * in the next pass. A pass works from what is there, so it remembers nothing.
 */
import type { Clock, Log } from "../engine/ports.ts";
import type { Cursor, EndedSession, PrunePlace, Store } from "../store/port.ts";

export interface RetentionOptions {
  readonly store: Pick<Store, "prune" | "endedSessions">;
  readonly transcripts: KeptTranscripts;
  /** Those that can be reached now. */
  readonly runners: () => readonly RunnerShelf[];
  readonly clock: Clock;
  readonly log: Log;
  /** After how many days what has ended goes; 0 = never. */
  readonly keep: {
    readonly rowsDays: number;
    readonly transcriptsDays: number;
    readonly attemptsDays: number;
  };
}

/** Transcripts on this machine. */
export interface KeptTranscripts {
  sessions(): Promise<readonly string[]>;
  /** Everything up to the cursor is here. */
  readonly isWhole: (session: string, attempt: number, cursor: Cursor) => boolean;
  remove(session: string): Promise<void>;
}

/** What a runner has of attempts. Every method throws when it cannot say. */
export interface RunnerShelf {
  readonly name: string;
  list(): Promise<{
    readonly attempts: readonly { readonly session: string; readonly attempt: number }[];
    readonly workspaces: readonly string[];
  }>;
  /** False = refused: it stays where it is. */
  purge(session: string, attempt: number): Promise<boolean>;
  removeWorkspace(path: string): Promise<boolean>;
}

export interface Removed {
  readonly rows: number;
  readonly transcripts: number;
  readonly attempts: number;
  readonly workspaces: number;
}

export interface Retention {
  /** One pass now; a second call waits for the first. */
  once(): Promise<Removed>;
  close(): Promise<void>;
}

const DAY_MS = 24 * 60 * 60_000;
const EVERY_MS = 60 * 60_000;
/** A start has better things to do. */
const FIRST_MS = 5 * 60_000;
/** GitHub redelivers for three days. */
const DELIVERIES_MS = 4 * DAY_MS;
/** About a millisecond of work. */
const ROWS_AT_ONCE = 200;
const SESSIONS_AT_ONCE = 200;
/** Between two parts. */
const BREATH_MS = 10;

export function openRetention(options: RetentionOptions): Retention {
  const { clock, log } = options;
  let closed = false;
  let cancel: (() => void) | null = null;
  let running: Promise<unknown> = Promise.resolve();

  const once = (): Promise<Removed> => {
    const pass = running.then(() => onePass(options, () => closed));
    running = pass.catch(() => undefined); // told to whoever asked
    return pass;
  };
  const run = async (): Promise<void> => {
    try {
      const removed = await once();
      if (Object.values(removed).some((count) => count > 0))
        log.info(removed, "what had ended was removed");
    } catch (error) {
      log.warn(fieldsOf(error), "what has ended was not removed");
    }
    plan(EVERY_MS);
  };
  const plan = (delayMs: number): void => {
    if (!closed) cancel = clock.after(delayMs, () => void run());
  };
  plan(FIRST_MS);
  return {
    once,
    async close() {
      closed = true;
      cancel?.();
      await running;
    },
  };
}

async function onePass(options: RetentionOptions, isClosed: () => boolean): Promise<Removed> {
  const pass: Pass = { ...options, isClosed, now: options.clock.now() };
  return {
    rows: await removeRows(pass),
    transcripts: await removeTranscripts(pass),
    ...(await clearRunners(pass)),
  };
}

interface Pass extends RetentionOptions {
  readonly isClosed: () => boolean;
  readonly now: number;
}

/** Ends early when the server stops: nobody's turn to write comes after that. */
async function breathe({ clock, isClosed }: Pass): Promise<boolean> {
  if (isClosed()) return false;
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.after(BREATH_MS, resolve);
  await promise;
  return !isClosed();
}

async function removeRows(pass: Pass): Promise<number> {
  const { store, now, keep } = pass;
  if (keep.rowsDays === 0) return 0;
  const request = {
    before: now - keep.rowsDays * DAY_MS,
    deliveriesBefore: now - DELIVERIES_MS,
    limit: ROWS_AT_ONCE,
  };
  let removed = 0;
  let place: PrunePlace | null = null;
  do {
    const part = await store.prune({ ...request, place });
    removed += part.removed;
    place = part.next;
  } while (place !== null && (await breathe(pass)));
  return removed;
}

async function removeTranscripts(pass: Pass): Promise<number> {
  const { transcripts, keep } = pass;
  if (keep.transcriptsDays === 0) return 0;
  let removed = 0;
  for (const part of parts(await transcripts.sessions()))
    for (const { id } of await ended(pass, part, keep.transcriptsDays)) {
      await transcripts.remove(id);
      removed += 1;
    }
  return removed;
}

async function clearRunners(pass: Pass): Promise<Pick<Removed, "attempts" | "workspaces">> {
  const removed = { attempts: 0, workspaces: 0 };
  if (pass.keep.attemptsDays === 0) return removed;
  for (const runner of pass.runners())
    try {
      const { attempts, workspaces } = await runner.list();
      const there = Map.groupBy(attempts, ({ session }) => session);
      for (const part of parts([...there.keys()]))
        for (const session of await ended(pass, part, pass.keep.attemptsDays))
          await clearSession(pass, {
            runner,
            session,
            there: new Set(there.get(session.id)?.map(({ attempt }) => attempt)),
            workspaces,
            removed,
          });
    } catch (error) {
      // It has gone, or is an older program that does not know the request: what is there stays there.
      pass.log.debug({ runner: runner.name, ...fieldsOf(error) }, "runner not cleared");
    }
  return removed;
}

interface Clearing {
  readonly runner: RunnerShelf;
  readonly session: EndedSession;
  /** Its attempts on the runner. */
  readonly there: ReadonlySet<number>;
  readonly workspaces: readonly string[];
  readonly removed: { attempts: number; workspaces: number };
}

/** Only of what is here as a whole; workspaces only when nothing in them is anybody's work. */
async function clearSession(pass: Pass, clearing: Clearing): Promise<void> {
  const { runner, session, there, workspaces, removed } = clearing;
  const { id, keepsWork, workspace } = session;
  if (!keepsWork && workspace !== null && workspaces.includes(workspace))
    removed.workspaces += (await runner.removeWorkspace(workspace)) ? 1 : 0;
  const attempts = session.attempts.filter(({ attempt }) => there.has(attempt));
  const isHere = ({ attempt, ...cursor }: (typeof attempts)[number]): boolean =>
    pass.transcripts.isWhole(id, attempt, cursor);
  // Transcripts that were removed after their time are missed by nobody.
  const missed =
    attempts.every(isHere) || (await ended(pass, [id], pass.keep.transcriptsDays)).length === 0;
  for (const one of attempts)
    if (!missed || isHere(one)) removed.attempts += (await runner.purge(id, one.attempt)) ? 1 : 0;
}

/** Of these sessions those that ended so many days ago; 0 = none. */
async function ended(
  pass: Pass,
  sessions: readonly string[],
  days: number,
): Promise<readonly EndedSession[]> {
  if (days === 0 || !(await breathe(pass))) return [];
  return pass.store.endedSessions(sessions, pass.now - days * DAY_MS);
}

const parts = (sessions: readonly string[]): readonly (readonly string[])[] =>
  Array.from({ length: Math.ceil(sessions.length / SESSIONS_AT_ONCE) }, (_, index) =>
    sessions.slice(index * SESSIONS_AT_ONCE, (index + 1) * SESSIONS_AT_ONCE),
  );

const fieldsOf = (error: unknown): { readonly error: string } => ({
  error: error instanceof Error ? error.message : "unknown failure",
});

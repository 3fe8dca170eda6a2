/**
 * Follows the records of all live attempts: attaches each once, over restarts of anything. A runner that
 * does not know an attempt yet is asked again; one that will never know it has lost it.
 */
import type { AgentDriver } from "../agents/driver.ts";
import { backoffMs } from "../lib/backoff.ts";
import type { LiveAttempt, Store } from "../store/port.ts";
import type { Transcripts } from "../store/transcripts.ts";
import { openRecord, type AttemptRecord } from "./record.ts";
import type { Clock, Log, Records } from "./ports.ts";

export interface FollowPorts {
  readonly store: Store;
  readonly records: Records;
  readonly transcripts: Transcripts;
  readonly clock: Clock;
  readonly log: Log;
  readonly driver: (agent: string) => AgentDriver | undefined;
  readonly redact: (line: Uint8Array) => Uint8Array;
}

export interface Follow {
  /** Attaches what is live and not attached. Cheap when there is nothing new. */
  once(): Promise<void>;
  close(): Promise<void>;
}

/** Read at a time when a transcript brings a driver up to date. */
const REPLAY_BYTES = 1024 * 1024;

export function openFollow(ports: FollowPorts): Follow {
  const { store, clock, log } = ports;
  const open = new Map<string, { record: AttemptRecord | null; cancel: () => void }>();
  let closing = false;

  const start = async (live: LiveAttempt, tries: number): Promise<void> => {
    const key = `${live.session}/${live.attempt}`;
    if (closing) return;
    const entry = { record: null as AttemptRecord | null, cancel: (): void => {} };
    open.set(key, entry);
    const again = (): void => {
      entry.cancel = clock.after(backoffMs(tries, { firstMs: 50, mostMs: 5000 }), () => {
        void retry(live, tries + 1);
      });
    };
    try {
      const current = { ...live, cursor: await store.cursor(live.session, live.attempt) };
      const record = recordOf(ports, current, (error) => {
        log.error(
          { session: live.session, attempt: live.attempt, error: messageOf(error) },
          "record not written",
        );
        void drop(key, entry, live).then(again);
      });
      entry.record = record;
      const { session, attempt } = live;
      const answer = await ports.records.attach(
        live.runner,
        { session, attempt, ...record.position() },
        record,
      );
      if (answer === "attached") {
        void record.closed.then(() => finish(key, entry, live));
        return;
      }
      await record.close();
      entry.record = null;
      if (answer === "behind" || !(await store.isStartPending(session, attempt)))
        await lose(live, answer);
      else again();
    } catch (error) {
      log.debug(
        { session: live.session, attempt: live.attempt, error: messageOf(error) },
        "not attached",
      );
      again();
    }
  };

  const retry = async (live: LiveAttempt, tries: number): Promise<void> => {
    open.delete(`${live.session}/${live.attempt}`);
    const still = (await store.liveAttempts()).find(
      ({ session, attempt }) => session === live.session && attempt === live.attempt,
    );
    if (still !== undefined) await start(still, tries);
  };

  const drop = async (
    key: string,
    entry: { record: AttemptRecord | null },
    live: LiveAttempt,
  ): Promise<void> => {
    await ports.records.detach(live.runner, live.session, live.attempt);
    await entry.record?.close();
    entry.record = null;
    open.delete(key);
  };

  const finish = async (
    key: string,
    entry: { record: AttemptRecord | null },
    live: LiveAttempt,
  ): Promise<void> => {
    await drop(key, entry, live);
    log.debug({ session: live.session, attempt: live.attempt }, "attempt over");
  };

  /** The runner has no such attempt any more: its disk was lost. Said so, as an exit. */
  const lose = async (live: LiveAttempt, why: string): Promise<void> => {
    log.warn({ session: live.session, attempt: live.attempt, why }, "attempt lost");
    const { session, attempt, repository, objective } = live;
    await store.advance({
      session,
      attempt,
      now: clock.now(),
      cursor: live.cursor,
      closed: true,
      activity: null,
      items: [
        {
          key: `${session}:${attempt}:lost`,
          repository,
          subject: { kind: "objective", id: objective },
          event: {
            kind: "attempt-exited",
            session,
            attempt,
            code: null,
            signal: null,
            cause: "keeper-lost",
          },
        },
      ],
    });
    open.delete(`${session}/${attempt}`);
  };

  return {
    async once() {
      const live = await store.liveAttempts();
      await Promise.all(
        live
          .filter(({ session, attempt }) => !open.has(`${session}/${attempt}`))
          .map((attempt) => start(attempt, 1)),
      );
    },
    async close() {
      closing = true;
      for (const { cancel } of open.values()) cancel();
      await Promise.all([...open.values()].map(({ record }) => record?.close()));
      open.clear();
    },
  };
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : "unknown failure";

function recordOf(
  ports: FollowPorts,
  live: LiveAttempt,
  onFailure: (error: unknown) => void,
): AttemptRecord {
  const driver = ports.driver(live.agent);
  if (driver === undefined) throw new TypeError(`no driver for agent "${live.agent}"`);
  const { store, clock, redact, transcripts } = ports;
  const transcript = transcripts.open(live.session, live.attempt);
  return openRecord({
    live,
    driver,
    transcript,
    before: linesBefore(transcripts, live),
    redact,
    store,
    clock,
    onFailure,
  });
}

function* linesBefore(transcripts: Transcripts, live: LiveAttempt): Iterable<string> {
  let rest = Buffer.alloc(0);
  for (let from = 0; from < live.cursor.out;) {
    const bytesMax = Math.min(REPLAY_BYTES, live.cursor.out - from);
    const part = transcripts.read({
      session: live.session,
      attempt: live.attempt,
      stream: "out",
      from,
      bytesMax,
    });
    if (part.byteLength === 0) return;
    from += part.byteLength;
    const whole = Buffer.concat([rest, part]);
    const end = whole.lastIndexOf(0x0a) + 1;
    rest = whole.subarray(end);
    yield* whole.subarray(0, end).toString("utf8").split("\n").slice(0, -1);
  }
}

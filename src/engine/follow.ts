/**
 * Follows the records of all live attempts: attaches each once, over restarts of anything. A runner that
 * does not know an attempt yet is asked again; one that will never know it has lost it.
 */
import type { AgentDriver } from "../agents/driver.ts";
import { backoffMs } from "../lib/backoff.ts";
import { attemptKey, type LiveAttempt, type Store } from "../store/port.ts";
import type { Transcripts } from "../store/transcripts.ts";
import { LineCutter } from "./line-cutter.ts";
import { AttemptRecord, type RecordOptions } from "./record.ts";
import type { Clock, Log, Records } from "./ports.ts";
import { rewind } from "./rewind.ts";

export interface FollowPorts {
  readonly store: Store;
  readonly records: Records;
  readonly transcripts: Transcripts;
  readonly clock: Clock;
  readonly log: Log;
  readonly driver: (agent: string) => AgentDriver | undefined;
  readonly redact: (line: Uint8Array) => Uint8Array;
}

/** Read at a time when a transcript brings a driver up to date. */
const REPLAY_BYTES = 1024 * 1024;
const RETRY = { firstMs: 50, mostMs: 5000 };

/** One attempt that is being followed, or waits to be asked for again. */
interface Followed {
  readonly live: LiveAttempt;
  tries: number;
  record: AttemptRecord | null;
  /** Its start was still to come when we asked: that the runner does not know it means nothing. */
  early: boolean;
  cancel: () => void;
}

export class Follow {
  readonly #ports: FollowPorts;
  readonly #followed = new Map<string, Followed>();
  #closing = false;

  constructor(ports: FollowPorts) {
    this.#ports = ports;
  }

  /** Attaches what is live and not attached. Cheap when there is nothing new; does not wait for runners. */
  async once(): Promise<void> {
    for (const live of await this.#ports.store.liveAttempts(new Set(this.#followed.keys()))) {
      if (this.#followed.has(attemptKey(live)) || this.#closing) continue;
      const followed: Followed = { live, tries: 0, record: null, early: true, cancel: () => {} };
      this.#followed.set(attemptKey(live), followed);
      void this.#attach(followed);
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const { cancel } of this.#followed.values()) cancel();
    await Promise.all([...this.#followed.values()].map((followed) => this.#release(followed)));
    this.#followed.clear();
  }

  async #attach(followed: Followed): Promise<void> {
    const { live } = followed;
    const { session, attempt } = live;
    try {
      const record = await this.#open(followed);
      followed.record = record;
      followed.early = await this.#ports.store.isStartPending(session, attempt);
      if (this.#closing) {
        await this.#release(followed);
        return;
      }
      const from = { session, attempt, ...record.position() };
      const answer = await this.#ports.records.attach(live.runner, from, record);
      if (answer !== "attached") await this.#onEnd(followed, answer);
    } catch (error) {
      await this.#ended(followed, asError(error));
    }
  }

  async #open(followed: Followed): Promise<AttemptRecord> {
    const { store, clock, redact, transcripts, driver } = this.#ports;
    const { session, attempt, agent } = followed.live;
    const own = driver(agent);
    if (own === undefined) throw new TypeError(`no driver for agent "${agent}"`);
    const cursor = rewind(transcripts, { session, attempt }, await store.cursor(session, attempt));
    const live = { ...followed.live, cursor };
    const onEnd: RecordOptions["onEnd"] = (how) => void this.#ended(followed, how);
    const transcript = transcripts.open(session, attempt);
    return new AttemptRecord({
      live,
      driver: own,
      transcript,
      before: linesBefore(transcripts, live),
      redact,
      store,
      clock,
      onEnd,
    });
  }

  /** Nobody waits for this: what fails (the store is away) is tried again like an interruption. */
  async #ended(followed: Followed, how: How): Promise<void> {
    try {
      await this.#onEnd(followed, how);
    } catch (error) {
      this.#interrupted(followed, asError(error));
    }
  }

  async #onEnd(followed: Followed, how: How): Promise<void> {
    const { live } = followed;
    await this.#release(followed);
    if (this.#closing) return;
    if (how === "closed") {
      this.#followed.delete(attemptKey(live));
      return;
    }
    if (how instanceof Error) this.#interrupted(followed, how);
    else if (how === "unknown" && followed.early) this.#again(followed);
    else await this.#lose(followed, how);
  }

  #interrupted(followed: Followed, { message }: Error): void {
    const { session, attempt } = followed.live;
    this.#ports.log.warn({ session, attempt, error: message }, "record interrupted");
    this.#again(followed);
  }

  async #release(followed: Followed): Promise<void> {
    const { live, record } = followed;
    followed.record = null;
    if (record === null) return;
    await this.#ports.records.detach(live.runner, live.session, live.attempt);
    await record.close();
  }

  #again(followed: Followed): void {
    if (this.#closing) return;
    followed.tries += 1;
    followed.cancel = this.#ports.clock.after(
      backoffMs(followed.tries, RETRY),
      () => void this.#attach(followed),
    );
  }

  /** The runner has no such attempt any more: its disk was lost. Said so, as an exit. */
  async #lose({ live }: Followed, why: string): Promise<void> {
    const { store, clock, log } = this.#ports;
    const { session, attempt, repository, objective } = live;
    log.warn({ session, attempt, why }, "attempt lost by its runner");
    const event = {
      kind: "attempt-exited",
      session,
      attempt,
      code: null,
      signal: null,
      cause: "keeper-lost",
    } as const;
    await store.advance({
      session,
      attempt,
      now: clock.now(),
      cursor: await store.cursor(session, attempt),
      closed: true,
      activity: null,
      items: [
        {
          key: `${session}:${attempt}:lost`,
          repository,
          subject: { kind: "objective", id: objective },
          event,
        },
      ],
    });
    this.#followed.delete(attemptKey(live));
  }
}

type How = "closed" | "unknown" | "behind" | Error;

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error("unknown failure", { cause: error });

/** The same cutting as when the lines came: what no driver saw then, none sees now. */
function* linesBefore(
  transcripts: Transcripts,
  { session, attempt, cursor }: LiveAttempt,
): Iterable<string> {
  const cutter = new LineCutter(0, (line) => line);
  for (let from = 0; from < cursor.out;) {
    const bytesMax = Math.min(REPLAY_BYTES, cursor.out - from);
    const part = transcripts.read({ session, attempt, stream: "out", from, bytesMax });
    if (part.byteLength === 0) return;
    from += part.byteLength;
    for (const { text } of cutter.feed(part).lines) yield text;
  }
}

/** Engine tests: the real store in memory, a clock that moves when told, and ports that do as they are told. */
import type { EffectOutcome, Clock, Fleet, Forge, Log, PushGate } from "../../src/engine/ports.ts";
import type { Facts, Need } from "../../src/domain/facts.ts";
import type { Effect } from "../../src/domain/effect.ts";
import type { ObjectiveEvent } from "../../src/domain/event.ts";
import type { Objective } from "../../src/domain/objective.ts";
import type { Emitted } from "../../src/domain/step.ts";
import type { Store, Subject } from "../../src/store/port.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { ISSUE, repository } from "../domain/cast.ts";
import { events } from "../store/examples.ts";

/** Time stands still until it is moved; then everything that is due happens, in order. */
export class VirtualClock implements Clock {
  #now = 1_000_000;
  #waiting: { readonly at: number; readonly call: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    const entry = { at: this.#now + delayMs, call: callback };
    this.#waiting.push(entry);
    return () => {
      this.#waiting = this.#waiting.filter((one) => one !== entry);
    };
  }

  /** When the next one is due, in ms from now; null = nobody waits. */
  get next(): number | null {
    const due = this.#waiting.map(({ at }) => at - this.#now);
    return due.length === 0 ? null : Math.min(...due);
  }

  move(byMs: number): void {
    const until = this.#now + byMs;
    for (let turns = 0; turns < 1000; turns++) {
      const [first] = this.#waiting.filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at);
      if (first === undefined) break;
      this.#waiting = this.#waiting.filter((one) => one !== first);
      this.#now = Math.max(this.#now, first.at);
      first.call();
    }
    this.#now = until;
  }
}

/** Lets everything that is not waiting for time or for us happen. */
export async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await new Promise<void>((done) => setImmediate(done));
}

export interface Logged extends Log {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: object }[];
}

export function openLog(): Logged {
  const lines: Logged["lines"] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields });
  };
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

type Reading = (needs: readonly Need[]) => Facts | Promise<Facts>;

/** GitHub as this test wants it. */
export class TestForge implements Forge {
  reads = 0;
  branches = 0;
  reading: Reading = () => ({});
  branch: string | null = null;
  performing: (effect: Effect, tries: number) => EffectOutcome | Promise<EffectOutcome> = () => ({
    kind: "done",
  });
  readonly performed: {
    readonly kind: Effect["kind"];
    readonly key: string;
    readonly number: number;
    readonly known: string | null;
  }[] = [];

  async read(_: unknown, needs: readonly Need[]): Promise<Facts> {
    this.reads += 1;
    return this.reading(needs);
  }

  async ownHeadBranch(): Promise<string | null> {
    this.branches += 1;
    return this.branch;
  }

  readonly perform: Fleet["perform"] & Forge["perform"] & PushGate["push"] = async (
    effect,
    now,
  ) => {
    this.performed.push({ kind: effect.kind, ...now });
    return this.performing(effect, now.number);
  };
}

export const issue: Subject = { kind: "issue", number: ISSUE };

export const openStore = (clock: Clock): Promise<Store> => openSqlite(":memory:", clock);

export const enter = (
  store: Store,
  key: string,
  event: ObjectiveEvent,
  subject: Subject = issue,
): Promise<void> => store.enqueue([{ key, repository, subject, event }], 1);

/** Puts an objective there as if one event had made it. */
export async function put(
  store: Store,
  objective: Objective,
  effects: readonly Emitted[] = [],
): Promise<void> {
  const key = `put-${objective.status.length}-${effects.map((one) => one.key).join()}-${objective.startedAt}`;
  await enter(store, `${key}-${JSON.stringify(objective.sessions).length}`, events["timer-fired"]);
  const [item] = await store.takeInbox({ now: Number.MAX_SAFE_INTEGER, limit: 1, busy: new Set() });
  if (item === undefined) throw new Error("it was put there before");
  const before = await store.load(issue, repository);
  const commit = { item, before, objective, effects, timers: [], notes: [], facts: {}, now: 1 };
  if (!(await store.commit(commit))) throw new Error("it is not as it was loaded");
}

/**
 * Removes doubles. GitHub's lists lag behind its writes: a second try that looked and did not find what the first one
 * left posts again. So after every post that was not a first try the copies are counted once more, a while later; the
 * oldest stays. What is still to be looked at is remembered on disk: a crash does not leave a double standing.
 */
import * as z from "zod";
import type { Repository } from "../domain/repository.ts";
import { PortError, type Clock } from "../engine/ports.ts";
import { backoffMs } from "../lib/backoff.ts";

/** What may stand twice. */
export type Suspect = {
  readonly repository: Repository;
  /** The effect's key, by which the copies are recognised. */
  readonly key: string;
} & (
  | {
      readonly kind: "comment" | "status";
      readonly number: number;
      /** The question that was asked by it. */
      readonly question: string | null;
    }
  | { readonly kind: "reply"; readonly pullRequest: number }
);

/** Remembers suspects over a crash. */
export interface SuspectStore {
  all(): Promise<ReadonlyMap<string, string>>;
  put(key: string, value: string): Promise<void>;
  forget(key: string): Promise<void>;
}

export interface Healing {
  /** On disk when it resolves; looked at later. */
  suspect(suspect: Suspect): Promise<void>;
  close(): void;
}

export interface HealingOptions {
  readonly clock: Clock;
  readonly store: SuspectStore;
  readonly healMs: number;
  /** Leaves one copy. Throws PortError when it could not. */
  readonly heal: (suspect: Suspect) => Promise<void>;
  readonly onFailed: (error: unknown) => void;
}

const RETRY = { firstMs: 30_000, mostMs: 10 * 60_000 };

/** Goes on with what was remembered by an earlier process. */
export function openHealing(options: HealingOptions): Healing {
  const { clock, store } = options;
  const planned = new Map<string, () => void>();
  let closed = false;

  const plan = (suspect: Suspect, tries: number): void => {
    if (closed) return;
    planned.get(suspect.key)?.();
    const delayMs = tries === 0 ? options.healMs : backoffMs(tries, RETRY);
    const cancel = clock.after(delayMs, () => {
      planned.delete(suspect.key);
      void look(suspect, tries);
    });
    planned.set(suspect.key, cancel);
  };

  const look = async (suspect: Suspect, tries: number): Promise<void> => {
    try {
      await options.heal(suspect);
      await store.forget(suspect.key);
    } catch (error) {
      options.onFailed(error);
      if (isHopeless(error)) await store.forget(suspect.key).catch(options.onFailed);
      else plan(suspect, tries + 1);
    }
  };

  const resume = async (): Promise<void> => {
    for (const value of (await store.all()).values()) {
      const read = Row.safeParse(JSON.parse(value));
      if (read.success) plan(read.data, 0);
      else options.onFailed(read.error);
    }
  };
  resume().catch(options.onFailed);

  return {
    async suspect(suspect) {
      await store.put(suspect.key, JSON.stringify(suspect));
      plan(suspect, 0);
    },
    close() {
      closed = true;
      for (const cancel of planned.values()) cancel();
      planned.clear();
    },
  };
}

/** The repository or the issue is gone, and every copy with it. */
const isHopeless = (error: unknown): boolean =>
  error instanceof PortError && (error.kind === "gone" || error.kind === "denied");

const repository = z.object({
  installation: z.number(),
  id: z.number(),
  owner: z.string(),
  name: z.string(),
});

const Row: z.ZodType<Suspect> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.enum(["comment", "status"]),
    repository,
    key: z.string(),
    number: z.number(),
    question: z.nullable(z.string()),
  }),
  z.object({
    kind: z.literal("reply"),
    repository,
    key: z.string(),
    pullRequest: z.number(),
  }),
]);

/** For tests and for who does not mind: forgotten with the process. */
export function memorySuspects(): SuspectStore {
  const kept = new Map<string, string>();
  return {
    all: async () => kept,
    put: async (key, value) => void kept.set(key, value),
    forget: async (key) => void kept.delete(key),
  };
}

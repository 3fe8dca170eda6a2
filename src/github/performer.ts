/** What the performers of effects share. */
import type { EffectAttempt, EffectOutcome, Clock } from "../engine/ports.ts";
import type { GitHubEffect } from "../domain/effect.ts";
import type { OutgoingOptions } from "../markdown/outgoing.ts";
import type { Repository } from "../domain/repository.ts";
import type { Auth } from "./auth.ts";
import type { Calls } from "./calls.ts";
import type { Suspect } from "./heal.ts";

export interface ForgeTimings {
  /** GitHub's lists may lag behind its writes: how long to wait before looking a second time. */
  readonly lookAgainMs: number;
  /** When to look for, and remove, a double that a lagging list let through. */
  readonly healMs: number;
}

export const FORGE_TIMINGS: ForgeTimings = { lookAgainMs: 5_000, healMs: 30_000 };

export interface Performing {
  readonly auth: Auth;
  readonly calls: Calls;
  readonly clock: Clock;
  readonly timings: ForgeTimings;
  /** 32 random bytes of the data directory. */
  readonly markerSecret: Uint8Array;
  /** Asked per text: tokens are minted all the time. */
  readonly outgoing: () => OutgoingOptions;
  /** Grows with every start: of two control planes the newer one's status stays. */
  readonly epoch: number;
  /** Remembers that something may stand twice; it is looked at later. On disk when it resolves. */
  readonly suspect: (suspect: Suspect) => Promise<void>;
  /** A comment of our App carries a marker that is not ours. */
  readonly onForeign: (repository: Repository, url: string) => void;
}

export type EffectOf<Kind extends GitHubEffect["kind"]> = Extract<GitHubEffect, { kind: Kind }>;

export type Perform<Kind extends GitHubEffect["kind"]> = (
  performing: Performing,
  effect: EffectOf<Kind>,
  attempt: EffectAttempt,
) => Promise<EffectOutcome>;

export const DONE: EffectOutcome = { kind: "done" };

/** Waits on the clock. */
export const pause = (clock: Clock, delayMs: number): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (delayMs <= 0) resolve();
  else clock.after(delayMs, resolve);
  return promise;
};

/**
 * The ports of the engine. Adapters implement them (src/github, src/fleet, src/compose.ts); the engine and
 * the domain know nothing else of the world. Ports never import adapters.
 */
import type { JournalLine } from "../protocol/journal.ts";
import type { GitHubEffect, RunnerEffect } from "../domain/effect.ts";
import type { ObjectiveEvent } from "../domain/event.ts";
import type { Facts, Need } from "../domain/facts.ts";
import type { Repository } from "../domain/repository.ts";

/** Time and timers. `now` is ms since the epoch. */
export interface Clock {
  now(): number;
  /** Calls back once after `delayMs`; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

/** What GitHub says now. Throws PortError. */
export interface Forge {
  read(repository: Repository, needs: readonly Need[]): Promise<Facts>;
  /** Which branch a pull request has as head, when it is one of ours: how events of unknown pull requests find their session. */
  ownHeadBranch(repository: Repository, pullRequest: number): Promise<string | null>;
  perform(
    effect: Exclude<GitHubEffect, { kind: "push-branch" }>,
    attempt: EffectAttempt,
  ): Promise<EffectOutcome>;
}

/** Brings a session's commits from its runner to GitHub. The only thing that pushes. */
export interface PushGate {
  push(
    effect: Extract<GitHubEffect, { kind: "push-branch" }>,
    attempt: EffectAttempt,
  ): Promise<EffectOutcome>;
}

/** Runners: starting, stopping, messages, answers. */
export interface Fleet {
  perform(effect: RunnerEffect, attempt: EffectAttempt): Promise<EffectOutcome>;
}

/** Where the record of an attempt is taken up, in bytes and journal entries. */
export interface Position {
  readonly session: string;
  readonly attempt: number;
  readonly out: number;
  readonly err: number;
  readonly seq: number;
}

/** Takes the record of an attempt as it grows. `output` may be asked to wait: the runner keeps the rest. */
export interface RecordSink {
  /** What has been taken so far: where a new connection goes on. */
  position(): Omit<Position, "session" | "attempt">;
  /** Called in order, each byte and entry once. Never throws. */
  output(stream: "out" | "err", at: number, bytes: Uint8Array): void;
  journal(line: JournalLine): void;
  /** The runner cannot go on with it; it is detached. */
  refused(answer: "unknown" | "behind"): void;
}

/** The records runners keep of their attempts. */
export interface Records {
  /**
   * Streams an attempt into the sink until `detach`, over lost connections. `unknown`: the runner has never heard of
   * it. `behind`: the runner has less than the position says (it lost its disk).
   */
  attach(
    runner: string,
    from: Position,
    sink: RecordSink,
  ): Promise<"attached" | "unknown" | "behind">;
  detach(runner: string, session: string, attempt: number): Promise<void>;
}

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Which try this is, and what the effect is recognised by. */
export interface EffectAttempt {
  /** Idempotency key: unique, derived, the same on every try. */
  readonly key: string;
  /** 1 = never sent before; from 2 on the performer MUST look for what an earlier try left. Counted before the request. */
  readonly number: number;
  /** What an earlier effect with this recognition key left, e.g. the id of the status comment. */
  readonly known: string | null;
}

/**
 * `done` = it is so now; `events` enter the inbox in the transaction that ends the effect; `artifact` is kept
 * under the effect's recognition key. `refused` = GitHub or the runner said no and will say no again.
 * `later` = surely not done, try again after. `unknown` = may or may not be done: look before repeating.
 */
export type EffectOutcome =
  | {
      readonly kind: "done";
      readonly events?: readonly ObjectiveEvent[];
      readonly artifact?: string | null;
    }
  | {
      readonly kind: "refused";
      readonly reason: string;
      readonly events?: readonly ObjectiveEvent[];
    }
  | { readonly kind: "later"; readonly reason: string; readonly afterMs: number | null }
  | { readonly kind: "unknown"; readonly reason: string };

/** An operational failure at a port. The engine decides by `kind` in one place. */
export class PortError extends Error {
  override readonly name = "PortError";
  readonly kind: "gone" | "denied" | "rate-limited" | "unavailable";
  readonly retryAfterMs: number | null;
  constructor(
    kind: PortError["kind"],
    message: string,
    options: { readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

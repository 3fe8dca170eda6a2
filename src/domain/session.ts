/**
 * The session machine. A session is one conversation with an agent; an attempt is one start of its process.
 *
 *     queued ──claim──▶ starting ──spawn──▶ running ──turn-over──▶ stopping ──exit──▶ idle | waiting_user | waiting_limit
 *       ▲                  │                   │                      │                        │
 *       └──────exit (again)┴───────────────────┴──────────────────────┴────────wake────────────┘
 *     anything parked ──pause──▶ paused ──wake──▶ queued        a process a person waits for: exit ──▶ paused
 *     anything live ──stop──▶ stopping ──exit──▶ canceled | failed        anything parked ──end──▶ succeeded | failed | canceled
 *
 * A slot is held exactly in `starting`, `running` and `stopping`. `idle` means: turn over, process gone,
 * slot free, workspace and conversation kept.
 *
 * Invariant: a terminal state has no way out. Late results are recorded, not applied.
 */

export interface Place {
  readonly runner: string;
  readonly slot: number;
}

/** Why a session waits for a slot; decides its turn (decision 6) and what its attempt gets. */
export type Purpose = "work" | "answer" | "review" | "message";

export type SessionState =
  | { readonly kind: "queued"; readonly purpose: Purpose; readonly since: number }
  | ({ readonly kind: "starting"; readonly since: number } & Place)
  | ({ readonly kind: "running"; readonly since: number } & Place)
  | ({
      readonly kind: "stopping";
      readonly into: "park" | "canceled" | "failed";
      readonly reason: string;
      readonly since: number;
    } & Place)
  | { readonly kind: "idle"; readonly since: number }
  | { readonly kind: "waiting_user"; readonly since: number }
  | {
      readonly kind: "waiting_limit";
      readonly since: number;
      readonly until: number;
      readonly reason: string;
    }
  | { readonly kind: "paused"; readonly since: number; readonly by: string }
  | { readonly kind: "succeeded"; readonly since: number }
  | { readonly kind: "failed"; readonly since: number; readonly reason: string }
  | { readonly kind: "canceled"; readonly since: number; readonly by: string };

export type SessionMove =
  | ({ readonly kind: "claim" } & Place)
  | { readonly kind: "spawn" }
  | { readonly kind: "turn-over" }
  | { readonly kind: "stop"; readonly into: "canceled" | "failed"; readonly reason: string }
  /** The process is gone. `next` = where a session goes that was not being stopped for good. */
  | { readonly kind: "exit"; readonly next: ParkedState }
  | { readonly kind: "wake"; readonly purpose: Purpose }
  | { readonly kind: "pause"; readonly by: string }
  | { readonly kind: "end"; readonly as: EndState };

/** What a session is after its process ended, when nobody stopped it for good. */
export type ParkedState =
  | { readonly kind: "queued"; readonly purpose: Purpose }
  | { readonly kind: "idle" }
  | { readonly kind: "waiting_user" }
  | { readonly kind: "waiting_limit"; readonly until: number; readonly reason: string }
  | { readonly kind: "paused"; readonly by: string }
  | { readonly kind: "succeeded" }
  | { readonly kind: "failed"; readonly reason: string };

export type EndState =
  | { readonly kind: "succeeded" }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "canceled"; readonly by: string };

type Terminal = Extract<SessionState, { kind: "succeeded" | "failed" | "canceled" }>;
type Live = Extract<SessionState, Place>;

export const isTerminal = (state: SessionState): state is Terminal =>
  state.kind === "succeeded" || state.kind === "failed" || state.kind === "canceled";

/** Holds a slot and has, or may have, a process. */
export const isLive = (state: SessionState): state is Live =>
  state.kind === "starting" || state.kind === "running" || state.kind === "stopping";

/** One step of the machine; null = this move means nothing in this state. */
export function move(state: SessionState, step: SessionMove, now: number): SessionState | null {
  if (isTerminal(state)) return null;
  switch (step.kind) {
    case "claim":
      if (state.kind !== "queued") return null;
      return { kind: "starting", runner: step.runner, slot: step.slot, since: now };
    case "spawn":
      return state.kind === "starting" ? { ...place(state), kind: "running", since: now } : null;
    case "turn-over":
      if (state.kind !== "running" && state.kind !== "starting") return null;
      return { ...place(state), kind: "stopping", into: "park", reason: "turn over", since: now };
    case "stop":
      if (!isLive(state) || (state.kind === "stopping" && state.into !== "park")) return null;
      return {
        ...place(state),
        kind: "stopping",
        into: step.into,
        reason: step.reason,
        since: now,
      };
    case "exit":
      return isLive(state) ? afterExit(state, step.next, now) : null;
    case "wake":
      if (isLive(state) || state.kind === "queued") return null;
      return { kind: "queued", purpose: step.purpose, since: now };
    case "pause":
      return isLive(state) || state.kind === "paused"
        ? null
        : { kind: "paused", by: step.by, since: now };
    case "end":
      return isLive(state) ? null : { ...step.as, since: now };
  }
}

const place = ({ runner, slot }: Place): Place => ({ runner, slot });

function afterExit(state: Live, next: ParkedState, now: number): SessionState {
  if (state.kind === "stopping" && state.into === "canceled")
    return { kind: "canceled", by: state.reason, since: now };
  if (state.kind === "stopping" && state.into === "failed")
    return { kind: "failed", reason: state.reason, since: now };
  return { ...next, since: now };
}

/** Where a session is by our own record. */
export interface SessionPlace {
  /** null = it has not been placed yet. */
  readonly runner: string | null;
  /** The newest attempt. */
  readonly attempt: number;
  readonly over: boolean;
}

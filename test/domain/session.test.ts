import { describe, expect, test } from "vitest";
import {
  isLive,
  isTerminal,
  move,
  type SessionMove,
  type SessionState,
} from "../../src/domain/session.ts";

const place = { runner: "box", slot: 0 };
const since = 1;

const states: { readonly [K in SessionState["kind"]]: Extract<SessionState, { kind: K }> } = {
  queued: { kind: "queued", purpose: "work", since },
  starting: { kind: "starting", ...place, since },
  running: { kind: "running", ...place, since },
  stopping: { kind: "stopping", ...place, into: "park", reason: "turn over", since },
  idle: { kind: "idle", since },
  waiting_user: { kind: "waiting_user", since },
  waiting_limit: { kind: "waiting_limit", since, until: 9, reason: "limit" },
  paused: { kind: "paused", since, by: "ann" },
  succeeded: { kind: "succeeded", since },
  failed: { kind: "failed", since, reason: "broken" },
  canceled: { kind: "canceled", since, by: "ann" },
};

const moves: { readonly [K in SessionMove["kind"]]: Extract<SessionMove, { kind: K }> } = {
  claim: { kind: "claim", ...place },
  spawn: { kind: "spawn" },
  "turn-over": { kind: "turn-over" },
  stop: { kind: "stop", into: "canceled", reason: "ann" },
  exit: { kind: "exit", next: { kind: "idle" } },
  wake: { kind: "wake", purpose: "message" },
  pause: { kind: "pause", by: "ann" },
  end: { kind: "end", as: { kind: "succeeded" } },
};

const cell = (state: SessionState, step: SessionMove): string =>
  (move(state, step, 2)?.kind ?? "").padEnd(9);

const stopping = (into: "canceled" | "failed"): SessionState => ({
  ...states.stopping,
  into,
  reason: "why",
});

describe("the session machine", () => {
  test("every state and every move", () => {
    const rows = Object.values(states).map((state) =>
      [state.kind.padEnd(13), ...Object.values(moves).map((step) => cell(state, step))]
        .join(" | ")
        .trimEnd(),
    );
    const header = ["".padEnd(13), ...Object.keys(moves).map((kind) => kind.padEnd(9))];
    expect(`\n${[header.join(" | ").trimEnd(), ...rows].join("\n")}\n`).toMatchInlineSnapshot(`
      "
                    | claim     | spawn     | turn-over | stop      | exit      | wake      | pause     | end
      queued        | starting  |           |           |           |           |           | paused    | succeeded
      starting      |           | running   | stopping  | stopping  | idle      |           |           |
      running       |           |           | stopping  | stopping  | idle      |           |           |
      stopping      |           |           |           | stopping  | idle      |           |           |
      idle          |           |           |           |           |           | queued    | paused    | succeeded
      waiting_user  |           |           |           |           |           | queued    | paused    | succeeded
      waiting_limit |           |           |           |           |           | queued    | paused    | succeeded
      paused        |           |           |           |           |           | queued    |           | succeeded
      succeeded     |           |           |           |           |           |           |           |
      failed        |           |           |           |           |           |           |           |
      canceled      |           |           |           |           |           |           |           |
      "
    `);
  });

  test("a process that is stopped for good ends where it was sent, whatever its exit says", () => {
    expect(move(stopping("canceled"), moves.exit, 2)).toEqual({
      kind: "canceled",
      by: "why",
      since: 2,
    });
    expect(move(stopping("failed"), moves.exit, 2)).toEqual({
      kind: "failed",
      reason: "why",
      since: 2,
    });
  });

  test("stopping for good wins over parking, and only once", () => {
    const stopped = move(states.stopping, moves.stop, 2);
    expect(stopped).toMatchObject({ into: "canceled", reason: "ann", ...place });
    expect(stopped && move(stopped, { ...moves.stop, into: "failed" }, 3)).toBeNull();
  });

  test("a slot is held exactly while a process may be there", () => {
    expect(
      Object.values(states)
        .filter(isLive)
        .map(({ kind }) => kind),
    ).toEqual(["starting", "running", "stopping"]);
    for (const state of Object.values(states)) expect("slot" in state).toBe(isLive(state));
  });

  test("terminal states have no way out", () => {
    for (const state of Object.values(states).filter(isTerminal))
      for (const step of Object.values(moves)) expect(move(state, step, 2)).toBeNull();
  });
});

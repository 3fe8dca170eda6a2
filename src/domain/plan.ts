/**
 * The plan of an objective: its sessions and what each waits for. A session may start when everything it
 * depends on has reported; it never will when something it depends on failed or was canceled.
 *
 * Cycles cannot arise: a session may only depend on sessions that were there before it.
 */
import type { Objective, Session } from "./objective.ts";
import { isTerminal } from "./session.ts";
import type { Step } from "./step.ts";

/** Sessions this one depends on that have not reported yet. */
export const unmet = (objective: Objective, session: Session): readonly Session[] =>
  objective.sessions.filter(
    ({ id, result, state }) =>
      session.dependsOn.includes(id) && result === null && state.kind !== "succeeded",
  );

export type Waiting = Session & {
  readonly state: Extract<Session["state"], { kind: "queued" }>;
};

/** Waits for a slot and for nothing else. */
export const isReady = (objective: Objective, session: Session): session is Waiting =>
  session.state.kind === "queued" && unmet(objective, session).length === 0;

/** Cancels what can never start, and what depends on that; the manager hears why. */
export function cancelDoomed(step: Step): void {
  // One pass finds whole chains: what a session depends on stands before it.
  for (const session of step.workers) {
    const cause = unmet(step.objective, session).find(({ state }) => isTerminal(state));
    if (session.state.kind !== "queued" || cause === undefined) continue;
    step.stop(
      session,
      "canceled",
      `it depends on "${cause.title}", which ${cause.state.kind === "failed" ? "failed" : "was canceled"}`,
    );
    step.tell(
      step.manager,
      `Worker "${session.title}" (${session.id}) was canceled: it depends on "${cause.title}", which will not report. Spawn it again without that, or do without it.`,
      "message",
    );
  }
}

/** Parking: the turn is over, so the process goes and the slot with it; workspace and conversation stay. */
import type { Session } from "./objective.ts";
import { isLive, isTerminal } from "./session.ts";
import type { Step } from "./step.ts";

/** Stops the process of a running session at this boundary. */
export function park(step: Step, session: Session): void {
  if (session.state.kind === "running") stopNow(step, session);
}

/** The same at any moment, also while it starts: nothing it could still do is wanted. */
export function stopNow(step: Step, given: Session): void {
  const session = step.fresh(given);
  if (session.state.kind !== "running" && session.state.kind !== "starting") return;
  const { runner } = session.state;
  step.move(session, { kind: "turn-over" });
  step.stopProcess(session, runner);
}

/**
 * Its pull request is merged or waived: a worker has nothing left to do (decision 4). Replies whose push is on its way
 * stay until it is known whether it came before the merge.
 */
export function endPublished(step: Step, session: Session): void {
  if (session.push?.kind !== "follow-up") step.changeSession(session.id, { followUp: null });
  if (isLive(session.state)) park(step, session);
  else if (!isTerminal(session.state))
    step.move(session, { kind: "end", as: { kind: "succeeded" } });
}

/** An operator who takes sessions over by hand and gives them back: through the inbox, as the control socket does it. */
import type { ObjectiveEvent } from "../../src/domain/event.ts";
import { isOver, type Objective, type Session } from "../../src/domain/objective.ts";
import { isTerminal } from "../../src/domain/session.ts";
import { loadObjective } from "../../src/store/objective-table.ts";
import type { SimPlane } from "./plane.ts";
import { query } from "./query.ts";

type Wanted = (objective: Objective, session: Session) => boolean;
type Act = (session: Session) => Extract<ObjectiveEvent, { kind: "takeover-requested" | "resume-requested" | "operator-said" }>; // prettier-ignore

/** Does this to every session that is wanted; nothing while nobody serves. `name` = of the request: the same one twice is one. */
export function byHand(plane: SimPlane, name: string, wanted: Wanted, act: Act): void {
  const { db } = plane;
  if (db === null) return;
  for (const { id } of query<{ readonly id: string }>(plane.sqlite, "select id from objective")) {
    const objective = loadObjective(db, id)?.objective;
    if (objective === undefined || isOver(objective)) continue;
    for (const session of objective.sessions.filter((one) => wanted(objective, one))) {
      const event = act(session);
      const key = `${event.kind}:${session.id}:${name}`;
      const subject = { kind: "objective", id: objective.id } as const;
      plane.enter([{ key, repository: objective.repository, subject, event }]);
    }
  }
}

export const goesOn: Wanted = (_, { state }) => !isTerminal(state) && state.kind !== "paused";
export const isWorker: Wanted = (objective, session) =>
  session.role === "worker" && goesOn(objective, session);
export const isAway: Wanted = (_, { state, takeover = null }) =>
  state.kind === "paused" || takeover !== null;

export const take =
  (now: boolean): Act =>
  ({ id }) => ({ kind: "takeover-requested", session: id, by: "ada", now });

export const giveBack: Act = ({ id }) => ({
  kind: "resume-requested",
  session: id,
  by: "ada",
  text: "go on",
  changes: null,
});

export const speak: Act = ({ id }) => ({
  kind: "operator-said",
  session: id,
  by: "ada",
  id: `line of ${id}`,
  text: "1: as you like",
});

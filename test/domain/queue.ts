/** Who waits and where there is room, for tests of placing. */
import { objectiveId, sessionId } from "../../src/domain/id.ts";
import type { RunnerSnapshot } from "../../src/domain/runner.ts";
import type { Candidate } from "../../src/domain/schedule.ts";

/** Online, with nothing on it. */
export const runner = (
  name: string,
  slots: number,
  change: Partial<RunnerSnapshot> = {},
): RunnerSnapshot => ({ name, slots, state: "online", taken: [], ...change });

/** A new worker of the objective `one`. */
export const waiting = (session: string, change: Partial<Candidate> = {}): Candidate => ({
  session: sessionId(session),
  objective: objectiveId("one"),
  rank: 4,
  since: 0,
  pin: null,
  worker: true,
  workersMax: 8,
  ...change,
});

/** Invariant 35: providers' limits. */
import { isOver } from "../../src/domain/objective.ts";
import { first, type Invariant } from "./evidence.ts";

export const nobodyStartsTheExhausted: Invariant = {
  number: 35,
  name: "no attempt of an exhausted agent starts before its time",
  when: "always",
  check({ objectives, exhausted }) {
    const starting = objectives.flatMap((objective) =>
      isOver(objective) ? [] : objective.sessions.filter(({ state }) => state.kind === "starting"),
    );
    if (starting.length === 0) return null;
    const limits = exhausted();
    return first(starting, ({ id, agent, state }) => {
      const limit = limits.get(agent);
      return limit !== undefined && limit.at < state.since && state.since < limit.until
        ? `${id} was started with ${agent}, which is exhausted until ${limit.until}`
        : null;
    });
  },
};

/** What every model of the simulation is given: time, chance, faults, and where to write down what happened. */
import type { Faults } from "./faults.ts";
import type { Random } from "./random.ts";
import type { VirtualTime } from "./time.ts";
import type { Trace } from "./trace.ts";

export interface Sim {
  readonly time: VirtualTime;
  readonly random: Random;
  /** How slow people and agents are: 1 = minutes, 8 = half a day. */
  readonly pace: number;
  readonly faults: Faults;
  readonly trace: Trace;
  pause(ms: number): Promise<void>;
}

export const pauseOn =
  (time: VirtualTime) =>
  (ms: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    time.after(ms, resolve);
    return promise;
  };

/**
 * Runners as the scheduler sees them.
 *
 *     online ⇄ draining     online | draining ⇄ offline     any ⇄ disabled
 *
 * Only `online` takes sessions. Draining moves nothing and takes nothing: what runs there runs on.
 */
export type RunnerState = "online" | "draining" | "offline" | "disabled";

export interface RunnerSnapshot {
  readonly name: string;
  readonly state: RunnerState;
  readonly slots: number;
  /** Numbers of the slots that are held. */
  readonly taken: readonly number[];
}

/** Slots a session may be placed on now. */
export const freeSlots = ({ state, slots, taken }: RunnerSnapshot): number[] =>
  state === "online"
    ? Array.from({ length: slots }, (_, slot) => slot).filter((slot) => !taken.includes(slot))
    : [];

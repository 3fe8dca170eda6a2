/** The part of the store that knows whether runners can be reached. */
import type { Presence } from "../domain/presence.ts";
import type { Repository } from "../domain/repository.ts";
import type { Candidate, Snapshot } from "../domain/schedule.ts";

/** A page of the queue, in no order that means anything. */
export interface Waiting extends Omit<Snapshot, "queue"> {
  readonly waiting: readonly {
    readonly candidate: Candidate;
    readonly attempt: number;
    /** Class of the reason it was told; empty = none. */
    readonly why: string;
    /** When, in ms since the epoch. */
    readonly toldAt: number | null;
    readonly repository: Repository;
  }[];
}

export interface PresenceStore {
  /**
   * Writes down whether a runner can be reached; the objectives with sessions there hear of what that changes for them, in
   * one transaction. What was put off for one that is attached is due at once. False = there is none of that name.
   */
  setReach(change: {
    readonly runner: string;
    readonly presence: Presence;
    readonly now: number;
  }): Promise<boolean>;
  /** Sessions that wait for a slot, with ids after this one. */
  waiting(after: string, limit: number): Promise<Waiting>;
}

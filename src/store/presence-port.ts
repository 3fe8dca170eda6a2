/** The part of the store that knows whether runners can be reached. */
import type { Presence } from "../domain/presence.ts";

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
}

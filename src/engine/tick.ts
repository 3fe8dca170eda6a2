/** Free slots → waiting sessions. The snapshot may be stale; the store's claim is atomic. */
import { schedule, type Snapshot } from "../domain/schedule.ts";
import type { Store } from "../store/port.ts";
import type { Clock } from "./ports.ts";

/** Read from the head of the queue: more than any installation has slots. */
const QUEUE_READ_MAX = 500;

export interface TickParts {
  readonly store: Store;
  readonly clock: Clock;
  /** What is known of machines now, and the limits; default: nothing, and none. */
  readonly known?: () => Pick<Snapshot, "samples" | "limits">;
}

/** One round of placement; the number of sessions that got a slot. */
export async function tick({ store, clock, known = () => ({}) }: TickParts): Promise<number> {
  const claims = schedule({ ...(await store.snapshot(QUEUE_READ_MAX)), ...known() });
  const claimed = await Promise.all(claims.map((claim) => store.claim(claim, clock.now())));
  return claimed.filter(Boolean).length;
}

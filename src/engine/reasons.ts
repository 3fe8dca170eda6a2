/**
 * Why sessions wait, told to them: a bounded number is looked at now and then, one after the other through the whole
 * queue, and hears of a reason only when it is of another class than the one it has. A session hears at most once a
 * minute, and not at all when it is placed within a few seconds.
 */
import { classOf, reasonOf } from "../domain/reason.ts";
import type { Snapshot } from "../domain/schedule.ts";
import type { Store } from "../store/port.ts";
import type { Clock } from "./ports.ts";

const LOOK_MS = 5_000;
const SESSIONS_MAX = 200;
/** It may be placed in the next round. */
const PATIENCE_MS = 10_000;
const AGAIN_MS = 60_000;

export interface Reasons {
  /** Looks, when it is time. The number of sessions that were told. */
  once(known: Pick<Snapshot, "samples" | "limits">): Promise<number>;
}

export function openReasons({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): Reasons {
  // Not at once: links are still being made.
  let lookedAt = clock.now();
  let after = "";
  return {
    async once(known) {
      const now = clock.now();
      // A clock that was set back begins anew.
      if (now >= lookedAt && now < lookedAt + LOOK_MS) return 0;
      lookedAt = now;
      const { waiting, ...queue } = await store.waiting(after, SESSIONS_MAX);
      after = waiting.length < SESSIONS_MAX ? "" : (waiting.at(-1)?.candidate.session ?? "");
      const snapshot: Snapshot = { ...queue, ...known, queue: [] };
      const items = waiting.flatMap((one) => {
        const { candidate, why, toldAt, repository, attempt } = one;
        const isNew = now - candidate.since < PATIENCE_MS;
        if (isNew || (toldAt !== null && now - toldAt < AGAIN_MS)) return [];
        const reason = reasonOf(candidate, snapshot);
        if (reason === null || classOf(reason) === why) return [];
        const { session, objective } = candidate;
        return [
          {
            key: `why:${session}:${attempt}:${classOf(reason)}:${now}`,
            repository,
            subject: { kind: "objective", id: objective } as const,
            event: { kind: "wait-reason", session, reason } as const,
          },
        ];
      });
      if (items.length > 0) await store.enqueue(items, now);
      return items.length;
    },
  };
}

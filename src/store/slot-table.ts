/**
 * Slots are rows: inserting one is the claim, so a runner cannot hold more sessions than it has slots. A session that
 * leaves while its process may still be there (it was moved, canceled or parked without anybody having seen the end)
 * leaves its slot under the name of the attempt: it is no session's, and free when its runner has answered to the stop.
 */
import type { RunnerEffect } from "../domain/effect.ts";
import type { Place } from "../domain/session.ts";
import type { Db } from "./database.ts";
import { attemptKey } from "./port.ts";
import { prepared } from "./prepared.ts";

type Stop = Extract<RunnerEffect, { kind: "stop-attempt" }>;

export interface Leaving extends Place {
  readonly session: string;
  readonly attempt: number;
}

/** `stops` = what the same transaction asks runners to stop: those processes may be there as long as that is not done. */
export function leaveSlot({ run }: Db, leaving: Leaving, stops: readonly Stop[]): void {
  const { session, attempt, runner, slot } = leaving;
  const isAsked = stops.some(
    (stop) => stop.session === session && stop.attempt === attempt && stop.runner === runner,
  );
  const ghost = attemptKey(leaving);
  run(isAsked ? haunted({ runner, session, ghost }) : left({ runner, slot, session, ghost }));
}

/** Nobody wanted it any more. */
export function releaseClaim({ build, run }: Db, session: string, { runner, slot }: Place): void {
  const claim = build.deleteFrom("slot").where("runner", "=", runner).where("slot", "=", slot);
  run(claim.where("session_id", "=", session));
}

/** The attempt's process is still there as far as anybody knows; its session takes a slot elsewhere. */
export const haunt = (
  { run }: Db,
  of: { readonly runner: string; readonly session: string; readonly attempt: number },
): number => run(haunted({ ...of, ghost: attemptKey(of) }));

/** Its runner has answered, or will never be asked again. */
export const stopped = (
  { run }: Db,
  of: { readonly session: string; readonly attempt: number },
): number => run(gone({ ghost: attemptKey(of) }));

interface Haunted {
  readonly runner: string;
  readonly session: string;
  readonly ghost: string;
}
const haunted = prepared((build, { runner, session, ghost }: Haunted) =>
  build
    .updateTable("slot")
    .set({ session_id: ghost })
    .where("session_id", "=", session)
    .where("runner", "=", runner),
);
const left = prepared((build, { runner, slot, session, ghost }: Haunted & Place) =>
  build
    .deleteFrom("slot")
    .where("runner", "=", runner)
    .where("slot", "=", slot)
    .where("session_id", "in", [session, ghost]),
);
const gone = prepared((build, { ghost }: { readonly ghost: string }) =>
  build.deleteFrom("slot").where("session_id", "=", ghost),
);

/** Checks the audit trail in the background: a bounded number of rows at a time, with room for others in between. */
import type { Clock } from "../engine/ports.ts";
import { CHAIN_START, type ChainPlace, type Reading } from "../store/port.ts";

/** About a millisecond of work. */
const ROWS_AT_ONCE = 200;

/** A row of the audit trail is not what was written: the database is damaged. */
export class ChainBroken extends Error {
  override readonly name = "ChainBroken";
}

export type ChainState =
  | { readonly kind: "checking"; readonly rows: number }
  | { readonly kind: "whole"; readonly rows: number }
  | { readonly kind: "broken"; readonly reason: string };

export interface ChainCheck {
  readonly state: ChainState;
  /** Resolves when it is over, whatever was found, or when it was closed. */
  readonly over: Promise<void>;
  close(): void;
}

/** Begins at once. Rows that are written meanwhile are checked with the others. */
export function openChainCheck({
  store,
  clock,
  onBroken,
}: {
  readonly store: Pick<Reading, "checkChain">;
  readonly clock: Clock;
  readonly onBroken: (error: ChainBroken) => void;
}): ChainCheck {
  let state: ChainState = { kind: "checking", rows: 0 };
  const life: { closed: boolean; cancel: (() => void) | null } = { closed: false, cancel: null };
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const breathe = (): Promise<void> =>
    new Promise((done) => {
      life.cancel = clock.after(0, done);
    });
  const run = async (): Promise<void> => {
    for (let at: ChainPlace = CHAIN_START; !life.closed; await breathe()) {
      const step = await store.checkChain(at, ROWS_AT_ONCE);
      if (step.kind === "broken") {
        const error = new ChainBroken(brokenText(step));
        state = { kind: "broken", reason: error.message };
        onBroken(error);
        return;
      }
      at = step.at;
      state = { kind: step.kind === "end" ? "whole" : "checking", rows: at.seq };
      if (step.kind === "end") return;
    }
  };
  void run()
    .catch((error: unknown) => {
      state = {
        kind: "broken",
        reason: `the audit trail cannot be read: ${error instanceof Error ? error.message : "unknown failure"}`,
      };
      onBroken(new ChainBroken(state.reason));
    })
    .finally(resolve);
  return {
    get state() {
      return state;
    },
    over,
    close() {
      life.closed = true;
      life.cancel?.();
      resolve();
    },
  };
}

const brokenText = ({ seq, reason }: { readonly seq: number; readonly reason: string }) =>
  `the database is damaged: row ${seq} of the audit trail: ${reason}; stop the server and restore a backup: orcha restore <data directory>/backups/…`;

/**
 * Rows in hand: taken, and their handling has not shown yet that it lets the process live. Handling that ends
 * the process (it does not throw: it runs out of memory, or hangs until somebody kills it) leaves its row in
 * hand; at the next start such rows are suspects, and a suspect is handled alone, so that only the guilty is
 * blamed again. Who survives is no suspect any more.
 */
import type { Db } from "./database.ts";
import { CRASHES_MAX, crashedReason } from "./port.ts";

type Queue = "delivery" | "inbox" | "outbox";
const QUEUES: readonly Queue[] = ["delivery", "inbox", "outbox"];

interface Suspect {
  readonly crashes: number;
}

export class Hands {
  /** Rows of inbox and outbox in hand; deliveries are handled one after the other. */
  readonly #held = new Set<string>();
  #suspects = false;
  /** Whose suspect waits for everybody else to land. */
  #waiting: Queue | null = null;
  /** The suspect in hand. */
  #alone: string | null = null;

  /** At the start: what was in hand when the last process died is suspect. Inside a transaction. */
  recover(db: Db): void {
    const { build, run, get } = db;
    for (const queue of QUEUES)
      run(
        build
          .updateTable(queue)
          .set(({ eb }) => ({ held: 0, crashes: eb("crashes", "+", 1) }))
          .where("held", "=", 1),
      );
    run(
      build
        .updateTable("delivery")
        .set({ state: "rejected", reason: crashedReason(CRASHES_MAX) })
        .where("state", "=", "new")
        .where("crashes", ">=", CRASHES_MAX),
    );
    this.#suspects = QUEUES.some(
      (queue) =>
        get(build.selectFrom(queue).select("crashes").where("crashes", ">", 0).limit(1)) !==
        undefined,
    );
  }

  /** Of these rows that could be taken now, those that may be: everybody, or one suspect alone. */
  choose<R extends Suspect>(queue: Queue, rows: readonly R[]): readonly R[] {
    if (!this.#suspects) return rows;
    if (this.#alone !== null) return [];
    const innocent = rows.filter(({ crashes }) => crashes === 0);
    const suspect = rows.find(({ crashes }) => crashes > 0);
    if (suspect === undefined) {
      if (this.#waiting === queue) this.#waiting = null;
      return this.#waiting === null ? innocent : [];
    }
    if (this.#waiting !== null && this.#waiting !== queue) return [];
    this.#waiting = this.#held.size === 0 ? null : queue;
    return this.#waiting === null ? [suspect] : [];
  }

  take(queue: "inbox" | "outbox", { seq, crashes }: Suspect & { readonly seq: number }): void {
    const name = `${queue}:${seq}`;
    this.#held.add(name);
    if (crashes > 0) this.#alone = name;
  }

  /** It has ended, was put off, or has shown that it lets us live. */
  letGo(queue: "inbox" | "outbox", seq: number): void {
    const name = `${queue}:${seq}`;
    this.#held.delete(name);
    if (this.#alone === name) this.#alone = null;
  }
}

/** What is set on a row that its handler survived. */
export const SURVIVED = { held: 0, crashes: 0 } as const;

/** At an orderly end: what was in hand did nobody any harm. Inside a transaction. */
export function emptyHands({ build, run }: Db): void {
  for (const queue of QUEUES) run(build.updateTable(queue).set({ held: 0 }).where("held", "=", 1));
}

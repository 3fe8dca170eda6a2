/**
 * Whether this process still owns the database. Every write begins by comparing the epoch there with ours: a
 * second process that opened the same file (no lock on a network file system, a lock file removed, a backup
 * restored twice) has raised it, and from then on we write nothing.
 */
import { StoreUnavailable } from "../inbox/port.ts";
import type { Db } from "./database.ts";
import { Hands } from "./hands.ts";
import {
  doubtUntil,
  moveTakeover,
  readEpoch,
  takeIdentity,
  writeEpoch,
  type Chance,
  type Identity,
} from "./identity.ts";
import { Fenced } from "./port.ts";

export type Trouble = Fenced | StoreUnavailable;

export interface Ownership {
  /** The same database, whose transactions check first that it is ours. */
  readonly db: Db;
  readonly hands: Hands;
  /** Throws `Fenced` when the database is somebody else's by now. */
  readonly check: () => void;
  readonly identity: () => Identity;
  /** An epoch above the one a runner has seen; null = we are not taking over, so the runner's is the newer. */
  readonly outbid: (seen: number) => number | null;
  /** Moves the end of a takeover that is going on. Inside a transaction. */
  readonly rebase: (byMs: number) => void;
  /** What is done now may have been done by an earlier life of this database. */
  readonly inDoubt: (now: number) => boolean;
  readonly onTrouble: (listener: (trouble: Trouble) => void) => () => void;
}

export function openOwnership(raw: Db, clock: { now(): number }, chance: Chance): Ownership {
  const hands = new Hands();
  const listeners = new Set<(trouble: Trouble) => void>();
  /** Null = nobody has asked who we are: a test, or a tool that opened a database of its own. */
  let own: Identity | null = null;
  const check = (): void => {
    if (own === null) return;
    const epoch = readEpoch(raw);
    if (epoch !== own.epoch)
      throw new Fenced(
        `another control plane has taken over this database (epoch ${epoch}, ours is ${own.epoch}); nothing more is written here`,
      );
  };
  const told = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (error instanceof Fenced || error instanceof StoreUnavailable)
        for (const listener of listeners) listener(error);
      throw error;
    }
  };
  const db: Db = {
    ...raw,
    transaction: (work) =>
      told(() =>
        raw.transaction(() => {
          check();
          return work();
        }),
      ),
  };
  return {
    db,
    hands,
    check() {
      told(check);
    },
    identity() {
      own = raw.transaction(() => {
        hands.recover(raw);
        return takeIdentity(raw, clock.now(), chance);
      });
      return own;
    },
    outbid(seen) {
      const now = clock.now();
      const before = own;
      if (before === null || now >= before.takeoverUntil) return null;
      const epoch = Math.max(before.epoch, seen + 1);
      db.transaction(() => writeEpoch(raw, epoch));
      own = { ...before, epoch };
      return epoch;
    },
    rebase(byMs) {
      if (own === null || byMs === 0 || own.takeoverUntil === 0) return;
      own = { ...own, takeoverUntil: moveTakeover(raw, byMs) };
    },
    inDoubt: (now) => own !== null && now < doubtUntil(own),
    onTrouble(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * Who this installation is: made once, kept in the database and so in its backup. The secret makes ids, keys
 * and the marks in our comments; the epoch grows with every start, so that runners and the store itself obey
 * the newest. A restored backup is the same installation in another generation.
 */
import type { Db } from "./database.ts";
import { prepared } from "./prepared.ts";

export interface Identity {
  readonly installation: string;
  /** 32 random bytes. */
  readonly secret: Uint8Array;
  /** One more than at the last start. */
  readonly epoch: number;
  /** New after every restore: two control planes of the same epoch are not the same. */
  readonly generation: string;
  /** A restored backup takes over its runners until then (ms since the epoch). 0 = it does not. */
  readonly takeoverUntil: number;
}

/** What cannot be derived, because nobody may guess or repeat it. */
export interface Chance {
  uuid(): string;
  bytes(count: number): Uint8Array;
}

/** A store that was given no chance opens installations that are there; it makes no new one. */
export const NO_CHANCE: Chance = {
  uuid: () => noChance(),
  bytes: () => noChance(),
};

function noChance(): never {
  throw new TypeError("a new installation or generation draws its ids: give the store a Chance");
}

const HOUR_MS = 60 * 60_000;
/** Runners have been taken over. */
const TAKEOVER_MS = HOUR_MS;
/** From a restore on. What was lost can be heard of again as long as GitHub's delivery log reaches back: three days. */
const DOUBT_MS = 72 * HOUR_MS;

/** Until then what is done may have been done before the restore (ms since the epoch). */
export const doubtUntil = ({ takeoverUntil }: Identity): number =>
  takeoverUntil === 0 ? 0 : takeoverUntil - TAKEOVER_MS + DOUBT_MS;

/**
 * More starts than there are between a backup and its restoration: what the control plane before us rendered and
 * commanded has smaller epochs. Should there have been more, runners say so (`outbid`).
 */
const EPOCH_LEAP = 1_000;

const SECRET_BYTES = 32;

type Key = "installation" | "secret" | "epoch" | "generation" | "restored" | "takeover";

interface Meta {
  readonly read: (key: Key) => string | undefined;
  readonly write: (key: Key, value: string) => string;
  readonly forget: (key: Key) => void;
}

function openMeta({ build, get, run }: Db): Meta {
  return {
    read: (key: Key): string | undefined =>
      get(build.selectFrom("meta").select("value").where("key", "=", key))?.value,
    write(key: Key, value: string): string {
      run(
        build
          .insertInto("meta")
          .values({ key, value })
          .onConflict((conflict) => conflict.column("key").doUpdateSet({ value })),
      );
      return value;
    },
    forget: (key: Key): void => void run(build.deleteFrom("meta").where("key", "=", key)),
  };
}

/** As it was at the last start; nothing is written. */
export function peek(db: Db): {
  readonly installation: string;
  readonly epoch: number;
  readonly generation: string;
} {
  const { read } = openMeta(db);
  return {
    installation: read("installation") ?? "none",
    epoch: readEpoch(db),
    generation: read("generation") ?? "",
  };
}

/** Asked at the begin of every transaction. */
export const readEpoch = (db: Db): number => Number(db.get(epochRow({}))?.value ?? "0");

const epochRow = prepared((build) =>
  build.selectFrom("meta").select("value").where("key", "=", "epoch"),
);

export const writeEpoch = (db: Db, epoch: number): void =>
  void openMeta(db).write("epoch", String(epoch));

/** The clock was set: when the takeover ends now. Inside a transaction. */
export function moveTakeover(db: Db, byMs: number): number {
  const { read, write } = openMeta(db);
  return Number(write("takeover", String(Number(read("takeover") ?? "0") + byMs)));
}

/** Marks a copy of the database as restored: the next start takes over. Inside a transaction. */
export const markRestored = (db: Db, at: number): void =>
  void openMeta(db).write("restored", String(at));

/** Takes the database over: the epoch grows. Inside a transaction. */
export function takeIdentity(db: Db, now: number, chance: Chance): Identity {
  const { read, write, forget } = openMeta(db);
  const installation = read("installation") ?? write("installation", chance.uuid());
  const secret =
    read("secret") ?? write("secret", Buffer.from(chance.bytes(SECRET_BYTES)).toString("hex"));
  const restored = read("restored") !== undefined;
  const epoch = readEpoch(db) + (restored ? EPOCH_LEAP : 1);
  writeEpoch(db, epoch);
  if (restored) {
    forget("restored");
    write("generation", chance.uuid());
    write("takeover", String(now + TAKEOVER_MS));
    doubtPending(db);
    readAgain(db);
  }
  return {
    installation,
    secret: Buffer.from(secret, "hex"),
    epoch,
    generation: read("generation") ?? "",
    takeoverUntil: Number(read("takeover") ?? "0"),
  };
}

/** Transcripts are not in a backup: of what is still going on, runners send them again. What was found in them entered, so it enters no more. */
function readAgain({ build, run }: Db): void {
  const live = build
    .selectFrom("session")
    .innerJoin("objective", "objective.id", "session.objective_id")
    .select("session.id")
    .where("objective.live", "=", 1);
  run(
    build
      .updateTable("attempt")
      .set({ closed: 0, seq: 0 })
      .where("closed", "=", 1)
      .where("session_id", "in", live),
  );
}

const doubtPending = ({ build, run }: Db): void =>
  void run(build.updateTable("outbox").set({ doubt: 1 }).where("state", "=", "pending"));

/** The store on SQLite. One process writes (lock.ts); each method is one synchronous transaction. */
import { isLive } from "../domain/session.ts";
import { decodeConfig, decodeNotes, encode } from "./codec.ts";
import { openDatabase, openReadOnly, type Db } from "./database.ts";
import { writeBackup } from "./backup.ts";
import { appendEvent, checkChain } from "./chain.ts";
import { listDead, revive } from "./dead-table.ts";
import { exhausted as exhaustedOf, startsExhausted, writeExhausted } from "./exhausted-table.ts";
import { emptyHands, type Hands } from "./hands.ts";
import { NO_CHANCE, peek, type Chance } from "./identity.ts";
import { letGo, nextOf } from "./lanes.ts";
import { openOwnership, type Ownership } from "./ownership.ts";
import * as inbox from "./inbox-table.ts";
import * as objectives from "./objective-table.ts";
import * as outbox from "./outbox-table.ts";
import type { DeliveryInbox, SweepStore } from "../inbox/port.ts";
import { readStats } from "./stats.ts";
import type { ArrivalStore } from "./arrivals.ts";
import type { Commit, EndedEffect, Reading, Store } from "./port.ts";
import * as presence from "./presence-table.ts";
import { lastMoment, rebase } from "./rebase.ts";
import { endedSessions, prune } from "./prune.ts";
import { snapshot } from "./queue-head.ts";
import * as queue from "./queue-table.ts";
import * as runners from "./runner-table.ts";
import * as slots from "./slot-table.ts";
import { waiting } from "./waiting-table.ts";
import * as watch from "./watch-table.ts";

/** `chance`: what a new installation, and every restored one, draws its ids from. */
export const openSqlite = async (
  path: string,
  clock: { now(): number },
  chance?: Chance,
): Promise<ArrivalStore> => storeOver(await openDatabase(path), clock, chance);

/** The store over a database that is open and migrated. Closing it closes the database. */
export function storeOver(
  raw: Db,
  clock: { now(): number },
  chance: Chance = NO_CHANCE,
): ArrivalStore {
  const ownership = openOwnership(raw, clock, chance);
  const { db, hands } = ownership;
  const listeners = new Set<() => void>();
  const write: Write = async (work) => {
    const result = db.transaction(work);
    for (const listener of listeners) listener();
    return result;
  };
  const close = async (): Promise<void> => {
    try {
      db.transaction(() => emptyHands(db));
    } catch {
      // Somebody else's database by now, or no room: its next start finds these rows in hand, that is all.
    }
    raw.close();
  };
  return {
    ...reading(db),
    ...inboxPart({ db, hands, write, clock, inDoubt: ownership.inDoubt }),
    ...outboxPart({ db, hands, write }),
    ...fleetPart(db, write, clock),
    prune: async (request) => db.transaction(() => prune(db, request)),
    endedSessions: async (sessions, before) => endedSessions(db, sessions, before),
    lastMoment: async () => lastMoment(db),
    rebase: async (byMs, moment, moved) => {
      db.transaction(() => {
        rebase(db, byMs, moment);
        ownership.rebase(byMs);
      });
      moved();
    },
    ...configPart(db, write),
    ...sweepPart(db),
    identity: async () => ownership.identity(),
    outbid: async (seen) => ownership.outbid(seen),
    ours: async () => ownership.check(),
    backup: (path) => writeBackup(raw, path),
    onTrouble: ownership.onTrouble,
    letGo: async (table, seq) => {
      hands.letGo(table, seq);
      await write(() => letGo(db, table, seq));
    },
    revive: (key) => write(() => revive(db, key)),
    onWork: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The same data for looking only; somebody else may be writing it. */
export function openReading(path: string): Reading & AsyncDisposable {
  const db = openReadOnly(path);
  return { ...reading(db), [Symbol.asyncDispose]: async () => db.close() };
}

/** Who last served this database. */
export async function peekIdentity(path: string): Promise<ReturnType<typeof peek>> {
  const db = openReadOnly(path);
  try {
    return peek(db);
  } finally {
    db.close();
  }
}

/** Runs one transaction and tells who waits for work. */
type Write = <T>(work: () => T) => Promise<T>;

type InboxPart = DeliveryInbox &
  Pick<ArrivalStore, "routeArrived" | "rejectArrived"> &
  Pick<
    Store,
    "enqueue" | "takeInbox" | "load" | "loadByBranch" | "commit" | "postponeInbox" | "buryInbox"
  >;

interface Parts {
  readonly db: Db;
  readonly hands: Hands;
  readonly write: Write;
}

const inboxPart = ({
  db,
  hands,
  write,
  clock,
  inDoubt,
}: Parts & {
  readonly clock: { now(): number };
  readonly inDoubt: Ownership["inDoubt"];
}): InboxPart => ({
  accept: (deliveries) => write(() => inbox.acceptDeliveries(db, deliveries)),
  unrouted: async (limit) => db.transaction(() => inbox.takeDeliveries(db, hands, limit)),
  route: (guid, events) =>
    write(() => {
      inbox.routeEvents(db, guid, events, clock.now());
      inbox.endRouted(db, guid);
    }),
  reject: (guid, reason) => write(() => inbox.endRejected(db, guid, reason)),
  routeArrived: (delivery, events) =>
    write(() => {
      if (inbox.acceptRouted(db, delivery))
        inbox.routeEvents(db, delivery.guid, events, clock.now());
    }),
  rejectArrived: (delivery, reason) =>
    write(() => {
      inbox.acceptDeliveries(db, [delivery]);
      inbox.endRejected(db, delivery.guid, reason);
    }),
  enqueue: (items, now) =>
    write(() => {
      for (const item of items) inbox.insertItem(db, item, now);
    }),
  takeInbox: async (take) => db.transaction(() => inbox.takeInbox(db, hands, take)),
  load: async (subject, repository) => objectives.loadSubject(db, subject, repository),
  loadByBranch: async (repository, branch) => {
    const id = objectives.findByBranch(db, repository, branch);
    return id === undefined ? null : objectives.loadObjective(db, id);
  },
  commit: async (commit) => {
    try {
      await write(() => writeCommit(db, commit, inDoubt));
      hands.letGo("inbox", commit.item.seq);
      return true;
    } catch (error) {
      if (error instanceof Conflict) return false;
      throw error;
    }
  },
  postponeInbox: async (seq, notBefore, error) => {
    await write(() => inbox.postponeItem(db, seq, notBefore, error));
    hands.letGo("inbox", seq);
  },
  buryInbox: async (seq, error) => {
    await write(() => inbox.buryItem(db, seq, error));
    hands.letGo("inbox", seq);
  },
});

const outboxPart = ({
  db,
  hands,
  write,
}: Parts): Pick<Store, "takeOutbox" | "endEffect" | "postponeEffect"> => ({
  takeOutbox: async (take) => db.transaction(() => outbox.takeOutbox(db, hands, take)),
  endEffect: async (ended) => {
    await write(() => endInTransaction(db, ended));
    hands.letGo("outbox", ended.item.seq);
  },
  postponeEffect: async (seq, request) => {
    await write(() => outbox.postponeEffect(db, seq, request));
    hands.letGo("outbox", seq);
  },
});

/** The effect ends and what became of it enters the inbox, in one transaction. */
function endInTransaction(db: Db, ended: EndedEffect): void {
  outbox.endEffect(db, ended);
  const { item, events, now, state } = ended;
  const { effect, objective } = item;
  if (effect.kind === "start-attempt" && state !== "done")
    queue.closeAttempt(db, effect.session, effect.attempt);
  if (effect.kind === "stop-attempt") slots.stopped(db, effect);
  const stored = objective === null ? null : objectives.loadObjective(db, objective);
  if (stored === null) return;
  const { id, repository } = stored.objective;
  for (const [position, event] of events.entries())
    inbox.insertItem(
      db,
      {
        // What failed may be put back by a person: its success is another event.
        key: `${item.key}:${state === "done" ? "result" : state}:${position}`,
        repository,
        subject: { kind: "objective", id },
        event,
      },
      now,
    );
}

type FleetPart = Pick<
  Store,
  | "fireTimers"
  | "nextDue"
  | "putRunner"
  | "setReach"
  | "waiting"
  | "removeRunner"
  | "snapshot"
  | "claim"
  | "liveAttempts"
  | "placeOf"
  | "isStartPending"
  | "cursor"
  | "advance"
>;

const fleetPart = (db: Db, write: Write, clock: { now(): number }): FleetPart => ({
  fireTimers: async (now) => db.transaction(() => queue.fireTimers(db, now)),
  nextDue: async (now) => nextDue(db, now),
  putRunner: (runner) => write(() => presence.putRunner(db, runner, clock.now())),
  waiting: async (after, limit) => waiting(db, after, limit),
  setReach: (change) => write(() => presence.setReach(db, change)),
  removeRunner: (name) => write(() => runners.removeRunner(db, name)),
  snapshot: async (limit) => snapshot(db, limit),
  claim: (claim, now) => write(() => queue.claimSlot(db, claim, now)),
  liveAttempts: async (except) => queue.liveAttempts(db, except),
  placeOf: async (session) => queue.placeOf(db, session),
  isStartPending: async (session, attempt) => outbox.isStartPending(db, session, attempt),
  cursor: async (session, attempt) => queue.readCursor(db, session, attempt),
  advance: (advance) => write(() => queue.advance(db, advance)),
});

const configPart = (db: Db, write: Write): Pick<Store, "lastGoodConfig" | "keepConfig"> => ({
  lastGoodConfig: async (repository) => {
    const query = db.build.selectFrom("configuration").select(["sha", "body"]);
    const row = db.get(query.where("repository_id", "=", repository));
    return row === undefined ? null : { sha: row.sha, config: decodeConfig(row.body) };
  },
  keepConfig: (repository, sha, config) =>
    write(() => {
      const body = encode(config);
      db.run(
        db.build
          .insertInto("configuration")
          .values({ repository_id: repository, sha, body })
          .onConflict((conflict) => conflict.column("repository_id").doUpdateSet({ sha, body })),
      );
    }),
});

/** Nobody waits for a mark, so nobody is woken by one. */
const sweepPart = (db: Db): Omit<SweepStore, "enqueue" | "marks"> => ({
  settle: async (findings, now) =>
    db.transaction(() => {
      for (const finding of findings) watch.settleItem(db, finding, now);
    }),
  entered: async (keys) => watch.enteredKeys(db, keys),
  accepted: async (guids) => watch.acceptedGuids(db, guids),
  watched: async (repository) => watch.watched(db, repository),
  latest: async (repository, issue) => watch.latestRevision(db, repository, issue),
  mark: async (key) => watch.readMark(db, key),
  setMark: async (key, value) => db.transaction(() => watch.writeMark(db, key, value)),
});

class Conflict extends Error {}

function writeCommit(
  db: Db,
  { item, before, objective, effects, timers, notes, facts, now, exhausted }: Commit,
  inDoubt: Ownership["inDoubt"],
): void {
  if (startsExhausted(db, effects, now)) throw new Conflict();
  if (exhausted !== undefined) writeExhausted(db, exhausted);
  const stops = effects.flatMap(({ effect }) => (effect.kind === "stop-attempt" ? [effect] : []));
  if (objective !== null && !objectives.storeObjective(db, before, objective, now, stops))
    throw new Conflict();
  if (item.event.kind === "slot-claimed") {
    const { session, runner, slot } = item.event;
    const state = objective?.sessions.find(({ id }) => id === session)?.state;
    const isTaken =
      state !== undefined && isLive(state) && state.runner === runner && state.slot === slot;
    if (!isTaken) slots.releaseClaim(db, session, { runner, slot });
  }
  const place = { objective: objective?.id ?? null, now, doubt: inDoubt(now) };
  for (const emitted of effects) outbox.insertEffect(db, emitted, place);
  if (objective !== null) for (const timer of timers) queue.setTimer(db, objective.id, timer);
  appendEvent(db, {
    at: now,
    objective_id: objective?.id ?? null,
    item: item.key,
    event: encode(item.event),
    facts: encode(facts),
    notes: encode(notes),
  });
  inbox.endItem(db, item.seq);
}

function nextDue(db: Db, now: number): number | null {
  const later = [nextOf(db, "inbox", now), nextOf(db, "outbox", now), queue.nextTimer(db)].filter(
    (due) => due !== null,
  );
  return later.length === 0 ? null : Math.min(...later);
}

function reading(db: Db): Reading {
  const { build, all, get } = db;
  return {
    objectives: async () =>
      all(
        build
          .selectFrom("objective")
          .select(["id", "updated_at"])
          .orderBy("updated_at", "desc")
          .limit(1000),
      ).flatMap(({ id, updated_at }) => {
        const loaded = objectives.loadObjective(db, id);
        return loaded === null ? [] : [{ objective: loaded.objective, updatedAt: updated_at }];
      }),
    objectiveById: async (id) => objectives.loadObjective(db, id),
    objectiveOfSession: async (session) => {
      const row = get(build.selectFrom("session").select("objective_id").where("id", "=", session));
      return row === undefined ? null : objectives.loadObjective(db, row.objective_id);
    },
    outbox: async ({ state, limit }) => outbox.listOutbox(db, state, limit),
    counts: async () => counts(db),
    dead: async (limit) => listDead(db, limit),
    stats: async () => readStats(db),
    checkChain: async (from, limit) => checkChain(db, from, limit),
    audit: async (objective, limit) =>
      all(
        build
          .selectFrom("event")
          .select(["at", "event", "notes"])
          .where("objective_id", "=", objective)
          .orderBy("seq", "desc")
          .limit(limit),
      ).map(({ at, event, notes }) => ({ at, event, notes: decodeNotes(notes) })),
    activity: async (session) =>
      get(build.selectFrom("activity").select(["text", "at"]).where("session_id", "=", session)) ??
      null,
    runners: async () => runners.listRunners(db),
    sessionsOn: async (runner) => runners.sessionsOn(db, runner),
    exhausted: async () => exhaustedOf(db),
    marks: async (prefix) => watch.listMarks(db, prefix),
  };
}

function counts({ build, all }: Db): Readonly<Record<string, number>> {
  const rows = (["delivery", "inbox", "outbox"] as const).flatMap((table) =>
    all(
      build
        .selectFrom(table)
        .select(({ fn }) => ["state", fn.countAll<number>().as("rows")])
        .groupBy("state"),
    ).map(({ state, rows: count }) => [`${table}.${state}`, count] as const),
  );
  return Object.fromEntries(rows);
}

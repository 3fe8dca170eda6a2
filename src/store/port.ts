/**
 * The store, as the rest sees it. Every method is one transaction; no transaction object leaks out, so a
 * synchronous SQLite and an asynchronous PostgreSQL both fit behind it. Ownership and order are in the
 * WHERE clauses: a stale writer changes nothing.
 */
import type { Effect } from "../domain/effect.ts";
import type { ObjectiveEvent } from "../domain/event.ts";
import type { Facts } from "../domain/facts.ts";
import type { ObjectiveId, SessionId } from "../domain/id.ts";
import type { Exhausted } from "../domain/limit.ts";
import type { Objective } from "../domain/objective.ts";
import type { Repository, RepositoryConfig } from "../domain/repository.ts";
import type { MachineAddress, RunnerSnapshot } from "../domain/runner.ts";
import type { Claim, Snapshot } from "../domain/schedule.ts";
import type { SessionPlace } from "../domain/session.ts";
import type { Emitted, Timer } from "../domain/step.ts";
import type { Identity } from "./identity.ts";
import type { PresenceStore } from "./presence-port.ts";
import type { StoreUnavailable, DeliveryInbox, SweepStore } from "../inbox/port.ts";

/** Whom an inbox item is about. Items of one lane are handled one after the other, in order. */
export type Subject =
  | { readonly kind: "issue"; readonly number: number }
  /** A pull request nobody has claimed yet: its objective has to be found first. */
  | { readonly kind: "pull-request"; readonly number: number }
  | { readonly kind: "objective"; readonly id: ObjectiveId };

export interface InboxItem {
  readonly seq: number;
  /** Unique: the same cause enters once. */
  readonly key: string;
  readonly lane: string;
  readonly repository: Repository;
  readonly subject: Subject;
  readonly event: ObjectiveEvent;
  /** Tries so far, counted before each. */
  readonly attempts: number;
  /** How often the process died while it was handled, in a row. */
  readonly crashes: number;
}

export type NewItem = Pick<InboxItem, "key" | "repository" | "event"> & {
  readonly subject: Subject;
};

export interface Loaded {
  readonly objective: Objective;
  /** Compared and set by `commit`. */
  readonly rev: number;
  /** There is a newer revision for the same issue. */
  readonly superseded: boolean;
}

export interface Commit {
  readonly item: InboxItem;
  readonly now: number;
  /** What was loaded; null = there was nothing. */
  readonly before: Loaded | null;
  /** What it becomes; null = nothing to store. */
  readonly objective: Objective | null;
  readonly effects: readonly Emitted[];
  readonly timers: readonly Timer[];
  readonly notes: readonly string[];
  readonly facts: Facts;
  /** What became known of providers' limits, by agent; missing = nothing. */
  readonly exhausted?: ReadonlyMap<string, Exhausted>;
}

export interface OutboxItem {
  readonly seq: number;
  readonly key: string;
  readonly lane: string;
  readonly priority: number;
  readonly objective: ObjectiveId | null;
  readonly effect: Effect;
  /** Under which what it leaves is remembered; null = nothing is. */
  readonly coalesce: string | null;
  /** Which try this is: 1 = first. Counted in the transaction that hands it out, before any request. After a backup was restored none is the first. */
  readonly attempt: number;
  /** How often it was put off, for whatever reason. */
  readonly waits: number;
  /** How often the process died while it was performed, in a row. */
  readonly crashes: number;
  readonly known: string | null;
}

export interface EndedEffect {
  readonly item: OutboxItem;
  readonly now: number;
  readonly state: "done" | "refused" | "dead";
  readonly reason: string | null;
  readonly events: readonly ObjectiveEvent[];
  /** undefined = leave what is known. */
  readonly artifact?: string | null;
}

/** How far the record of an attempt has been processed. */
export interface Cursor {
  readonly out: number;
  readonly err: number;
  readonly seq: number;
}

export interface Advance {
  readonly session: SessionId;
  readonly attempt: number;
  readonly now: number;
  readonly cursor: Cursor;
  readonly items: readonly NewItem[];
  /** The attempt is over: nothing will follow. */
  readonly closed: boolean;
  /** Last thing it said or did, for people. */
  readonly activity: string | null;
}

export const attemptKey = ({
  session,
  attempt,
}: {
  readonly session: string;
  readonly attempt: number;
}): string => `${session}/${attempt}`;

/** An attempt with a process, or one whose end has not been read yet. */
export interface LiveAttempt {
  readonly session: SessionId;
  readonly attempt: number;
  readonly objective: ObjectiveId;
  readonly repository: Repository;
  readonly agent: string;
  readonly role: "manager" | "worker" | "reviewer";
  readonly runner: string;
  readonly cursor: Cursor;
}

export interface RunnerRow extends RunnerSnapshot {
  readonly kind: "local" | "ssh";
  /** What it is good for, as people say it. */
  readonly labels: readonly string[];
  /** null = this machine. */
  readonly address: MachineAddress | null;
  /** Pinned when it was registered: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string | null;
  /** Why it takes nothing; null = nothing is wrong. */
  readonly problem: string | null;
}

export type NewRunner = Pick<RunnerRow, "name" | "kind" | "state" | "slots"> &
  Partial<Omit<RunnerRow, "taken">>;

export interface Summary {
  readonly objective: Objective;
  readonly updatedAt: number;
}

/** After so many deaths of the process in a row nobody tries a row again. */
export const CRASHES_MAX = 5;
export const crashedReason = (crashes: number): string =>
  `handling it ended the process ${crashes} times in a row`;

/** Something that nobody tries any more. */
export interface DeadLetter {
  readonly queue: "delivery" | "inbox" | "outbox";
  /** What `revive` takes. */
  readonly key: string;
  /** Kind of webhook, event or effect. */
  readonly what: string;
  readonly lane: string | null;
  readonly attempts: number;
  readonly since: number;
  readonly reason: string;
}

/** A row of the audit trail and the hash of everything up to it; seq 0 = before the first. */
export interface ChainPlace {
  readonly seq: number;
  readonly hash: string;
}

/** What one step of checking found. `end` = nothing is left; `broken` = row `seq` is not what was written. */
export type ChainStep =
  | { readonly kind: "on"; readonly at: ChainPlace }
  | { readonly kind: "end"; readonly at: ChainPlace }
  | { readonly kind: "broken"; readonly seq: number; readonly reason: string };

export const CHAIN_START: ChainPlace = { seq: 0, hash: "" };

/** What waits in a queue; `oldest` = when its oldest entered. */
export interface Depth {
  readonly rows: number;
  readonly oldest: number | null;
}

export interface Stats {
  readonly inbox: { readonly pending: Depth; readonly dead: number };
  readonly outbox: { readonly pending: Depth; readonly dead: number };
  readonly deliveries: { readonly pending: Depth & { readonly bytes: number } };
  /** Of live objectives, by state. */
  readonly sessions: ReadonlyMap<string, number>;
  /** Of runners that are online. */
  readonly slots: { readonly taken: number; readonly total: number };
  readonly runners: { readonly online: number; readonly total: number };
}

export interface BackupInfo {
  readonly path: string;
  readonly bytes: number;
  /** Rows of the audit trail in it, all checked. */
  readonly events: number;
}

/**
 * Another process has taken over this database: it holds a newer epoch. Nothing was written, and nothing ever
 * will be by this one.
 */
export class Fenced extends Error {
  override readonly name = "Fenced";
}

/** A moment by two clocks: `wall` may be set by people, `elapsed` never jumps and begins anew with every `boot`. */
export interface Moment {
  readonly wall: number;
  readonly elapsed: number;
  /** Empty = not known. */
  readonly boot: string;
}

/** Where a pass over everything has got to. */
export interface PrunePlace {
  readonly table: "delivery" | "inbox" | "outbox" | "event";
  readonly after: number;
}

export interface Prune {
  /** null = at the beginning. */
  readonly place: PrunePlace | null;
  /** What ended before, in ms since the epoch, goes. */
  readonly before: number;
  /** Webhooks that were routed go earlier. */
  readonly deliveriesBefore: number;
  readonly limit: number;
}

/** A session of an objective that is over, and what a runner may still have of it. */
export interface EndedSession {
  readonly id: SessionId;
  /** What it made is nowhere else but in its workspace, or may be. */
  readonly keepsWork: boolean;
  readonly workspace: string | null;
  /** Attempts whose end has been read, and how far their records go. */
  readonly attempts: readonly (Cursor & { readonly attempt: number })[];
}

export interface OutboxRow {
  readonly key: string;
  readonly lane: string;
  readonly state: "pending" | "done" | "refused" | "dead" | "replaced";
  readonly attempts: number;
  readonly notBefore: number;
  readonly error: string | null;
  readonly createdAt: number;
  readonly effect: Effect;
}

/** Reading that changes nothing: what the CLI and the web show. */
export interface Reading {
  objectives(): Promise<readonly Summary[]>;
  objectiveById(id: string): Promise<Loaded | null>;
  /** The newest revision that has this session. */
  objectiveOfSession(session: string): Promise<Loaded | null>;
  outbox(filter: {
    readonly state: OutboxRow["state"] | "all";
    readonly limit: number;
  }): Promise<readonly OutboxRow[]>;
  counts(): Promise<Readonly<Record<string, number>>>;
  /** Cheap enough to be asked every second. */
  stats(): Promise<Stats>;
  /** Checks a bounded part of the audit trail: up to `limit` rows after `from`. */
  checkChain(from: ChainPlace, limit: number): Promise<ChainStep>;
  /** Newest first. */
  dead(limit: number): Promise<readonly DeadLetter[]>;
  /** Newest first. */
  audit(
    objective: ObjectiveId,
    limit: number,
  ): Promise<
    readonly { readonly at: number; readonly event: string; readonly notes: readonly string[] }[]
  >;
  activity(session: SessionId): Promise<{ readonly text: string; readonly at: number } | null>;
  runners(): Promise<readonly RunnerRow[]>;
  /** Sessions that are not over and whose workspace or process is on this runner. */
  sessionsOn(runner: string): Promise<readonly string[]>;
  /** Agents whose providers' limits were hit, also those that are over. */
  exhausted(): Promise<ReadonlyMap<string, Exhausted>>;
  /** Small texts that were kept (`setMark`), by key, whose key begins with `prefix`. */
  marks(prefix: string): Promise<ReadonlyMap<string, string>>;
}

export interface Store extends DeliveryInbox, SweepStore, PresenceStore, Reading, AsyncDisposable {
  /**
   * Who we are; the epoch grows with every call, and whoever had the database before is fenced: all its writes
   * throw `Fenced`. Rows that were in hand when the last process died have one crash more. Call it once per start.
   */
  identity(): Promise<Identity>;
  /**
   * A runner has seen this epoch, which is above ours. While a restored backup takes over: takes the next one and
   * says which; else null, because then the other control plane is the newer one.
   */
  outbid(seen: number): Promise<number | null>;
  /** A checked copy of everything but transcripts, made while we go on. Replaces what is at `path`; readable by us alone. */
  backup(path: string): Promise<BackupInfo>;
  /** Calls back when a write failed because the disk is full or away, or because we are fenced. */
  onTrouble(listener: (trouble: Fenced | StoreUnavailable) => void): () => void;
  /** Enters events that did not come as a webhook. A key seen before changes nothing. */
  enqueue(items: readonly NewItem[], now: number): Promise<void>;
  /** The oldest pending item of every lane that is due, oldest lane first. Its try is counted. */
  takeInbox(request: {
    readonly now: number;
    readonly limit: number;
    readonly busy: ReadonlySet<string>;
  }): Promise<readonly InboxItem[]>;
  load(subject: Subject, repository: Repository): Promise<Loaded | null>;
  /** The objective with a session that publishes from this branch. */
  loadByBranch(repository: Repository, branch: string): Promise<Loaded | null>;
  /** False = somebody else changed the objective since it was loaded, or exhausted an agent that it starts; nothing was written. */
  commit(commit: Commit): Promise<boolean>;
  /** The item stays at the head of its lane until `notBefore`. */
  postponeInbox(seq: number, notBefore: number, error: string): Promise<void>;
  /** Dead letter: kept, never tried again, the lane goes on. */
  buryInbox(seq: number, error: string): Promise<void>;
  /** The row, still being handled, has shown that its handling lets the process live: it is not to blame for a crash. */
  letGo(queue: "inbox" | "outbox", seq: number): Promise<void>;
  /**
   * Puts a dead letter back: delivery by GUID, inbox item or effect by key. `final` = the start of an attempt: the
   * rules have gone on without it.
   */
  revive(key: string): Promise<"revived" | "unknown" | "final">;

  /** The head of every lane that is due, best priority first. Counts the attempt. */
  takeOutbox(request: {
    readonly now: number;
    readonly limit: number;
    readonly busy: ReadonlySet<string>;
  }): Promise<readonly OutboxItem[]>;
  endEffect(ended: EndedEffect): Promise<void>;
  /** `sure` = surely not done: the attempt does not count. */
  postponeEffect(
    seq: number,
    request: { readonly notBefore: number; readonly error: string; readonly sure: boolean },
  ): Promise<void>;

  /** Moves due timers into the inbox. Returns when the next one is due, null = there is none. */
  fireTimers(now: number): Promise<number | null>;
  /** When the next postponed inbox item or effect is due, null = none. */
  nextDue(now: number): Promise<number | null>;

  /** Registers a runner, or changes what is given of one. */
  putRunner(runner: NewRunner): Promise<void>;
  /** False = sessions that are not over are on it, or there is none of that name. */
  removeRunner(name: string): Promise<boolean>;
  snapshot(limit: number): Promise<Snapshot>;
  /** Takes the slot and enters `slot-claimed`, atomically; false = slot or session was taken already. */
  claim(claim: Claim, now: number): Promise<boolean>;

  /** Attempts whose end has not been read, but those named: the caller follows them already. */
  liveAttempts(except?: ReadonlySet<string>): Promise<readonly LiveAttempt[]>;
  /** Where a session is; null = there is none of that name. */
  placeOf(session: string): Promise<SessionPlace | null>;
  /** Its start is still in the outbox: a runner that does not know it may yet hear of it. */
  isStartPending(session: SessionId, attempt: number): Promise<boolean>;
  cursor(session: SessionId, attempt: number): Promise<Cursor>;
  advance(advance: Advance): Promise<void>;

  /**
   * Removes what nobody asks for any more, and keeps what something would be taken for new without. Looks at `limit`
   * rows at most; `next` = where to go on, null = everything was looked at.
   */
  prune(request: Prune): Promise<{ readonly removed: number; readonly next: PrunePlace | null }>;
  /** Of these sessions those whose objective ended before `before`. */
  endedSessions(sessions: readonly string[], before: number): Promise<readonly EndedSession[]>;
  /** When this database was last known to be in use; null = never. */
  lastMoment(): Promise<Moment | null>;
  /**
   * The clock was set, or stood still while the machine slept: everything that is due later moves by `byMs`, and the
   * moment is noted, in one transaction. 0 = it is only noted. `moved` is called before anybody else can write.
   */
  rebase(byMs: number, moment: Moment, moved: () => void): Promise<void>;

  lastGoodConfig(
    repository: number,
  ): Promise<{ readonly sha: string; readonly config: RepositoryConfig } | null>;
  keepConfig(repository: number, sha: string, config: RepositoryConfig): Promise<void>;

  /** Resolves after the next write that put something into inbox, outbox, queue or timers. */
  onWork(listener: () => void): () => void;
  close(): Promise<void>;
}

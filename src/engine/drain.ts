/**
 * Inbox → facts → decide → one transaction.
 *
 * Takes the head of every lane that is due, a bounded number at a time. Facts are read outside any
 * transaction; a failed read leaves the item where it is with backoff and holds up only its own lane. An
 * item that keeps failing is buried: its lane goes on, because decisions look at the present state.
 */
import { decide } from "../domain/decide.ts";
import type { Facts } from "../domain/facts.ts";
import { needs } from "../domain/needs.ts";
import { isOver } from "../domain/objective.ts";
import type { Rules } from "../domain/step.ts";
import type { Derive } from "../domain/id.ts";
import {
  CRASHES_MAX,
  crashedReason,
  type InboxItem,
  type Loaded,
  type Store,
} from "../store/port.ts";
import { backoffMs } from "../lib/backoff.ts";
import { StoreUnavailable } from "../inbox/port.ts";
import { Flights } from "./flights.ts";
import { PortError, type Clock, type Forge, type Log } from "./ports.ts";

export interface DrainPorts {
  readonly store: Store;
  readonly forge: Forge;
  readonly clock: Clock;
  readonly log: Log;
  readonly rules: Rules;
  /** Ids and keys for one cause; the same cause gives the same ones. */
  readonly derive: (cause: string) => Derive;
}

/** Tries before an item is buried whose repository is gone or closed to us. */
const DENIED_TRIES_MAX = 12;
/** Somebody else may have written the objective in between; more often than this is a bug. */
const CONFLICTS_MAX = 10;
const LANES_AT_ONCE = 16;

export interface Drain {
  /** Takes up what is due and has a place; the number taken. They end on their own. */
  once(): Promise<number>;
  /** Calls back when an item has ended and its lane is free; the returned function unsubscribes. */
  onLanded(listener: () => void): () => void;
  /** Resolves when nothing is in the air. */
  idle(): Promise<void>;
}

export function openDrain(ports: DrainPorts): Drain {
  const flights = new Flights(ports);
  return {
    async once() {
      const { store, clock } = ports;
      const busy = flights.lanes;
      const limit = LANES_AT_ONCE - busy.size;
      if (limit <= 0) return 0;
      const items = await store.takeInbox({ now: clock.now(), limit, busy });
      for (const item of items)
        flights.start(
          item.lane,
          () => handle(ports, item),
          () => store.letGo("inbox", item.seq),
        );
      return items.length;
    },
    onLanded: (listener) => flights.onLanded(listener),
    idle: () => flights.idle(),
  };
}

/** An outage, ours or GitHub's, is waited for however long it takes; only what will never be is buried. */
async function handle(ports: DrainPorts, item: InboxItem): Promise<void> {
  const { store, clock, log } = ports;
  const fields = { item: item.key, lane: item.lane, event: item.event.kind };
  if (item.crashes >= CRASHES_MAX) {
    log.error({ ...fields, crashes: item.crashes }, "event buried: it ends the process");
    await store.buryInbox(item.seq, crashedReason(item.crashes));
    return;
  }
  try {
    await apply(ports, item);
    log.debug(fields, "event handled");
  } catch (error) {
    if (error instanceof StoreUnavailable) throw error;
    const message = error instanceof Error ? error.message : "unknown failure";
    if (isHopeless(error, item)) {
      // A bug or a poisoned item: it must not hold up what comes after it.
      const stack = error instanceof Error ? error.stack : null;
      log.error({ ...fields, error: message, stack }, "event buried");
      await store.buryInbox(item.seq, message);
      return;
    }
    const asked = error instanceof PortError ? error.retryAfterMs : null;
    const waitMs = asked ?? backoffMs(item.attempts);
    log.warn({ ...fields, error: message, waitMs }, "event waits");
    await store.postponeInbox(item.seq, clock.now() + waitMs, message);
  }
}

function isHopeless(error: unknown, { attempts }: InboxItem): boolean {
  if (!(error instanceof PortError)) return true;
  const passes = error.kind === "rate-limited" || error.kind === "unavailable";
  return !passes && attempts >= DENIED_TRIES_MAX;
}

/** What providers' limits decide on. */
const ASKS_LIMITS: ReadonlySet<string> = new Set(["slot-claimed", "limit-hit"]);

async function apply(ports: DrainPorts, item: InboxItem): Promise<void> {
  const { store, clock, rules } = ports;
  for (let conflicts = 0; conflicts < CONFLICTS_MAX; conflicts++) {
    const before = await find(ports, item);
    const facts = wantsFacts(item, before)
      ? await ports.forge.read(item.repository, needs(item.event))
      : {};
    const now = clock.now();
    const derive = ports.derive(`${before?.objective.id ?? item.lane}|${item.key}`);
    const context = {
      now,
      derive,
      deriveFixed: ports.derive("fixed"),
      facts,
      rules,
      superseded: before?.superseded ?? false,
      ...(ASKS_LIMITS.has(item.event.kind) ? { exhausted: await store.exhausted() } : {}),
    };
    const decision = undecidable(item, facts)
      ? {
          objective: before?.objective ?? null,
          effects: [],
          timers: [],
          notes: ["nothing to decide"],
        }
      : decide(before?.objective ?? null, item.repository, item.event, context);
    if (await store.commit({ item, now, before, facts, ...decision })) return;
  }
  throw new TypeError(`${item.key} lost ${CONFLICTS_MAX} races for its objective`);
}

/** The objective an item is about; events of a pull request we do not know yet find it by its branch. */
async function find(
  { store, forge }: DrainPorts,
  { subject, repository }: InboxItem,
): Promise<Loaded | null> {
  const loaded = await store.load(subject, repository);
  if (loaded !== null || subject.kind !== "pull-request") return loaded;
  const branch = await forge.ownHeadBranch(repository, subject.number);
  return branch === null ? null : store.loadByBranch(repository, branch);
}

/** Nothing is asked of GitHub for issues that never were objectives, or for ended ones. */
function wantsFacts({ event }: InboxItem, before: Loaded | null): boolean {
  if (before !== null && !isOver(before.objective)) return true;
  return event.kind === "issue-changed" && event.labels.length > 0;
}

/** An issue event that can neither start nor touch anything: its facts were not read. */
const undecidable = ({ event }: InboxItem, facts: Facts): boolean =>
  event.kind === "issue-changed" && facts.config === undefined;

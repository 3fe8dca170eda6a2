/**
 * Frees runners' disks: every few minutes, when an objective has ended, when a disk is full, when a person asks
 * (`orcha gc`). Which checkout may go is a rule (src/domain/reclaim.ts); what is only there is kept first. A pass works
 * from what is there and remembers nothing: what failed is tried in the next one.
 */
import type { Objective } from "../domain/objective.ts";
import { publishedBy, reclaim, type Checkout, type Verdict } from "../domain/reclaim.ts";
import type { Clock, Log } from "../engine/ports.ts";
import { EXAMINED_MAX, type Examined, type WorkspaceInfo } from "../protocol/requests.ts";
import type { Store } from "../store/port.ts";
import type { GitBackups, Kept } from "./backups.ts";
import type { FloorWatch } from "./floor.ts";
import type { WorkspaceShelf } from "./shelf.ts";

export interface ReclaimOptions {
  readonly store: Pick<Store, "objectiveOfSession">;
  /** Those that can be reached now. */
  readonly shelves: () => readonly WorkspaceShelf[];
  readonly backups: GitBackups;
  readonly floor: FloorWatch;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 = only when somebody asks. */
  readonly everyMs: number;
  /** How long after its end a checkout stays. */
  readonly keepMs: number;
}

/** One checkout, what was found and what became of it. */
export interface Line {
  readonly runner: string;
  readonly path: string;
  readonly bytes: number | null;
  readonly verdict: Verdict["kind"];
  readonly reason: string;
  /** `would` = only looked at. */
  readonly outcome: "kept" | "deleted" | "would-delete" | "failed";
  /** Where what was only there is now. */
  readonly backup: Kept | null;
}

export interface Report {
  readonly lines: readonly Line[];
  readonly freedBytes: number;
  /** Runners that could not be asked, with the reason. */
  readonly silent: readonly { readonly runner: string; readonly reason: string }[];
}

export interface Reclaim {
  /** One pass now; a second call waits for the first. */
  once(options: {
    readonly dryRun: boolean;
    readonly runner?: string | undefined;
  }): Promise<Report>;
  /** Something has happened that may have freed something: a pass soon, however often this is called. */
  soon(): void;
  close(): Promise<void>;
}

/** A start has better things to do. */
const FIRST_MS = 60_000;
const SOON_MS = 30_000;
/** For one pass and runner: a runner with hundreds of checkouts gets rid of them over an hour. */
const EXAMINED_AT_ONCE = 4 * EXAMINED_MAX;
const REMOVED_AT_ONCE = 50;

export function openReclaim(options: ReclaimOptions): Reclaim {
  const { clock, log, everyMs, floor } = options;
  let closed = false;
  let cancel: (() => void) | null = null;
  let nextAt = Number.POSITIVE_INFINITY;
  let running: Promise<unknown> = Promise.resolve();

  const once: Reclaim["once"] = (asked) => {
    const pass = running.then(() => onePass(options, asked, () => closed));
    running = pass.catch(() => undefined); // told to whoever asked
    return pass;
  };
  const run = async (): Promise<void> => {
    nextAt = Number.POSITIVE_INFINITY;
    try {
      const { lines, freedBytes } = await once({ dryRun: false });
      const removed = lines.filter(({ outcome }) => outcome === "deleted").length;
      if (removed > 0) log.info({ removed, freedBytes }, "checkouts were removed");
    } catch (error) {
      log.warn({ error: textOf(error) }, "checkouts were not looked at");
    }
    plan(everyMs);
  };
  const plan = (delayMs: number): void => {
    const at = clock.now() + delayMs;
    if (closed || everyMs === 0 || at >= nextAt) return;
    cancel?.();
    nextAt = at;
    cancel = clock.after(delayMs, () => void run());
  };
  plan(FIRST_MS);
  floor.onBelow(() => plan(SOON_MS));
  return {
    once,
    soon: () => plan(SOON_MS),
    async close() {
      closed = true;
      cancel?.();
      await running;
    },
  };
}

interface Pass extends ReclaimOptions {
  readonly dryRun: boolean;
  readonly isClosed: () => boolean;
  readonly objectives: Map<string, Objective | null>;
}

async function onePass(
  options: ReclaimOptions,
  { dryRun, runner }: { readonly dryRun: boolean; readonly runner?: string | undefined },
  isClosed: () => boolean,
): Promise<Report> {
  const pass: Pass = { ...options, dryRun, isClosed, objectives: new Map() };
  const lines: Line[] = [];
  const silent: { runner: string; reason: string }[] = [];
  for (const shelf of options.shelves()) {
    if (isClosed() || (runner !== undefined && shelf.name !== runner)) continue;
    try {
      const found = await clear(pass, shelf);
      if (found === null)
        silent.push({ runner: shelf.name, reason: "its runner program is too old to say" });
      else lines.push(...found);
    } catch (error) {
      silent.push({ runner: shelf.name, reason: textOf(error) });
      options.log.debug({ runner: shelf.name, error: textOf(error) }, "runner not looked at");
    }
  }
  if (runner !== undefined && !options.shelves().some(({ name }) => name === runner))
    silent.push({ runner, reason: "it is not connected, or there is none of that name" });
  if (!dryRun) await options.backups.prune();
  const freedBytes = lines
    .filter(({ outcome }) => outcome === "deleted")
    .reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  return { lines, freedBytes, silent };
}

/** null = the runner cannot say what it has. */
async function clear(pass: Pass, shelf: WorkspaceShelf): Promise<readonly Line[] | null> {
  const first = await shelf.look([]);
  if (first === null) return null;
  pass.floor.saw(shelf.name, first.disk);
  const found = new Map(first.workspaces.map((info) => [info.path, info]));
  const candidates: Examined[] = [];
  for (const info of found.values()) {
    const { verdict, objective } = await judge(pass, shelf.name, info);
    if (verdict.kind === "examine") candidates.push(examinedOf(info, objective));
  }
  for (let at = 0; at < Math.min(candidates.length, EXAMINED_AT_ONCE); at += EXAMINED_MAX) {
    const seen = await shelf.look(candidates.slice(at, at + EXAMINED_MAX));
    for (const info of seen?.workspaces ?? [])
      if (info.evidence !== undefined || info.trouble !== undefined) found.set(info.path, info);
  }
  const lines: Line[] = [];
  let removed = 0;
  const largestFirst = [...found.values()].toSorted((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0));
  for (const info of largestFirst) {
    const line = await settle(pass, shelf, info, removed < REMOVED_AT_ONCE && !pass.isClosed());
    if (line.outcome === "deleted") removed += 1;
    lines.push(line);
  }
  if (removed > 0) pass.floor.saw(shelf.name, (await shelf.look([]))?.disk ?? first.disk);
  return lines;
}

/** One of an older runner program has no note of where it started: our own, for the newest. */
function baseOf(info: WorkspaceInfo, objective: Objective | null): string | null {
  const session = objective?.sessions.find(({ id }) => id === info.session);
  const own = session?.workspace?.path === info.path ? session.workspace.base : null;
  return own ?? info.base;
}

function examinedOf(info: WorkspaceInfo, objective: Objective | null): Examined {
  const known = objective === null ? [] : [...publishedBy(objective, info.session)];
  const base = baseOf(info, objective);
  return { path: info.path, known, ...(base === null ? {} : { base }) };
}

interface Judged {
  readonly verdict: Verdict;
  readonly objective: Objective | null;
}

async function judge(
  { store, objectives, clock, keepMs }: Pass,
  runner: string,
  info: WorkspaceInfo,
): Promise<Judged> {
  const known = objectives.get(info.session);
  const objective =
    known === undefined
      ? ((await store.objectiveOfSession(info.session))?.objective ?? null)
      : known;
  objectives.set(info.session, objective);
  const checkout: Checkout = {
    path: info.path,
    session: info.session,
    ordinal: info.ordinal,
    busy: info.busy,
    base: baseOf(info, objective),
    evidence: info.evidence ?? null,
    trouble: info.trouble ?? null,
  };
  return { verdict: reclaim(checkout, objective, { now: clock.now(), keepMs, runner }), objective };
}

async function settle(
  pass: Pass,
  shelf: WorkspaceShelf,
  info: WorkspaceInfo,
  mayRemove: boolean,
): Promise<Line> {
  const { verdict, objective } = await judge(pass, shelf.name, info);
  const { path, bytes } = info;
  const line = { runner: shelf.name, path, bytes, verdict: verdict.kind, backup: null };
  const { reason } = verdict;
  if (verdict.kind === "keep" || objective === null) return { ...line, reason, outcome: "kept" };
  if (verdict.kind === "examine")
    return { ...line, reason: `${reason}; it is looked at in a later pass`, outcome: "kept" };
  if (pass.dryRun) return { ...line, reason, outcome: "would-delete" };
  if (!mayRemove) return { ...line, reason: `${reason}; it goes in a later pass`, outcome: "kept" };
  try {
    const backup =
      verdict.kind === "back-up" ? await keepWork(pass, shelf, { info, objective }) : null;
    const refused = await shelf.remove(path);
    if (refused === null) return { ...line, reason, outcome: "deleted", backup };
    return { ...line, backup, reason: `${reason}; not removed: ${refused}`, outcome: "failed" };
  } catch (error) {
    const why = textOf(error);
    pass.log.warn({ runner: shelf.name, path, error: why }, "checkout stays");
    return { ...line, reason: `${reason}; it stays, because ${why}`, outcome: "failed" };
  }
}

/** Throws unless everything that is only there is here. */
async function keepWork(
  { backups }: Pass,
  shelf: WorkspaceShelf,
  { info, objective }: { readonly info: WorkspaceInfo; readonly objective: Objective },
): Promise<Kept> {
  const { repository } = objective;
  const { session, path, ordinal } = info;
  const base = baseOf(info, objective);
  if (base === null) throw new Error("the commit it started from is not known");
  const known = [...publishedBy(objective, session)];
  const take = (whole: boolean) => shelf.snapshot({ session, path, base, known, whole });
  let whole = !(await backups.has(repository, base));
  let taken = await take(whole);
  if (!taken.ok && taken.code === "too-large" && whole) {
    await backups.fetch(repository, base);
    whole = false;
    taken = await take(whole);
  }
  if (!taken.ok) throw new Error(`${taken.code}: ${taken.reason}`);
  const { head, snapshot, skipped } = taken.reply;
  const [first] = skipped;
  if (first !== undefined)
    throw new Error(
      `${skipped.length} of its files cannot be kept elsewhere (${first.path}: ${first.reason}): remove them, or the checkout, by hand`,
    );
  const { bundle } = taken;
  return backups.keep({ repository, session, ordinal, sha: snapshot ?? head, base, bundle, whole });
}

const textOf = (error: unknown): string =>
  error instanceof Error ? error.message : "unknown failure";

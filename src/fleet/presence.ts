/**
 * Watches the links of all registered runners: who does not answer for how long (src/domain/presence.ts), written down
 * and told to whom it concerns. Counts by timers, so that a clock that is set loses no machine.
 */
import {
  ATTACHED,
  presenceAfter,
  type Presence,
  type PresenceLimits,
  type Silence,
} from "../domain/presence.ts";
import type { Clock, Log } from "../engine/ports.ts";
import type { Link, OnLink } from "./link.ts";

export interface PresenceOptions {
  readonly links: ReadonlyMap<string, Link>;
  /** Calls back for every link that comes later; default: none does. */
  readonly onLink?: OnLink | undefined;
  /** Every registered runner, also one that nobody talks to, as it was written down last. */
  readonly known: () => Promise<readonly { readonly name: string; readonly presence: Presence }[]>;
  /** Writes it down; false = there is no such runner any more. */
  readonly setReach: (runner: string, presence: Presence) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: PresenceLimits;
}

export interface PresenceWatch {
  /** As it is known now; undefined = no such runner. */
  of(runner: string): Presence | undefined;
  /** When it stopped answering, in ms since the epoch; null = it answers, or there is no such runner. */
  silentSince(runner: string): number | null;
  close(): void;
}

/** The store was away when something was to be written down. */
const AGAIN_MS = 5_000;

interface Watched {
  link: Link | undefined;
  presence: Presence;
  /** When it fell silent, in ms since the epoch; null = it answers. */
  since: number | null;
  /** What is written down next; null = nothing has to be. */
  next: Presence | null;
  writing: boolean;
  cancel: readonly (() => void)[];
}

/** Watches until closed. */
export async function openPresence(options: PresenceOptions): Promise<PresenceWatch> {
  const { links } = options;
  const watched = new Map<string, Watched>();
  let closed = false;
  const watch = (runner: string, link: Link | undefined, presence = ATTACHED): void => {
    const one = watched.get(runner) ?? begin(presence);
    watched.set(runner, one);
    one.link = link;
    const look = (): void => {
      if (!closed && one.link === link && watched.get(runner) === one)
        see(options, runner, one, () => watched.delete(runner));
    };
    link?.onState(look);
    look();
  };
  const forget = options.onLink?.((runner, link) => watch(runner, link));
  const known = await options.known();
  for (const { name, presence } of known) watch(name, links.get(name), presence);
  return {
    of: (runner) => watched.get(runner)?.presence,
    silentSince: (runner) => watched.get(runner)?.since ?? null,
    close() {
      closed = true;
      forget?.();
      for (const { cancel } of watched.values()) for (const one of cancel) one();
    },
  };
}

const begin = (presence: Presence): Watched => ({
  link: undefined,
  presence,
  since: null,
  next: null,
  writing: false,
  cancel: [],
});

function see(options: PresenceOptions, runner: string, one: Watched, gone: () => void): void {
  const { clock, limits } = options;
  const heard = (silence: Silence | null): void => {
    const next = presenceAfter(one.next ?? one.presence, silence, limits);
    // Whoever answers is told of even when nothing has changed: what was put off meanwhile is due.
    if (silence !== null && next === (one.next ?? one.presence)) return;
    one.next = next;
    void write(options, runner, one, gone);
  };
  if (one.link?.state === "connected") {
    for (const cancel of one.cancel) cancel();
    [one.cancel, one.since] = [[], null];
    heard(null);
    return;
  }
  if (one.since !== null) return;
  const since = clock.now();
  one.since = since;
  const after = (forMs: number): (() => void) =>
    clock.after(forMs, () => {
      // A newer control plane commands it: its sessions are the newer one's, too.
      if (forMs < limits.lostMs || one.link?.state !== "fenced") heard({ forMs, since });
    });
  one.cancel = [after(limits.unreachableMs), after(limits.lostMs)];
}

/** One at a time, the newest. */
async function write(
  options: PresenceOptions,
  runner: string,
  one: Watched,
  gone: () => void,
): Promise<void> {
  if (one.writing) return;
  one.writing = true;
  try {
    for (let next = one.next; next !== null; next = one.next) {
      if (!(await options.setReach(runner, next))) {
        gone();
        return;
      }
      if (next.reach !== one.presence.reach)
        options.log[next.reach === "attached" ? "info" : "warn"](
          { runner, since: next.since },
          `runner is ${next.reach}`,
        );
      one.presence = next;
      if (one.next === next) one.next = null;
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : "unknown failure";
    options.log.warn({ runner, error: message }, "presence of a runner not written down");
    one.cancel = [
      ...one.cancel,
      options.clock.after(AGAIN_MS, () => void write(options, runner, one, gone)),
    ];
  } finally {
    one.writing = false;
  }
}

/**
 * Attempts that run on a runner and are none of ours: a restored backup does not know what was begun after it, or has begun
 * it elsewhere. Runners list their attempts whenever a connection is made; those that nobody will ask for any more
 * are stopped. Those of a session that is still to be placed, or that has not come so far yet, wait: started there,
 * they are taken over as they run (`start` is idempotent).
 */
import { sessionId } from "../domain/id.ts";
import type { SessionPlace } from "../domain/session.ts";
import type { Clock, Fleet, Log } from "../engine/ports.ts";
import type { Link, OnLink } from "./link.ts";

export interface StrayOptions {
  readonly links: ReadonlyMap<string, Link>;
  /** Calls back for every link that comes later; default: none does. */
  readonly onLink?: OnLink | undefined;
  readonly fleet: Fleet;
  /** Where a session is by our own record; null = there is no such session. */
  readonly placeOf: (session: string) => Promise<SessionPlace | null>;
  readonly clock: Clock;
  readonly log: Log;
  /** Between SIGTERM and SIGKILL, ms. */
  readonly graceMs: number;
}

export interface Strays {
  close(): void;
}

interface Running {
  readonly runner: string;
  readonly session: string;
  readonly attempt: number;
}

/** Those that wait are looked at again so often. */
const LOOK_MS = 60_000;

/** Looks at what each runner lists, at every connection, until closed. */
export function openStrays(options: StrayOptions): Strays {
  const { links, clock } = options;
  /** Not known yet to be ours. */
  const open = new Map<string, Running>();
  let looking = false;
  let cancel: (() => void) | null = null;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    cancel?.();
    try {
      for (const [key, running] of Array.from(open))
        if (await settled(options, running)) open.delete(key);
    } finally {
      looking = false;
      if (open.size > 0) cancel = clock.after(LOOK_MS, () => void look());
    }
  };
  const connected = (runner: string, link: Link): void => {
    for (const { session, attempt, finished } of link.hello?.attempts ?? [])
      if (!finished) open.set(`${runner}/${session}/${attempt}`, { runner, session, attempt });
    void look();
  };
  const watch = (runner: string, link: Link): (() => void) => {
    if (link.state === "connected") connected(runner, link);
    return link.onState((state) => {
      if (state === "connected") connected(runner, link);
    });
  };
  const ends = Array.from(links, ([runner, link]) => watch(runner, link));
  // A link that is closed calls back no more: one that was replaced needs no end of its own.
  const end = options.onLink?.((runner, link) => void watch(runner, link));
  if (end !== undefined) ends.push(end);
  return {
    close() {
      cancel?.();
      open.clear();
      for (const one of ends) one();
    },
  };
}

/** True = ours, or stopped. */
async function settled(options: StrayOptions, running: Running): Promise<boolean> {
  const { links, fleet, placeOf, log, graceMs } = options;
  if (links.get(running.runner)?.state !== "connected") return false;
  try {
    const verdict = judge(await placeOf(running.session), running);
    if (verdict !== "stray") return verdict === "ours";
    const session = sessionId(running.session);
    const stop = { kind: "stop-attempt", ...running, session, graceMs } as const;
    const { kind } = await fleet.perform(stop, { key: "stray", number: 1, known: null });
    if (kind === "done") log.warn(running, "attempt of nobody's stopped: our record lacks it");
    return kind === "done";
  } catch (error) {
    // The store is away; asked again.
    log.warn({ ...running, error: String(error) }, "attempt not judged");
    return false;
  }
}

function judge(
  place: SessionPlace | null,
  { runner, attempt }: Running,
): "ours" | "stray" | "wait" {
  if (place === null || place.over) return "stray";
  if (place.runner !== null && place.runner !== runner) return "stray";
  return place.runner === runner && attempt <= place.attempt ? "ours" : "wait";
}

/**
 * What machines say of themselves now and then: load, room, mirrors. Kept in memory and forgotten soon: a machine that
 * does not say, or whose program does not know the question, is placed on as if nothing were known of it.
 */
import type { Sample } from "../domain/gates.ts";
import type { Clock } from "../engine/ports.ts";
import { StatusReply } from "../protocol/requests.ts";
import type { Link, OnLink } from "./link.ts";

export interface PulseOptions {
  readonly links: ReadonlyMap<string, Link>;
  /** Calls back for every link that comes later; default: none does. */
  readonly onLink?: OnLink | undefined;
  readonly clock: Clock;
  /** Between two questions to one machine, ms; 0 = none is asked. */
  readonly everyMs: number;
}

export interface Pulse {
  /** Of every machine whose last word is fresh. */
  samples(): ReadonlyMap<string, Sample>;
  close(): void;
}

const FRESH_MS = 90_000;
const ASK_MS_MAX = 10_000;

interface Heard {
  readonly sample: Sample;
  /** Ends its freshness. */
  readonly cancel: () => void;
}

export function openPulse({ links, onLink, clock, everyMs }: PulseOptions): Pulse {
  const heard = new Map<string, Heard>();
  const ends = new Map<string, () => void>();
  let closed = false;
  const forget = (runner: string): void => {
    heard.get(runner)?.cancel();
    heard.delete(runner);
  };
  const ask = async (runner: string, link: Link): Promise<void> => {
    if (closed || link.state !== "connected") return;
    const sample = await askOne(link);
    if (closed || links.get(runner) !== link || sample === null) return;
    forget(runner);
    heard.set(runner, { sample, cancel: clock.after(FRESH_MS, () => heard.delete(runner)) });
  };
  const watch = (runner: string, link: Link): void => {
    ends.get(runner)?.();
    let timer: (() => void) | null = null;
    const cancel = (): void => timer?.();
    const go = (): void => {
      cancel();
      void ask(runner, link);
      timer = clock.after(everyMs, go);
    };
    const stop = link.onState((state) => {
      if (state === "connected") go();
      else cancel();
    });
    ends.set(runner, () => {
      cancel();
      stop();
    });
    if (link.state === "connected") go();
  };
  const off = everyMs > 0 ? onLink?.(watch) : undefined;
  if (everyMs > 0) for (const [runner, link] of links) watch(runner, link);
  return {
    samples: () => new Map(Array.from(heard, ([runner, { sample }]) => [runner, sample])),
    close() {
      closed = true;
      off?.();
      for (const end of ends.values()) end();
      for (const runner of Array.from(heard.keys())) forget(runner);
    },
  };
}

/** null = it did not say. */
async function askOne(link: Link): Promise<Sample | null> {
  try {
    const { reply } = await link.request({ op: "status" }, { timeoutMs: ASK_MS_MAX });
    return reply.ok ? StatusReply.parse(reply.value) : null;
  } catch {
    // Not known, that is all: nobody is kept from it.
    return null;
  }
}

/**
 * Crash enumeration: a story is run once to count the places where the control plane may die (before and after every
 * effect and every transaction), then once for each of them, or for each pair. A list of every place finds what a
 * thousand random crashes miss.
 */
import type { Violation } from "../invariants/all.ts";
import type { Phase } from "./life.ts";
import { run, type Report } from "./run.ts";
import type { RunOptions } from "./scene.ts";
import type { Story } from "./stories.ts";

export interface CrashFailure {
  readonly story: string;
  readonly at: readonly string[];
  readonly violation: Violation;
  readonly trace: string;
}

/**
 * Where a crash leaves something else behind than a moment before: after an effect, and after a transaction that changed
 * something. Before a transaction is after whatever came last; before an effect is after the transaction that counted
 * its try.
 */
function counts(point: string, phase: Phase, changed: () => boolean): boolean {
  // Counting a try in the inbox and handing out work leave nothing behind that matters but the count.
  if (phase === "before" || COUNTERS.test(point) || READS.test(point)) return false;
  return !point.startsWith("store.") || changed();
}

const COUNTERS = /^store\.(?:takeInbox|unrouted|setMark|putRunner|identity|keepConfig)$/u;
const READS = /^GET |^POST \/(?:app\/|api\/graphql)|^DELETE \/installation/u;

const optionsOf = (story: Story): RunOptions => ({
  seed: story.name,
  kinds: [],
  hours: 12,
  untilOver: true,
  pace: 1,
  wishes: story.wishes,
  machines: story.machines ?? 1,
  ...(story.events === undefined ? {} : { events: story.events }),
  ...(story.webhooks === undefined ? {} : { webhooks: story.webhooks }),
});

/** The places of a story, in the order in which it comes to them. */
export async function placesOf(
  story: Story,
): Promise<{ readonly places: readonly string[]; readonly report: Report }> {
  const places: string[] = [];
  const report = await run({
    ...optionsOf(story),
    killer: () => ({
      at(point, phase, changed) {
        if (counts(point, phase, changed)) places.push(`${phase} ${point}`);
        return false;
      },
    }),
  });
  return { places, report };
}

/** Runs the story with a crash at each of these places (numbers from 0). */
export const crashAt = (
  story: Story,
  at: readonly number[],
  calm: Report,
): Promise<CrashFailure | null> => crashWhere(story, calm, { isHit: (n) => at.includes(n) });

/**
 * Runs the story with a crash at its place `from` and at every `stride`th after it. As many runs as `stride` have a crash at
 * each place there is, in a fraction of the time that a run for each place takes.
 */
export const crashEvery = (
  story: Story,
  { from, stride }: { readonly from: number; readonly stride: number },
  calm: Report,
): Promise<CrashFailure | null> =>
  // It is started again soon: people would do other things meanwhile, and it could not be compared.
  crashWhere(story, calm, { isHit: (n) => n % stride === from, downMaxMs: 10_000 });

interface Crashes {
  readonly isHit: (place: number) => boolean;
  readonly downMaxMs?: number;
}

async function crashWhere(
  story: Story,
  calm: Report,
  { isHit, ...options }: Crashes,
): Promise<CrashFailure | null> {
  const names: string[] = [];
  let n = 0;
  const report = await run({
    ...optionsOf(story),
    ...options,
    killer: (kill) => ({
      at(point, phase, changed) {
        if (!counts(point, phase, changed)) return false;
        const here = n;
        n += 1;
        if (!isHit(here)) return false;
        names.push(`${here}: ${phase} ${point}`);
        kill();
        return true;
      },
    }),
  });
  const violation = report.violation ?? differs(story, report, calm);
  return violation === null
    ? null
    : { story: story.name, at: names, violation, trace: report.trace };
}

function differs(story: Story, report: Report, calm: Report): Violation | null {
  if (story.open === true) return null;
  const [ours, theirs] = [report.final.join("\n"), calm.final.join("\n")];
  return ours === theirs
    ? null
    : {
        invariant: "31: a crash anywhere changes nothing in the end",
        detail: `${ours}\n--- without it:\n${theirs}`,
      };
}

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
 * Where a crash leaves something else behind than a moment before: after a transaction that changed something, and
 * before and after an effect. Before a transaction is after whatever came last.
 */
function counts(point: string, phase: Phase, changed: () => boolean): boolean {
  // Counting a try and handing out work leave nothing behind that matters but the count.
  if (/^store\.(?:takeInbox|setMark|putRunner|identity|keepConfig)$/u.test(point)) return false;
  if (point.startsWith("store.")) return phase === "after" && changed();
  return (
    !point.startsWith("GET ") &&
    !/^POST \/(?:app\/|api\/graphql)|^DELETE \/installation/u.test(point)
  );
}

const optionsOf = (story: Story): RunOptions => ({
  seed: story.name,
  kinds: [],
  hours: 12,
  untilOver: true,
  pace: 1,
  wishes: story.wishes,
  machines: 1,
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
export async function crashAt(
  story: Story,
  at: readonly number[],
  calm: Report,
): Promise<CrashFailure | null> {
  const names: string[] = [];
  let n = 0;
  const report = await run({
    ...optionsOf(story),
    killer: (kill) => ({
      at(point: string, phase: Phase, changed: () => boolean) {
        if (!counts(point, phase, changed)) return false;
        const here = n;
        n += 1;
        if (!at.includes(here)) return false;
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

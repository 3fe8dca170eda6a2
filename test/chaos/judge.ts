/** What a chaos run is judged by: the invariants while it goes on, everything in the end, and the figures. */
import type { Evidence } from "../invariants/evidence.ts";
import { openChecker, type Violation } from "../invariants/all.ts";
import type { Chaos } from "./chaos.ts";
import { readEvidence } from "./evidence.ts";
import { busiestMinute, compared, lostAndDoubled } from "./expect.ts";
import type { ChaosOptions } from "./options.ts";
import { processesIn } from "./processes.ts";

export interface Report {
  readonly seed: string;
  /** Kept when something was wrong. */
  readonly directory: string;
  /** Everything that was wrong. */
  readonly wrong: readonly string[];
  readonly figures: Readonly<Record<string, number | string>>;
}

export interface Judge {
  /** Null as long as no invariant was violated. */
  readonly violation: () => Violation | null;
  check(settled: boolean): Promise<void>;
  /** Nothing waits, nothing runs, and everything holds that has to hold in the end. */
  isSettled(): Promise<boolean>;
  progress(): string;
  report(times: Readonly<Record<string, number>>): Promise<Report>;
}

/** Of each kind of thing that is wrong so many are told. */
const TOLD_MAX = 10;

export function openJudge(chaos: Chaos, options: ChaosOptions): Judge {
  const { directory, github, server, people, kills, harms } = chaos;
  const check = openChecker();
  let violation: Violation | null = null;
  /** As it was when it had settled: sweeps go on, and a moment later something may be under way again. */
  let settledOn: Evidence | null = null;
  const read = () =>
    readEvidence({ directory, github, slots: options.slots, upSince: server.upSince });
  return {
    violation: () => violation,
    async check(settled) {
      const evidence = await read();
      if (evidence !== null) violation ??= check(evidence, settled);
    },
    async isSettled() {
      const evidence = await read();
      if (evidence === null || leftIn(directory).length > 0) return false;
      const waits = evidence.effects.some(({ state }) => state === "pending");
      const settled = !waits && evidence.inboxPending === 0 && check(evidence, true) === null;
      settledOn = settled ? evidence : null;
      return settled;
    },
    progress: () =>
      `${people.asked.length} objectives, ${people.open} open, ${github.writes.length} writes, ${server.lives()} lives, ${sum(kills)} kills, ${sum(harms)} network faults, ${github.refusals.length} refusals`,
    async report(times) {
      const evidence = settledOn ?? (await read());
      if (evidence === null) throw new Error(`nothing was ever stored; see ${directory}/serve.log`);
      violation ??= check(evidence, true);
      const { wrong, counts } = wrongIn(chaos, evidence, violation === null);
      const broken = violation === null ? [] : [`${violation.invariant}: ${violation.detail}`];
      const figures = { ...figuresOf(chaos, evidence, options), ...counts, ...times };
      return {
        seed: options.seed,
        directory,
        wrong: [...told("invariant", broken), ...wrong],
        figures,
      };
    },
  };
}

const leftIn = (directory: string) =>
  processesIn(directory).filter(({ session }) => session !== null);

/** `ended`: it was not stopped in the middle by a violation, so everything has to have come to its end. */
function wrongIn(
  { directory, github, people, surprises }: Chaos,
  evidence: Evidence,
  ended: boolean,
): { readonly wrong: readonly string[]; readonly counts: Readonly<Record<string, number>> } {
  const { lost, doubled } = lostAndDoubled(people.asked, evidence, github);
  const { different, unclosed } = compared(evidence);
  const left = leftIn(directory).map((one) => JSON.stringify(one));
  return {
    counts: {
      "limit refusals": github.refusals.length,
      lost: lost.length,
      doubled: doubled.length,
    },
    wrong: [
      ...told("doubled", doubled),
      ...told("refused for a limit", github.refusals),
      ...(ended
        ? [
            ...told("lost", lost),
            ...told("transcript differs", different),
            ...told("transcript not closed", unclosed),
            ...told("process left", left),
          ]
        : []),
      ...told("against GitHub's description", github.violations),
      ...told("surprise", surprises),
    ],
  };
}

function figuresOf(
  { github, server, people, kills, harms }: Chaos,
  evidence: Evidence,
  { limits }: ChaosOptions,
): Report["figures"] {
  const recovery = server.recoveriesMs.toSorted((a, b) => a - b);
  const records = compared(evidence);
  return {
    objectives: evidence.objectives.length,
    "given up": people.asked.filter(({ state }) => state === "given-up").length,
    sessions: evidence.objectives.reduce((all, { sessions }) => all + sessions.length, 0),
    attempts: evidence.transcripts.length,
    "pull requests": evidence.pulls.length,
    "lives of the server": server.lives(),
    kills: sum(kills),
    ...indented(kills),
    "network faults": sum(harms),
    ...indented(harms),
    "requests to GitHub": github.requests(),
    "writes on GitHub": github.writes.length,
    webhooks: github.webhooks(),
    "busiest minute of an installation": `${busiestMinute(evidence)} of ${limits.contentPerMinute}`,
    "transcripts compared": `${records.count}, ${records.bytes} bytes`,
    "kill to serving p50, ms": percentile(recovery, 0.5),
    "kill to serving p99, ms": percentile(recovery, 0.99),
  };
}

const told = (what: string, list: readonly string[]): readonly string[] => [
  ...list.slice(0, TOLD_MAX).map((one) => `${what}: ${one}`),
  ...(list.length > TOLD_MAX ? [`${what}: and ${list.length - TOLD_MAX} more`] : []),
];

const indented = (counts: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries(
    [...counts]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([kind, count]) => [`  ${kind}`, count] as const),
  );

const sum = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((total, one) => total + one, 0);

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

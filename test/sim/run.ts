/**
 * One simulated run from one seed: a phase with faults, in which nothing wrong may ever be seen; a phase without, in
 * which everything has to come to its end; and what GitHub looks like then.
 */
import { openChecker, type Violation } from "../invariants/all.ts";
import type { EvidenceReader } from "./evidence.ts";
import type { FaultKind } from "./faults.ts";
import { openScene, START, type RunOptions, type Scene } from "./scene.ts";
import { columns } from "./trace.ts";

export interface Report {
  readonly seed: string;
  readonly violation: Violation | null;
  readonly hash: string;
  readonly simulatedMs: number;
  readonly steps: number;
  readonly lives: number;
  readonly faults: readonly { readonly n: number; readonly kind: FaultKind }[];
  /** What GitHub looks like in the end, without ids and times. */
  readonly final: readonly string[];
  readonly trace: string;
  readonly writes: number;
  readonly objectives: number;
}

const HOUR_MS = 3_600_000;
/** Two virtual hours, as promised in docs/reliability.md; counted after the faults end. */
const SETTLE_MS = 2 * HOUR_MS;
/** People need time too: they look every few minutes. */
const PEOPLE_MS = 10 * HOUR_MS;
const STEPS_MAX = 2_000_000;

export async function run(options: RunOptions): Promise<Report> {
  const scene = await openScene(options);
  const { sim, github, plane, people, operators, reader, hours, plannedMs } = scene;
  const { time, faults } = sim;
  const check = openChecker();
  // Not waited for: a control plane that is killed while it starts never says that it has.
  void plane.start();
  const settled = (): boolean => time.steps % 50 === 0 && isSettled(reader, check);
  const over = (): boolean =>
    options.untilOver === true && time.now() - START > plannedMs && settled();
  let violation = await live(scene, check, START + hours * HOUR_MS, over);
  faults.end();
  operators.heal();
  people.hurry();
  violation ??= await live(scene, check, time.now() + PEOPLE_MS + SETTLE_MS, settled);
  violation ??= check(reader.read(), true);
  return reportOf(scene, options.seed, violation, github.final());
}

/** Lets things happen until `until`, or until it is done, or until an invariant is violated. */
async function live(
  { sim: { time }, plane, operators, reader }: Scene,
  check: ReturnType<typeof openChecker>,
  until: number,
  done: () => boolean,
): Promise<Violation | null> {
  let violation: Violation | null = null;
  while (violation === null && time.steps < STEPS_MAX && !done() && (await time.step(until))) {
    // Whoever killed it, somebody notices.
    if (!plane.running) operators.startAgain();
    if (reader.changed()) violation = check(reader.read(), false);
  }
  return violation;
}

/** Checked against a copy of what the invariants remember, as often as not in vain. */
function isSettled(reader: EvidenceReader, check: ReturnType<typeof openChecker>): boolean {
  const evidence = reader.read();
  const busy =
    evidence.inboxPending > 0 || evidence.effects.some(({ state }) => state === "pending");
  return !busy && check(evidence, true) === null;
}

function reportOf(
  { sim: { time, trace, faults }, plane, reader, writes }: Scene,
  seed: string,
  violation: Violation | null,
  final: readonly string[],
): Report {
  return {
    seed,
    violation,
    hash: trace.hash(),
    simulatedMs: time.now() - START,
    steps: time.steps,
    lives: plane.lives,
    faults: faults.happened,
    final,
    trace: columns(trace.last(), START),
    writes: writes.length,
    objectives: reader.read().objectives.length,
  };
}

/**
 * One simulated run from one seed: a phase with faults, in which nothing wrong may ever be seen; a phase without, in
 * which everything has to come to its end; and what GitHub looks like then.
 */
import { readConfig } from "../../src/config.ts";
import type { Config } from "../../src/config.ts";
import { openChecker, type Violation } from "../invariants/all.ts";
import type { PushEvidence, WriteEvidence } from "../invariants/evidence.ts";
import { openCheckouts } from "./checkouts.ts";
import { EvidenceReader } from "./evidence.ts";
import { openFaults, swarm, type FaultKind } from "./faults.ts";
import { openSimGitHub } from "./github.ts";
import type { Killer } from "./life.ts";
import { plague } from "./operators.ts";
import { People, wishesOf, type Wish } from "./people.ts";
import { SimPlane } from "./plane.ts";
import { openRandom } from "./random.ts";
import { Machine } from "./runner/machine.ts";
import { pauseOn, type Sim } from "./sim.ts";
import { openTime } from "./time.ts";
import { columns, openTrace } from "./trace.ts";

export interface RunOptions {
  readonly seed: string;
  /** Default: a swarm of the seed's. */
  readonly kinds?: readonly FaultKind[];
  readonly without?: ReadonlySet<number>;
  /** Faults that happen several times as often. */
  readonly often?: readonly FaultKind[];
  /** How slow people and agents are; by default the seed says. */
  readonly pace?: number;
  /** Length of the phase with faults. */
  readonly hours?: number;
  readonly wishes?: readonly Wish[];
  /** Kills at points of its own, instead of by chance. */
  readonly killer?: (kill: () => void) => Killer;
  /** Delivery log and `since` sweeps run; default: by the seed. */
  readonly sweeps?: boolean;
  /** Which share of the webhooks arrives, and how often each; default: all, once. */
  readonly webhooks?: { readonly arrive: number; readonly copies: number };
}

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

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const START = Date.UTC(2026, 0, 5, 8);
const SLOTS = 2;
/** Two virtual hours, as promised in docs/reliability.md; counted after the faults end. */
export const SETTLE_MS = 2 * HOUR_MS;
/** People need time too: they look every few minutes. */
const PEOPLE_MS = 10 * HOUR_MS;
const INSTALLATION = "sim-installation";
const STEPS_MAX = 2_000_000;

export async function run(options: RunOptions): Promise<Report> {
  const random = openRandom(options.seed);
  const time = openTime(START, random.fork("time"));
  const trace = openTrace(time.now);
  const kinds = options.kinds ?? swarm(random.fork("swarm"));
  const faults = openFaults(random.fork("faults"), {
    kinds,
    ...(options.without === undefined ? {} : { without: options.without }),
    ...(options.often === undefined ? {} : { often: options.often }),
    onFault: (kind) => trace.add(`fault: ${kind}`),
  });
  const sim: Sim = {
    time,
    random: random.fork("sim"),
    pace: options.pace ?? random.pick([1, 3, 8]),
    faults,
    trace,
    pause: pauseOn(time),
  };
  const pushes: PushEvidence[] = [];
  const writes: WriteEvidence[] = [];
  const state = { down: false };
  const world: { plane: SimPlane | null } = { plane: null };
  const github = await openSimGitHub({
    sim,
    random: random.fork("github"),
    pushes,
    writes,
    deliver: async (delivery) => world.plane?.receive(delivery) ?? 502,
    arrive: options.webhooks?.arrive ?? 1,
    copies: options.webhooks?.copies ?? 1,
  });
  const machines = ["one", "two"]
    .slice(0, random.int(1, 2))
    .map((name) => new Machine(sim, name, openCheckouts(sim, github)));
  // Two control planes disturb each other only while both are awake.
  const lookEveryMs =
    options.often?.includes("second control plane") === true ? MINUTE_MS : 15 * MINUTE_MS;
  const config = configOf(github, lookEveryMs);
  let killed = false;
  const kill = (): void => {
    killed = true;
    world.plane?.kill("at a point");
  };
  const killer = options.killer?.(kill) ?? byChance(sim, kill);
  const plane = new SimPlane({
    sim,
    config,
    app: github.credentials,
    machines,
    slots: SLOTS,
    serve: github.fetch,
    quarantine: github.quarantine,
    killer,
    github: state,
    installation: INSTALLATION,
    sweeps: options.sweeps ?? true,
  });
  world.plane = plane;
  const hours = options.hours ?? random.int(4, 24) * sim.pace;
  const wishes = options.wishes ?? wishesOf(sim, github.repositories, (hours * HOUR_MS) / 2);
  const people = new People({
    sim,
    world: github.world,
    repositories: github.repositories,
    installations: github.installations,
    botLogin: github.app.botUser.login,
    label: github.label,
    changedFile: github.changedFile,
    wishes,
  });
  let upSince = time.now();
  const operators = plague({
    sim,
    plane,
    machines,
    state,
    onDown: () => (upSince = Number.POSITIVE_INFINITY),
    onUp: () => (upSince = time.now()),
  });
  const reader = new EvidenceReader({
    now: time.now,
    plane,
    github,
    machines,
    slots: SLOTS,
    pushes,
    writes,
    deleted: people.deleted,
    secret: plane.secret,
    restored: () => operators.restored,
    listsLag: kinds.includes("lists lag"),
    upSince: () => upSince,
  });
  const check = openChecker();
  await plane.start();
  let violation: Violation | null = null;
  const live = async (until: number, done: () => boolean): Promise<void> => {
    while (violation === null && time.steps < STEPS_MAX && !done() && (await time.step(until))) {
      if (killed) {
        killed = false;
        operators.startAgain();
      }
      violation = check(reader.read(), false);
    }
  };
  await live(START + hours * HOUR_MS, () => false);
  faults.end();
  operators.heal();
  people.hurry();
  const settled = (): boolean => time.steps % 50 === 0 && isSettled(reader, check);
  await live(time.now() + PEOPLE_MS + SETTLE_MS, settled);
  violation ??= check(reader.read(), true);
  return {
    seed: options.seed,
    violation,
    hash: trace.hash(),
    simulatedMs: time.now() - START,
    steps: time.steps,
    lives: plane.lives,
    faults: faults.happened,
    final: github.final(),
    trace: columns(trace.last(), START),
    writes: writes.length,
    objectives: reader.read().objectives.length,
  };
}

/** Checked against a copy of what the invariants remember, as often as not in vain. */
function isSettled(reader: EvidenceReader, check: ReturnType<typeof openChecker>): boolean {
  const evidence = reader.read();
  const busy =
    evidence.inboxPending > 0 || evidence.effects.some(({ state }) => state === "pending");
  return !busy && check(evidence, true) === null;
}

function byChance({ faults }: Sim, kill: () => void): Killer {
  return {
    at(point) {
      const kind = point.startsWith("store.") ? "killed at a transaction" : "killed at a call";
      if (!faults.draw(kind)) return false;
      kill();
      return true;
    },
  };
}

function configOf(
  github: { readonly host: string; readonly credentials: NonNullable<Config["app"]> },
  lookEveryMs: number,
): Config {
  const read = readConfig(
    {
      APP_ID: String(github.credentials.id),
      PRIVATE_KEY: github.credentials.privateKey,
      WEBHOOK_SECRET: github.credentials.webhookSecrets[0],
      GHE_HOST: github.host,
      ORCHA_DATA_DIR: "/nowhere",
      ORCHA_RUNTIME_DIR: "/nowhere/run",
    },
    { app: "required", unsafeLocal: true },
  );
  if (!read.ok) throw new TypeError(read.problems.map(({ message }) => message).join("; "));
  const { timings } = read.config;
  // Nets are looked at less often than in earnest: what they catch is caught, and idle hours cost less.
  const nets = {
    lookEveryMs,
    sweepEveryMs: 20 * MINUTE_MS,
    deliveryLogEveryMs: 15 * MINUTE_MS,
    probeEveryMs: MINUTE_MS,
  };
  return { ...read.config, timings: { ...timings, ...nets } };
}

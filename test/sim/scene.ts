/** Sets up one run: GitHub, people, runners, control plane and what may go wrong with them, all from one seed. */
import { PLAIN } from "../../src/agents/catalog.ts";
import { readConfig, type Config } from "../../src/config.ts";
import { Problem } from "../../src/emulator/problem.ts";
import type { PushEvidence, WriteEvidence } from "../invariants/evidence.ts";
import { openCheckouts } from "./checkouts.ts";
import { EvidenceReader } from "./evidence.ts";
import { openFaults, swarm, type FaultKind } from "./faults.ts";
import { openSimGitHub, type SimGitHub } from "./github.ts";
import type { Killer } from "./life.ts";
import { Operators } from "./operators.ts";
import { People, wishesOf, type Wish } from "./people.ts";
import { SimPlane } from "./plane.ts";
import { openRandom, type Random } from "./random.ts";
import { Machine } from "./runner/machine.ts";
import { pauseOn, type Sim } from "./sim.ts";
import { openTime } from "./time.ts";
import { openTrace } from "./trace.ts";

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
  /** The phase with faults ends when everything is over. */
  readonly untilOver?: boolean;
  /** Default: one or two. */
  readonly machines?: number;
  /** What happens besides, at its time. */
  readonly events?: readonly {
    readonly atMinute: number;
    readonly happen: (stage: Stage) => unknown;
  }[];
  /** Kills at points of its own, instead of by chance. */
  readonly killer?: (kill: () => void) => Killer;
  /** The longest a dead control plane stays down; default: ten minutes. */
  readonly downMaxMs?: number;
  /** Delivery log and `since` sweeps run; default: they do. */
  readonly sweeps?: boolean;
  /** Which share of the webhooks arrives, and how often each; default: all, once. */
  readonly webhooks?: { readonly arrive: number; readonly copies: number };
}

/** What an event of a story can lay hands on. */
export interface Stage {
  readonly github: SimGitHub;
  readonly machines: readonly Machine[];
  readonly plane: SimPlane;
  keep(backup: Buffer): void;
  /** What was kept takes over. */
  restore(): void;
}

export interface Scene {
  readonly sim: Sim;
  readonly github: SimGitHub;
  readonly plane: SimPlane;
  readonly people: People;
  readonly operators: Operators;
  readonly reader: EvidenceReader;
  readonly writes: readonly WriteEvidence[];
  readonly hours: number;
  /** When the last thing that was planned has happened, ms from the start. */
  readonly plannedMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const START = Date.UTC(2026, 0, 5, 8);
const SLOTS = 2;
const DOWN_MAX_MS = 10 * MINUTE_MS;
/** From opening an issue to its label. */
const WISH_MS = 5 * MINUTE_MS;
const INSTALLATION = "sim-installation";

export async function openScene(options: RunOptions): Promise<Scene> {
  const random = openRandom(options.seed);
  const { sim, kinds } = openSim(options, random);
  const pushes: PushEvidence[] = [];
  const writes: WriteEvidence[] = [];
  const world: { plane: SimPlane | null; down: boolean } = { plane: null, down: false };
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
    .slice(0, options.machines ?? random.int(1, 2))
    .map((name) => new Machine(sim, name, openCheckouts(sim, github)));
  const kill = (): void => world.plane?.kill("at a point");
  const plane = new SimPlane({
    sim,
    config: configOf(github, lookEvery(options)),
    app: github.credentials,
    machines,
    slots: SLOTS,
    serve: github.fetch,
    quarantine: github.quarantine,
    killer: options.killer?.(kill) ?? byChance(sim, kill),
    github: world,
    installation: INSTALLATION,
    sweeps: options.sweeps ?? true,
  });
  world.plane = plane;
  const hours = options.hours ?? random.int(4, 24) * sim.pace;
  const wishes = options.wishes ?? wishesOf(sim, github.repositories, (hours * HOUR_MS) / 2);
  const people = new People({ sim, github, wishes });
  const operators = new Operators({
    sim,
    plane,
    machines,
    world,
    downMaxMs: options.downMaxMs ?? DOWN_MAX_MS,
  });
  play(options, { sim, github, machines, plane, operators });
  const reader = new EvidenceReader({
    sim,
    plane,
    github,
    machines,
    slots: SLOTS,
    pushes,
    writes,
    deleted: people.deleted,
    operators,
    listsLag: kinds.includes("lists lag"),
  });
  const plannedMs = Math.max(
    ...wishes.map(({ atMs }) => atMs + WISH_MS),
    ...(options.events ?? []).map(({ atMinute }) => atMinute * MINUTE_MS),
  );
  return { sim, github, plane, people, operators, reader, writes, hours, plannedMs };
}

function openSim(
  options: RunOptions,
  random: Random,
): { readonly sim: Sim; readonly kinds: readonly FaultKind[] } {
  const time = openTime(START, random.fork("time"));
  const trace = openTrace(time.now);
  const kinds = options.kinds ?? swarmFor(options, random.fork("swarm"));
  const faults = openFaults(random.fork("faults"), {
    kinds,
    ...(options.without === undefined ? {} : { without: options.without }),
    ...(options.often === undefined ? {} : { often: options.often }),
    onFault: (kind) => trace.add(`fault: ${kind}`),
  });
  const own = random.fork("sim");
  const pace = options.pace ?? random.pick([1, 4, 12, 24]);
  return { sim: { time, random: own, pace, faults, trace, pause: pauseOn(time) }, kinds };
}

/** Without sweeps nothing may be lost that they would find: then all that webhooks bring has to be enough. */
const swarmFor = ({ sweeps }: RunOptions, random: Random): readonly FaultKind[] =>
  swarm(random).filter((kind) => sweeps !== false || !LOSE_WEBHOOKS.has(kind));
const LOSE_WEBHOOKS: ReadonlySet<FaultKind> = new Set([
  "webhook lost",
  "issue transferred",
  "app uninstalled",
  "killed at a call",
  "killed at a transaction",
  "killed",
  "terminated",
  "old backup restored",
  "second control plane",
  "machine sleeps",
  "disk full",
  "github down",
]);

/** Two control planes disturb each other only while both are awake. */
const lookEvery = ({ often }: RunOptions): number =>
  often?.includes("second control plane") === true ? MINUTE_MS : 15 * MINUTE_MS;

interface Cast {
  readonly sim: Sim;
  readonly github: SimGitHub;
  readonly machines: readonly Machine[];
  readonly plane: SimPlane;
  readonly operators: Operators;
}

/** The events of a story, at their times. */
function play(
  { events = [] }: RunOptions,
  { sim, github, machines, plane, operators }: Cast,
): void {
  let kept: Buffer | null = null;
  const stage: Stage = {
    github,
    machines,
    plane,
    keep: (backup) => (kept = backup),
    restore: () => kept !== null && operators.restore(kept),
  };
  for (const { atMinute, happen } of events)
    sim.time.after(atMinute * MINUTE_MS, () => {
      sim.trace.add("the story goes on");
      // A thing that is not there, or not any more: the story is further than its event.
      void (async () => happen(stage))().catch((error: unknown) => {
        if (!(error instanceof Problem)) throw error;
      });
    });
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
      ORCHA_AGENT: "script",
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
    statusEveryMs: 0,
  };
  // Whoever hits a limit is followed by another agent of the same kind, and that one by nobody.
  const script = { ...PLAIN, driver: "script" };
  const agents = { script: { ...script, next: "spare" }, spare: script };
  return { ...read.config, agents, timings: { ...timings, ...nets } };
}

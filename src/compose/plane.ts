/**
 * The control plane without the machine around it: adapters and engine over a clock, a network, a store,
 * transcripts and links that are given. `src/compose.ts` gives it the real ones, the simulation others.
 */
import type { EmitterWebhookEvent } from "@octokit/webhooks";
import { createHmac } from "node:crypto";
import type { Logger } from "pino";
import { openProbot, orchaApp } from "../app.ts";
import type { Config } from "../config.ts";
import type { Rules } from "../domain/step.ts";
import { openDeliver, type DeliverPorts } from "../engine/deliver.ts";
import { openDrain } from "../engine/drain.ts";
import { Follow } from "../engine/follow.ts";
import { openLoop, type LoopParts } from "../engine/loop.ts";
import type { Clock, Records } from "../engine/ports.ts";
import type { Link, OnLink } from "../fleet/link.ts";
import { openPresence, type PresenceWatch } from "../fleet/presence.ts";
import { openPulse } from "../fleet/pulse.ts";
import { openStrays } from "../fleet/strays.ts";
import type { Auth } from "../github/auth.ts";
import type { Fetch } from "../github/client.ts";
import { openDeliveryLog } from "../github/delivery-log.ts";
import type { PushGateOptions } from "../github/push-gate.ts";
import { openPump } from "../inbox/pump.ts";
import { openRounds, type Rounds, type RoundsOptions } from "../inbox/rounds.ts";
import { openSweep } from "../inbox/sweep.ts";
import { HANDLED_EVENTS } from "../inbox/webhook.ts";
import type { Identity } from "../store/identity.ts";
import { attemptKey, type Store } from "../store/port.ts";
import type { Transcripts } from "../store/transcripts.ts";
import { openAdapters, type Adapters } from "./adapters.ts";
import { openSteady, type Steady } from "./steady.ts";

export interface PlaneParts {
  readonly config: Config;
  readonly app: NonNullable<Config["app"]>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: Store;
  readonly identity: Identity;
  readonly transcripts: Transcripts;
  readonly links: ReadonlyMap<string, Link>;
  /** Calls back for every link that comes later; default: none does. */
  readonly onLink?: OnLink | undefined;
  /** Said on every pull request; null = nothing to say. */
  readonly unsafeNotice: string | null;
  /** Time that never jumps, in ms from anywhere; default: the clock's, which people may set. */
  readonly elapsed?: () => number;
  /** Which run of the machine `elapsed` counts in; empty = not known. */
  readonly boot?: string;
  /** How full the queues are; default: there is always room. */
  readonly pressure?: RoundsOptions["pressure"];
  /** The engine begins a round. */
  readonly onRound?: () => void;
  /** What every try of an effect came to. */
  readonly onPerformed?: NonNullable<DeliverPorts["onPerformed"]>;
  /** The record of an attempt waits for its runner, or waits no more. */
  readonly onAttach?: (attempt: string, waits: boolean) => void;
  /** A preparation has failed on this runner. */
  readonly onPrepareFailed?: (runner: string, reason: string) => void;
  /** The network towards GitHub; default: Node's own. */
  readonly fetch?: Fetch;
  /** Where what is to be pushed is looked at; default: a directory of its own and git. */
  readonly quarantine?: PushGateOptions["quarantine"];
}

export interface Plane {
  readonly adapters: Adapters;
  /** Whether runners can be reached. */
  readonly presence: Pick<PresenceWatch, "of" | "silentSince">;
  /** Asks GitHub for what was missed, now and periodically: to be called when somebody is there to answer. */
  sweep(): Rounds;
}

/** Longest wait for effects that are in the air when we are asked to stop. */
const STOP_GRACE_MS = 10_000;

/** Bad endings in a row: a manager that failed four times becomes one question (decision 6). */
const FAILURES = { workerFailuresMax: 3, managerFailuresMax: 4 };

/** Begins to work at once. What it opens goes onto the stack. */
export async function openPlane(given: PlaneParts, stack: AsyncDisposableStack): Promise<Plane> {
  const { clock: wall, elapsed = () => wall.now(), boot = "", store, log } = given;
  const time = await openSteady({ clock: wall, elapsed, boot, store, log });
  const parts = { ...given, clock: time.clock };
  const adapters = openAdapters(parts, stack);
  const presence = await watchRunners(parts, stack);
  await startEngine(parts, adapters, time, stack);
  return { adapters, presence, sweep: () => sweep(parts, adapters, stack) };
}

const PULL_FULL_MS = 5 * 60_000;

/** GitHub's log of its deliveries, and what it has whatever was delivered. */
function sweep(parts: PlaneParts, adapters: Adapters, stack: AsyncDisposableStack): Rounds {
  const { clock, log, store, config, pressure = () => "ok" as const } = parts;
  const { sweepEveryMs, pullEveryMs, reconcileEveryMs, deliveryLogEveryMs } = config.timings;
  const pull = config.webhook.ingest === "pull";
  const sent = openSweep({
    log,
    clock,
    store,
    deliveries: openDeliveryLog({ auth: adapters.auth, clock, breaker: adapters.breaker }),
    events: new Set(HANDLED_EVENTS),
    how: pull ? "take" : "ask",
    everyMs: pull ? pullEveryMs : deliveryLogEveryMs,
    pressure,
  });
  stack.defer(() => sent.close());
  const rounds = openRounds({
    survey: adapters.survey,
    store,
    clock,
    log,
    pressure,
    everyMs: pull ? pullEveryMs : sweepEveryMs,
    // Nothing else tells of a new installation.
    fullEveryMs: pull ? Math.min(reconcileEveryMs, PULL_FULL_MS) : reconcileEveryMs,
  });
  stack.defer(() => rounds.close());
  return rounds;
}

async function startEngine(
  parts: PlaneParts,
  { forge, gate, auth, fleet, redact, agents }: Adapters,
  time: Steady,
  stack: AsyncDisposableStack,
): Promise<void> {
  const { store, clock, log, links, transcripts, identity, onRound, onPerformed } = parts;
  const derive = (cause: string) => (name: string) =>
    createHmac("sha256", identity.secret).update(`${cause}\0${name}`).digest("hex");
  const follow = new Follow({
    store,
    records: heard(watched(fleet, parts.onAttach), parts.onPrepareFailed),
    transcripts,
    clock,
    log,
    driver: (agent) => agents.named(agent)?.driver,
    redact,
  });
  stack.defer(() => follow.close());
  const strays = openStrays({
    links,
    onLink: parts.onLink,
    fleet,
    placeOf: (session) => store.placeOf(session),
    clock,
    log,
    graceMs: parts.config.timings.stopGraceMs,
  });
  stack.defer(() => strays.close());
  const pump = openPump({
    inbox: store,
    receive: await receiver(parts, auth),
    onRejected: ({ guid, name }, reason) =>
      log.error({ delivery: guid, event: name, reason }, "delivery not understood"),
  });
  const loop = openLoop({
    store,
    clock,
    log,
    drain: openDrain({ store, forge, clock, log, derive, rules: rulesOf(parts, agents) }),
    deliver: openDeliver({
      store,
      forge,
      gate,
      fleet,
      clock,
      log,
      ...(onPerformed === undefined ? {} : { onPerformed }),
    }),
    route: () => pump.drain(),
    follow: () => follow.once(),
    known: known(parts, stack),
    time: () => time.follow(),
    lookEveryMs: parts.config.timings.lookEveryMs,
    ...(onRound === undefined ? {} : { onRound }),
  });
  loop.start();
  stack.defer(() => loop.stop(STOP_GRACE_MS));
}

function heard(records: Records, onPrepareFailed: PlaneParts["onPrepareFailed"]): Records {
  if (onPrepareFailed === undefined) return records;
  return {
    detach: (...of) => records.detach(...of),
    attach: (runner, from, sink) =>
      records.attach(runner, from, {
        position: () => sink.position(),
        output: (...said) => sink.output(...said),
        refused: (...said) => sink.refused(...said),
        journal(line) {
          sink.journal(line);
          if (line.entry.kind === "prepare-failed") onPrepareFailed(runner, line.entry.reason);
        },
      }),
  };
}

/** What machines say of themselves, and how much of it is too much. */
function known(
  { config, links, onLink, clock }: PlaneParts,
  stack: AsyncDisposableStack,
): NonNullable<LoopParts["known"]> {
  const everyMs = config.timings.statusEveryMs;
  const pulse = openPulse({ links, onLink, clock, everyMs });
  stack.defer(() => pulse.close());
  const limits = { ...config.placement, sessionsMax: config.sessionsMax };
  return () => ({ samples: pulse.samples(), limits });
}

async function watchRunners(
  parts: PlaneParts,
  stack: AsyncDisposableStack,
): Promise<PresenceWatch> {
  const { store, links, onLink, clock, log, config } = parts;
  const { runnerUnreachableMs: unreachableMs, runnerLostMs: lostMs } = config.timings;
  const watch = await openPresence({
    links,
    onLink,
    known: async () =>
      (await store.runners()).map(({ name, reach = "attached", since = null }) => ({
        name,
        presence: { reach, since },
      })),
    setReach: (runner, presence) => store.setReach({ runner, presence, now: clock.now() }),
    clock,
    log,
    limits: { unreachableMs, lostMs: Math.max(lostMs, unreachableMs) },
  });
  stack.defer(() => watch.close());
  return watch;
}

/** One whose attaching failed is asked for again: it goes on waiting. */
function watched(records: Records, onAttach: PlaneParts["onAttach"]): Records {
  if (onAttach === undefined) return records;
  return {
    async attach(runner, from, sink) {
      onAttach(attemptKey(from), true);
      const answer = await records.attach(runner, from, sink);
      onAttach(attemptKey(from), false);
      return answer;
    },
    detach(runner, session, attempt) {
      onAttach(attemptKey({ session, attempt }), false);
      return records.detach(runner, session, attempt);
    },
  };
}

function rulesOf({ config, unsafeNotice }: PlaneParts, agents: Adapters["agents"]): Rules {
  const { stopGraceMs, askWaitMs, summaryWaitMs, turnMaxMs, retryWaitMs, limitWaitMs } =
    config.timings;
  return {
    ...FAILURES,
    stopGraceMs,
    askWaitMs,
    summaryWaitMs,
    turnMaxMs,
    retryWaitMs,
    limitWaitMs,
    unsafeNotice,
    prompts: config.prompts,
    agents: agents.facts,
  };
}

type Receive = Parameters<typeof openPump>[0]["receive"];

/** Probot dispatches, src/app.ts routes into the inbox. */
async function receiver({ config, app, store }: PlaneParts, auth: Auth): Promise<Receive> {
  const probot = openProbot({
    appId: app.id,
    privateKey: app.privateKey,
    // Probot checks no signatures here: the front does.
    webhookSecret: app.webhookSecrets[0] ?? "unused",
    baseUrl: config.github.apiUrl,
  });
  await probot.load(
    orchaApp(
      (guid, events) => store.route(guid, events),
      () => auth.ownNow(),
    ),
  );
  return ({ id, name, payload }) =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- names and payloads are parsed behind Probot (src/inbox/webhook.ts)
    probot.receive({ id, name, payload } as EmitterWebhookEvent);
}

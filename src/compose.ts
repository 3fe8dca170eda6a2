/**
 * The composition root: settings → adapters → engine. The only file that knows which adapter stands behind
 * which port; nobody but the commands knows this file.
 */
import type { EmitterWebhookEvent } from "@octokit/webhooks";
import { createHmac } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Logger } from "pino";
import { driverNamed } from "./agents/registry.ts";
import { openProbot, orchaApp } from "./app.ts";
import type { Config } from "./config.ts";
import type { Rules } from "./domain/step.ts";
import { openDeliver } from "./engine/deliver.ts";
import { openDrain } from "./engine/drain.ts";
import { Follow } from "./engine/follow.ts";
import { openLoop } from "./engine/loop.ts";
import type { Clock } from "./engine/ports.ts";
import { openFleet } from "./fleet/fleet.ts";
import { openLink, type Link } from "./fleet/link.ts";
import { openLocal } from "./fleet/local.ts";
import { ensureProgram } from "./fleet/program.ts";
import { openAuth, type Auth } from "./github/auth.ts";
import { cloneUrl, readCredential } from "./github/credentials.ts";
import { openForge } from "./github/forge.ts";
import { openPacing } from "./github/pacing.ts";
import { openPushGate } from "./github/push-gate.ts";
import { openSecretRegistry } from "./github/secrets.ts";
import { openFront, type Front } from "./inbox/front.ts";
import { openPump } from "./inbox/pump.ts";
import { openSweep } from "./inbox/sweep.ts";
import { HANDLED_EVENTS } from "./inbox/webhook.ts";
import { openDeliveryLog } from "./github/delivery-log.ts";
import { openSmee } from "./inbox/smee.ts";
import { openRedactor } from "./markdown/redact.ts";
import { lockDirectory } from "./store/lock.ts";
import type { Store } from "./store/port.ts";
import type { Identity } from "./store/identity.ts";
import { openSqlite, peekIdentity } from "./store/sqlite.ts";
import { DoctorReply } from "./protocol/requests.ts";
import { openTranscripts, type Transcripts } from "./store/transcripts.ts";

export interface Settings {
  readonly config: Config;
  readonly app: NonNullable<Config["app"]>;
  readonly log: Logger;
  /** Where the runner program is kept; default: the data directory. */
  readonly programDir?: string;
  /** An emulated GitHub: its key opens nothing, so agents may run as our own user. */
  readonly emulated?: boolean;
}

export interface Orcha extends AsyncDisposable {
  /** The webhook's address on this machine. */
  readonly url: string;
  readonly store: Store;
  readonly transcripts: Transcripts;
  readonly links: ReadonlyMap<string, Link>;
  /** The local runner's own checks. */
  examineRunner(): Promise<DoctorReply>;
  /** Ends like `kill -9` would, only sooner: sessions run on, nothing in the air is lost. */
  close(): Promise<void>;
}

const LOCAL = "local";
const DOCTOR_MS_MAX = 30_000;
/** Longest wait for effects that are in the air when we are asked to stop. */
const STOP_GRACE_MS = 10_000;

/** Bad endings in a row: a manager that failed four times becomes one question (decision 6). */
const FAILURES = { workerFailuresMax: 3, managerFailuresMax: 4 };
const UNSAFE_NOTICE =
  "The agent ran as the user that holds the App's key (--unsafe-local): it could have read it.";

const clock: Clock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    // A longer timer would fire at once: Node keeps delays in 31 bits.
    const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

/** Opens everything and starts. Throws when something it needs is not there; then nothing is left running. */
export async function openOrcha(settings: Settings): Promise<Orcha> {
  await using stack = new AsyncDisposableStack();
  const { config, log } = settings;
  for (const directory of [config.dataDir, config.runtimeDir])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  stack.use(lockDirectory(config.dataDir));
  const store = stack.use(await openSqlite(join(config.dataDir, "orcha.db"), clock));
  const transcripts = openTranscripts(join(config.dataDir, "transcripts"));
  const identity = await store.identity();
  const adapters = await openAdapters(settings, store, identity, stack);
  await startEngine(settings, { store, transcripts, adapters, secret: identity.secret }, stack);
  const { auth } = adapters;
  const events = new Set<string>(HANDLED_EVENTS);
  const deliveries = openDeliveryLog(auth, clock);
  const { webhook, production } = config;
  const front = stack.use(await openFrontOf(settings, store));
  const url = new URL(webhook.path, front.url).href;
  if (webhook.proxyUrl !== null)
    stack.use(await openSmee({ source: webhook.proxyUrl, target: url, log, production }));
  // Now that there is somebody to answer, what was missed while nobody was is asked for again.
  const sweep = openSweep({ log, clock, deliveries, events });
  stack.defer(() => sweep.close());
  const owned = stack.move();
  const close = (): Promise<void> => owned.disposeAsync();
  const { links } = adapters;
  const examine = (): Promise<DoctorReply> => examineLink(links.get(LOCAL));
  return {
    url,
    store,
    transcripts,
    links,
    examineRunner: examine,
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface Parts {
  readonly store: Store;
  readonly transcripts: Transcripts;
  readonly adapters: Awaited<ReturnType<typeof openAdapters>>;
  readonly secret: Uint8Array;
}

async function startEngine(
  settings: Settings,
  { store, transcripts, adapters, secret }: Parts,
  stack: AsyncDisposableStack,
): Promise<void> {
  const { log } = settings;
  const { forge, gate, auth, fleet, redact } = adapters;
  const derive = (cause: string) => (name: string) =>
    createHmac("sha256", secret).update(`${cause}\0${name}`).digest("hex");
  const follow = new Follow({
    store,
    records: fleet,
    transcripts,
    clock,
    log,
    driver: driverNamed,
    redact,
  });
  stack.defer(() => follow.close());
  const pump = openPump({
    inbox: store,
    receive: await receiver(settings, store, auth),
    onRejected: ({ guid, name }, reason) =>
      log.error({ delivery: guid, event: name, reason }, "delivery not understood"),
  });
  const loop = openLoop({
    store,
    clock,
    log,
    drain: openDrain({ store, forge, clock, log, derive, rules: rulesOf(settings) }),
    deliver: openDeliver({ store, forge, gate, fleet, clock, log }),
    route: () => pump.drain(),
    follow: () => follow.once(),
  });
  loop.start();
  stack.defer(() => loop.stop(STOP_GRACE_MS));
}

function rulesOf({ config, emulated = false }: Settings): Rules {
  const { stopGraceMs, askWaitMs, summaryWaitMs, turnMaxMs, retryWaitMs } = config.timings;
  const unsafeNotice = config.unsafeLocal && !emulated ? UNSAFE_NOTICE : null;
  return {
    ...FAILURES,
    stopGraceMs,
    askWaitMs,
    summaryWaitMs,
    turnMaxMs,
    retryWaitMs,
    unsafeNotice,
  };
}

type Receive = Parameters<typeof openPump>[0]["receive"];

/** Probot dispatches, src/app.ts routes into the inbox. */
async function receiver({ config, app }: Settings, store: Store, auth: Auth): Promise<Receive> {
  const probot = openProbot({
    appId: app.id,
    privateKey: app.privateKey,
    webhookSecret: app.webhookSecrets[0] ?? "",
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

const openFrontOf = ({ config: { webhook }, app }: Settings, store: Store): Promise<Front> =>
  openFront({ ...webhook, secrets: app.webhookSecrets, inbox: store, clock });

async function openAdapters(
  settings: Settings,
  store: Store,
  identity: Identity,
  stack: AsyncDisposableStack,
) {
  const { config, app } = settings;
  const { github, dataDir, timings } = config;
  const secrets = openSecretRegistry(clock);
  for (const secret of [...app.webhookSecrets, app.privateKey]) secrets.add(secret);
  const pacing = openPacing({ limits: github.limits, clock });
  const auth = openAuth({
    appId: app.id,
    privateKey: app.privateKey,
    baseUrl: github.apiUrl,
    clock,
    secrets,
    timeoutMs: timings.requestMs,
    observe: (installation, headers) => pacing.observe(installation, headers),
  });
  const forge = openForge({
    auth,
    pacing,
    clock,
    secrets,
    configs: {
      get: (id) => store.lastGoodConfig(id),
      put: (id, sha, good) => store.keepConfig(id, sha, good),
    },
    markerSecret: identity.secret,
    allowedHosts: github.linkHosts,
    patienceMs: timings.patienceMs,
    permissionMaxAgeMs: timings.permissionMaxAgeMs,
    timings: { lookAgainMs: timings.lookAgainMs, healMs: timings.healMs },
    onHealFailed: (error) =>
      settings.log.warn(
        { error: error instanceof Error ? error.message : "unknown failure" },
        "double not looked for",
      ),
  });
  stack.defer(() => forge.close());
  const links = await openLinks(settings, identity, store, stack);
  const fleet = openFleet({
    link: (name) => links.get(name),
    driver: driverNamed,
    cloneUrl: (repository) => cloneUrl(github.webUrl, repository),
    credential: (repository) => readCredential(auth, repository),
  });
  const gate = openPushGate({
    auth,
    clock,
    gitUrl: github.webUrl,
    gitTimeoutMs: timings.gitMs,
    dataDirectory: dataDir,
    exportBundle: (effect) => fleet.exportBundle(effect),
    pullRequestState: async (repository, number) =>
      (await forge.read(repository, [{ kind: "pull-request", number }])).pullRequest?.state ?? null,
  });
  const redactor = openRedactor(() => secrets.values());
  return { forge, gate, auth, links, fleet, redact: (line: Uint8Array) => redactor.line(line) };
}

/** What GitHub says of the App whose key we have. Throws PortError. */
export async function readOwnApp({ app, github, timings }: Config): Promise<{
  readonly slug: string;
  readonly permissions: Readonly<Record<string, string | undefined>>;
  readonly events: readonly string[];
}> {
  if (app === null) throw new TypeError("no App is configured");
  const auth = openAuth({
    appId: app.id,
    privateKey: app.privateKey,
    baseUrl: github.apiUrl,
    clock,
    secrets: openSecretRegistry(clock),
    timeoutMs: timings.requestMs,
  });
  const { data } = await auth.app.request("GET /app");
  if (data === null) throw new TypeError("GitHub does not know the App");
  return { slug: data.slug ?? data.name, permissions: data.permissions, events: data.events };
}

/** Asks the local runner's daemon how it is; starts one when there is none. */
export async function examineRunner(config: Config): Promise<DoctorReply> {
  const path = join(config.dataDir, "orcha.db");
  if (!existsSync(path)) return examineUnused(config);
  const link = await openLocalLink({
    config,
    hello: { ...(await peekIdentity(path)), plane: "doctor" },
  });
  try {
    return await examineLink(link);
  } finally {
    await link.close();
  }
}

/** Nobody has served here yet, and a work root belongs to whom it meets first: the doctor takes one of its own. */
async function examineUnused(config: Config): Promise<DoctorReply> {
  const workRoot = mkdtempSync(join(config.dataDir, "doctor-"));
  const runtimeDir = mkdtempSync("/tmp/orcha-");
  const link = await openLocalLink({
    config: { ...config, workRoot, runtimeDir },
    hello: { installation: "doctor", epoch: 0, plane: "doctor" },
  });
  try {
    return await examineLink(link);
  } finally {
    const daemon = link.hello?.runner.pid;
    await link.close();
    if (daemon !== undefined) process.kill(daemon, "SIGTERM");
    for (const directory of [workRoot, runtimeDir])
      rmSync(directory, { recursive: true, force: true });
  }
}

async function examineLink(link: Link | undefined): Promise<DoctorReply> {
  if (link === undefined) throw new TypeError("there is no local runner");
  const { reply } = await link.request({ op: "doctor" }, { timeoutMs: DOCTOR_MS_MAX });
  if (!reply.ok) throw new TypeError(reply.reason);
  return DoctorReply.parse(reply.value);
}

/** One local runner is registered by default. */
async function openLinks(
  { config, programDir }: Settings,
  { installation, epoch }: Identity,
  store: Store,
  stack: AsyncDisposableStack,
): Promise<ReadonlyMap<string, Link>> {
  await store.putRunner({ name: LOCAL, kind: "local", state: "online", slots: config.slots });
  const link = await openLocalLink({
    config,
    programDir,
    hello: { installation, epoch, plane: "serve" },
  });
  stack.defer(() => link.close());
  return new Map([[LOCAL, link]]);
}

interface LocalLink {
  readonly config: Config;
  readonly programDir?: string | undefined;
  readonly hello: { readonly installation: string; readonly plane: string; readonly epoch: number };
}

async function openLocalLink({ config, programDir, hello }: LocalLink): Promise<Link> {
  const { dataDir, workRoot, runtimeDir } = config;
  const { directory } = await ensureProgram({ dataDir: programDir ?? dataDir });
  return openLink({
    transport: openLocal({ name: LOCAL, workRoot, runtimeDir, programDir: directory }),
    hello,
    clock,
  });
}

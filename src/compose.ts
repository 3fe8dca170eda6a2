/**
 * The composition root: settings → adapters → engine. The only file that knows which adapter stands behind
 * which port; nobody but the commands knows this file.
 */
import { createHmac } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { driverNamed } from "./agents/registry.ts";
import { openProbot, orchaApp } from "./app.ts";
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
import { openAuth } from "./github/auth.ts";
import { cloneUrl, readCredential } from "./github/credentials.ts";
import { openForge } from "./github/forge.ts";
import { GITHUB_LIMITS, type Limits } from "./github/limits.ts";
import { openPacing } from "./github/pacing.ts";
import { openPushGate } from "./github/push-gate.ts";
import { openSecretRegistry } from "./github/secrets.ts";
import { openFront, type Front } from "./inbox/front.ts";
import { openPump } from "./inbox/pump.ts";
import { openSmee } from "./inbox/smee.ts";
import { openRedactor } from "./markdown/redact.ts";
import { lockDirectory } from "./store/lock.ts";
import type { Store } from "./store/port.ts";
import { openSqlite } from "./store/sqlite.ts";
import { openTranscripts, type Transcripts } from "./store/transcripts.ts";

export interface Settings {
  readonly dataDir: string;
  /** For sockets: short, because socket paths are. */
  readonly runtimeDir: string;
  readonly github: {
    readonly appId: number;
    readonly privateKey: string;
    /** REST address, e.g. `https://api.github.com`. */
    readonly apiUrl: string;
    /** Where people and git go, e.g. `https://github.com`. */
    readonly webUrl: string;
    readonly limits?: Partial<Limits>;
  };
  readonly webhook: {
    readonly host: string;
    readonly port: number;
    readonly path: string;
    readonly secret: string;
    /** A smee channel that forwards to us; development only. */
    readonly proxyUrl?: string;
    readonly production?: boolean;
  };
  readonly runner: {
    readonly workRoot: string;
    readonly slots: number;
    readonly idleExitMs?: number;
  };
  /** Where the runner program is kept; default: the data directory. */
  readonly programDir?: string;
  readonly rules?: Partial<Rules>;
  readonly log: Logger;
}

export interface Orcha extends AsyncDisposable {
  /** The webhook's address on this machine. */
  readonly url: string;
  readonly store: Store;
  readonly transcripts: Transcripts;
  readonly links: ReadonlyMap<string, Link>;
  /** Ends like `kill -9` would, only sooner: sessions run on, nothing in the air is lost. */
  close(): Promise<void>;
}

const LOCAL = "local";
/** Longest wait for effects that are in the air when we are asked to stop. */
const STOP_GRACE_MS = 10_000;
const REQUEST_MS_MAX = 10_000;

const RULES: Rules = {
  workerFailuresMax: 3,
  managerFailuresMax: 4,
  stopGraceMs: 5_000,
  askWaitMs: 0,
  summaryWaitMs: 5 * 60_000,
  retryWaitMs: 30_000,
  unsafeNotice: null,
};

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
  const { dataDir, log } = settings;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  stack.use(lockDirectory(dataDir));
  const store = stack.use(await openSqlite(join(dataDir, "orcha.db"), clock));
  const identity = await store.identity();
  const transcripts = openTranscripts(join(dataDir, "transcripts"));
  const derive = (cause: string) => (name: string) =>
    createHmac("sha256", identity.secret).update(`${cause}\0${name}`).digest("hex");

  const { forge, gate, auth, links, fleet, redact } = await openAdapters(
    settings,
    store,
    identity,
    stack,
  );
  const deliver = openDeliver({ store, forge, gate, fleet, clock, log });
  const drain = openDrain({
    store,
    forge,
    clock,
    log,
    derive,
    rules: { ...RULES, ...settings.rules },
  });
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
  const probot = openProbot({
    appId: settings.github.appId,
    privateKey: settings.github.privateKey,
    webhookSecret: settings.webhook.secret,
    baseUrl: settings.github.apiUrl,
  });
  await probot.load(
    orchaApp(
      (guid, events) => store.route(guid, events),
      () => auth.ownNow(),
    ),
  );
  const pump = openPump({
    inbox: store,
    receive: (delivery) => receive(probot, delivery),
    onRejected: ({ guid, name }, reason) =>
      log.error({ delivery: guid, event: name, reason }, "delivery not understood"),
  });
  const loop = openLoop({
    store,
    clock,
    log,
    drain,
    deliver,
    route: () => pump.drain(),
    follow: () => follow.once(),
  });
  loop.start();
  stack.defer(() => loop.stop(STOP_GRACE_MS));
  const front = stack.use(await openFrontOf(settings, store));
  const url = new URL(settings.webhook.path, front.url).href;
  const proxy = settings.webhook.proxyUrl;
  if (proxy !== undefined)
    stack.use(
      await openSmee({
        source: proxy,
        target: front.url,
        log,
        production: settings.webhook.production ?? false,
      }),
    );
  const owned = stack.move();
  const close = (): Promise<void> => owned.disposeAsync();
  return { url, store, transcripts, links, close, [Symbol.asyncDispose]: close };
}

type Received = { readonly id: string; readonly name: string; readonly payload: object };

function receive(
  probot: ReturnType<typeof openProbot>,
  { id, name, payload }: Received,
): Promise<void> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- names and payloads are parsed behind Probot (src/inbox/webhook.ts)
  return probot.receive({ id, name, payload } as Parameters<typeof probot.receive>[0]);
}

const openFrontOf = ({ webhook }: Settings, store: Store): Promise<Front> =>
  openFront({
    port: webhook.port,
    host: webhook.host,
    path: webhook.path,
    secrets: [webhook.secret],
    inbox: store,
    clock,
  });

async function openAdapters(
  settings: Settings,
  store: Store,
  identity: Awaited<ReturnType<Store["identity"]>>,
  stack: AsyncDisposableStack,
) {
  const { github, dataDir } = settings;
  const secrets = openSecretRegistry(clock);
  for (const secret of [settings.webhook.secret, github.privateKey]) secrets.add(secret);
  const pacing = openPacing({ limits: { ...GITHUB_LIMITS, ...github.limits }, clock });
  const auth = openAuth({
    appId: github.appId,
    privateKey: github.privateKey,
    baseUrl: github.apiUrl,
    clock,
    secrets,
    timeoutMs: REQUEST_MS_MAX,
    observe: (installation, headers) => pacing.observe(installation, headers),
  });
  const forge = openForge({
    auth,
    pacing,
    clock,
    secrets,
    configs: {
      get: (id) => store.lastGoodConfig(id),
      put: (id, sha, config) => store.keepConfig(id, sha, config),
    },
    markerSecret: identity.secret,
    allowedHosts: [new URL(github.webUrl).host],
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
    dataDirectory: dataDir,
    exportBundle: (effect) => fleet.exportBundle(effect),
    pullRequestState: async (repository, number) =>
      (await forge.read(repository, [{ kind: "pull-request", number }])).pullRequest?.state ?? null,
  });
  const redactor = openRedactor(() => secrets.values());
  return { forge, gate, auth, links, fleet, redact: (line: Uint8Array) => redactor.line(line) };
}

/** One local runner is registered by default. */
async function openLinks(
  { dataDir, programDir = dataDir, runtimeDir, runner }: Settings,
  identity: Awaited<ReturnType<Store["identity"]>>,
  store: Store,
  stack: AsyncDisposableStack,
): Promise<ReadonlyMap<string, Link>> {
  const { directory } = await ensureProgram({ dataDir: programDir });
  await store.putRunner({ name: LOCAL, kind: "local", state: "online", slots: runner.slots });
  const link = openLink({
    transport: openLocal({
      name: LOCAL,
      workRoot: runner.workRoot,
      runtimeDir,
      programDir: directory,
      ...(runner.idleExitMs === undefined ? {} : { idleExitMs: runner.idleExitMs }),
    }),
    hello: { installation: identity.installation, plane: "serve", epoch: identity.epoch },
    clock,
  });
  stack.defer(() => link.close());
  return new Map([[LOCAL, link]]);
}

/**
 * The composition root: settings → the real clock, disk, network and runners → the control plane. Nobody but
 * the commands knows this file.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { realBoot, realClock as clock, realElapsed, turnOver } from "./compose/clock.ts";
import { realChance } from "./compose/chance.ts";
import { openOperations, type Operations } from "./compose/operations.ts";
import { openPlane } from "./compose/plane.ts";
import { openDesk, type Desk } from "./compose/desk.ts";
import { openFreeing, type Gc } from "./compose/freeing.ts";
import { openHands, type Hands } from "./compose/hands.ts";
import { openRoster } from "./compose/roster.ts";
import type { Config } from "./config.ts";
import type { Link } from "./fleet/link.ts";
import { openAuth } from "./github/auth.ts";
import type { Fetch } from "./github/client.ts";
import { openSecretRegistry } from "./github/secrets.ts";
import { openFront, type Front } from "./inbox/front.ts";
import { openSmee } from "./inbox/smee.ts";
import type { Health } from "./ops/health.ts";
import { withArrivals } from "./store/arrivals.ts";
import { lockDirectory } from "./store/lock.ts";
import type { Store } from "./store/port.ts";
import { openSegments } from "./store/segments.ts";
import { openSqlite } from "./store/sqlite.ts";
import { openTranscripts, type TranscriptFiles } from "./store/transcripts.ts";

export interface Settings {
  readonly config: Config;
  readonly app: NonNullable<Config["app"]>;
  readonly log: Logger;
  /** Where the runner program is kept; default: the data directory. */
  readonly programDir?: string;
  /** The network towards GitHub; default: Node's own. */
  readonly fetch?: Fetch;
  /** An emulated GitHub: its key opens nothing, so agents may run as our own user. */
  readonly emulated?: boolean;
  /** Agents run on this machine, too; default: beside an emulated GitHub, and with `unsafeLocal`. */
  readonly local?: boolean;
}

export interface Orcha extends AsyncDisposable {
  /** The webhook's address on this machine, or where it would be. */
  readonly url: string;
  readonly store: Store;
  readonly transcripts: TranscriptFiles;
  readonly links: ReadonlyMap<string, Link>;
  /** What an operator does with runners. */
  readonly desk: Desk;
  /** Frees runners' disks now, or says what would go. */
  readonly gc: Gc;
  /** What a person does with sessions by hand. */
  readonly hands: Hands;
  /** Whether it can do its work now, and what keeps it from that. */
  ready(): ReturnType<Health["ready"]>;
  /** Resolves when it cannot go on: somebody else has taken over, or the database is damaged. It has stopped writing. */
  readonly ended: Promise<Error>;
  /** Ends like `kill -9` would, only sooner: sessions run on, nothing in the air is lost. */
  close(): Promise<void>;
}

const UNSAFE_NOTICE =
  "The agent ran as the user that holds the App's key (--unsafe-local): it could have read it.";

/** Opens everything and starts. Throws when something it needs is not there; then nothing is left running. */
export async function openOrcha(settings: Settings): Promise<Orcha> {
  await using stack = new AsyncDisposableStack();
  const { config, app, log, emulated = false } = settings;
  for (const directory of [config.dataDir, config.runtimeDir])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  stack.use(lockDirectory(config.dataDir));
  const store = stack.use(
    withArrivals({
      store: await openSqlite(join(config.dataDir, "orcha.db"), clock, realChance),
      segments: openSegments(join(config.dataDir, "arrivals")),
      clock,
    }),
  );
  const transcripts = openTranscripts(join(config.dataDir, "transcripts"));
  const identity = await store.identity();
  const { programDir, local = config.unsafeLocal || emulated } = settings;
  const roster = await openRoster({ config, identity, store, log, local, programDir }, stack);
  const { links } = roster;
  const unsafeNotice = config.unsafeLocal && !emulated ? UNSAFE_NOTICE : null;
  const { fetch } = settings;
  const operations = openOperations({ config, log, store, links, transcripts, fetch }, stack);
  const parts = {
    config,
    app,
    clock,
    elapsed: realElapsed,
    boot: realBoot(),
    log,
    store,
    identity,
    transcripts,
    links,
    onLink: (listener: Parameters<typeof roster.onLink>[0]) => roster.onLink(listener),
    unsafeNotice,
    ...operations.plane,
  };
  const plane = await openPlane(parts, stack);
  const reclaim = openFreeing({ config, store, links, log, plane, floor: operations.floor });
  stack.defer(() => reclaim.freeing.close());
  operations.watch(plane, reclaim.freeing);
  const { webhook, production } = config;
  const front = stack.use(await openFrontOf(settings, store, operations));
  const url = webhook.ingest === "pull" ? front.url : new URL(webhook.path, front.url).href;
  if (webhook.proxyUrl !== null)
    stack.use(await openSmee({ source: webhook.proxyUrl, target: url, log, production }));
  // Now that there is somebody to answer, what was missed while nobody was is asked for again.
  plane.sweep();
  const owned = stack.move();
  const close = (): Promise<void> => owned.disposeAsync();
  return {
    url,
    store,
    transcripts,
    links,
    desk: openDesk({ config, store, roster, local }),
    hands: openHands({
      store,
      links,
      silentSince: (runner) => plane.presence.silentSince(runner),
      now: () => clock.now(),
      sshAgent: config.sshAgent,
    }),
    ended: operations.ended,
    gc: reclaim.gc,
    ready: () => operations.health.ready(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Where nobody can reach us, nothing is taken from whoever does. */
function openFrontOf(
  { config: { webhook }, app }: Settings,
  store: Store,
  operations: Operations,
): Promise<Front> {
  const { host, port } = webhook;
  const closed = webhook.ingest === "pull";
  const path = closed ? null : webhook.path;
  const secrets = closed ? [] : app.webhookSecrets;
  return openFront({
    host,
    port,
    path,
    secrets,
    inbox: store,
    clock,
    gather: turnOver,
    ...operations.front,
  });
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

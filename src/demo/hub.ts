/** The product on one machine against the emulated GitHub: what `orcha demo` and `orcha try` run on. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { randomBytes } from "node:crypto";
import { pino, type Logger } from "pino";
import { openOrcha, type Orcha, type Settings } from "../compose.ts";
import type { Objective } from "../domain/objective.ts";
import { problemLines, readConfig } from "../config.ts";
import type { AppHandle } from "../emulator/world.ts";
import { startEmulator, type Emulator } from "../emulator/emulator.ts";
import { SUBSCRIBED_EVENTS } from "../inbox/webhook.ts";
import { openMachine, type Machine } from "./sshd.ts";
import { changes } from "./timeline.ts";

export interface HubOptions {
  readonly owner: string;
  readonly name: string;
  /** Files of a new repository, or a local one to copy. */
  readonly content:
    | { readonly files: Readonly<Record<string, string>> }
    | { readonly from: string; readonly branch: string };
  /** The person who may do everything. */
  readonly person: string;
  readonly port?: number;
  readonly slots?: number;
  /** Sessions run over SSH, on a machine of its own: an SSH server on loopback. */
  readonly ssh?: boolean;
  /** Who works; default: the script agent. */
  readonly agent?: string;
  /** With agents of the user's own. */
  readonly configFile?: string | undefined;
  /** Hears every change, as a line. */
  readonly say: (line: string) => void;
}

export interface Hub extends AsyncDisposable {
  readonly emulator: Emulator;
  readonly orcha: Orcha;
  readonly repository: string;
  readonly logFile: string;
}

/** Rates that a person at the keyboard never meets; the emulator enforces what the app is told to keep. */
const ROOMY = { contentPerMinute: 10_000, contentPerHour: 100_000, pointsPerMinute: 100_000 };

export async function openHub(options: HubOptions): Promise<Hub> {
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "orcha-"));
  stack.defer(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  const { owner, name, person, content, port = 0, slots = 4, ssh = false, say } = options;
  const { agent = "script", configFile } = options;
  const emulator = stack.use(
    await startEmulator({
      port,
      limits: { primaryPerHour: 1_000_000, graphqlPointsPerMinute: 100_000, ...ROOMY },
    }),
  );
  const { world } = emulator;
  world.createUser(person);
  const webhookSecret = randomBytes(16).toString("hex");
  const app = await world.createApp({
    slug: "orcha",
    webhookSecret,
    permissions: { metadata: "read", contents: "write", issues: "write", pull_requests: "write" },
    events: [...SUBSCRIBED_EVENTS],
  });
  const repository = `${owner}/${name}`;
  await world.createRepository({
    owner,
    name,
    ...("files" in content ? content : { from: content.from, defaultBranch: content.branch }),
  });
  world.setPermission(repository, person, "admin");
  world.install(app, { account: owner });
  const logFile = join(directory, "orcha.log");
  const log = pino({ level: "debug" }, pino.destination({ dest: logFile, sync: true }));
  const machine = ssh ? stack.use(await openMachine(join(directory, "machine"))) : null;
  const settings = settingsOf(directory, emulator, app, {
    webhookSecret,
    slots,
    log,
    agent,
    configFile,
  });
  const orcha = await openOrcha({ ...settings, local: machine === null });
  stack.defer(() => end(orcha));
  if (machine !== null) await enroll(orcha, machine, slots);
  app.setWebhookUrl(orcha.url);
  stack.defer(tell(orcha, emulator, repository, say));
  const owned = stack.move();
  return {
    emulator,
    orcha,
    repository,
    logFile,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function enroll({ desk }: Orcha, machine: Machine, slots: number): Promise<void> {
  const { target, identity, workRoot, fingerprint } = machine;
  const wanted = { name: "far", target, slots, workRoot, identity, accept: [fingerprint] };
  const added = await desk.add({ ...wanted, labels: [], jump: null, via: "library" });
  if (added.kind === "added" && added.state === "online") return;
  throw new Error(`the machine over SSH is not fit: ${JSON.stringify(added).slice(0, 2_000)}`);
}

function settingsOf(
  directory: string,
  emulator: Emulator,
  app: AppHandle,
  { webhookSecret, slots, log, agent, configFile }: OwnOptions,
): Settings {
  const env = {
    ORCHA_AGENT: agent,
    ...(configFile === undefined ? {} : { ORCHA_CONFIG: configFile }),
    GHE_HOST: new URL(emulator.url).host,
    GHE_PROTOCOL: "http",
    PORT: "0",
    ORCHA_DATA_DIR: join(directory, "data"),
    ORCHA_RUNTIME_DIR: join(directory, "run"),
    ORCHA_SLOTS: String(slots),
    APP_ID: String(app.id),
    PRIVATE_KEY: app.privateKey,
    WEBHOOK_SECRET: webhookSecret,
  };
  const read = readConfig(env, { app: "required" });
  if (!read.ok || read.config.app === null)
    throw new TypeError(read.ok ? "no app" : problemLines(read.problems).join("\n"));
  const { config } = read;
  const github = { ...config.github, limits: { writeGapMs: 0, ...ROOMY } };
  // Nobody waits for this machine to have less to do.
  const timings = { ...config.timings, stopGraceMs: 2_000, statusEveryMs: 0 };
  return { config: { ...config, github, timings }, app: read.config.app, log, emulated: true };
}

interface OwnOptions {
  readonly webhookSecret: string;
  readonly slots: number;
  readonly log: Logger;
  readonly agent: string;
  readonly configFile: string | undefined;
}

/** Says what changed whenever something did. */
function tell(
  orcha: Orcha,
  emulator: Emulator,
  repository: string,
  say: (line: string) => void,
): () => void {
  const seen = new Map<string, Objective>();
  let last = Promise.resolve();
  const look = async (): Promise<void> => {
    for (const { objective } of (await orcha.store.objectives()).toReversed()) {
      const before = seen.get(objective.id) ?? null;
      seen.set(objective.id, objective);
      const url = (number: number): string => `${emulator.url}/${repository}/pull/${number}`;
      for (const line of changes(before, objective, url)) say(line);
    }
  };
  return orcha.store.onWork(() => {
    last = last.then(look, () => {
      // The store is closed: there is nothing more to say.
    });
  });
}

/** Sessions outlive the control plane by design; here nobody would ever come back for them. */
async function end(orcha: Orcha): Promise<void> {
  const daemons = [...orcha.links.values()].flatMap(({ hello }) => hello?.runner.pid ?? []);
  for (const live of await orcha.store.liveAttempts()) {
    const { session, attempt, runner } = live;
    await orcha.links
      .get(runner)
      ?.request({ op: "stop", session, attempt, graceMs: 500 }, { timeoutMs: 5_000 })
      .catch(() => {
        // The daemon is gone already, and its agents will be with the machine.
      });
  }
  await orcha.close();
  for (const pid of daemons) process.kill(pid, "SIGTERM");
}

/**
 * GitHub in the simulation: the emulator in this process, in virtual time, with two repositories of two owners, people,
 * and the App installed. Webhooks go astray here.
 */
import { generateKeyPairSync } from "node:crypto";
import type { Config } from "../../src/config.ts";
import type { Exchange } from "../../src/emulator/exchange.ts";
import { openInProcess, type InProcess, type Webhook } from "../../src/emulator/in-process.ts";
import type { Pull } from "../../src/emulator/model.ts";
import type { AppHandle, World } from "../../src/emulator/world.ts";
import type { Fetch } from "../../src/github/client.ts";
import type { PushGateOptions } from "../../src/github/push-gate.ts";
import type { Delivery } from "../../src/inbox/port.ts";
import { SUBSCRIBED_EVENTS } from "../../src/inbox/webhook.ts";
import type { PushEvidence, WriteEvidence } from "../invariants/evidence.ts";
import { connectionFailed, openQuarantines } from "./git/quarantine.ts";
import type { Random } from "./random.ts";
import type { Sim } from "./sim.ts";

export interface SimGitHub {
  readonly host: string;
  readonly hub: InProcess;
  readonly world: World;
  readonly app: AppHandle;
  readonly credentials: NonNullable<Config["app"]>;
  readonly label: string;
  readonly repositories: readonly [string, ...string[]];
  readonly installations: ReadonlyMap<string, number>;
  readonly fetch: Fetch;
  readonly quarantine: NonNullable<PushGateOptions["quarantine"]>;
  readonly botLogin: string;
  readonly installed: (repository: string) => boolean;
  /** A file that a pull request changes, null = none. */
  readonly changedFile: (pull: Pull) => Promise<string | null>;
  /** What everybody can see, without ids and times. */
  final(): readonly string[];
}

export interface SimGitHubOptions {
  readonly sim: Sim;
  readonly random: Random;
  readonly pushes: PushEvidence[];
  readonly writes: WriteEvidence[];
  readonly deliver: (delivery: Omit<Delivery, "receivedAt">) => Promise<number>;
  /** Share of webhooks that arrive at all; 1 = all but for faults. */
  readonly arrive: number;
  /** How often each arrives. */
  readonly copies: number;
}

const SECRET = "it is only a simulation";
const LABEL = "objective";
/** One key for all runs of a process, and a short one: signing was a tenth of the time. */
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 512,
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
  publicKeyEncoding: { type: "pkcs1", format: "pem" },
});

export async function openSimGitHub(options: SimGitHubOptions): Promise<SimGitHub> {
  const { sim, random } = options;
  const hub = openInProcess({
    now: sim.time.now,
    random: random.next,
    schedule: (delayMs, happen) => sim.time.after(delayMs ?? 0, happen),
    deliver: (webhook) => deliver(options, webhook),
    privateKey,
    listLag: () => (sim.faults.draw("lists lag") ? random.int(500, 10_000) : 0),
    onExchange: (exchange) => record(options, exchange),
  });
  const { world } = hub;
  for (const login of ["ann", "bob", "mallory"]) world.createUser(login);
  const app = await world.createApp({
    slug: "orcha",
    webhookSecret: SECRET,
    permissions: { metadata: "read", contents: "write", issues: "write", pull_requests: "write" },
    events: [...SUBSCRIBED_EVENTS],
  });
  const repositories = ["acme/shop", "umbrella/lab"] as const;
  const installations = new Map<string, number>();
  for (const full of repositories) {
    const [owner, name] = [full.slice(0, full.indexOf("/")), full.slice(full.indexOf("/") + 1)];
    await world.createRepository({ owner, name, files: { "README.md": `# ${name}\n` } });
    for (const login of ["ann", "bob"]) world.setPermission(full, login, "admin");
    world.setPermission(full, "mallory", "read");
    installations.set(full, world.install(app, { account: owner }).id);
  }
  return {
    host: new URL(hub.url).host,
    hub,
    world,
    app,
    credentials: { id: app.id, privateKey: app.privateKey, webhookSecrets: [SECRET] },
    label: LABEL,
    botLogin: app.botUser.login,
    repositories,
    installations,
    fetch: hub.fetch,
    quarantine: quarantineOver(hub, options),
    installed: (repository) => {
      const installation = hub.hub.installations.get(installations.get(repository) ?? 0);
      return installation !== undefined;
    },
    changedFile: async (pull) => {
      const { git } = pull.issue.repository;
      const [file] = await git.diffFiles(pull.baseSha, pull.headSha);
      return file?.path ?? null;
    },
    final: () =>
      repositories.flatMap((repository) => finalOf(world, repository, app.botUser.login)),
  };
}

/** Where the push gate runs git: its connection may fail before and after the push was done. */
function quarantineOver(
  github: InProcess,
  { sim, pushes }: SimGitHubOptions,
): SimGitHub["quarantine"] {
  return openQuarantines({
    github,
    now: sim.time.now,
    onPush: (push) => {
      sim.trace.add(`push ${push.ref}`);
      pushes.push(push);
    },
    async around(command, work) {
      await sim.pause(sim.random.int(50, 2_000));
      if (sim.faults.draw("call failed before")) return connectionFailed();
      const result = await work();
      sim.trace.add(`git ${command} ${result.code}`);
      return sim.faults.draw("call failed after") ? connectionFailed() : result;
    },
  });
}

async function deliver(
  { sim, deliver: arrive, arrive: share, copies }: SimGitHubOptions,
  webhook: Webhook,
): Promise<{ readonly statusCode: number }> {
  const { faults, random, trace } = sim;
  const { guid, event, action, body } = webhook;
  const delivery = { guid, name: event, body };
  const what = `webhook ${event}.${action ?? ""}`;
  if (faults.draw("webhook lost") || !random.chance(share)) {
    trace.add(`${what} lost`);
    // A tunnel that says "delivered" and loses it, or nobody there.
    return { statusCode: random.chance(0.5) ? 200 : 502 };
  }
  for (let copy = 1; copy < copies; copy += 1) void arrive(delivery);
  if (faults.draw("webhook doubled"))
    sim.time.after(random.int(10, 60_000), () => void arrive(delivery));
  if (faults.draw("webhook late")) {
    sim.time.after(random.int(60_000, 2 * 3_600_000), () => void arrive(delivery));
    return { statusCode: 504 };
  }
  await sim.pause(
    faults.draw("webhooks out of order") ? random.int(100, 8_000) : random.int(5, 60),
  );
  const statusCode = await arrive(delivery);
  trace.add(`${what} ${statusCode}`);
  return { statusCode };
}

/** Writes in a repository, by our App: whoever else acts does not come over `fetch`. */
function record({ sim, writes }: SimGitHubOptions, exchange: Exchange): void {
  if (exchange.kind !== "rest" || exchange.method === "GET") return;
  const repository = /^\/repos\/(?<name>[^/]+\/[^/]+)\//u.exec(exchange.path)?.groups?.["name"];
  if (repository === undefined) return;
  const route = `${exchange.method} ${exchange.route ?? exchange.path}`;
  writes.push({ at: sim.time.now(), repository, route, status: exchange.status });
}

/** Numbers of pull requests and the order of lines depend on who was faster. */
function finalOf(world: World, repository: string, bot: string): readonly string[] {
  const issues = world.issues(repository).map((issue) => {
    const said = issue.comments
      // The status says when and where besides what.
      .filter(({ author, body }) => author.login === bot && !body.includes("| Session "))
      .map(({ body }) => clean(body))
      .toSorted();
    const state = `${issue.state} ${issue.stateReason ?? ""}`;
    return `${repository}#${issue.number} ${state}\n${said.join("\n--\n")}`;
  });
  const pulls = world
    .pulls(repository)
    .map(({ issue: { title, state }, mergedAtMs, threads }) => {
      const answered = threads.filter(({ comments }) =>
        comments.some(({ author }) => author.login === bot),
      ).length;
      const end = mergedAtMs === undefined ? state : "merged";
      return `${repository} ${title} ${end}, ${answered} of ${threads.length} threads answered`;
    })
    .toSorted();
  return [...issues, ...pulls];
}

const clean = (body: string): string =>
  body
    .replaceAll(/<!--[^>]*-->/gu, "")
    .replaceAll(/ses_[\w-]+/gu, "SESSION")
    .replaceAll(/#\d+/gu, "#N")
    .replaceAll(/\b[0-9a-f]{7,40}\b/gu, "SHA")
    .split("\n")
    .filter((line) => line !== "" && !SUMMARY.test(line))
    .toSorted()
    .join("\n");

/** Who was faster with it, the manager or we, is open. */
const SUMMARY = /^(?:All is|There was|\d+ worker)/u;

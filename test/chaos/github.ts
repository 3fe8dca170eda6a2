/**
 * The emulated GitHub of a chaos run: many owners that installed the App, one repository each, limits that are
 * enforced, lists that lag. It also keeps what the invariants ask about: every write and every push of the App.
 */
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import type { Exchange } from "../../src/emulator/exchange.ts";
import type { Repository } from "../../src/emulator/model.ts";
import type { AppHandle, World } from "../../src/emulator/world.ts";
import { SUBSCRIBED_EVENTS } from "../../src/inbox/webhook.ts";
import { collectViolations } from "../emulator/validate.ts";
import type { PushEvidence, WriteEvidence } from "../invariants/evidence.ts";
import type { Random } from "../sim/random.ts";

export const SECRET = "it is only a test of chaos";
export const LABEL = "objective";
export const TRUSTED = ["ann", "bob"] as const;
/** GitHub's lists lag behind its writes by so much at most. */
export const LAG_MS = 800;

/** The same for both sides (decision 11). */
export interface ChaosLimits {
  readonly writeGapMs: number;
  readonly contentPerMinute: number;
  readonly contentPerHour: number;
  readonly pointsPerMinute: number;
}

export interface ChaosGitHub {
  readonly emulator: Emulator;
  readonly world: World;
  readonly app: AppHandle;
  readonly repositories: readonly string[];
  readonly writes: readonly WriteEvidence[];
  readonly requests: () => number;
  /** Refused because a limit was exceeded. */
  readonly refusals: readonly string[];
  /** GitHub's own description was violated by either side. */
  readonly violations: readonly string[];
  /** Webhooks sent, copies not counted. */
  readonly webhooks: () => number;
  /** GUIDs that were answered with 2xx. */
  accepted(): ReadonlySet<string>;
  pushes(): Promise<readonly PushEvidence[]>;
}

export async function openChaosGitHub(options: {
  readonly random: Random;
  readonly limits: ChaosLimits;
  readonly installations: number;
  readonly publicUrl: string;
  readonly webhookUrl: string;
  /** After the App wrote something, before it hears of it. */
  readonly onWrite: () => void;
}): Promise<ChaosGitHub> {
  const { random, limits, publicUrl, webhookUrl } = options;
  const checked = collectViolations();
  const seen = observe(options.onWrite, () => emulator.world.nowMs());
  const { writeGapMs: _, ...enforced } = limits;
  const emulator: Emulator = await startEmulator({
    publicUrl,
    limits: { ...enforced, primaryPerHour: 1_000_000, graphqlPointsPerMinute: 1_000_000 },
    listLag: () => (random.chance(0.2) ? random.int(1, LAG_MS) : 0),
    onExchange: (exchange) => {
      checked.onExchange(exchange);
      seen.onExchange(exchange);
    },
  });
  const { world } = emulator;
  for (const login of [...TRUSTED, "mallory"]) world.createUser(login);
  const app = await world.createApp({
    slug: "orcha",
    webhookUrl,
    webhookSecret: SECRET,
    permissions: { metadata: "read", contents: "write", issues: "write", pull_requests: "write" },
    events: [...SUBSCRIBED_EVENTS],
  });
  const repositories: string[] = [];
  for (let n = 1; n <= options.installations; n += 1)
    repositories.push(await populate(world, app, `owner-${n}`));
  const pushes = recordPushes(world, repositories);
  return {
    emulator,
    world,
    app,
    repositories,
    ...seen.kept,
    violations: checked.violations,
    accepted: () =>
      new Set(
        world
          .deliveries(app)
          .filter(({ statusCode }) => statusCode >= 200 && statusCode < 300)
          .map(({ guid }) => guid),
      ),
    pushes,
  };
}

async function populate(world: World, app: AppHandle, owner: string): Promise<string> {
  const name = `${owner}/shop`;
  await world.createRepository({ owner, name: "shop", files: { "README.md": `# ${owner}\n` } });
  world.setPermission(name, "ann", "admin");
  world.setPermission(name, "bob", "write");
  world.setPermission(name, "mallory", "read");
  world.install(app, { account: owner });
  return name;
}

type Kept = Pick<ChaosGitHub, "writes" | "requests" | "refusals" | "webhooks">;

function observe(
  onWrite: () => void,
  now: () => number,
): { readonly onExchange: (exchange: Exchange) => void; readonly kept: Kept } {
  const writes: WriteEvidence[] = [];
  const refusals: string[] = [];
  let requests = 0;
  let webhooks = 0;
  const onRest = (exchange: Exchange & { readonly kind: "rest" }): void => {
    const { method, route = "", path, status, responseBody } = exchange;
    const why = JSON.stringify(responseBody ?? null);
    if ((status === 403 || status === 429) && why.includes("rate limit"))
      refusals.push(`${method} ${path}: ${why.slice(0, 200)}`);
    const [, owner, name] = /\/repos\/([^/]+)\/([^/]+)/u.exec(path) ?? [];
    if (method === "GET" || owner === undefined) return;
    const repository = `${owner}/${name}`;
    writes.push({ at: now(), repository, route: `${method} ${route}`, status });
    if (status < 400) onWrite();
  };
  return {
    onExchange(exchange) {
      if (exchange.kind === "webhook") webhooks += 1;
      else requests += 1;
      if (exchange.kind === "rest") onRest(exchange);
    },
    kept: { writes, refusals, requests: () => requests, webhooks: () => webhooks },
  };
}

interface Push {
  readonly at: number;
  readonly repository: string;
  readonly ref: string;
  readonly before: string | undefined;
  readonly after: string;
  readonly pull: PushEvidence["pull"];
}

/** Branches of the App as they move; whether they moved forward is asked of git in the end. */
function recordPushes(
  world: World,
  names: readonly string[],
): () => Promise<readonly PushEvidence[]> {
  const found: Push[] = [];
  const roots = new Map<string, string>();
  const known = new Map<string, ReadonlyMap<string, string>>();
  const look = (): void => {
    for (const name of names) {
      const repository = world.repository(name);
      const before = known.get(name) ?? new Map<string, string>();
      if (!roots.has(name)) roots.set(name, repository.refs.get("refs/heads/main") ?? "");
      for (const [ref, after] of repository.refs) {
        if (!ref.startsWith("refs/heads/orcha/") || before.get(ref) === after) continue;
        const pull = pullOf(repository, ref);
        found.push({
          at: world.nowMs(),
          repository: name,
          ref,
          before: before.get(ref),
          after,
          pull,
        });
      }
      known.set(name, new Map(repository.refs));
    }
  };
  look();
  world.watch(look);
  return () =>
    Promise.all(
      found.map(async ({ at, repository, ref, before, after, pull }) => {
        const { git } = world.repository(repository);
        return {
          at,
          repository,
          ref,
          sha: after,
          pull,
          forced: before !== undefined && !(await git.isAncestor(before, after)),
          rooted: await git.isAncestor(roots.get(repository) ?? "", after),
        };
      }),
    );
}

/** The pull request of a branch when it moved. */
function pullOf(repository: Repository, ref: string): PushEvidence["pull"] {
  const pull = [...repository.issues.values()]
    .map((issue) => issue.pull)
    .findLast((one) => `refs/heads/${one?.headRef}` === ref);
  if (pull === undefined) return null;
  if (pull.mergedAtMs !== undefined) return "merged";
  return pull.issue.state === "open" ? "open" : "closed";
}

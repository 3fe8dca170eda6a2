/** A push gate over the simulation's git, a repository it pushes to, and an agent's hands on its commits. */
import { generateKeyPairSync } from "node:crypto";

import { sessionId } from "../../../src/domain/id.ts";
import { inMemory } from "../../../src/emulator/git/memory.ts";
import { changedFiles, filesOf, type Objects } from "../../../src/emulator/git/objects.ts";
import { openInProcess, type InProcess, type Webhook } from "../../../src/emulator/in-process.ts";
import type { AppHandle } from "../../../src/emulator/world.ts";
import type { Person } from "../../../src/emulator/person.ts";
import { openAuth, type Auth } from "../../../src/github/auth.ts";
import { openPushGate, type PushGateOptions } from "../../../src/github/push-gate.ts";
import { openSecretRegistry } from "../../../src/github/secrets.ts";
import { makeBundle } from "./bundle.ts";
import { openQuarantines, type QuarantineOptions } from "./quarantine.ts";
import type { PushMade } from "./remote.ts";

export const SHOP = "acme/shop";
export const BRANCH = "orcha/1-limits-abcdef";
export const session = sessionId("s1");
export const now = (): number => Date.UTC(2026, 0, 1);

const privateKey = generateKeyPairSync("rsa", { modulusLength: 1024 })
  .privateKey.export({ type: "pkcs1", format: "pem" })
  .toString();
const clock = { now, after: () => () => undefined };

type Push = ReturnType<typeof openPushGate>["push"];
type Effect = Parameters<Push>[0];

export interface Rig {
  readonly github: InProcess;
  readonly objects: Objects;
  readonly alice: Person;
  readonly webhooks: readonly Webhook[];
  readonly pushes: readonly PushMade[];
  /** The agent commits; returns the commit. */
  readonly commit: (files: Readonly<Record<string, string | null>>) => string;
  readonly push: (
    effect?: Partial<Effect>,
    more?: Partial<PushGateOptions> & { readonly tries?: number },
  ) => ReturnType<Push>;
  readonly branch: () => string | undefined;
}

export interface RigOptions {
  readonly around?: NonNullable<QuarantineOptions["around"]>;
  readonly permissions?: Readonly<Record<string, "read" | "write">>;
}

export async function openRig(options: RigOptions = {}): Promise<Rig> {
  const webhooks: Webhook[] = [];
  const pushes: PushMade[] = [];
  const github = openGitHub(webhooks);
  const { app, installation } = await furnish(github, options);
  const repository = github.world.repository(SHOP);
  const auth = authOf(github, app);
  const quarantine = openQuarantines({
    github,
    now,
    onPush: (push) => pushes.push(push),
    ...(options.around === undefined ? {} : { around: options.around }),
  });
  const { objects } = inMemory(repository.git);
  const base = repository.refs.get("refs/heads/main") ?? "";
  let head = base;
  return {
    github,
    objects,
    alice: github.world.as("alice"),
    webhooks,
    pushes,
    commit(changes) {
      head = commitOn(objects, head, changes);
      return head;
    },
    push(overrides = {}, { tries = 1, ...more } = {}) {
      const gate = openPushGate({
        auth,
        clock,
        exportBundle: async () => {
          const bundle = makeBundle({ objects }, base, head);
          return { ok: true, base, head, bundle };
        },
        pullRequest: async (_repository, number) => ({ number, state: "open", headSha: base }),
        pullRequestAt: async () => null,
        gitUrl: github.url,
        dataDirectory: "/nowhere",
        quarantine,
        ...more,
      });
      const effect = { ...effectOf(installation, repository.id, base), ...overrides };
      return gate.push(effect, { key: "push", number: tries, known: null });
    },
    branch: () => repository.refs.get(`refs/heads/${BRANCH}`),
  };
}

/** An agent's commit; nobody but its checkout knows it yet. */
export function commitOn(
  objects: Objects,
  parent: string,
  changes: Readonly<Record<string, string | null>>,
): string {
  const tree = objects.addTree(changedFiles(objects, filesOf(objects, parent), changes));
  const author = { name: "agent", email: "agent@localhost", atMs: now() };
  const commit = { tree, parents: [parent], author, committer: author, message: "Work\n" };
  return objects.addCommit(commit);
}

function openGitHub(webhooks: Webhook[]): InProcess {
  let draws = 1;
  return openInProcess({
    now,
    random: () => {
      draws = (draws * 48_271) % 2_147_483_647;
      return draws / 2_147_483_647;
    },
    schedule: () => () => undefined,
    deliver: async (webhook) => {
      webhooks.push(webhook);
      return { statusCode: 200 };
    },
    privateKey,
  });
}

async function furnish(
  { world }: InProcess,
  { permissions }: RigOptions,
): Promise<{ readonly app: AppHandle; readonly installation: number }> {
  world.createUser("alice");
  const files = { "README.md": "# Shop\n", "cart.js": "one\ntwo\n" };
  await world.createRepository({ owner: "acme", name: "shop", files });
  world.setPermission(SHOP, "alice", "admin");
  const app = await world.createApp({
    slug: "orcha",
    webhookSecret: "s",
    permissions: permissions ?? { contents: "write", issues: "write", pull_requests: "write" },
    events: ["push", "pull_request"],
  });
  return { app, installation: world.install(app, { account: "acme" }).id };
}

function authOf({ url, fetch }: InProcess, app: AppHandle): Auth {
  return openAuth({
    appId: app.id,
    privateKey,
    baseUrl: `${url}/api/v3`,
    clock,
    secrets: openSecretRegistry(clock),
    timeoutMs: 1_000,
    fetch,
  });
}

function effectOf(installation: number, id: number, base: string): Effect {
  return {
    kind: "push-branch",
    repository: { installation, id, owner: "acme", name: "shop" },
    number: 1,
    session,
    attempt: 1,
    runner: "local",
    path: "/checkout",
    base,
    branch: BRANCH,
    expected: null,
    pullRequest: null,
    title: "Limits",
  };
}

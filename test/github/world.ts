/** An emulated GitHub with the App installed on `acme/shop`, and our adapters connected to it. */
import { realClock } from "../../src/compose/clock.ts";
import { openAuth, type Auth } from "../../src/github/auth.ts";
import type { Fetch } from "../../src/github/client.ts";
import { openForge, type ForgeOptions, type OpenForge } from "../../src/github/forge.ts";
import { Limits } from "../../src/github/limits.ts";
import { openPacing } from "../../src/github/pacing.ts";
import { openSecretRegistry, type SecretRegistry } from "../../src/github/secrets.ts";
import type { RepositoryConfigs } from "../../src/github/repository-config.ts";
import type { Repository, RepositoryConfig } from "../../src/domain/repository.ts";
import { startEmulator, type EmulatorOptions } from "../../src/emulator/emulator.ts";
import type { AppHandle, World } from "../../src/emulator/world.ts";
import type { EffectAttempt } from "../../src/engine/ports.ts";
import { collectViolations } from "../emulator/validate.ts";
import { hastyClock } from "./clock.ts";

export const SHOP = "acme/shop";
export const MARKER_SECRET = new Uint8Array(32).fill(7);

export interface ShopWorld extends AsyncDisposable {
  readonly url: string;
  readonly world: World;
  readonly app: AppHandle;
  readonly repository: Repository;
  readonly secrets: SecretRegistry;
  readonly auth: Auth;
  readonly forge: OpenForge;
  readonly configs: RepositoryConfigs;
}

/** Limits that never slow a test down. */
const LOOSE = Limits.parse({
  writeGapMs: 0,
  contentPerMinute: 100_000,
  contentPerHour: 100_000,
  pointsPerMinute: 1_000_000,
});

export async function openShopWorld(
  options: {
    readonly emulator?: EmulatorOptions;
    readonly forge?: Partial<ForgeOptions>;
    readonly private?: boolean;
    readonly files?: Readonly<Record<string, string>>;
  } = {},
): Promise<ShopWorld> {
  const loose = { writeGapMs: 0, contentPerMinute: 1e6, contentPerHour: 1e6, pointsPerMinute: 1e6 };
  const { onExchange, violations } = collectViolations();
  const emulator = await startEmulator({ onExchange, limits: loose, ...options.emulator });
  const { world, url } = emulator;
  for (const login of ["alice", "bob"]) world.createUser(login);
  const created = await world.createRepository({
    owner: "acme",
    name: "shop",
    private: options.private ?? true,
    files: { "README.md": "# Shop\n", "src/cart.js": "one\ntwo\nthree\n", ...options.files },
  });
  world.setPermission(SHOP, "alice", "write");
  world.setPermission(SHOP, "bob", "read");
  const app = await world.createApp({
    slug: "orcha",
    webhookSecret: "secret of the tests",
    permissions: { contents: "write", issues: "write", pull_requests: "write" },
    events: ["issues"],
  });
  const installation = world.install(app, { account: "acme" });
  const repository: Repository = {
    installation: installation.id,
    id: created.id,
    owner: "acme",
    name: "shop",
  };
  const connected = connect(url, app, options.forge ?? {});
  return {
    url,
    world,
    app,
    repository,
    ...connected,
    async [Symbol.asyncDispose]() {
      connected.forge.close();
      await emulator.close();
      if (violations.length > 0)
        throw new Error(`against GitHub's API description: ${violations.join("; ")}`);
    },
  };
}

/** Our adapters, as the composition root puts them together. */
export function connect(
  url: string,
  app: Pick<AppHandle, "id" | "privateKey">,
  options: Partial<ForgeOptions> = {},
  fetch?: Fetch,
  elapsed?: () => number,
): Pick<ShopWorld, "secrets" | "auth" | "forge" | "configs"> {
  const clock = options.clock ?? hastyClock;
  const secrets = openSecretRegistry({ ...clock, now: elapsed ?? (() => clock.now()) });
  const auth = openAuth({
    appId: app.id,
    privateKey: app.privateKey,
    baseUrl: `${url}/api/v3`,
    // Deadlines of requests are real whatever the clock is: the emulator answers in real time.
    clock: {
      now: () => clock.now(),
      after: (delayMs, callback) => realClock.after(delayMs, callback),
    },
    secrets,
    timeoutMs: 5_000,
    ...(elapsed === undefined ? {} : { elapsed }),
    ...(fetch === undefined ? {} : { fetch }),
  });
  const configs = memoryConfigs();
  const forge = openForge({
    auth,
    pacing: openPacing({ limits: LOOSE, clock }),
    clock,
    configs,
    secrets,
    markerSecret: MARKER_SECRET,
    allowedHosts: [new URL(url).host],
    ...options,
  });
  return { secrets, auth, forge, configs };
}

function memoryConfigs(): RepositoryConfigs {
  const kept = new Map<number, { sha: string; config: RepositoryConfig }>();
  return {
    get: async (repository) => kept.get(repository) ?? null,
    put: async (repository, sha, config) => {
      kept.set(repository, { sha, config });
    },
  };
}

export const attempt = (key: string, number = 1, known: string | null = null): EffectAttempt => ({
  key,
  number,
  known,
});

/** The emulated GitHub with one repository, its people and the App installed: where every end-to-end test begins. */
import type { Emulator } from "../src/emulator/emulator.ts";
import { startEmulator } from "../src/emulator/emulator.ts";
import type { AppHandle } from "../src/emulator/world.ts";
import { SUBSCRIBED_EVENTS } from "../src/inbox/webhook.ts";
import { collectViolations } from "./emulator/validate.ts";

export const SECRET = "it is only a test";
export const REPO = "acme/shop";

const unlimited = {
  primaryPerHour: 1_000_000,
  pointsPerMinute: 1_000_000,
  graphqlPointsPerMinute: 1_000_000,
  contentPerMinute: 1_000_000,
  contentPerHour: 1_000_000,
};

export interface GitHub {
  readonly emulator: Emulator;
  readonly app: AppHandle;
  /** What the emulator or the App said against GitHub's own description. */
  readonly violations: readonly string[];
}

export interface GitHubOptions {
  readonly files?: Readonly<Record<string, string>>;
  readonly private?: boolean;
}

/** ann has admin permission, mallory may only read. */
export async function startGitHub(options: GitHubOptions): Promise<GitHub> {
  const { onExchange, violations } = collectViolations();
  const emulator = await startEmulator({ onExchange, limits: unlimited });
  const { world } = emulator;
  world.createUser("ann");
  world.createUser("mallory");
  const app = await world.createApp({
    slug: "orcha",
    webhookSecret: SECRET,
    permissions: { metadata: "read", contents: "write", issues: "write", pull_requests: "write" },
    events: [...SUBSCRIBED_EVENTS],
  });
  await world.createRepository({
    owner: "acme",
    name: "shop",
    private: options.private ?? false,
    files: options.files ?? { "README.md": "# shop\n" },
  });
  world.setPermission(REPO, "ann", "admin");
  world.setPermission(REPO, "mallory", "read");
  world.install(app, { account: "acme" });
  return { emulator, app, violations };
}

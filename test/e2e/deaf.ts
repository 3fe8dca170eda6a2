/**
 * A world in which no webhook reaches the control plane: the App's webhook is inactive, or everything sent is lost.
 * Everything else is as in test/world.ts.
 */
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { openOrcha } from "../../src/compose.ts";
import { readConfig } from "../../src/config.ts";
import type { Config } from "../../src/config.ts";
import type { Plane } from "../control-plane.ts";
import { SECRET, startGitHub, type GitHubOptions } from "../github-people.ts";
import { TestWorld } from "../world.ts";

export interface DeafOptions extends GitHubOptions {
  /** `pull`: there is no webhook at all, and no secret for one. */
  readonly ingest: "push" | "pull";
  readonly timings?: Partial<Config["timings"]>;
}

/** Fast enough for a test, and slow enough that each look ends before the next. */
const LOOK_MS = 300;

export async function openDeafWorld(options: DeafOptions): Promise<TestWorld> {
  const directory = mkdtempSync(join(tmpdir(), "orcha-"));
  const github = await startGitHub(options);
  const { url } = github.emulator;
  const env = {
    ORCHA_AGENT: "script",
    GHE_HOST: new URL(url).host,
    GHE_PROTOCOL: "http",
    PORT: "0",
    ORCHA_DATA_DIR: join(directory, "data"),
    ORCHA_WORK_ROOT: join(directory, "work"),
    ORCHA_RUNTIME_DIR: join(directory, "run"),
    ORCHA_SLOTS: "4",
    APP_ID: String(github.app.id),
    PRIVATE_KEY: github.app.privateKey,
    ...(options.ingest === "pull" ? { ORCHA_INGEST: "pull" } : { WEBHOOK_SECRET: SECRET }),
  };
  const start = async (): Promise<Plane> => {
    const read = readConfig(env, { app: "required" });
    if (!read.ok || read.config.app === null) throw new Error(JSON.stringify(read));
    const programDir = join(tmpdir(), "orcha-test-program");
    mkdirSync(programDir, { recursive: true });
    const orcha = await openOrcha({
      config: configured(read.config, options.timings),
      app: read.config.app,
      log: pino({ level: "silent" }),
      programDir,
      emulated: true,
    });
    return {
      url: orcha.url,
      exited: new Promise(() => {}),
      reading: orcha.store,
      kill: () => {
        throw new Error("this control plane has no process of its own");
      },
      close: () => orcha.close(),
    };
  };
  return new TestWorld(github, directory, await start(), start);
}

/** GitHub's limits are another test's subject. */
const limits = {
  writeGapMs: 0,
  contentPerMinute: 100_000,
  contentPerHour: 100_000,
  pointsPerMinute: 1_000_000,
};

const configured = (config: Config, timings: Partial<Config["timings"]> = {}): Config => ({
  ...config,
  github: { ...config.github, limits },
  timings: {
    ...config.timings,
    stopGraceMs: 2_000,
    retryWaitMs: 200,
    permissionMaxAgeMs: 0,
    lookAgainMs: 200,
    healMs: 2_000,
    statusEveryMs: 0,
    sweepEveryMs: LOOK_MS,
    pullEveryMs: LOOK_MS,
    reconcileEveryMs: LOOK_MS * 3,
    deliveryLogEveryMs: LOOK_MS,
    ...timings,
  },
});

/** The control plane of an end-to-end test: in this process, or as `orcha serve` in one of its own that can be killed. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pino } from "pino";
import { openOrcha, type Settings } from "../src/compose.ts";
import { readConfig } from "../src/config.ts";
import type { Reading } from "../src/store/port.ts";
import { openReading } from "../src/store/sqlite.ts";
import { saidWebhook } from "./serving.ts";

export interface Plane {
  /** Where the App's webhooks go. */
  readonly url: string;
  readonly reading: Reading;
  /** The exit code of a process of its own, once it has ended. */
  readonly exited: Promise<number | null>;
  /** SIGKILL; only for a process of its own. */
  kill(): void;
  /** As SIGTERM does: sessions run on. */
  close(): Promise<void>;
}

export interface PlaneOptions {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timings?: Partial<Settings["config"]["timings"]>;
  /** By name, as in the configuration file. */
  readonly agents?: Settings["config"]["agents"];
  /** No agents on this machine: runners are registered. Only for a process of its own. */
  readonly local?: false;
}

/** GitHub's limits are another test's subject. */
const limits = {
  writeGapMs: 0,
  contentPerMinute: 100_000,
  contentPerHour: 100_000,
  pointsPerMinute: 1_000_000,
};
const timingsOf = ({ timings }: PlaneOptions) => ({
  stopGraceMs: 2_000,
  retryWaitMs: 200,
  limitWaitMs: 500,
  permissionMaxAgeMs: 0,
  lookAgainMs: 200,
  healMs: 2_000,
  // A machine that is busy with tests takes sessions all the same.
  statusEveryMs: 0,
  ...timings,
});

/** Shared by all tests of a run: bundling takes longer than most tests. */
const programDir = join(tmpdir(), "orcha-test-program");

export async function startInProcess(options: PlaneOptions): Promise<Plane> {
  mkdirSync(programDir, { recursive: true });
  const read = readConfig(options.env, { app: "required" });
  if (!read.ok || read.config.app === null) throw new Error(JSON.stringify(read));
  const config = {
    ...read.config,
    timings: { ...read.config.timings, ...timingsOf(options) },
    agents: { ...read.config.agents, ...options.agents },
    github: { ...read.config.github, limits },
    // Its file alone takes longer to write than many of these tests.
    ops: { ...read.config.ops, ballastBytes: 0 },
  };
  const log = logTo(process.env["ORCHA_TEST_LOG"]);
  const orcha = await openOrcha({ config, app: read.config.app, log, programDir, emulated: true });
  return {
    url: orcha.url,
    reading: orcha.store,
    exited: new Promise(() => {}),
    kill: () => {
      throw new Error("this control plane has no process of its own");
    },
    close: () => orcha.close(),
  };
}

/** `ORCHA_TEST_LOG=file` keeps everything the control plane has to say. */
const logTo = (file: string | undefined): Settings["log"] =>
  file === undefined
    ? pino({ level: "silent" })
    : pino({ level: "debug" }, pino.destination({ dest: file, sync: true }));

const bin = new URL("../bin/orcha.mjs", import.meta.url).pathname;

export async function startProcess(options: PlaneOptions): Promise<Plane> {
  const configFile = join(options.directory, "orcha.yml");
  writeFileSync(
    configFile,
    JSON.stringify({
      github: { limits },
      timings: timingsOf(options),
      ops: { ballastBytes: 0 },
      agents: options.agents ?? {},
    }),
  );
  const child = spawn(
    process.execPath,
    [bin, "serve", ...(options.local === false ? [] : ["--unsafe-local"])],
    {
      env: {
        PATH: process.env["PATH"],
        HOME: options.directory,
        ...options.env,
        ORCHA_CONFIG: configFile,
        LOG_LEVEL: "info",
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const url = await saidWebhook(child);
  const reading = openReading(join(options.directory, "data", "orcha.db"));
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return {
    url,
    reading,
    exited,
    kill: () => void child.kill("SIGKILL"),
    async close() {
      child.kill("SIGTERM");
      await exited;
      await reading[Symbol.asyncDispose]();
    },
  };
}

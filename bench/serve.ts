/** `orcha serve` as a person starts it, in a process of its own, against the emulated GitHub. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pids, readProc } from "./agents.ts";
import { SECRET, type Hub } from "./hub.ts";
import { freePort } from "./programs.ts";
import { saidWebhook } from "../test/serving.ts";

export interface ServeOptions {
  /** Below it: data, work, run. */
  readonly directory: string;
  readonly slots?: number;
  /** Keeps GitHub's limits on writes, as it does by default. */
  readonly paced?: boolean;
}

export interface Serving extends AsyncDisposable {
  readonly directory: string;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same data; ms until it says that it serves. */
  startAgain(): Promise<number>;
}

/** GitHub's limits are not what is measured. */
const NO_LIMITS = {
  writeGapMs: 0,
  contentPerMinute: 1_000_000,
  contentPerHour: 1_000_000,
  pointsPerMinute: 10_000_000,
};
/** A machine that is measured is busy, and would get nothing to do. */
const TIMINGS = { statusEveryMs: 0 };
const bin = join(import.meta.dirname, "../bin/orcha.mjs");

export async function serve(
  { emulator, app }: Hub,
  { directory, slots = 4, paced = false }: ServeOptions,
): Promise<Serving> {
  const configFile = join(directory, "orcha.yml");
  writeFileSync(
    configFile,
    JSON.stringify({ timings: TIMINGS, ...(paced ? {} : { github: { limits: NO_LIMITS } }) }),
  );
  const env = {
    PATH: process.env["PATH"],
    HOME: directory,
    ORCHA_AGENT: "script",
    GHE_HOST: new URL(emulator.url).host,
    GHE_PROTOCOL: "http",
    PORT: String(await freePort()),
    ORCHA_CONFIG: configFile,
    ORCHA_DATA_DIR: join(directory, "data"),
    ORCHA_WORK_ROOT: join(directory, "work"),
    ORCHA_RUNTIME_DIR: join(directory, "run"),
    ORCHA_SLOTS: String(slots),
    APP_ID: String(app.id),
    PRIVATE_KEY: app.privateKey,
    WEBHOOK_SECRET: SECRET,
  };
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [bin, "serve", "--unsafe-local"], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    app.setWebhookUrl(await saidWebhook(child));
    return child;
  };
  let child = await start();
  return {
    directory,
    kill: () => kill(child),
    async startAgain() {
      const began = performance.now();
      child = await start();
      return performance.now() - began;
    },
    async [Symbol.asyncDispose]() {
      await kill(child);
      endAll(directory);
    },
  };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  if (child.kill("SIGKILL")) await ended;
}

/** Agents and their runner's daemon outlive the control plane. Everything of ours has the folder in its command. */
function endAll(directory: string): void {
  for (const pid of pids())
    if (readProc(pid, "cmdline").includes(directory)) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
}

/** How a chaos run is sized, and the one record of limits and delays that both sides get (decision 11). */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LAG_MS, SECRET, type ChaosGitHub, type ChaosLimits } from "./github.ts";

export interface ChaosOptions {
  readonly seed: string;
  /** Length of the phase with harm; nothing new is asked for in its last part. */
  readonly harmMs: number;
  /** After the harm everything has to settle within so long. */
  readonly settleMs: number;
  readonly objectives: number;
  /** Objectives that people wait for at the same time, at most. */
  readonly atOnce: number;
  readonly installations: number;
  readonly slots: number;
  /** The only runner is on a machine over SSH. */
  readonly ssh?: boolean;
  /** Nothing is asked for but talk: agents that write all the time. */
  readonly stream?: boolean;
  readonly limits: ChaosLimits;
  /** Mean pause between kills. */
  readonly killEveryMs: number;
  /** Share of the connections that something happens to. */
  readonly share: number;
  readonly onProgress?: (line: string) => void;
}

/** Short, so that minutes hold what days hold elsewhere; each net is cast several times in a run. */
const timings = {
  requestMs: 4_000,
  gitMs: 15_000,
  permissionMaxAgeMs: 10_000,
  lookAgainMs: 2 * LAG_MS,
  healMs: 4 * LAG_MS,
  stopGraceMs: 2_000,
  summaryWaitMs: 20_000,
  turnMaxMs: 60_000,
  lookEveryMs: 1_000,
  retryWaitMs: 1_000,
  sweepEveryMs: 6_000,
  reconcileEveryMs: 15_000,
  deliveryLogEveryMs: 4_000,
  probeEveryMs: 1_000,
  statusEveryMs: 0,
};
const ops = { ballastBytes: 0, backupEveryMs: 20_000, backupsHourly: 2, backupsDaily: 0 };

/** The environment of `orcha serve`; writes its configuration file. */
export function environmentOf(
  { limits, slots }: ChaosOptions,
  where: {
    readonly directory: string;
    readonly github: ChaosGitHub;
    /** Host of everything on GitHub, as the control plane sees it. */
    readonly host: string;
    readonly port: number;
  },
): Readonly<Record<string, string>> {
  const { directory, github, host, port } = where;
  const file = join(directory, "orcha.yml");
  const key = join(directory, "app.pem");
  writeFileSync(file, JSON.stringify({ github: { limits }, timings, ops }));
  writeFileSync(key, github.app.privateKey, { mode: 0o600 });
  return {
    ORCHA_CONFIG: file,
    ORCHA_DATA_DIR: join(directory, "data"),
    ORCHA_WORK_ROOT: join(directory, "work"),
    ORCHA_RUNTIME_DIR: join(directory, "run"),
    ORCHA_SLOTS: String(slots),
    ORCHA_AGENT: "script",
    GHE_HOST: host,
    GHE_PROTOCOL: "http",
    PORT: String(port),
    APP_ID: String(github.app.id),
    PRIVATE_KEY_PATH: key,
    WEBHOOK_SECRET: SECRET,
  };
}

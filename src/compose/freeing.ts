/** Freeing runners' disks, over real links, real git and GitHub; and the same for `orcha gc`. */
import { join } from "node:path";
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Link } from "../fleet/link.ts";
import { cloneUrl, readCredential } from "../github/credentials.ts";
import type { Store } from "../store/port.ts";
import { openGitBackups, type Kept } from "../workspaces/backups.ts";
import type { FloorWatch } from "../workspaces/floor.ts";
import { openReclaim, type Reclaim, type Report } from "../workspaces/reclaim.ts";
import { connectedShelves } from "../workspaces/shelf.ts";
import { realClock as clock } from "./clock.ts";
import type { Plane } from "./plane.ts";

export interface FreeingOptions {
  readonly config: Config;
  readonly store: Store;
  readonly links: ReadonlyMap<string, Link>;
  readonly log: Logger;
  readonly plane: Plane;
  readonly floor: FloorWatch;
}

export interface Cleared extends Report {
  /** What is kept of checkouts that are gone. */
  readonly backups: readonly Kept[];
}

export type Gc = (options: {
  readonly dryRun: boolean;
  readonly runner?: string | undefined;
}) => Promise<Cleared>;

const HOUR_MS = 60 * 60_000;

export function openFreeing({ config, store, links, log, plane, floor }: FreeingOptions): {
  readonly freeing: Reclaim;
  readonly gc: Gc;
} {
  const { ops, timings, github } = config;
  const backups = openGitBackups({
    directory: join(config.dataDir, "backups-git"),
    clock,
    gitMs: timings.gitMs,
    keepMs: ops.gitBackupsDays * 24 * HOUR_MS,
    bytesMax: ops.gitBackupsBytesMax,
    upstream: async (repository) => {
      const read = await readCredential(plane.adapters.auth, repository);
      const url = cloneUrl(github.webUrl, repository);
      return { url, token: read.password, revoke: () => read.revoke() };
    },
  });
  const freeing = openReclaim({
    store,
    shelves: () => connectedShelves(links),
    backups,
    floor,
    clock,
    log,
    everyMs: timings.reclaimEveryMs,
    keepMs: ops.checkoutsHours * HOUR_MS,
  });
  return {
    freeing,
    gc: async (options) => ({ ...(await freeing.once(options)), backups: backups.list() }),
  };
}

/**
 * What keeps a server running: room on the disk, pressure, the check of the audit trail, backups, metrics, health.
 * Nothing of it decides about objectives.
 */
import type { Logger } from "pino";
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Presence } from "../domain/presence.ts";
import type { Link } from "../fleet/link.ts";
import type { Fetch } from "../github/client.ts";
import type { FrontOptions } from "../inbox/front.ts";
import { openBackups } from "../ops/backups.ts";
import { openChainCheck, type ChainCheck } from "../ops/chain.ts";
import { openDisk, type Disk } from "../ops/disk.ts";
import { openHealth, type Check, type Health } from "../ops/health.ts";
import { openMetrics, type Metrics } from "../ops/metrics.ts";
import { openPressure } from "../ops/pressure.ts";
import { openRetention } from "../ops/retention.ts";
import { Fenced, type Store } from "../store/port.ts";
import type { TranscriptFiles } from "../store/transcripts.ts";
import { openFloorWatch, type FloorWatch } from "../workspaces/floor.ts";
import type { Reclaim } from "../workspaces/reclaim.ts";
import { aloneOf } from "./alone.ts";
import { realClock as clock, realElapsed } from "./clock.ts";
import { keptTranscripts, shelvesOf } from "./retention.ts";
import type { Plane, PlaneParts } from "./plane.ts";

export interface OperationsOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly store: Store;
  readonly links: ReadonlyMap<string, Link>;
  readonly transcripts: TranscriptFiles;
  /** The network towards GitHub; default: Node's own. */
  readonly fetch: Fetch | undefined;
}

export interface Operations {
  /** Resolves when the server cannot go on. */
  readonly ended: Promise<Error>;
  /** What the control plane tells, and asks. */
  readonly plane: Required<
    Pick<
      PlaneParts,
      "pressure" | "fetch" | "onRound" | "onPerformed" | "onAttach" | "onPrepareFailed"
    >
  >;
  /** The same for the front. */
  readonly front: Pick<FrontOptions, "pressure" | "extra" | "onRefused" | "onError" | "onAccepted">;
  readonly health: Health;
  /** How much room runners have. */
  readonly floor: FloorWatch;
  /** From now on its view of GitHub is part of readiness. */
  watch(plane: Plane, reclaim: Pick<Reclaim, "soon">): void;
}

export function openOperations(
  options: OperationsOptions,
  stack: AsyncDisposableStack,
): Operations {
  const { config, store, links } = options;
  const { pendingRowsMax: rowsMax, pendingBytesMax: bytesMax } = config.ops;
  const { disk, chain, ended } = openKeepers(options, stack);
  const floor = openFloorWatch({ floorBytes: config.diskFloorBytes, clock, log: options.log });
  const metrics = stack.use(
    openMetrics({ store, clock, elapsed: realElapsed, links: () => [...links.values()], floor }),
  );
  const problem = (): string | null => disk.problem;
  const pressure = openPressure({ store, clock, rowsMax, bytesMax, problem });
  let plane: Plane | null = null;
  let reclaim: Pick<Reclaim, "soon"> | null = null;
  const health = openHealth({
    clock: { now: realElapsed },
    metrics: () => metrics.text(),
    checks: () => [
      check("disk", disk.problem, "there is room"),
      check("queues", pressure() === "full" ? "full: webhooks are refused" : null, "there is room"),
      chainCheck(chain.state),
      ...[...links].map(([name, link]) => runnerCheck(name, link, plane?.presence.of(name))),
      ...(plane === null ? [] : [gitHubCheck(plane), aloneCheck(plane)]),
      floorCheck(floor),
    ],
  });
  return {
    ended,
    plane: {
      pressure,
      fetch: counted(options.fetch ?? fetch, metrics),
      onRound: () => health.turned(),
      onPerformed(kind, outcome) {
        metrics.effect(kind, outcome);
        // What happens when an objective ends.
        if (outcome === "done" && ENDINGS.has(kind)) reclaim?.soon();
      },
      onPrepareFailed(runner, reason) {
        if (reason.includes("the disk of the runner is full")) floor.full(runner);
      },
      onAttach: (attempt, waits) => metrics.attach(attempt, waits),
    },
    front: {
      pressure,
      extra: (request, response) => health.answer(request, response),
      onAccepted: () => metrics.delivery(202),
      onRefused: (status) => metrics.delivery(status),
      onError: () => metrics.delivery(503),
    },
    health,
    floor,
    watch(opened, freeing) {
      plane = opened;
      reclaim = freeing;
    },
  };
}

/** What works in the background, and the end that any of it may call. */
function openKeepers(
  { config: { dataDir, ops }, log, store, links, transcripts }: OperationsOptions,
  stack: AsyncDisposableStack,
): { readonly disk: Disk; readonly chain: ChainCheck; readonly ended: Promise<Error> } {
  const ended = Promise.withResolvers<Error>();
  stack.defer(
    store.onTrouble((trouble) => {
      if (trouble instanceof Fenced) ended.resolve(trouble);
    }),
  );
  const { ballastBytes, backupEveryMs: everyMs, backupsHourly: hourly, backupsDaily: daily } = ops;
  const disk = openDisk({ store, directory: dataDir, ballastBytes, clock, log });
  stack.defer(() => disk.close());
  const chain = openChainCheck({ store, clock, onBroken: ended.resolve });
  stack.defer(() => chain.close());
  const directory = join(dataDir, "backups");
  const backups = openBackups({ store, directory, clock, log, everyMs, hourly, daily });
  stack.defer(() => backups.close());
  const retention = openRetention({
    store,
    transcripts: keptTranscripts(transcripts),
    runners: () => shelvesOf(links),
    clock,
    log,
    keep: ops,
  });
  stack.defer(() => retention.close());
  return { disk, chain, ended: ended.promise };
}

const ENDINGS: ReadonlySet<string> = new Set(["stop-attempt", "close-issue"]);

const floorCheck = (floor: FloorWatch): Check => {
  const low = [...floor.below()].map(
    ([runner, free]) =>
      `${runner} (${free === null ? "full" : `${(free / 1e9).toFixed(1)} GB left`})`,
  );
  const found =
    low.length === 0
      ? "there is room"
      : `little is left on ${low.join(", ")}: orcha gc says what is there and why it stays`;
  return { name: "runners' disks", ok: low.length === 0, required: false, found };
};

const check = (name: string, problem: string | null, well: string): Check => ({
  name,
  ok: problem === null,
  required: true,
  found: problem ?? well,
});

function runnerCheck(name: string, { state, problem }: Link, presence?: Presence): Check {
  const why = `${state}${problem === undefined ? "" : `: ${problem}`}`;
  const { reach = "attached", since = null } = presence ?? {};
  const known = since === null ? "" : `${reach} since ${new Date(since).toISOString()}; `;
  return check(`runner ${name}`, state === "connected" ? null : `${known}${why}`, "connected");
}

const chainCheck = (state: ChainCheck["state"]): Check =>
  state.kind === "broken"
    ? check("audit trail", state.reason, "")
    : check("audit trail", null, state.kind === "whole" ? "whole" : "being checked");

const gitHubCheck = ({ adapters: { breaker } }: Plane): Check =>
  check("github", breaker.waitMs() === null ? null : "does not answer", "answers");

const aloneCheck = ({ adapters: { foreign } }: Plane): Check => ({
  name: "installation",
  ...aloneOf(foreign.recent()),
  required: false,
});

/** Counts what is asked of GitHub and what is left, without a word of what it was. */
function counted(inner: Fetch, metrics: Metrics): Fetch {
  return async (url, init) => {
    const method = (init?.method ?? "GET").toUpperCase();
    try {
      const response = await inner(url, init);
      metrics.call(method, response.status);
      const resource = response.headers.get("x-ratelimit-resource");
      const left = response.headers.get("x-ratelimit-remaining");
      if (resource !== null && left !== null) metrics.remaining(resource, Number(left));
      return response;
    } catch (error) {
      metrics.call(method, 0);
      throw error;
    }
  };
}

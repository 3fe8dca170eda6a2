/** Delays and deadlines as one record (decision 11), `timings` in the configuration file. All in ms. */
import * as z from "zod";

const ms = z
  .int()
  .min(0)
  .max(24 * 60 * 60 * 1000);

export const Timings = z.strictObject({
  /** Deadline of one request to GitHub. */
  requestMs: ms.min(1).default(10_000),
  /** Deadline of one git command of the control plane. */
  gitMs: ms.min(1).default(120_000),
  /** How long a write waits in place for its turn under GitHub's limits. */
  patienceMs: ms.default(5_000),
  /** How long an answer about somebody's permission is used again. */
  permissionMaxAgeMs: ms.max(60_000).default(60_000),
  /** GitHub's lists lag behind its writes: when to look a second time before posting again. */
  lookAgainMs: ms.default(5_000),
  /** When to look for a double that a lagging list let through. */
  healMs: ms.default(30_000),
  /** How long `ask_human` holds its call open before the session parks. */
  askWaitMs: ms.default(0),
  /** Between end of input, SIGTERM and SIGKILL of an agent that is stopped. */
  stopGraceMs: ms.default(5_000),
  /** How long the manager has to write its summary after the last merge. */
  summaryWaitMs: ms.default(5 * 60_000),
  /** A turn that takes longer is stopped like a failed one. */
  turnMaxMs: ms.min(1).default(4 * 60 * 60_000),
  /** Everything that is due is also found by looking, this often, should a wake-up be missing. */
  lookEveryMs: ms.min(1).default(5_000),
  /** Pause before a session whose checkout could not be made is tried again. */
  retryWaitMs: ms.default(30_000),
  /** First pause of an agent whose provider did not say when its limit ends; twice as long each time, twelve times at most. */
  limitWaitMs: ms.min(1).default(5 * 60_000),
  /** Between two looks at what changed in a repository, give or take a third; 0 = webhooks only. */
  sweepEveryMs: ms.default(200_000),
  /** The same with `ORCHA_INGEST=pull`, where nothing else tells. */
  pullEveryMs: ms.min(1).default(25_000),
  /** Between two looks at all labelled issues and all live objectives. */
  reconcileEveryMs: ms.default(60 * 60_000),
  /** Between two looks at GitHub's log of its deliveries; with `pull` it is `pullEveryMs`. */
  deliveryLogEveryMs: ms.min(1).default(5 * 60_000),
  /** While GitHub is down: between two questions whether it is back. */
  probeEveryMs: ms.min(1).default(15_000),
  /** Between two looks at what may go from runners' disks; 0 = only when somebody asks (`orcha gc`). */
  reclaimEveryMs: ms.default(5 * 60_000),
  /** A runner whose link is not connected for so long is unreachable: it gets nothing new. */
  runnerUnreachableMs: ms.min(1).default(30_000),
  /** And after so long lost: its sessions go elsewhere, those that may. */
  runnerLostMs: ms.min(1).default(10 * 60_000),
  /** Between two questions to a machine how it is; 0 = it is not asked. */
  statusEveryMs: ms.default(30_000),
});
export type Timings = z.infer<typeof Timings>;

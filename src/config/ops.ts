/** Keeping it running, as one record: `ops` in the configuration file. */
import * as z from "zod";

const days = z.int().min(0).max(3_650);

export const Ops = z.strictObject({
  /** Between two backups of the database, in ms; 0 = none. */
  backupEveryMs: z
    .int()
    .min(0)
    .max(24 * 60 * 60 * 1000)
    .default(60 * 60 * 1000),
  /** How many of the newest backups are kept. */
  backupsHourly: z.int().min(1).max(1_000).default(24),
  /** And of how many more days the last one. */
  backupsDaily: z.int().min(0).max(1_000).default(7),
  /** Room held back for a full disk, in bytes; 0 = none. */
  ballastBytes: z
    .int()
    .min(0)
    .max(64 * 1024 ** 3)
    .default(64 * 1024 ** 2),
  /** Webhooks and events that wait: at 80 % sweeps pause, at 95 % webhooks are answered with 503. */
  pendingRowsMax: z.int().min(10).default(100_000),
  /** The same in bytes of webhooks. */
  pendingBytesMax: z
    .int()
    .min(1024)
    .default(1024 ** 3),
  /** Rows of ended objectives (events, effects, audit trail) are kept so many days; 0 = for ever. The same for webhooks, which go after 4 days when they were understood. */
  rowsDays: days.default(30),
  /** Transcripts of ended objectives, in days; 0 = for ever. */
  transcriptsDays: days.default(90),
  /** What runners have of attempts of ended objectives, and the managers' checkouts, in days; 0 = for ever. */
  attemptsDays: days.default(7),
  /** A checkout that nobody needs any more stays so many hours on its runner. */
  checkoutsHours: z.int().min(0).max(87_600).default(24),
  /** What was only in a checkout is kept so many days in `<data directory>/backups-git` after the checkout is gone. */
  gitBackupsDays: z.int().min(1).max(3_650).default(30),
  /** And takes so many bytes at most: then checkouts with unpublished work stay where they are. */
  gitBackupsBytesMax: z
    .int()
    .min(0)
    .default(10 * 1024 ** 3),
});
export type Ops = z.infer<typeof Ops>;

/** GitHub's limits as one record (decision 11), `github.limits` in the configuration. Defaults are GitHub's. */
import * as z from "zod";

/** Sources: docs.github.com "Rate limits for the REST API" and "Best practices for using the REST API". */
export const Limits = z.strictObject({
  /** Between two writes of one installation, in ms. */
  writeGapMs: z.int().min(0).default(1_000),
  /** Comments, issues, pull requests, reviews … per minute. */
  contentPerMinute: z.int().min(1).default(80),
  contentPerHour: z.int().min(1).default(500),
  /** A read costs 1 point, a write 5. */
  pointsPerMinute: z.int().min(1).default(900),
});
export type Limits = z.infer<typeof Limits>;

export const GITHUB_LIMITS: Limits = Limits.parse({});

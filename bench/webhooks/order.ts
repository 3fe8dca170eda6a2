/** What the sender of webhooks is told, and what it answers. */

/** The sender signs with it, the servers check with it. */
export const SECRET = "it is only a benchmark";

export interface Order {
  readonly port: number;
  readonly connections: number;
  readonly durationMs: number;
  /** 0 = as many as will go through. */
  readonly perSecond: number;
}

export interface Outcome {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Not answered with 2xx. */
  readonly failed: number;
  /** What those were answered with; 0 = the connection broke. */
  readonly statuses: readonly number[];
}

/**
 * Which machine suits an unbound session. What is not known keeps nobody out: a machine without a fresh sample is open,
 * because unknown is neither zero nor full.
 */

/** What a machine last said of itself. */
export interface Sample {
  /** Of the last minute, over all cores. */
  readonly load: number;
  readonly cores: number;
  /** Free for the runner's user where its checkouts are. */
  readonly freeBytes: number;
  /** Repositories whose mirror is there: `owner__name`. */
  readonly mirrors: readonly string[];
}

export interface GateLimits {
  /** From this load per core on, a machine gets no unbound session. */
  readonly loadPerCoreMax: number;
  /** And with less free room than this. */
  readonly freeBytesMin: number;
}

export const GATE_LIMITS: GateLimits = { loadPerCoreMax: 1.5, freeBytesMin: 10e9 };

export type Gate = "load" | "disk";

export const loadPerCore = ({ load, cores }: Sample): number => load / Math.max(1, cores);

/** What keeps unbound sessions off; null = nothing known. */
export function gateOf(sample: Sample | undefined, limits: GateLimits): Gate | null {
  if (sample === undefined) return null;
  if (sample.freeBytes < limits.freeBytesMin) return "disk";
  return loadPerCore(sample) >= limits.loadPerCoreMax ? "load" : null;
}

/** The greater the better: room, no clone to make, little to do. */
export function scoreOf(
  free: number,
  sample: Sample | undefined,
  mirror: string | undefined,
): number {
  if (sample === undefined) return 10 * free;
  const near = mirror !== undefined && sample.mirrors.includes(mirror);
  return 10 * free + (near ? 100 : 0) - 20 * loadPerCore(sample);
}

/**
 * Whether a runner can be reached, by how long its link has been silent.
 *
 *     attached ──30 s──▶ unreachable ──10 min──▶ lost        any of them ──connected──▶ attached
 *
 * Unreachable: it gets nothing new, and what runs there runs on. Lost: its sessions may go elsewhere. Lost is not failed:
 * its agents may well be at work, so whoever goes elsewhere is fenced first (relocate.ts). Silence is counted by elapsed
 * time and begins anew with every control plane, which cannot know of before; what was said of a runner stays said until
 * it answers.
 */
export type Reach = "attached" | "unreachable" | "lost";

export interface Presence {
  readonly reach: Reach;
  /** When its link went, in ms since the epoch; null while attached. */
  readonly since: number | null;
}

export interface Silence {
  /** Elapsed, in ms. */
  readonly forMs: number;
  /** When it began, in ms since the epoch. */
  readonly since: number;
}

export interface PresenceLimits {
  readonly unreachableMs: number;
  readonly lostMs: number;
}

export const ATTACHED: Presence = { reach: "attached", since: null };

/** `silence` null = it answers. The same object = nothing has changed. */
export function presenceAfter(
  before: Presence,
  silence: Silence | null,
  limits: PresenceLimits,
): Presence {
  if (silence === null) return before.reach === "attached" ? before : ATTACHED;
  const reach = reachAfter(before.reach, silence.forMs, limits);
  return reach === before.reach ? before : { reach, since: before.since ?? silence.since };
}

function reachAfter(
  before: Reach,
  forMs: number,
  { unreachableMs, lostMs }: PresenceLimits,
): Reach {
  if (before === "lost" || forMs >= lostMs) return "lost";
  return before === "unreachable" || forMs >= unreachableMs ? "unreachable" : "attached";
}

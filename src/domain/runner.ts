/**
 * Runners as the scheduler sees them.
 *
 *     online ⇄ draining     online | draining ⇄ offline     any ⇄ disabled     any → untrusted → online
 *
 * Only `online` takes sessions. Draining moves nothing and takes nothing: what runs there runs on. Untrusted: it has
 * another host key than the one that was pinned; nothing is sent to it until a person has looked.
 */
import type { Reach } from "./presence.ts";

export type RunnerState = "online" | "draining" | "offline" | "disabled" | "untrusted";

/**
 * What keeps the sessions of a runner from going on there: it is lost (presence.ts), it was disabled, or it cannot be
 * reached just now. Of several the first in this order counts.
 */
export type Absence = "lost" | "disabled" | "unreachable";

export interface Away {
  readonly is: Absence;
  /** ms since the epoch. */
  readonly since: number;
}

/** null = sessions go on there. */
export function absenceOf({
  state,
  reach = "attached",
}: Pick<RunnerSnapshot, "state" | "reach">): Absence | null {
  if (reach === "lost") return "lost";
  if (state === "disabled") return "disabled";
  return reach === "unreachable" ? "unreachable" : null;
}

/** How a machine is reached over SSH. */
export interface MachineAddress {
  readonly user: string;
  readonly host: string;
  readonly port: number;
  /** File of the private key; null = the agent's. */
  readonly identity: string | null;
  /** `user@host[:port]` of the machine that leads there; null = it is reached directly. */
  readonly jump: string | null;
  readonly jumpHostKey: string | null;
  /** Whose SSH: our own library's, or the system's `ssh`, which knows certificates and hardware keys. Missing = our own. */
  readonly via?: "library" | "ssh";
  /** null = the runner program's default. */
  readonly workRoot: string | null;
}

export interface RunnerSnapshot {
  readonly name: string;
  readonly state: RunnerState;
  readonly slots: number;
  /** Numbers of the slots that are held. */
  readonly taken: readonly number[];
  /** What it is good for, as people say it; missing = nothing special. */
  readonly labels?: readonly string[];
  /** Missing = attached. */
  readonly reach?: Reach;
  /** Since when it is not attached, in ms since the epoch. */
  readonly since?: number;
}

/** Slots a session may be placed on now. */
export const freeSlots = ({ state, reach, slots, taken }: RunnerSnapshot): number[] =>
  state === "online" && (reach ?? "attached") === "attached"
    ? Array.from({ length: slots }, (_, slot) => slot).filter((slot) => !taken.includes(slot))
    : [];

export const hasLabels = (
  { labels: has = [] }: Pick<RunnerSnapshot, "labels">,
  labels: readonly string[],
): boolean => labels.every((label) => has.includes(label));

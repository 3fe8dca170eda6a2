/**
 * Runners as the scheduler sees them.
 *
 *     online ⇄ draining     online | draining ⇄ offline     any ⇄ disabled     any → untrusted → online
 *
 * Only `online` takes sessions. Draining moves nothing and takes nothing: what runs there runs on. Untrusted: it has
 * another host key than the one that was pinned; nothing is sent to it until a person has looked.
 */
export type RunnerState = "online" | "draining" | "offline" | "disabled" | "untrusted";

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
}

/** Slots a session may be placed on now. */
export const freeSlots = ({ state, slots, taken }: RunnerSnapshot): number[] =>
  state === "online"
    ? Array.from({ length: slots }, (_, slot) => slot).filter((slot) => !taken.includes(slot))
    : [];

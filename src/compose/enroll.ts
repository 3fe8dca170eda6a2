/** A machine before it is registered: is what was asked for possible, and does a person vouch for its key? */
import { parsePlace, placeText, type SshPlace } from "../fleet/ssh/address.ts";
import type { MachineAddress } from "../domain/runner.ts";
import { SshError } from "../fleet/ssh/errors.ts";
import { readHostKey } from "../fleet/ssh/ssh.ts";
import type { RunnerRow } from "../store/port.ts";
import { realClock } from "./clock.ts";

export interface NewMachine {
  readonly name: string;
  /** `ssh://user@host[:port]`, or `local`. */
  readonly target: string;
  readonly slots: number;
  readonly labels: readonly string[];
  readonly workRoot: string | null;
  readonly identity: string | null;
  readonly jump: string | null;
  readonly via: NonNullable<MachineAddress["via"]>;
  /** Fingerprints of host keys that a person has compared. */
  readonly accept: readonly string[];
}

export interface SeenKey {
  readonly place: string;
  readonly type: string;
  readonly fingerprint: string;
}

/** What was asked cannot be done, and why. */
export class DeskError extends Error {
  override readonly name = "DeskError";
  readonly kind: "invalid" | "unknown" | "taken" | "busy" | "failed";
  constructor(kind: DeskError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

const NAME = /^[a-z0-9][a-z0-9-]{0,30}$/u;
const LABEL = /^[a-z0-9][a-z0-9._:-]{0,62}$/u;
const SLOTS_MAX = 1000;

/** Throws DeskError. */
export function refuseInvalid({ name, slots, labels, workRoot }: NewMachine): void {
  if (!NAME.test(name))
    throw new DeskError(
      "invalid",
      `${JSON.stringify(name)} is no name for a runner: up to 31 of a-z, 0-9 and -`,
    );
  if (!Number.isInteger(slots) || slots < 1 || slots > SLOTS_MAX)
    throw new DeskError("invalid", `slots must be a whole number from 1 to ${SLOTS_MAX}`);
  const label = labels.find((one) => !LABEL.test(one));
  if (label !== undefined)
    throw new DeskError("invalid", `${JSON.stringify(label)} is no label: a-z, 0-9, . _ : and -`);
  if (workRoot !== null && !/^(?:\/|~\/)[^\0\n]{1,400}$/u.test(workRoot))
    throw new DeskError(
      "invalid",
      `the work root ${JSON.stringify(workRoot)} is no path beginning with / or ~/`,
    );
}

export type Whereabouts = Pick<
  NewMachine,
  "target" | "jump" | "identity" | "via" | "workRoot" | "accept"
>;

interface Places {
  readonly unknown: readonly SeenKey[];
  readonly registered: Pick<RunnerRow, "address" | "hostKey">;
}

/** Asks the machines for their keys; nothing else is sent before a person has accepted them. */
export async function placesOf(machine: Whereabouts, agentSocket: string | null): Promise<Places> {
  const { target, jump, identity, via, workRoot, accept } = machine;
  const place = placeOf(target);
  const over = jump === null ? null : placeOf(jump);
  const unknown: SeenKey[] = [];
  const keyOf = async (of: SshPlace, through: SshPlace | null, pinned: string | null) => {
    const { text, type, fingerprint } = await readHostKey({
      address: { ...of, identity, jump: through === null ? null : placeText(through) },
      jumpHostKey: pinned,
      clock: realClock,
      ...(agentSocket === null ? {} : { agentSocket }),
    }).catch((error: unknown) => {
      throw error instanceof SshError ? new DeskError("failed", error.message) : error;
    });
    if (accept.includes(fingerprint)) return text;
    unknown.push({ place: placeText(of), type, fingerprint });
    return null;
  };
  const jumpHostKey = over === null ? null : await keyOf(over, null, null);
  // What is behind a machine that nobody vouches for is not asked for.
  const hostKey =
    over !== null && jumpHostKey === null ? null : await keyOf(place, over, jumpHostKey);
  const jumpText = over === null ? null : placeText(over);
  return {
    unknown,
    registered: {
      hostKey,
      address: { ...place, identity, jump: jumpText, jumpHostKey, via, workRoot },
    },
  };
}

function placeOf(text: string): SshPlace {
  const parsed = parsePlace(text);
  if (!parsed.ok) throw new DeskError("invalid", parsed.reason);
  return parsed.place;
}

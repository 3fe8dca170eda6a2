/** What goes wrong on the way to a machine, each with what a person can do about it. */
import { type HostKey, parseHostKey } from "./host-key.ts";

/**
 * - `unreachable`: no connection, or it was lost while we needed it
 * - `auth`: the user or the key is refused, or there is no key to offer
 * - `host-key`: nobody vouches for this machine: nothing was sent to it
 * - `remote`: we are in, and the machine cannot do what is needed
 */
export type SshProblem = "unreachable" | "auth" | "host-key" | "remote";

export class SshError extends Error {
  override readonly name: string = "SshError";
  readonly kind: SshProblem;
  constructor(kind: SshProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

type Shown = Pick<HostKey, "type" | "fingerprint">;

/** Without a pinned key nothing is sent to a machine. Throws SshError, or TypeError when it is no key. */
export function pinnedKey(name: string, hostKey: string | null): HostKey {
  if (hostKey === null)
    throw new SshError("host-key", `no host key is pinned for ${name}: register it first`);
  return parseHostKey(hostKey);
}

/** The machine shows another key than the pinned one. The connection ended before anything was sent. */
export class HostKeyChanged extends SshError {
  override readonly name = "HostKeyChanged";
  readonly pinned: HostKey;
  /** Null: the server has no key of the pinned one's type at all. */
  readonly seen: Shown | null;
  constructor(host: string, pinned: HostKey, seen: Shown | null) {
    const now = seen === null ? `no key of type ${pinned.type}` : seen.fingerprint;
    super(
      "host-key",
      `the host key of ${host} has changed: pinned ${pinned.fingerprint}, seen ${now}; nothing was sent. ` +
        "If the machine was set up anew, register it again; if not, somebody may stand in between",
    );
    this.pinned = pinned;
    this.seen = seen;
  }
}

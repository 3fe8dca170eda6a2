/**
 * Transport to a runner on another machine: one SSH connection, kept, and on it a stream per link to the
 * daemon's socket (`direct-streamlocal`, which does not count against MaxSessions). A server that forbids those
 * gets `orcha-runner connect` instead. The first command on a connection puts the program of this version there
 * and sees to the daemon; it also makes sshd send small packets at once.
 *
 * A connection that is lost ends all streams, and nothing else: what runs there runs on. The next `connect`
 * makes a new one.
 */
import type { LinkClock } from "../link.ts";
import type { RunnerTransport } from "../transport.ts";
import { type SshAddress, placeText } from "./address.ts";
import type { ExecOptions, ExecResult } from "./conversations.ts";
import { type Connection, openConnection } from "./connection.ts";
import { KEEPALIVE_MS, peekHostKey } from "./dial.ts";
import { SshError } from "./errors.ts";
import type { HostKey } from "./host-key.ts";

export interface SshOptions {
  readonly name: string;
  readonly address: SshAddress;
  /** As it was pinned: `ssh-ed25519 AAAA…`. Null = not yet: every `connect` is refused. */
  readonly hostKey: string | null;
  readonly jumpHostKey?: string | null;
  /** `~` and relative paths begin at the user's home; null = `~/.local/share/orcha-runner/work`. */
  readonly workRoot: string | null;
  /** Local directory of the program's files. */
  readonly programDir: string;
  readonly clock: LinkClock;
  /** SSH_AUTH_SOCK, for addresses without an identity file. */
  readonly agentSocket?: string;
  readonly idleExitMs?: number;
  readonly orphanAfterMs?: number;
  /** A dead connection is noticed after four of these. Default: 5 s. */
  readonly keepaliveMs?: number;
  /** Every key that the machine shows, before it is compared. */
  readonly onHostKey?: (seen: HostKey) => void;
}

export interface SshTransport extends RunnerTransport {
  /** Runs a command there, in the home directory, without a shell and without input. Rejects with SshError. */
  execute(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
}

/** Dials at the first `connect` or `exec`. Errors are SshError; `close` may be followed by another `connect`. */
export function openSsh(options: SshOptions): SshTransport {
  const { name, address, workRoot } = options;
  let current: Connection | undefined;

  const connection = (): Connection => {
    if (current === undefined || current.ended) current = openConnection(options);
    return current;
  };
  return {
    description: `${name} (ssh ${placeText(address)}, ${workRoot ?? "the default work root"})`,
    connect: (signal) =>
      unlessAborted(connection().connect(), signal, (stream) => stream.destroy()),
    execute: (argv, more = {}) => unlessAborted(connection().execute(argv, more), more.signal),
    async close() {
      await current?.close();
    },
  };
}

/** The key a machine shows, for registering it. Nobody logs in there; a jump host is logged in at. */
export function readHostKey(
  options: Pick<SshOptions, "address" | "jumpHostKey" | "agentSocket" | "clock">,
  signal: AbortSignal = new AbortController().signal,
): Promise<HostKey> {
  const { address, jumpHostKey = null, agentSocket, clock } = options;
  return peekHostKey({
    address,
    jumpHostKey,
    agentSocket,
    clock,
    signal,
    keepaliveMs: KEEPALIVE_MS,
  });
}

/** What comes too late is let go of. */
export function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  letGo?: (value: T) => void,
): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      reject(new SshError("unreachable", "connecting was given up"));
      promise.then(letGo, () => {});
    };
    if (signal.aborted) {
      aborted();
      return;
    }
    signal.addEventListener("abort", aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
  });
}

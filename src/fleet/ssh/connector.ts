/**
 * How a stream to the daemon is come by: the program is put there once per connection, the daemon is seen to when
 * nobody answers, and a server that forbids streams to sockets gets a command instead.
 */
import type { Duplex } from "node:stream";
import { readProgram } from "../program.ts";
import { type Place, type Remote, bootstrap, join } from "./conversations.ts";
import { SshError } from "./errors.ts";
import type { SshOptions } from "./ssh.ts";

interface Ways {
  readonly remote: Remote;
  readonly options: Pick<SshOptions, "programDir" | "workRoot" | "idleExitMs" | "orphanAfterMs">;
  /** A stream to the socket itself; null when the server says no. Left out: there is no such way. */
  readonly socketStream?: (place: Place) => Promise<Duplex | null>;
  readonly isOver: () => boolean;
}

/** Streams to the daemon by the best way that this server allows. */
export function connector({ remote, options, socketStream, isOver }: Ways): () => Promise<Duplex> {
  /** Until the server has shown otherwise. */
  let direct = socketStream;
  let bootstrapped: Promise<Place> | undefined;

  const settle = (again: boolean): Promise<Place> => {
    if (bootstrapped !== undefined && !again) return bootstrapped;
    const { programDir, workRoot } = options;
    const files = readProgram(programDir);
    const making = bootstrap(remote, { files, workRoot, args: ensureArgs(options) });
    making.catch(() => {
      if (bootstrapped === making) bootstrapped = undefined;
    });
    bootstrapped = making;
    return making;
  };
  return async () => {
    let place = await settle(false);
    const first = await (direct === undefined ? join(remote, place) : direct(place));
    if (first !== null) return first;
    // The daemon has ended since. Or there is one, and it is the server that says no.
    place = await settle(true);
    const second = direct === undefined ? null : await direct(place);
    if (second !== null) return second;
    const third = await join(remote, place);
    if (third === null) throw unjoinable(remote, place, isOver());
    direct = undefined;
    return third;
  };
}

function ensureArgs({ idleExitMs, orphanAfterMs }: Ways["options"]): string[] {
  const idle = idleExitMs === undefined ? [] : ["--idle-exit-ms", String(idleExitMs)];
  const orphan = orphanAfterMs === undefined ? [] : ["--orphan-after-ms", String(orphanAfterMs)];
  return [...idle, ...orphan];
}

function unjoinable({ name }: Remote, { socket }: Place, ended: boolean): SshError {
  return ended
    ? new SshError("unreachable", `the connection to ${name} was lost`)
    : new SshError(
        "remote",
        `nobody could be reached behind ${socket} on ${name}, though the daemon has just been there`,
      );
}

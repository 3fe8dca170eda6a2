/**
 * One SSH connection to a runner, from dialling to its end: the program is put there once, and streams to the
 * daemon are opened by the best way that the server allows. Making a new one is ssh.ts.
 */
import type { Duplex } from "node:stream";
import type { Client, ClientChannel } from "ssh2";
import { placeText } from "./address.ts";
import {
  type ExecOptions,
  type ExecResult,
  type Place,
  type Remote,
  execute,
} from "./conversations.ts";
import { connector } from "./connector.ts";
import { type DialOptions, KEEPALIVE_MS, dial } from "./dial.ts";
import { SshError } from "./errors.ts";
import { type RemoteProcess, beginningOf, joined } from "./process.ts";
import { REMOTE_COMMAND } from "./scripts.ts";
import type { SshOptions } from "./ssh.ts";

export interface Connection {
  /** It could not be made, was lost or closed: of no further use. */
  readonly ended: boolean;
  connect(): Promise<Duplex>;
  execute(argv: readonly string[], options: ExecOptions): Promise<ExecResult>;
  close(): Promise<void>;
}

/** Dials at once. */
export function openConnection(options: SshOptions): Connection {
  const closing = new AbortController();
  const streams = new Set<Duplex>();
  let ended = false;
  const client = dial(dialOptions(options, closing.signal)).then((made) => {
    made.once("close", () => {
      ended = true;
      for (const stream of streams) stream.destroy();
    });
    return made;
  });
  client.catch(() => {
    ended = true;
  });

  const kept = (stream: Duplex): Duplex => {
    streams.add(stream);
    stream.once("close", () => streams.delete(stream));
    if (ended) stream.destroy();
    return stream;
  };
  const remote: Remote = {
    name: placeText(options.address),
    clock: options.clock,
    async start() {
      const process = await execOn(await client, remote.name);
      kept(process.stream);
      return process;
    },
  };
  const socketStream = async ({ socket }: Place): Promise<Duplex | null> => {
    const channel = await openSocket(await client, socket);
    return channel === null ? null : kept(joined(channel, channel, () => channel.close()));
  };
  const connect = connector({ remote, options, socketStream, isOver: () => ended });

  return {
    get ended() {
      return ended;
    },
    connect,
    execute: (argv, more) => execute(remote, argv, more),
    async close() {
      closing.abort();
      ended = true;
      for (const stream of streams) stream.destroy();
      // Dialling was given up: there is nothing to end.
      const made = await client.catch(() => undefined);
      made?.end();
    },
  };
}

function dialOptions(options: SshOptions, signal: AbortSignal): DialOptions {
  const { address, hostKey, jumpHostKey = null, agentSocket, clock, onHostKey } = options;
  const { keepaliveMs = KEEPALIVE_MS } = options;
  const shared = { address, hostKey, jumpHostKey, agentSocket, clock, keepaliveMs, signal };
  return onHostKey === undefined ? shared : { ...shared, onHostKey };
}

function execOn(client: Client, name: string): Promise<RemoteProcess> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(
        new SshError(
          "remote",
          `${name} does not start our command (${cause.message}): may this user run commands, are fewer than MaxSessions open?`,
          { cause },
        ),
      );
    try {
      client.exec(REMOTE_COMMAND, (error, channel) => {
        // At once: how a command ended that was quick comes with the same packet.
        if (error === undefined) resolve(processOf(channel));
        else fail(error);
      });
    } catch (error) {
      // Lost a moment ago.
      const cause = { cause: error };
      reject(new SshError("unreachable", `the connection to ${name} was lost`, cause));
    }
  });
}

function processOf(channel: ClientChannel): RemoteProcess {
  const stderr = beginningOf(channel.stderr);
  let code: number | null = null;
  channel.once("exit", (given: number | null) => {
    code = given;
  });
  const ended = new Promise<number | null>((resolve) => {
    channel.once("close", () => resolve(code));
  });
  const stream = joined(channel, channel, () => channel.close());
  return { stream, stderr, ended };
}

/** Null when the server says no: nobody listens there, or it forbids this. It does not say which. */
function openSocket(client: Client, path: string): Promise<ClientChannel | null> {
  return new Promise((resolve) => {
    try {
      client.openssh_forwardOutStreamLocal(path, (error, channel) =>
        resolve(error === undefined ? channel : null),
      );
    } catch {
      // Not connected any more, or no OpenSSH: the next step tells.
      resolve(null);
    }
  });
}

/**
 * One authenticated connection to a machine, through a jump host when there is one. The host's key is compared
 * before anything is sent; there is no way to do without. No agent is forwarded, no port.
 */
import { type Socket, connect } from "node:net";
import type { Duplex } from "node:stream";
import ssh2, { type Client, type ConnectConfig } from "ssh2";
import type { LinkClock } from "../link.ts";
import { type SshAddress, jumpOf, placeText } from "./address.ts";
import { HostKeyChanged, SshError, pinnedKey } from "./errors.ts";
import { type HostKey, algorithmsOf, hostKeyOf, sameKey } from "./host-key.ts";
import { type Credentials, credentialsOf } from "./identity.ts";

const CONNECT_MS_MAX = 10_000;
const HANDSHAKE_MS_MAX = 20_000;
/** A dead connection is noticed after four of these. */
export const KEEPALIVE_MS = 5_000;
const KEEPALIVES_MISSED_MAX = 3;

export interface DialOptions {
  readonly address: SshAddress;
  /** As sshd writes it; null = not known yet, refused. */
  readonly hostKey: string | null;
  readonly jumpHostKey: string | null;
  readonly agentSocket: string | undefined;
  readonly clock: LinkClock;
  readonly onHostKey?: (seen: HostKey) => void;
  readonly keepaliveMs: number;
  readonly signal: AbortSignal;
}

/** Resolves with a client that is logged in; it has a listener for errors, and `close` always comes. */
export async function dial(options: DialOptions): Promise<Client> {
  const { address, hostKey, clock, signal, onHostKey, keepaliveMs } = options;
  const pinned = pinnedKey(placeText(address), hostKey);
  const verify = verifier(placeText(address), pinned, onHostKey);
  const credentials = credentialsOf(address, options.agentSocket);
  const { sock, through } = await reach(options);
  return handshake({ address, sock, through, clock, signal, credentials, verify, keepaliveMs });
}

/** The key a machine shows, without logging in there. The jump host, if any, must be known already. */
export async function peekHostKey(options: Omit<DialOptions, "hostKey">): Promise<HostKey> {
  const { address, clock, signal, keepaliveMs } = options;
  const { sock, through } = await reach(options);
  let seen: HostKey | undefined;
  const verify: Verifier = {
    check(key) {
      seen = key;
      return false;
    },
    refusal: () => undefined,
  };
  const credentials = { shown: "nothing" };
  try {
    await handshake({ address, sock, through, clock, signal, credentials, verify, keepaliveMs });
  } catch (error) {
    if (seen === undefined) throw error;
    return seen;
  }
  throw new SshError("host-key", `${placeText(address)} let us in without showing a key`);
}

interface Verifier {
  readonly algorithms?: ReturnType<typeof algorithmsOf>;
  check(key: HostKey): boolean;
  /** Why it ended, when it ended because of the key. */
  refusal(problem: string): Error | undefined;
}

function verifier(
  name: string,
  pinned: HostKey,
  onHostKey: ((seen: HostKey) => void) | undefined,
): Verifier {
  let refused: HostKey | undefined;
  return {
    algorithms: algorithmsOf(pinned),
    check(seen) {
      onHostKey?.(seen);
      const same = sameKey(seen, pinned);
      if (!same) refused = seen;
      return same;
    },
    refusal(problem) {
      if (refused !== undefined) return new HostKeyChanged(name, pinned, refused);
      const none = /no matching host key format/iu.test(problem);
      return none ? new HostKeyChanged(name, pinned, null) : undefined;
    },
  };
}

interface Reached {
  readonly sock: Duplex;
  /** The jump host's connection, which ends with ours. */
  readonly through: Client | undefined;
}

async function reach(options: Omit<DialOptions, "hostKey">): Promise<Reached> {
  const { address, jumpHostKey, clock, signal } = options;
  const jump = jumpOf(address);
  if (jump === null) return { sock: await tcp(address, clock, signal), through: undefined };
  const { agentSocket, keepaliveMs } = options;
  const through = await dial({
    address: jump,
    hostKey: jumpHostKey,
    jumpHostKey: null,
    agentSocket,
    keepaliveMs,
    clock,
    signal,
  });
  const sock = await forward(through, jump, options);
  return { sock, through };
}

/** A stream through the jump host, which is left when there is none in time. */
function forward(
  through: Client,
  jump: SshAddress,
  { address: { host, port }, clock, signal }: Pick<DialOptions, "address" | "clock" | "signal">,
): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      cancel();
      signal.removeEventListener("abort", aborted);
    };
    const fail = (what: string, cause?: unknown): void => {
      settle();
      through.end();
      const message = `${placeText(jump)} cannot reach ${host}:${port} (${what}): is the address right, and does its sshd allow forwarding?`;
      reject(new SshError("unreachable", message, { cause }));
    };
    const cancel = clock.after(CONNECT_MS_MAX, () =>
      fail(`no answer within ${CONNECT_MS_MAX / 1000} s`),
    );
    const aborted = (): void => fail("given up");
    signal.addEventListener("abort", aborted);
    through.forwardOut("127.0.0.1", 0, host, port, (error, channel) => {
      settle();
      if (error === undefined) resolve(channel);
      else fail(error.message, error);
    });
    if (signal.aborted) aborted();
  });
}

function tcp(address: SshAddress, clock: LinkClock, signal: AbortSignal): Promise<Socket> {
  const { host, port } = address;
  return new Promise((resolve, reject) => {
    // Without it a round trip takes 40 ms longer: small packets wait for acknowledgements.
    const socket = connect({ host, port, noDelay: true });
    const settle = (): void => {
      cancel();
      signal.removeEventListener("abort", aborted);
      socket.removeAllListeners();
    };
    const fail = (message: string, cause?: unknown): void => {
      settle();
      socket.on("error", () => {}); // destroyed: nobody waits for what it still says
      socket.destroy();
      reject(new SshError("unreachable", message, { cause }));
    };
    const cancel = clock.after(CONNECT_MS_MAX, () =>
      fail(
        `${host}:${port} did not answer within ${CONNECT_MS_MAX / 1000} s: is the machine on, and is its port open for us?`,
      ),
    );
    const aborted = (): void => fail(`connecting to ${host}:${port} was given up`);
    signal.addEventListener("abort", aborted);
    socket.once("connect", () => {
      settle();
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) =>
      fail(`${host}:${port} cannot be reached: ${unreachable(error)}`, error),
    );
    if (signal.aborted) aborted();
  });
}

function unreachable({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ECONNREFUSED") return "nothing listens there: is sshd running, is the port right?";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return "the name is not known: is it right, does DNS work?";
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH")
    return "there is no route: is the machine on, is the network up?";
  return message;
}

interface Handshake {
  readonly address: SshAddress;
  readonly sock: Duplex;
  readonly through: Client | undefined;
  readonly clock: LinkClock;
  readonly signal: AbortSignal;
  readonly credentials: Credentials;
  readonly verify: Verifier;
  readonly keepaliveMs: number;
}

function handshake(options: Handshake): Promise<Client> {
  const { sock, through, clock, signal, verify } = options;
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    let agentTrouble = "";
    const settle = (): void => {
      cancel();
      signal.removeEventListener("abort", aborted);
    };
    const fail = (error: Error): void => {
      settle();
      client.end();
      sock.destroy();
      through?.end();
      reject(error);
    };
    const name = placeText(options.address);
    const cancel = clock.after(HANDSHAKE_MS_MAX, () =>
      fail(
        new SshError(
          "unreachable",
          `${name} did not let us in within ${HANDSHAKE_MS_MAX / 1000} s: is that an SSH server, is the machine overloaded?`,
        ),
      ),
    );
    const aborted = (): void =>
      fail(new SshError("unreachable", `logging in at ${name} was given up`));
    signal.addEventListener("abort", aborted);
    client.on("error", (error) => {
      // Not the end: other ways to log in are tried.
      if (error.level === "agent") agentTrouble = ` (${error.message})`;
      else fail(verify.refusal(error.message) ?? explain(error, options, agentTrouble));
    });
    client.once("close", () => {
      through?.end();
      fail(
        new SshError(
          "unreachable",
          `${name} closed the connection: too many at once (MaxStartups), or it does not let this address in`,
        ),
      );
    });
    client.once("ready", () => {
      settle();
      client.setNoDelay(true);
      resolve(client);
    });
    client.connect(configuration(options));
    if (signal.aborted) aborted();
  });
}

function configuration({
  sock,
  credentials,
  verify,
  address,
  keepaliveMs,
}: Handshake): ConnectConfig {
  const { privateKey, agent } = credentials;
  const { algorithms } = verify;
  return {
    sock,
    username: address.user,
    // Ours is the handshake's limit, by the clock we were given.
    readyTimeout: 0,
    keepaliveInterval: keepaliveMs,
    keepaliveCountMax: KEEPALIVES_MISSED_MAX,
    agentForward: false,
    hostVerifier: (key: Buffer) => verify.check(hostKeyOf(key)),
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(agent === undefined ? {} : { agent }),
    ...(algorithms === undefined ? {} : { algorithms: { serverHostKey: algorithms } }),
  };
}

function explain(
  error: Error & { readonly level?: string },
  { address, credentials }: Handshake,
  agentTrouble: string,
): SshError {
  const name = placeText(address);
  if (error.level === "client-authentication")
    return new SshError(
      "auth",
      `${name} refused ${credentials.shown}${agentTrouble}: is the user right, and does its ~/.ssh/authorized_keys have the key?`,
      { cause: error },
    );
  return new SshError("unreachable", `logging in at ${name} failed: ${error.message}`, {
    cause: error,
  });
}

/**
 * The second way: the system's own `ssh`, for what ssh2 cannot do (certificates, FIDO keys, ~/.ssh/config). Each
 * stream is one `ssh` of its own, so it is slower to connect; the commands there are the same. Our options come
 * before the user's configuration. Only the pinned host key counts; that of a jump host is checked against the
 * user's own known_hosts.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import process from "node:process";
import type { Duplex } from "node:stream";
import { daemonEnvironment } from "../../lib/daemon-environment.ts";
import { saidBy } from "../said.ts";
import { type SshAddress, jumpOf, placeText } from "./address.ts";
import { connector } from "./connector.ts";
import { type Remote, execute } from "./conversations.ts";
import { HostKeyChanged, SshError, pinnedKey } from "./errors.ts";
import { type HostKey, algorithmsOf } from "./host-key.ts";
import { type RemoteProcess, beginningOf, joined } from "./process.ts";
import { REMOTE_COMMAND } from "./scripts.ts";
import { type SshOptions, type SshTransport, unlessAborted } from "./ssh.ts";

/** How ssh says that it failed itself; a command may end with it as well. */
const EXIT_OF_SSH = 255;
/** The name under which the pinned key is known: the machine's own may be an alias in ~/.ssh/config. */
const KNOWN_AS = "orcha-runner";

/** As for `openSsh`, but a port of 22 is left to ~/.ssh/config. Throws SshError without a pinned key, TypeError for names that ssh could take for options. */
export function openSystemSsh(
  options: Omit<SshOptions, "jumpHostKey" | "onHostKey">,
): SshTransport {
  const { name, address, hostKey, workRoot, clock } = options;
  const pinned = pinnedKey(placeText(address), hostKey);
  // Now rather than at the first connection: an address does not get better.
  sshArguments(address, pinned, "");
  const streams = new Set<Duplex>();
  const remote: Remote = {
    name: placeText(address),
    clock,
    async start() {
      const started = await startSsh(options, pinned);
      streams.add(started.stream);
      started.stream.once("close", () => streams.delete(started.stream));
      return started;
    },
    explain: (code, words) =>
      code === EXIT_OF_SSH ? explain(placeText(address), pinned, words) : undefined,
  };
  const connect = connector({ remote, options, isOver: () => false });
  return {
    description: `${name} (the system's ssh, ${placeText(address)}, ${workRoot ?? "the default work root"})`,
    connect: (signal) => unlessAborted(connect(), signal, (stream) => stream.destroy()),
    execute: (argv, more = {}) => execute(remote, argv, more),
    async close() {
      for (const stream of streams) stream.destroy();
    },
  };
}

/** A person at it: it may ask for a passphrase, and has a terminal there when they have one here. */
interface ForPerson {
  readonly command: string;
  readonly terminal: boolean;
}

/** Throws TypeError for what could be taken for an option. */
export function sshArguments(
  address: SshAddress,
  pinned: HostKey,
  knownHosts: string,
  person: ForPerson | null = null,
): string[] {
  const { user, host, port, identity } = address;
  for (const part of [user, host])
    if (!/^[\w.:%][\w.:%@+-]*$/u.test(part))
      throw new TypeError(`${JSON.stringify(part)} is no user or host to give to ssh`);
  const jump = jumpOf(address);
  const settings = {
    BatchMode: person === null ? "yes" : "no",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: "/dev/null",
    HostKeyAlias: KNOWN_AS,
    HostKeyAlgorithms: algorithmsOf(pinned).join(","),
    UpdateHostKeys: "no",
    VerifyHostKeyDNS: "no",
    CheckHostIP: "no",
    ForwardAgent: "no",
    ForwardX11: "no",
    ClearAllForwardings: "yes",
    PermitLocalCommand: "no",
    RemoteCommand: "none",
    // One machine's settings must not decide over another's connection.
    ControlMaster: "no",
    ControlPath: "none",
    ConnectTimeout: "10",
    ServerAliveInterval: "5",
    ServerAliveCountMax: "3",
    EscapeChar: person?.terminal === true ? "~" : "none",
    // What it says when it gives up is partly of this level.
    LogLevel: person === null ? "INFO" : "ERROR",
  };
  return [
    person?.terminal === true ? "-t" : "-T",
    ...Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]),
    ...(identity === null ? [] : ["-i", identity, "-o", "IdentitiesOnly=yes"]),
    ...(port === 22 ? [] : ["-p", String(port)]),
    ...(jump === null ? [] : ["-J", address.jump ?? ""]),
    "-l",
    user,
    "--",
    host,
    person?.command ?? REMOTE_COMMAND,
  ];
}

/** The one key that counts, in a file of its own for one `ssh`. */
export function writeKnownHosts(pinned: HostKey): {
  readonly path: string;
  readonly remove: () => void;
} {
  const directory = mkdtempSync(joinPath(tmpdir(), "orcha-ssh-"));
  const path = joinPath(directory, "known_hosts");
  writeFileSync(path, `${KNOWN_AS} ${pinned.text}\n`, { mode: 0o600 });
  return { path, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

function startSsh(
  { address, agentSocket }: Pick<SshOptions, "address" | "agentSocket">,
  pinned: HostKey,
): Promise<RemoteProcess> {
  const { path: knownHosts, remove: cleanUp } = writeKnownHosts(pinned);
  return new Promise((resolve, reject) => {
    // Without a terminal it can ask nobody: neither for a passphrase nor whether to trust.
    const child = spawn("ssh", sshArguments(address, pinned, knownHosts), {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      env: {
        ...daemonEnvironment(process.env),
        ...(agentSocket === undefined ? {} : { SSH_AUTH_SOCK: agentSocket }),
        SSH_ASKPASS_REQUIRE: "never",
      },
    });
    const stderr = beginningOf(child.stderr);
    const ended = new Promise<number | null>((done) => {
      child.once("close", (code) => {
        cleanUp();
        done(code);
      });
    });
    child.once("error", (cause) => {
      cleanUp();
      const message = `ssh cannot be started (${cause.message}): install the OpenSSH client here`;
      reject(new SshError("unreachable", message, { cause }));
    });
    child.once("spawn", () =>
      resolve({
        stream: joined(child.stdin, child.stdout, () => void child.kill()),
        stderr,
        ended,
      }),
    );
  });
}

function explain(name: string, pinned: HostKey, words: string): SshError {
  const seen =
    /fingerprint for the (?<type>\S+) key sent by the remote host is\s+(?<fingerprint>SHA256:[\w+/]+)/u.exec(
      words,
    )?.groups;
  if (seen !== undefined) {
    const { type = "", fingerprint = "" } = seen;
    return new HostKeyChanged(name, pinned, { type, fingerprint });
  }
  if (/no matching host key type/u.test(words)) return new HostKeyChanged(name, pinned, null);
  const said = saidBy(words);
  if (/Host key verification failed/u.test(words))
    return new SshError("host-key", `ssh does not trust the way to ${name}: ${said}`);
  if (/Permission denied|Too many authentication failures/u.test(words))
    return new SshError(
      "auth",
      `${name} refused us: ${said}; is the user right, and does its ~/.ssh/authorized_keys have the key? \`ssh -v\` tells which keys were offered`,
    );
  const what =
    said === "" ? `the connection to ${name} was lost` : `ssh cannot reach ${name}: ${said}`;
  return new SshError("unreachable", what);
}

/**
 * A shell for a person in a checkout: here, or through the system's `ssh` with the machine's pinned key. The path of the checkout
 * is the one piece of data in a remote command, because standard input is the person's: it is made of [A-Za-z0-9._/-] only, which
 * no login shell takes for anything else, and begins with a slash, so that it is no option. Anything else is refused.
 */
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import process from "node:process";
import { daemonEnvironment } from "../lib/daemon-environment.ts";
import { placeText, type SshAddress } from "./ssh/address.ts";
import { pinnedKey } from "./ssh/errors.ts";
import { sshArguments, writeKnownHosts } from "./ssh/system.ts";

/** How a machine is reached. Nothing of it is secret: the key stays in its file or in the agent. */
export interface SshDoor {
  readonly address: SshAddress;
  /** As it was pinned. */
  readonly hostKey: string | null;
  readonly agentSocket: string | null;
}

export interface ShellOptions {
  /** null = on this machine. */
  readonly ssh: SshDoor | null;
  /** Absolute, where the checkout is. */
  readonly path: string;
  /** A person sits at it. */
  readonly terminal: boolean;
}

const SAFE_PATH = /^(?:\/[A-Za-z0-9._-]+)+$/u;

/** Resolves with the shell's exit code; null = it could not be started. Throws TypeError for what cannot be passed on, SshError without a pinned key. */
export async function openShell({ ssh, path, terminal }: ShellOptions): Promise<number | null> {
  const environment = environmentOf(ssh?.agentSocket ?? null);
  if (ssh === null) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw new TypeError(`there is no directory ${path}`);
    return waitFor(process.env["SHELL"] ?? "/bin/sh", [], environment, path);
  }
  const pinned = pinnedKey(placeText(ssh.address), ssh.hostKey);
  const hosts = writeKnownHosts(pinned);
  try {
    const args = shellArguments(ssh, { path, terminal, knownHosts: hosts.path });
    return await waitFor("ssh", args, environment);
  } finally {
    hosts.remove();
  }
}

/** Throws TypeError and SshError as `openShell` does. */
export function shellArguments(
  { address, hostKey }: SshDoor,
  { path, terminal, knownHosts }: Pick<ShellOptions, "path" | "terminal"> & { readonly knownHosts: string }, // prettier-ignore
): string[] {
  if (!SAFE_PATH.test(path) || path.split("/").includes(".."))
    throw new TypeError(
      `${JSON.stringify(path)} has characters that are not given to a shell on another machine: log in there yourself`,
    );
  const pinned = pinnedKey(placeText(address), hostKey);
  const command = `sh -c 'cd "$1" && exec "\${SHELL:-sh}"' orcha ${path}`;
  return sshArguments(address, pinned, knownHosts, { command, terminal });
}

/** What a person's shell needs, and none of the secrets of whoever runs the server. */
function environmentOf(agentSocket: string | null): Record<string, string> {
  const given = { TERM: process.env["TERM"], COLORTERM: process.env["COLORTERM"] };
  const shown = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return {
    ...daemonEnvironment(process.env),
    ...Object.fromEntries(shown),
    ...(agentSocket === null ? {} : { SSH_AUTH_SOCK: agentSocket }),
  };
}

const ignore = (): void => {};

function waitFor(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  cwd?: string,
): Promise<number | null> {
  return new Promise((resolve) => {
    const where = cwd === undefined ? {} : { cwd };
    const child = spawn(command, args, { stdio: "inherit", env, ...where });
    // The shell's, not ours: it gets them from the terminal itself.
    process.on("SIGINT", ignore);
    const end = (code: number | null): void => {
      process.off("SIGINT", ignore);
      resolve(code);
    };
    child.once("error", () => end(null));
    child.once("close", (code) => end(code ?? 1));
  });
}

/** The key we show: a file of ours, or what the ssh agent holds. Read before anything is dialled. */
import { readFileSync, statSync } from "node:fs";
import ssh2 from "ssh2";
import type { SshAddress } from "./address.ts";
import { SshError } from "./errors.ts";

export interface Credentials {
  readonly privateKey?: Buffer;
  readonly agent?: string;
  /** For people: what was offered. */
  readonly shown: string;
}

/** An identity file alone when one is named, else the agent. Throws SshError when there is neither. */
export function credentialsOf(
  { identity }: Pick<SshAddress, "identity">,
  agentSocket: string | undefined,
): Credentials {
  if (identity !== null)
    return { privateKey: readIdentity(identity), shown: `the key in ${identity}` };
  if (agentSocket === undefined || agentSocket === "")
    throw new SshError(
      "auth",
      "there is no key to log in with: name an identity file, or start an ssh agent (SSH_AUTH_SOCK is not set)",
    );
  return { agent: agentSocket, shown: "any key of the ssh agent (ssh-add -l lists them)" };
}

function readIdentity(path: string): Buffer {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined)
    throw new SshError("auth", `the identity file ${path} does not exist: name another one`);
  if ((found.mode & 0o077) !== 0)
    throw new SshError("auth", `the identity file ${path} is open to others: chmod 600 ${path}`);
  const key = readFileSync(path);
  const parsed = ssh2.utils.parseKey(key);
  if (!(parsed instanceof Error)) return key;
  if (/passphrase/iu.test(parsed.message))
    throw new SshError(
      "auth",
      `the identity file ${path} has a passphrase: ssh-add it to an ssh agent, and register the runner without an identity file`,
    );
  throw new SshError("auth", `the identity file ${path} cannot be used: ${parsed.message}`);
}

/** Where a machine is, and who we are there. */
export interface SshAddress {
  readonly user: string;
  readonly host: string;
  readonly port: number;
  /** File of the private key; null = the keys of the ssh agent. */
  readonly identity: string | null;
  /** `user@host[:port]` of a machine to go through; null = directly. */
  readonly jump: string | null;
}

export function nameOf({ user, host, port }: Pick<SshAddress, "user" | "host" | "port">): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  return `${user}@${shown}${port === 22 ? "" : `:${port}`}`;
}

/** The machine to go through as an address of its own. Throws TypeError when it is not `user@host[:port]`. */
export function jumpOf({ jump, identity }: SshAddress): SshAddress | null {
  if (jump === null) return null;
  const found =
    /^(?<user>[^@\s]+)@(?:\[(?<six>[0-9a-f:.]+)\]|(?<host>[^:@\s]+))(?::(?<port>\d+))?$/iu.exec(
      jump,
    )?.groups;
  const { user = "", port = "22" } = found ?? {};
  const host = found?.["six"] ?? found?.["host"] ?? "";
  if (host === "" || Number(port) < 1 || Number(port) > 65_535)
    throw new TypeError(`${JSON.stringify(jump)} is no jump host: user@host or user@host:port`);
  return { user, host, port: Number(port), identity, jump: null };
}

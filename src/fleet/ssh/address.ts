/** How people write where a machine is: `ssh://user@host[:port]`, and `user@host[:port]` for the one that leads there. */
export interface SshPlace {
  readonly user: string;
  readonly host: string;
  readonly port: number;
}

/** Where a machine is, and who we are there. */
export interface SshAddress extends SshPlace {
  /** File of the private key; null = the keys of the ssh agent. */
  readonly identity: string | null;
  /** `user@host[:port]` of a machine to go through; null = directly. */
  readonly jump: string | null;
}

export type Parsed =
  | { readonly ok: true; readonly place: SshPlace }
  | { readonly ok: false; readonly reason: string };

const PORT = 22;
/** Nothing that a program could take for an option, a path or a shell's own character. */
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])$/u;
const USER = /^[A-Za-z_][A-Za-z0-9._-]{0,31}$/u;

export function parsePlace(text: string): Parsed {
  const bare = text.startsWith("ssh://") ? text.slice("ssh://".length).replace(/\/$/u, "") : text;
  const split = /^(?:(?<user>[^@]*)@)?(?<host>\[[^\]]*\]|[^:@]*)(?::(?<port>[^:@]*))?$/u.exec(bare);
  const { user = "", host = "", port = String(PORT) } = split?.groups ?? {};
  const wrong = wrongPart({ user, host, port });
  if (split === null || wrong !== null)
    return {
      ok: false,
      reason: `${JSON.stringify(text.slice(0, 200))} is no ssh://user@host[:port]${wrong === null ? "" : `: ${wrong}`}`,
    };
  return { ok: true, place: { user, host: host.replaceAll(/[[\]]/gu, ""), port: Number(port) } };
}

function wrongPart({
  user,
  host,
  port,
}: Readonly<Record<"user" | "host" | "port", string>>): string | null {
  if (!HOST.test(host)) return `${JSON.stringify(host.slice(0, 100))} is no host`;
  if (!USER.test(user)) return `${JSON.stringify(user.slice(0, 100))} is no user`;
  const number = /^\d{1,5}$/u.test(port) ? Number(port) : 0;
  return number >= 1 && number <= 65_535 ? null : `${JSON.stringify(port)} is no port`;
}

/** As it is written; the usual port is left out. */
export function placeText({ user, host, port }: SshPlace): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  return `${user}@${shown}${port === PORT ? "" : `:${port}`}`;
}

/** The machine to go through as an address of its own. Throws TypeError when it is none. */
export function jumpOf({ jump, identity }: SshAddress): SshAddress | null {
  if (jump === null) return null;
  const parsed = parsePlace(jump);
  if (!parsed.ok)
    throw new TypeError(`${JSON.stringify(jump)} is no jump host: user@host or user@host:port`);
  return { ...parsed.place, identity, jump: null };
}

/**
 * Credentials of the App: JWTs for itself, installation tokens for one repository and one named permission
 * set. Tokens live in memory only and are known to the redactors from the moment they exist.
 */
import { PortError, type Clock } from "../engine/ports.ts";
import type { Repository } from "../domain/repository.ts";
import { openClient, openEtagCache, type Client, type Fetch, type TokenSource } from "./client.ts";
import { appJwt, readPrivateKey } from "./jwt.ts";
import { portErrorOf } from "./outcome.ts";
import { PERMISSIONS, type PermissionSet } from "./permissions.ts";
import type { SecretRegistry } from "./secrets.ts";

export interface AuthOptions {
  readonly appId: number;
  /** PEM. */
  readonly privateKey: string;
  readonly baseUrl: string;
  readonly clock: Clock;
  readonly secrets: SecretRegistry;
  /** Deadline of one request to GitHub. */
  readonly timeoutMs: number;
  /** The network; default: Node's own. */
  readonly fetch?: Fetch;
  /** Hears rate-limit headers per installation. */
  readonly observe?: (installation: number, headers: Readonly<Record<string, unknown>>) => void;
}

/** The App as GitHub knows it. */
export interface OwnApp {
  readonly appId: number;
  readonly slug: string;
  readonly botId: number;
  readonly botLogin: string;
}

export interface OneTimeToken {
  readonly token: string;
  /** Makes it worthless. Never throws: it expires within the hour anyway. */
  revoke(): Promise<void>;
}

export interface Auth {
  /** A client with the App's own credential (`/app/...`). */
  readonly app: Client;
  /**
   * Who we are. Asked once, then remembered. Throws PortError. The App's own credential may not look up
   * users, so the bot's id is asked for with the token of a repository.
   */
  own(repository: Repository): Promise<OwnApp>;
  /** What is known of it without asking. */
  ownNow(): { readonly appId: number; readonly botId: number | undefined };
  /** A client for one repository with one permission set; mints, keeps and renews its token. */
  client(repository: Repository, permissions: PermissionSet): Client;
  /** A token for a single use, outside of the cache. Throws PortError. */
  mintOnce(repository: Repository, permissions: PermissionSet): Promise<OneTimeToken>;
}

interface Token {
  readonly token: string;
  readonly expiresAt: number;
}

/** Tokens that end sooner than this are not handed out any more. */
const MARGIN_MS = 5 * 60_000;
const CLIENTS_MAX = 1_000;

export function openAuth(options: AuthOptions): Auth {
  const key = readPrivateKey(options.privateKey);
  options.secrets.add(options.privateKey);
  const { clock, baseUrl, timeoutMs, fetch } = options;
  const network = { baseUrl, timeoutMs, clock, ...(fetch === undefined ? {} : { fetch }) };
  const app = openClient({ ...network, etags: openEtagCache() }, jwtSource(options, key));
  const clients = new Map<string, Client>();
  let own: Promise<OwnApp> | null = null;
  let botId: number | undefined;

  const mint = async (repository: Repository, permissions: PermissionSet): Promise<Token> => {
    try {
      const { data } = await app.request(
        "POST /app/installations/{installation_id}/access_tokens",
        {
          installation_id: repository.installation,
          repository_ids: [repository.id],
          permissions: { ...PERMISSIONS[permissions] },
        },
      );
      const expiresAt = Date.parse(data.expires_at);
      options.secrets.add(data.token, expiresAt);
      return { token: data.token, expiresAt };
    } catch (error) {
      throw mintError(error, repository, clock.now());
    }
  };

  const client = (repository: Repository, permissions: PermissionSet): Client => {
    const name = `${repository.installation}/${repository.id}/${permissions}`;
    const known = clients.get(name);
    if (known !== undefined) return known;
    const source = tokenSource(() => mint(repository, permissions), clock);
    const observe = (headers: Readonly<Record<string, unknown>>): void =>
      options.observe?.(repository.installation, headers);
    const made = openClient({ ...network, etags: openEtagCache(), observe }, source);
    if (clients.size >= CLIENTS_MAX) clients.clear();
    clients.set(name, made);
    return made;
  };

  const readOwn = async (repository: Repository): Promise<OwnApp> => {
    try {
      const found = await askOwn(options.appId, app, client(repository, "facts"));
      ({ botId } = found);
      return found;
    } catch (error) {
      own = null;
      throw portErrorOf(error, clock.now());
    }
  };

  return {
    app,
    client,
    own: (repository) => (own ??= readOwn(repository)),
    ownNow: () => ({ appId: options.appId, botId }),
    async mintOnce(repository, permissions) {
      const { token } = await mint(repository, permissions);
      const source: TokenSource = {
        get: async () => token,
        renew: async () => token,
      };
      const once = openClient({ ...network, etags: openEtagCache(1) }, source);
      const revoke = async (): Promise<void> => {
        // Not revoked is not a failure of what it was used for: it expires by itself.
        await once.request("DELETE /installation/token").catch(() => undefined);
        options.secrets.add(token, clock.now());
      };
      return { token, revoke };
    },
  };
}

/** By our clock, until GitHub refuses a JWT: then by how far its clock is from ours. */
function jwtSource(
  { appId, clock }: AuthOptions,
  key: ReturnType<typeof readPrivateKey>,
): TokenSource {
  let driftMs = 0;
  const make = async (): Promise<string> => appJwt(appId, key, clock.now() + driftMs);
  return {
    get: make,
    renew(_stale, serverTime) {
      if (serverTime !== null) driftMs = serverTime - clock.now();
      return make();
    },
  };
}

/** One token at a time; whoever asks while it is being minted waits for the same one. */
function tokenSource(mint: () => Promise<Token>, clock: Clock): TokenSource {
  let current: Promise<Token> | null = null;
  const fresh = (): Promise<Token> => {
    const minting = mint();
    current = minting;
    minting.catch(() => {
      // Its failure is told to everybody who waits for it; the next one tries again.
      if (current === minting) current = null;
    });
    return minting;
  };
  const get = async (): Promise<string> => {
    const asked = current;
    if (asked === null) return (await fresh()).token;
    const held = await asked;
    if (held.expiresAt - clock.now() >= MARGIN_MS) return held.token;
    if (current === asked) current = null;
    return (await (current ?? fresh())).token;
  };
  return {
    get,
    async renew(stale) {
      const asked = current;
      if (asked !== null && (await asked).token === stale && current === asked) current = null;
      return get();
    },
  };
}

function mintError(error: unknown, repository: Repository, now: number): unknown {
  const port = portErrorOf(error, now);
  if (!(port instanceof PortError)) return port;
  const where = `${repository.owner}/${repository.name}`;
  return new PortError(port.kind, `no token for ${where}: ${port.message}`, {
    cause: error,
    ...(port.retryAfterMs === null ? {} : { retryAfterMs: port.retryAfterMs }),
  });
}

async function askOwn(appId: number, app: Client, inRepository: Client): Promise<OwnApp> {
  const { data } = await app.request("GET /app");
  const slug = data?.slug ?? "";
  if (Number(data?.id) !== appId || slug === "")
    throw new PortError("denied", `GitHub says this key belongs to App ${data?.id}, not ${appId}`);
  const botLogin = `${slug}[bot]`;
  const bot = await inRepository.request("GET /users/{username}", { username: botLogin });
  return { appId, slug, botId: Number(bot.data.id), botLogin };
}

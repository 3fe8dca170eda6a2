/**
 * Credentials of the App: JWTs for itself, installation tokens for one repository and one named permission
 * set. Tokens live in memory only and are known to the redactors from the moment they exist.
 */
import { PortError, type Clock } from "../engine/ports.ts";
import type { Repository } from "../domain/repository.ts";
import {
  openClient,
  openEtagCache,
  type Client,
  type ClientOptions,
  type Fetch,
  type TokenSource,
} from "./client.ts";
import { appJwt, readPrivateKey } from "./jwt.ts";
import { allPages, PAGE } from "./pages.ts";
import { portErrorOf, timeOf } from "./outcome.ts";
import { APP } from "./cost.ts";
import { OwnPace } from "./pacing.ts";
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
  /** Time that never jumps, in ms from anywhere, and the time of `secrets`; default: the clock's. */
  readonly elapsed?: () => number;
  /** The network; default: Node's own. */
  readonly fetch?: Fetch;
  /** Waits for the turn of a request that no call of an installation stands for: the App's own (`APP`), and of tokens for a single use. */
  readonly turn?: (installation: number, method: string) => Promise<void>;
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
  /**
   * Every repository of an installation. The one token that is not for a single repository: it reads metadata only, does
   * not leave this function, and is revoked at once. Throws PortError.
   */
  repositories(installation: number): Promise<readonly Repository[]>;
  /** A token for a single use, outside of the cache. Throws PortError. */
  mintOnce(repository: Repository, permissions: PermissionSet): Promise<OneTimeToken>;
}

interface Token {
  readonly token: string;
  /** By `elapsed`: our clock may be wrong, or be set while the token lives. */
  readonly goodUntil: number;
}

/** Tokens that end sooner than this are not handed out any more. */
const MARGIN_MS = 5 * 60_000;
const CLIENTS_MAX = 1_000;

export function openAuth(options: AuthOptions): Auth {
  const key = readPrivateKey(options.privateKey);
  options.secrets.add(options.privateKey);
  const { clock } = options;
  const network = networkOf(options);
  const app = openClient(
    { ...network, ...pacedAs(options, APP), etags: openEtagCache() },
    jwtSource(options, key),
  );
  const clients = new Map<string, Client>();
  let own: Promise<OwnApp> | null = null;
  let botId: number | undefined;

  const mint = async (repository: Repository, permissions: PermissionSet): Promise<Token> => {
    try {
      const { data, headers } = await app.request(
        "POST /app/installations/{installation_id}/access_tokens",
        {
          installation_id: repository.installation,
          repository_ids: [repository.id],
          permissions: { ...PERMISSIONS[permissions] },
        },
      );
      const goodUntil = endOf(options, data.expires_at, headers);
      options.secrets.add(data.token, goodUntil);
      return { token: data.token, goodUntil };
    } catch (error) {
      throw mintError(error, repository, clock.now());
    }
  };

  const client = (repository: Repository, permissions: PermissionSet): Client => {
    const name = `${repository.installation}/${repository.id}/${permissions}`;
    const known = clients.get(name);
    if (known !== undefined) return known;
    const source = tokenSource(() => mint(repository, permissions), elapsedOf(options));
    const observe = (headers: Readonly<Record<string, unknown>>): void =>
      options.observe?.(repository.installation, headers);
    const made = openClient({ ...network, etags: openEtagCache(), observe }, source);
    if (clients.size >= CLIENTS_MAX) clients.clear();
    clients.set(name, made);
    return made;
  };

  /** Who asks while it is being asked waits for the same answer. */
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
    repositories: (installation) => listRepositories(options, app, installation),
    async mintOnce(repository, permissions) {
      const { token } = await mint(repository, permissions);
      return oneTime(options, repository, token);
    },
  };
}

function oneTime(options: AuthOptions, { installation }: Repository, token: string): OneTimeToken {
  const fixed: TokenSource = { get: async () => token, renew: async () => token };
  const network = { ...networkOf(options), ...pacedAs(options, installation) };
  const client = openClient({ ...network, etags: openEtagCache(1) }, fixed);
  const revoke = async (): Promise<void> => {
    // Not revoked is not a failure of what it was used for: it expires by itself.
    await client.request("DELETE /installation/token").catch(() => undefined);
    options.secrets.add(token, elapsedOf(options)());
  };
  return { token, revoke };
}

/** More than this of one installation are not swept. */
const LIST_PAGES_MAX = 50;

async function listRepositories(
  options: AuthOptions,
  app: Client,
  installation: number,
): Promise<readonly Repository[]> {
  const { clock, secrets } = options;
  try {
    const route = "POST /app/installations/{installation_id}/access_tokens";
    const permissions = { metadata: "read" } as const;
    const { data, headers } = await app.request(route, {
      installation_id: installation,
      permissions,
    });
    secrets.add(data.token, endOf(options, data.expires_at, headers));
    const fixed: TokenSource = { get: async () => data.token, renew: async () => data.token };
    const network = { ...networkOf(options), ...pacedAs(options, installation) };
    const client = openClient({ ...network, etags: openEtagCache(1) }, fixed);
    try {
      const found = await allPages(LIST_PAGES_MAX, async (page) => {
        const request = { per_page: PAGE, page };
        return (await client.request("GET /installation/repositories", request)).data.repositories;
      });
      return found.map(({ id, name, owner }) => ({
        installation,
        id: Number(id),
        owner: owner.login,
        name,
      }));
    } finally {
      // Not revoked is not a failure of what it was used for: it expires by itself.
      await client.request("DELETE /installation/token").catch(() => undefined);
    }
  } catch (error) {
    throw portErrorOf(error, clock.now());
  }
}

const networkOf = ({
  clock,
  baseUrl,
  timeoutMs,
  fetch,
}: AuthOptions): Pick<ClientOptions, "baseUrl" | "timeoutMs" | "clock" | "fetch"> => ({
  baseUrl,
  timeoutMs,
  clock,
  ...(fetch === undefined ? {} : { fetch }),
});

const pacedAs = (
  { turn, observe }: AuthOptions,
  installation: number,
): Pick<ClientOptions, "turn" | "observe"> => ({
  ...(turn === undefined ? {} : { turn: (method) => turn(installation, method) }),
  ...(observe === undefined ? {} : { observe: (headers) => observe(installation, headers) }),
});

const elapsedOf = ({ elapsed, clock }: AuthOptions): (() => number) =>
  elapsed ?? (() => clock.now());

/** When a token ends, by `elapsed`: how long it lives is GitHub's time compared with GitHub's time. */
function endOf(
  options: AuthOptions,
  expiresAt: string,
  headers: Readonly<Record<string, unknown>>,
): number {
  const livesMs = Date.parse(expiresAt) - (timeOf(headers) ?? options.clock.now());
  return elapsedOf(options)() + livesMs;
}

/** Calls of the App come in bursts, and one signature costs more than the rest of a call. */
const JWT_KEPT_MS = 30_000;

/** By our clock, until GitHub refuses a JWT: then by how far its clock is from ours. */
function jwtSource(
  { appId, clock }: AuthOptions,
  key: ReturnType<typeof readPrivateKey>,
): TokenSource {
  let driftMs = 0;
  let kept = { jwt: "", at: Number.NaN };
  const make = (now: number): string => {
    kept = { jwt: appJwt(appId, key, now + driftMs), at: now };
    return kept.jwt;
  };
  return {
    async get() {
      const now = clock.now();
      return now >= kept.at && now < kept.at + JWT_KEPT_MS ? kept.jwt : make(now);
    },
    async renew(_stale, serverTime) {
      const now = clock.now();
      if (serverTime !== null) driftMs = serverTime - now;
      return make(now);
    },
  };
}

/** One token at a time; whoever asks while it is being minted waits for the same one. */
function tokenSource(mint: () => Promise<Token>, elapsed: () => number): TokenSource {
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
    if (held.goodUntil - elapsed() >= MARGIN_MS) return held.token;
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
  if (!(port instanceof PortError) || port instanceof OwnPace) return port;
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

/** Registers apps, installs them, mints their tokens. */
import { createPublicKey, generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

import { holds } from "../access.ts";
import { type Hub, repositoriesOf } from "../hub.ts";
import type {
  Account,
  App,
  Installation,
  InstallationToken,
  Permissions,
  Repository,
} from "../model.ts";
import { Problem } from "../problem.ts";
import { installationShape } from "../shape/account.ts";
import { iso } from "../shape/time.ts";
import { createAccount } from "./accounts.ts";

const tokenLifetimeMs = 3_600_000;

export interface NewApp {
  readonly slug: string;
  readonly owner: Account;
  readonly webhookUrl: string;
  readonly webhookSecret: string;
  readonly permissions: Permissions;
  readonly events: readonly string[];
  /** PEM; made when not given, which takes about 100 ms. */
  readonly privateKey?: string | undefined;
}

export async function createApp(hub: Hub, wanted: NewApp): Promise<App> {
  const privateKey = wanted.privateKey ?? (await newPrivateKey());
  const id = hub.nextId();
  const app: App = {
    ...wanted,
    id,
    nodeId: hub.nodeId("A", id),
    name: wanted.slug,
    clientId: `Iv23li${hub.chance.text(14)}`,
    clientSecret: hub.chance.bytes(20).toString("hex"),
    bot: createAccount(hub, `${wanted.slug}[bot]`, "Bot"),
    privateKey,
    publicKey: createPublicKey(privateKey),
    permissions: { metadata: "read", ...wanted.permissions },
    createdAtMs: hub.nowMs(),
    hookId: hub.nextId(),
  };
  hub.apps.set(id, app);
  return app;
}

export function install(
  hub: Hub,
  app: App,
  account: Account,
  repositories: readonly Repository[] | undefined,
): Installation {
  const id = hub.nextId();
  const installation: Installation = {
    id,
    nodeId: hub.nodeId("IN", id),
    app,
    account,
    selected: repositories && new Set(repositories.map((repository) => repository.id)),
    createdAtMs: hub.nowMs(),
    updatedAtMs: hub.nowMs(),
    suspendedAtMs: undefined,
  };
  hub.installations.set(id, installation);
  emitInstallation(hub, installation, "created");
  return installation;
}

export function uninstall(hub: Hub, installation: Installation): void {
  // Told first: afterwards nobody could be found to tell.
  emitInstallation(hub, installation, "deleted");
  hub.installations.delete(installation.id);
  for (const [key, token] of hub.tokens) {
    if (token.installation === installation) hub.tokens.delete(key);
  }
}

export function suspend(hub: Hub, installation: Installation, suspended: boolean): void {
  installation.suspendedAtMs = suspended ? hub.nowMs() : undefined;
  installation.updatedAtMs = hub.nowMs();
  emitInstallation(hub, installation, suspended ? "suspend" : "unsuspend");
}

/** Adds repositories to, or removes them from, an installation of selected repositories. */
export function select(
  hub: Hub,
  installation: Installation,
  change: { readonly add: readonly Repository[]; readonly remove: readonly Repository[] },
): void {
  const selected = installation.selected ?? new Set<number>();
  installation.selected = selected;
  for (const repository of change.add) selected.add(repository.id);
  for (const repository of change.remove) selected.delete(repository.id);
  installation.updatedAtMs = hub.nowMs();
  const action = change.add.length > 0 ? "added" : "removed";
  hub.emit({
    event: "installation_repositories",
    action,
    sender: installation.account,
    installation,
    payload: {
      installation: installationShape(hub, installation),
      repository_selection: "selected",
      repositories_added: change.add.map(tinyRepository),
      repositories_removed: change.remove.map(tinyRepository),
      requester: null,
    },
  });
}

export interface TokenRequest {
  readonly permissions: Permissions | undefined;
  readonly repositories: readonly Repository[] | undefined;
  readonly format: "long" | "short";
}

/** Mints a token of one hour, for at most what the installation has. Asking for more is 422. */
export function mintToken(
  hub: Hub,
  installation: Installation,
  request: TokenRequest,
): InstallationToken {
  const granted = installation.app.permissions;
  if (request.permissions !== undefined && !holds(granted, request.permissions)) {
    throw new Problem(422, "The permissions requested are not granted to this installation.");
  }
  const permissions = request.permissions ?? granted;
  const token: InstallationToken = {
    token: tokenText(hub, installation, request.format),
    installation,
    permissions: { metadata: "read", ...permissions },
    repositoryIds: request.repositories && new Set(request.repositories.map(({ id }) => id)),
    expiresAtMs: hub.nowMs() + tokenLifetimeMs,
  };
  forgetExpired(hub);
  hub.tokens.set(token.token, token);
  return token;
}

/** The oldest stand first; what is expired is refused like what never was. */
function forgetExpired(hub: Hub): void {
  for (const [key, { expiresAtMs }] of hub.tokens) {
    if (expiresAtMs > hub.nowMs()) return;
    hub.tokens.delete(key);
  }
}

/** The event that GitHub sends when a webhook is set up. */
export function ping(hub: Hub, app: App): void {
  const createdAt = iso(app.createdAtMs);
  hub.emit({
    event: "ping",
    sender: app.owner,
    app,
    payload: {
      zen: "Practicality beats purity.",
      hook_id: app.hookId,
      hook: {
        type: "App",
        id: app.hookId,
        name: "web",
        active: true,
        events: app.events,
        config: { content_type: "json", insecure_ssl: "0", url: app.webhookUrl },
        updated_at: createdAt,
        created_at: createdAt,
        app_id: app.id,
        deliveries_url: `${hub.url}/api/v3/app/hook/deliveries`,
      },
    },
  });
}

async function newPrivateKey(): Promise<string> {
  const pair = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return pair.privateKey.export({ type: "pkcs1", format: "pem" }).toString();
}

function tinyRepository(repository: Repository): Record<string, unknown> {
  return {
    id: repository.id,
    node_id: repository.nodeId,
    name: repository.name,
    full_name: `${repository.owner.login}/${repository.name}`,
    private: repository.private,
  };
}

/** GitHub's new stateless shape `ghs_APPID_JWT`, several hundred characters, or the old one of 40. */
function tokenText(hub: Hub, installation: Installation, format: "long" | "short"): string {
  const text = (length: number): string => hub.chance.text(length);
  if (format === "short") return `ghs_${text(36)}`;
  return `ghs_${installation.app.id}_${text(36)}.${text(180)}.${text(86)}`;
}

function emitInstallation(hub: Hub, installation: Installation, action: string): void {
  hub.emit({
    event: "installation",
    action,
    sender: installation.account,
    installation,
    payload: {
      installation: installationShape(hub, installation),
      repositories: repositoriesOf(hub, installation).map(tinyRepository),
      ...(action === "created" ? { requester: null } : {}),
    },
  });
}

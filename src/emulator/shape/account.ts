/** Accounts, apps and installations as GitHub's JSON has them. */
import type { Hub } from "../hub.ts";
import type { Account, App, Installation, Role } from "../model.ts";
import { iso } from "./time.ts";

export type Json = Record<string, unknown>;

/** GitHub's "simple user". The brackets of a bot's login are escaped in URLs. */
export function userShape(hub: Hub, account: Account): Json {
  const name = encodeURIComponent(account.login);
  const api = `${hub.url}/api/v3/users/${name}`;
  return {
    login: account.login,
    id: account.id,
    node_id: account.nodeId,
    avatar_url: `${hub.url}/avatars/${account.id}`,
    gravatar_id: "",
    url: api,
    html_url:
      account.kind === "Bot"
        ? `${hub.url}/apps/${encodeURIComponent(account.login.replace(/\[bot\]$/u, ""))}`
        : `${hub.url}/${name}`,
    followers_url: `${api}/followers`,
    following_url: `${api}/following{/other_user}`,
    gists_url: `${api}/gists{/gist_id}`,
    starred_url: `${api}/starred{/owner}{/repo}`,
    subscriptions_url: `${api}/subscriptions`,
    organizations_url: `${api}/orgs`,
    repos_url: `${api}/repos`,
    events_url: `${api}/events{/privacy}`,
    received_events_url: `${api}/received_events`,
    type: account.kind,
    user_view_type: "public",
    site_admin: false,
  };
}

export function userOrNull(hub: Hub, account: Account | undefined): Json | null {
  return account === undefined ? null : userShape(hub, account);
}

/** The answer of `GET /users/{username}`. */
export function fullUserShape(hub: Hub, account: Account): Json {
  return {
    ...userShape(hub, account),
    name: account.login,
    company: null,
    blog: "",
    location: null,
    email: null,
    hireable: null,
    bio: null,
    twitter_username: null,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: iso(account.createdAtMs),
    updated_at: iso(account.createdAtMs),
  };
}

export function organizationShape(hub: Hub, account: Account): Json {
  const api = `${hub.url}/api/v3/orgs/${encodeURIComponent(account.login)}`;
  return {
    login: account.login,
    id: account.id,
    node_id: account.nodeId,
    url: api,
    repos_url: `${api}/repos`,
    events_url: `${api}/events`,
    hooks_url: `${api}/hooks`,
    issues_url: `${api}/issues`,
    members_url: `${api}/members{/member}`,
    public_members_url: `${api}/public_members{/member}`,
    avatar_url: `${hub.url}/avatars/${account.id}`,
    description: null,
  };
}

/** An App as it stands in `performed_via_github_app`, checks and `GET /app`. */
export function appShape(hub: Hub, app: App): Json {
  return {
    id: app.id,
    client_id: app.clientId,
    slug: app.slug,
    node_id: app.nodeId,
    owner: userShape(hub, app.owner),
    name: app.name,
    description: "",
    external_url: hub.url,
    html_url: `${hub.url}/apps/${app.slug}`,
    created_at: iso(app.createdAtMs),
    updated_at: iso(app.createdAtMs),
    permissions: app.permissions,
    events: app.events,
  };
}

export function installationShape(hub: Hub, installation: Installation): Json {
  const { app, account } = installation;
  return {
    id: installation.id,
    client_id: app.clientId,
    node_id: installation.nodeId,
    account: userShape(hub, account),
    repository_selection: installation.selected === undefined ? "all" : "selected",
    access_tokens_url: `${hub.url}/api/v3/app/installations/${installation.id}/access_tokens`,
    repositories_url: `${hub.url}/api/v3/installation/repositories`,
    html_url: `${hub.url}/settings/installations/${installation.id}`,
    app_id: app.id,
    app_slug: app.slug,
    target_id: account.id,
    target_type: account.kind,
    permissions: app.permissions,
    events: app.events,
    created_at: iso(installation.createdAtMs),
    updated_at: iso(installation.updatedAtMs),
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: installation.suspendedAtMs === undefined ? null : userShape(hub, account),
    suspended_at: iso(installation.suspendedAtMs),
  };
}

/** What a role allows, in the five booleans of the API. */
export function roleFlags(role: Role): Json {
  const rank = ["none", "read", "triage", "write", "maintain", "admin"].indexOf(role);
  return {
    admin: rank >= 5,
    maintain: rank >= 4,
    push: rank >= 3,
    triage: rank >= 2,
    pull: rank >= 1,
  };
}

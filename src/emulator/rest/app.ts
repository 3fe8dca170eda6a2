/** What an App does as itself, with its JWT: installations, tokens, its webhook and the webhook's log. */
import { mintToken } from "../act/apps.ts";
import { accountOf, covers, repositoriesOf } from "../hub.ts";
import {
  type Answer,
  type Body,
  type Context,
  created,
  isBody,
  list,
  noContent,
  numberParam,
  ok,
  param,
  type Route,
  route,
  text,
  texts,
} from "../http/request.ts";
import { page } from "../http/paging.ts";
import type { App, Installation, Level, Permissions, Repository } from "../model.ts";
import { notFound, Problem } from "../problem.ts";
import { appShape, installationShape } from "../shape/account.ts";
import { repositoryShape } from "../shape/repository.ts";
import { iso } from "../shape/time.ts";

const repositoriesPerTokenMax = 500;

export const appRoutes: readonly Route[] = [
  route("GET", "/app", (context) => {
    const app = self(context);
    const installed = installationsOf(context, app).length;
    return ok({ ...appShape(context.hub, app), installations_count: installed });
  }),
  route("GET", "/app/installations", (context) =>
    page(context, installationsOf(context, self(context)), (installation) =>
      installationShape(context.hub, installation),
    ),
  ),
  route("GET", "/app/installations/{installation_id}", (context) =>
    ok(installationShape(context.hub, installationIn(context))),
  ),
  route("GET", "/repos/{owner}/{repo}/installation", (context) => {
    const app = self(context);
    const name = `${param(context, "owner")}/${param(context, "repo")}`.toLowerCase();
    const repository = context.hub.repositories.get(name);
    if (repository === undefined) throw notFound();
    const found = installationsOf(context, app).find((installation) =>
      covers(installation, repository),
    );
    if (found === undefined) throw notFound();
    return ok(installationShape(context.hub, found));
  }),
  route("GET", "/users/{username}/installation", (context) => {
    const account = accountOf(context.hub, param(context, "username"));
    const installations = installationsOf(context, self(context));
    const found = installations.find((installation) => installation.account === account);
    if (found === undefined) throw notFound();
    return ok(installationShape(context.hub, found));
  }),
  route("POST", "/app/installations/{installation_id}/access_tokens", mint),
  route("GET", "/app/hook/config", (context) => ok(hookConfig(self(context)))),
  route("PATCH", "/app/hook/config", (context) => {
    const app = self(context);
    app.webhookUrl = text(context.body, "url") ?? app.webhookUrl;
    app.webhookSecret = text(context.body, "secret") ?? app.webhookSecret;
    return ok(hookConfig(app));
  }),
  route("DELETE", "/installation/token", (context) => {
    context.hub.tokens.delete(installationActor(context).token.token);
    return noContent();
  }),
  route("GET", "/installation/repositories", (context) => {
    const { installation, token } = installationActor(context);
    const all = repositoriesOf(context.hub, installation).filter(
      (repository) => token.repositoryIds?.has(repository.id) ?? true,
    );
    const shape = (repository: Repository): unknown =>
      repositoryShape(context.hub, repository, "read");
    return page(context, all, shape, (repositories) => ({
      total_count: all.length,
      repository_selection: installation.selected === undefined ? "all" : "selected",
      repositories,
    }));
  }),
];

/** The App that signed the JWT; everybody else is told that this takes a JWT. */
export function self(context: Context): App {
  if (context.actor.kind !== "app") throw new Problem(401, "A JSON web token could not be decoded");
  return context.actor.app;
}

function mint(context: Context): Answer {
  const installation = installationIn(context);
  if (installation.suspendedAtMs !== undefined) {
    throw new Problem(403, "This installation has been suspended");
  }
  const permissions = permissionsIn(context.body);
  const repositories = repositoriesIn(context, installation);
  const format = context.tokenFormat;
  const token = mintToken(context.hub, installation, { permissions, repositories, format });
  return created({
    token: token.token,
    expires_at: iso(token.expiresAtMs),
    permissions: token.permissions,
    repository_selection:
      repositories === undefined && installation.selected === undefined ? "all" : "selected",
    ...(repositories === undefined
      ? {}
      : { repositories: repositories.map((entry) => repositoryShape(context.hub, entry)) }),
  });
}

function permissionsIn(body: Body): Permissions | undefined {
  const wanted = body["permissions"];
  if (wanted === undefined) return undefined;
  if (!isBody(wanted)) throw new Problem(422, "Invalid request.\n\npermissions is not an object.");
  const permissions: Record<string, Level> = {};
  for (const [name, level] of Object.entries(wanted)) {
    if (level !== "read" && level !== "write" && level !== "admin") {
      throw new Problem(422, `Invalid request.\n\n${String(level)} is not a permission level.`);
    }
    permissions[name] = level;
  }
  return permissions;
}

/** The repositories that a token shall be limited to; one that the installation lacks is 422. */
function repositoriesIn(context: Context, installation: Installation): Repository[] | undefined {
  const ids = list(context.body, "repository_ids");
  const names = texts(context.body, "repositories");
  if (ids === undefined && names === undefined) return undefined;
  const all = repositoriesOf(context.hub, installation);
  const wanted = [...(ids ?? []), ...(names ?? [])];
  if (wanted.length > repositoriesPerTokenMax) {
    throw new Problem(422, `at most ${repositoriesPerTokenMax} repositories can be selected`);
  }
  return wanted.map((want) => {
    const found = all.find(
      ({ id, name }) => id === want || name.toLowerCase() === String(want).toLowerCase(),
    );
    if (found !== undefined) return found;
    throw new Problem(
      422,
      "There is at least one repository that does not exist or is not accessible to the parent installation.",
    );
  });
}

function installationActor(context: Context): Context["actor"] & { kind: "installation" } {
  if (context.actor.kind === "installation") return context.actor;
  throw new Problem(
    403,
    "You must authenticate with an installation access token in order to access this endpoint.",
  );
}

function installationIn(context: Context): Installation {
  const app = self(context);
  const found = context.hub.installations.get(numberParam(context, "installation_id"));
  if (found?.app !== app) throw notFound();
  return found;
}

function installationsOf(context: Context, app: App): Installation[] {
  return [...context.hub.installations.values()].filter((installation) => installation.app === app);
}

function hookConfig(app: App): Record<string, unknown> {
  return {
    content_type: "json",
    insecure_ssl: "0",
    ...(app.webhookSecret === "" ? {} : { secret: "********" }),
    url: app.webhookUrl,
  };
}

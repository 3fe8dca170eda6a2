/**
 * The pages: small, without scripts, for a person who plays both sides. One acts as anybody, chosen by `?as=LOGIN` and
 * kept in a cookie: this is a toy of one's own machine, not a login. Forms from other sites are refused.
 */
import type { IncomingHttpHeaders } from "node:http";

import { roleOf } from "../access.ts";
import { changesOf } from "../act/reviews.ts";
import type { ApiAnswer, ApiParts, ApiRequest } from "../http/api.ts";
import { fullName, type Hub, issueOf } from "../hub.ts";
import type { Account, Actor, Issue, Pull, Repository } from "../model.ts";
import { notFound, Problem } from "../problem.ts";
import { submit } from "./forms.ts";
import { issuePage } from "./issue.ts";
import { contentSecurityPolicy, layout, type Viewer } from "./layout.ts";
import { homePage, issuesPage, repositoryPage } from "./lists.ts";
import { html, type Markup } from "./markup.ts";
import { commitPage, pullPage } from "./pull.ts";

export async function servePage(parts: ApiParts, request: ApiRequest): Promise<ApiAnswer> {
  const { hub } = parts;
  const people = [...hub.accounts.values()].filter((account) => account.kind === "User");
  const wanted = request.query.get("as") ?? cookieOf(request.headers);
  const account = people.find(({ login }) => login === wanted) ?? people[0];
  const viewer: Viewer = { account, people, path: request.path };
  const actor: Actor = account === undefined ? { kind: "anonymous" } : { kind: "user", account };
  try {
    if (request.method === "POST") {
      checkOrigin(hub, request.headers);
      const metered = { method: "POST", kind: "page", content: true, counted: true } as const;
      parts.meter.enter(actor, metered).end();
      const to = await post(hub, actor, request);
      return { status: 303, headers: { location: to, ...cookie(account) }, body: "" };
    }
    const [title, content] = await get(hub, actor, request.path);
    return page(viewer, 200, title, content, cookie(account));
  } catch (error) {
    const status = error instanceof Problem ? error.status : 500;
    return page(viewer, status, "Not possible", errorBox(error), {});
  }
}

async function get(hub: Hub, actor: Actor, path: string): Promise<[string, Markup]> {
  if (path === "/") {
    const all = [...hub.repositories.values()].filter((repository) => mayRead(actor, repository));
    return ["Repositories", homePage(all)];
  }
  const place = placeOf(hub, actor, path);
  const name = fullName(place.repository);
  const { issue } = place;
  if (issue?.pull !== undefined)
    return [`${issue.title} #${issue.number}`, await pullOf(issue.pull)];
  if (issue !== undefined) return [`${issue.title} #${issue.number}`, issuePage(issue)];
  if (place.commit !== undefined) return [name, await commitOf(place.repository, place.commit)];
  if (place.list) return [`Issues of ${name}`, issuesPage(place.repository)];
  return [name, repositoryPage(hub, place.repository)];
}

function post(hub: Hub, actor: Actor, request: ApiRequest): Promise<string> {
  if (actor.kind === "anonymous")
    throw new Problem(401, "there is nobody to act as: create a user");
  const { repository, issue } = placeOf(hub, actor, request.path);
  const fields = new URLSearchParams(request.body.toString("utf8"));
  return submit({ hub, actor, repository, issue, fields });
}

interface Place {
  readonly repository: Repository;
  readonly issue: Issue | undefined;
  readonly commit: string | undefined;
  readonly list: boolean;
}

function placeOf(hub: Hub, actor: Actor, path: string): Place {
  const [, owner = "", name = "", section, rest, ...more] = path.split("/");
  const repository = hub.repositories.get(`${owner}/${name}`.toLowerCase());
  if (repository === undefined || !mayRead(actor, repository) || more.length > 0) throw notFound();
  const place: Place = { repository, issue: undefined, commit: undefined, list: false };
  if (section === undefined) return place;
  if (rest === undefined) {
    if (section === "issues" || section === "pulls") return { ...place, list: true };
    throw notFound();
  }
  if (section === "commit" && /^[0-9a-f]{40}$/u.test(rest)) return { ...place, commit: rest };
  if ((section === "issues" || section === "pull") && /^\d{1,9}$/u.test(rest)) {
    return { ...place, issue: issueOf(hub, repository, Number(rest)) };
  }
  throw notFound();
}

async function pullOf(pull: Pull): Promise<Markup> {
  const { repository } = pull.issue;
  const from = await repository.git.mergeBase(pull.baseSha, pull.headSha);
  const [files, commits] = await Promise.all([
    changesOf(pull),
    repository.git.listCommits({ tip: pull.headSha, except: from }),
  ]);
  const runs = [...repository.checkRuns.values()];
  const checks = runs.filter((run) => run.headSha === pull.headSha);
  return pullPage({ pull, files, commits, checks });
}

async function commitOf(repository: Repository, sha: string): Promise<Markup> {
  const commit = await repository.git.readCommit(sha).catch(() => {
    throw notFound();
  });
  const files = await repository.git.diffFiles(commit.parents[0], sha);
  return commitPage(fullName(repository), commit, files);
}

function mayRead(actor: Actor, repository: Repository): boolean {
  if (actor.kind !== "user") return !repository.private;
  return roleOf(repository, actor.account) !== "none";
}

/** A browser says where a form comes from; only our own pages may send one. Other clients say nothing. */
function checkOrigin(hub: Hub, headers: IncomingHttpHeaders): void {
  const site = headers["sec-fetch-site"];
  const { origin } = headers;
  const own = new Set([hub.url, hub.url.replace("127.0.0.1", "localhost")]);
  const strange = site !== undefined && site !== "same-origin";
  if (strange || (origin !== undefined && !own.has(origin))) {
    throw new Problem(403, "this form was sent from another site");
  }
}

function cookieOf(headers: IncomingHttpHeaders): string | undefined {
  const found = /(?:^|;\s*)as=([A-Za-z0-9-]+)/u.exec(headers.cookie ?? "");
  return found?.[1];
}

function cookie(account: Account | undefined): Record<string, string> {
  if (account === undefined) return {};
  return { "set-cookie": `as=${account.login}; Path=/; HttpOnly; SameSite=Strict` };
}

function errorBox(error: unknown): Markup {
  const message = error instanceof Error ? error.message : String(error);
  const problem = error instanceof Problem ? JSON.stringify(error.errors ?? []) : "";
  return html`<p class="error">${message} ${problem === "[]" ? "" : problem}</p>
    <p><a href="/">All repositories</a></p>`;
}

function page(
  viewer: Viewer,
  status: number,
  title: string,
  content: Markup,
  headers: Record<string, string>,
): ApiAnswer {
  return {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": contentSecurityPolicy,
      "x-content-type-options": "nosniff",
      "referrer-policy": "same-origin",
      "cache-control": "no-store",
      ...headers,
    },
    body: layout(viewer, title, content),
  };
}

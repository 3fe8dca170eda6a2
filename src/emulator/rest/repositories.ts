/** Repositories: their data, people's permission in them, branches, refs, commits, files. */
import { accountOf } from "../hub.ts";
import { accountOfActor, demand, roleOf } from "../access.ts";
import { need } from "../act/needs.ts";
import { createRef, deleteRef } from "../act/repositories.ts";
import { addStatus } from "../act/checks.ts";
import { oneOf } from "../act/text.ts";
import {
  type Answer,
  type Context,
  created,
  noContent,
  numberParam,
  ok,
  param,
  repositoryIn,
  type Route,
  route,
  text,
} from "../http/request.ts";
import { page } from "../http/paging.ts";
import type { Repository, Role } from "../model.ts";
import { invalid, notFound, Problem } from "../problem.ts";
import { roleFlags, userShape } from "../shape/account.ts";
import {
  combinedStatusShape,
  commitShape,
  fullCommitShape,
  fullStatusShape,
  refShape,
} from "../shape/commit.ts";
import { changeShape } from "../shape/pull.ts";
import { fullRepositoryShape, repositoryApi, repositoryPage } from "../shape/repository.ts";

export const repositoryRoutes: readonly Route[] = [
  route("GET", "/repos/{owner}/{repo}", (context) => shown(context, repositoryIn(context))),
  route("GET", "/repositories/{repository_id}", (context) => {
    const id = numberParam(context, "repository_id");
    const found = [...context.hub.repositories.values()].find((entry) => entry.id === id);
    if (found === undefined) throw notFound();
    const [owner, repo] = [found.owner.login, found.name];
    return shown(context, repositoryIn({ ...context, params: { owner, repo } }));
  }),
  route("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", permission),
  route("GET", "/repos/{owner}/{repo}/branches", (context) => {
    const repository = readable(context);
    const refs = [...repository.refs].filter(([ref]) => ref.startsWith("refs/heads/"));
    const api = repositoryApi(context.hub, repository);
    return page(context, refs, ([ref, sha]) => ({
      name: ref.slice("refs/heads/".length),
      commit: { sha, url: `${api}/commits/${sha}` },
      protected: false,
    }));
  }),
  route("GET", "/repos/{owner}/{repo}/branches/{branch}", branch),
  route("GET", "/repos/{owner}/{repo}/git/ref/{ref}", (context) => {
    const repository = readable(context);
    const ref = `refs/${param(context, "ref")}`;
    const sha = repository.refs.get(ref);
    if (sha === undefined) throw notFound();
    return ok(refShape(context.hub, repository, ref, sha));
  }),
  route("GET", "/repos/{owner}/{repo}/git/matching-refs/{ref}", (context) => {
    const repository = readable(context);
    const prefix = `refs/${param(context, "ref")}`;
    const refs = [...repository.refs].filter(([ref]) => ref.startsWith(prefix));
    return page(context, refs, ([ref, sha]) => refShape(context.hub, repository, ref, sha));
  }),
  route("POST", "/repos/{owner}/{repo}/git/refs", async (context) => {
    const repository = repositoryIn(context);
    const ref = text(context.body, "ref") ?? "";
    const sha = text(context.body, "sha") ?? "";
    if (!/^refs\/(?:heads|tags)\/./u.test(ref)) {
      throw new Problem(422, "Reference name must start with 'refs/heads/' or 'refs/tags/'");
    }
    const commit = /^[0-9a-f]{40}$/u.test(sha)
      ? await repository.git.resolveCommit(sha)
      : undefined;
    if (commit === undefined) throw new Problem(422, "Object does not exist");
    await createRef(context.hub, context.actor, repository, ref, commit);
    return created(refShape(context.hub, repository, ref, commit));
  }),
  route("DELETE", "/repos/{owner}/{repo}/git/refs/{ref}", async (context) => {
    const ref = `refs/${param(context, "ref")}`;
    await deleteRef(context.hub, context.actor, repositoryIn(context), ref);
    return noContent();
  }),
  route("GET", "/repos/{owner}/{repo}/commits", async (context) => {
    const repository = readable(context);
    const sha = await commitIn(repository, context.query.get("sha") ?? repository.defaultBranch);
    const path = context.query.get("path") ?? undefined;
    const commits = await repository.git.listHistory(sha, { max: 1000, path });
    return page(context, commits, (commit) => commitShape(context.hub, repository, commit));
  }),
  route("GET", "/repos/{owner}/{repo}/commits/{ref}/status", async (context) => {
    const repository = repositoryIn(context);
    demand(context.actor, repository, need.readStatuses);
    const sha = await commitIn(repository, param(context, "ref"));
    return ok(combinedStatusShape(context.hub, repository, sha));
  }),
  route("POST", "/repos/{owner}/{repo}/statuses/{sha}", setStatus),
];

/** These end in a ref that may hold slashes; they must stand after every other `/commits/…` route. */
export const lastRepositoryRoutes: readonly Route[] = [
  route("GET", "/repos/{owner}/{repo}/commits/{ref}", async (context) => {
    const repository = readable(context);
    const sha = await commitIn(repository, param(context, "ref"));
    const commit = await repository.git.readCommit(sha);
    const files = await repository.git.diffFiles(commit.parents[0], sha);
    return ok(fullCommitShape(context.hub, repository, commit, files));
  }),
  route("GET", "/repos/{owner}/{repo}/compare/{basehead}", compare),
];

/** The repository, when its contents may be read. */
export function readable(context: Context): Repository {
  const repository = repositoryIn(context);
  demand(context.actor, repository, need.readContents);
  return repository;
}

/** The commit of a ref in the path; GitHub's own 422 when there is none. */
export async function commitIn(repository: Repository, ref: string): Promise<string> {
  const name = ref.replace(/^(?:refs\/)?(?:heads|tags)\//u, "");
  const sha =
    (await repository.git.resolveCommit(ref)) ?? (await repository.git.resolveCommit(name));
  if (sha === undefined) throw new Problem(422, `No commit found for SHA: ${ref}`);
  return sha;
}

function shown(context: Context, repository: Repository): Answer {
  const { actor } = context;
  const role: Role =
    actor.kind === "user"
      ? roleOf(repository, actor.account)
      : actor.kind === "installation"
        ? "read"
        : "none";
  return ok(fullRepositoryShape(context.hub, repository, role));
}

/** `permission` folds maintain into write and triage into read; `role_name` tells them apart. */
function permission(context: Context): Answer {
  const repository = repositoryIn(context);
  demand(context.actor, repository, need.read);
  accountOfActor(context.actor);
  const account = accountOf(context.hub, param(context, "username"));
  if (account === undefined) throw notFound();
  const role = roleOf(repository, account);
  const folded = { maintain: "write", triage: "read" } as const;
  return ok({
    permission: role === "maintain" || role === "triage" ? folded[role] : role,
    role_name: role,
    user: {
      ...userShape(context.hub, account),
      permissions: roleFlags(role),
      role_name: role,
    },
  });
}

async function branch(context: Context): Promise<Answer> {
  const repository = readable(context);
  const name = param(context, "branch");
  const sha = repository.refs.get(`refs/heads/${name}`);
  if (sha === undefined) throw new Problem(404, "Branch not found");
  const commit = await repository.git.readCommit(sha);
  const self = `${repositoryApi(context.hub, repository)}/branches/${name}`;
  return ok({
    name,
    commit: commitShape(context.hub, repository, commit),
    _links: { self, html: `${repositoryPage(context.hub, repository)}/tree/${name}` },
    protected: false,
    protection: {
      enabled: false,
      required_status_checks: { enforcement_level: "off", contexts: [], checks: [] },
    },
    protection_url: `${self}/protection`,
  });
}

async function setStatus(context: Context): Promise<Answer> {
  const repository = repositoryIn(context);
  demand(context.actor, repository, need.writeStatuses);
  const state = oneOf(
    text(context.body, "state"),
    ["error", "failure", "pending", "success"] as const,
    "state",
  );
  if (state === undefined) {
    throw invalid({ resource: "Status", code: "missing_field", field: "state" });
  }
  const status = addStatus(context.hub, context.actor, repository, {
    sha: await commitIn(repository, param(context, "sha")),
    state,
    context: text(context.body, "context") ?? "default",
    description: text(context.body, "description"),
    targetUrl: text(context.body, "target_url"),
  });
  return created(fullStatusShape(context.hub, repository, status));
}

async function compare(context: Context): Promise<Answer> {
  const repository = readable(context);
  const { hub } = context;
  const { git } = repository;
  const [baseName = "", headName = ""] = param(context, "basehead").split("...");
  if (baseName === "" || headName === "") throw notFound();
  const [base, head] = await Promise.all(
    [baseName, headName].map(async (name) => {
      const sha = await git.resolveCommit(name.replace(`${repository.owner.login}:`, ""));
      if (sha === undefined) throw notFound();
      return sha;
    }),
  );
  if (base === undefined || head === undefined) throw notFound();
  const fork = await git.mergeBase(base, head);
  if (fork === undefined)
    throw new Problem(404, `No common ancestor between ${baseName} and ${headName}.`);
  const { ahead, behind } = await git.aheadBehind(base, head);
  const [commits, files, baseCommit, forkCommit] = await Promise.all([
    git.listCommits({ tip: head, except: base }),
    git.diffFiles(fork, head),
    git.readCommit(base),
    git.readCommit(fork),
  ]);
  const api = repositoryApi(hub, repository);
  const view = `${repositoryPage(hub, repository)}/compare/${baseName}...${headName}`;
  return ok({
    url: `${api}/compare/${baseName}...${headName}`,
    html_url: view,
    permalink_url: `${repositoryPage(hub, repository)}/compare/${base}...${head}`,
    diff_url: `${view}.diff`,
    patch_url: `${view}.patch`,
    base_commit: commitShape(hub, repository, baseCommit),
    merge_base_commit: commitShape(hub, repository, forkCommit),
    status:
      ahead === 0 ? (behind === 0 ? "identical" : "behind") : behind === 0 ? "ahead" : "diverged",
    ahead_by: ahead,
    behind_by: behind,
    total_commits: ahead,
    commits: commits.map((commit) => commitShape(hub, repository, commit)),
    files: files.map((file) => changeShape(api, head, file)),
  });
}

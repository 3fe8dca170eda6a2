/** Repositories and branches as GitHub's JSON has them. */
import { fullName, type Hub } from "../hub.ts";
import type { Repository, Role } from "../model.ts";
import { type Json, organizationShape, roleFlags, userShape } from "./account.ts";
import { iso } from "./time.ts";

export function repositoryApi(hub: Hub, repository: Repository): string {
  return `${hub.url}/api/v3/repos/${fullName(repository)}`;
}

export function repositoryPage(hub: Hub, repository: Repository): string {
  return `${hub.url}/${fullName(repository)}`;
}

/** A repository as it stands inside other answers. */
export function minimalRepositoryShape(hub: Hub, repository: Repository): Json {
  return {
    id: repository.id,
    node_id: repository.nodeId,
    name: repository.name,
    full_name: fullName(repository),
    private: repository.private,
    owner: userShape(hub, repository.owner),
    html_url: repositoryPage(hub, repository),
    description: null,
    fork: false,
    ...links(hub, repository),
  };
}

export function repositoryShape(hub: Hub, repository: Repository, role?: Role): Json {
  const issues = [...repository.issues.values()];
  const open = issues.filter((issue) => issue.state === "open").length;
  const page = repositoryPage(hub, repository);
  return {
    ...minimalRepositoryShape(hub, repository),
    git_url: `git:${page.replace(/^https?:/u, "")}.git`,
    ssh_url: `git@${new URL(hub.url || "http://localhost").hostname}:${fullName(repository)}.git`,
    clone_url: `${page}.git`,
    svn_url: page,
    mirror_url: null,
    homepage: null,
    created_at: iso(repository.createdAtMs),
    updated_at: iso(repository.updatedAtMs),
    pushed_at: iso(repository.pushedAtMs),
    size: 0,
    stargazers_count: 0,
    watchers_count: 0,
    language: null,
    has_issues: true,
    has_projects: false,
    has_downloads: true,
    has_wiki: false,
    has_pages: false,
    has_discussions: false,
    has_pull_requests: true,
    pull_request_creation_policy: "all",
    forks_count: 0,
    archived: false,
    disabled: false,
    open_issues_count: open,
    license: null,
    allow_forking: true,
    is_template: false,
    web_commit_signoff_required: false,
    topics: [],
    visibility: repository.private ? "private" : "public",
    forks: 0,
    open_issues: open,
    watchers: 0,
    default_branch: repository.defaultBranch,
    ...(role === undefined ? {} : { permissions: roleFlags(role) }),
  };
}

/** How pull requests of every repository here may be merged. */
export const mergeSettings = {
  allow_squash_merge: true,
  allow_merge_commit: true,
  allow_rebase_merge: true,
  allow_auto_merge: false,
  delete_branch_on_merge: false,
  allow_update_branch: true,
  use_squash_pr_title_as_default: false,
  squash_merge_commit_message: "COMMIT_MESSAGES",
  squash_merge_commit_title: "COMMIT_OR_PR_TITLE",
  merge_commit_message: "PR_TITLE",
  merge_commit_title: "MERGE_MESSAGE",
} as const;

/** The answer of `GET /repos/{owner}/{repo}`. */
export function fullRepositoryShape(hub: Hub, repository: Repository, role: Role): Json {
  const { owner } = repository;
  return {
    ...repositoryShape(hub, repository, role),
    temp_clone_token: null,
    ...mergeSettings,
    network_count: 0,
    subscribers_count: 0,
    ...(owner.kind === "Organization" ? { organization: userShape(hub, owner) } : {}),
  };
}

/** What every webhook about a repository carries besides its own part. */
export function repositoryContext(hub: Hub, repository: Repository): Json {
  const { owner } = repository;
  return {
    repository: repositoryShape(hub, repository),
    ...(owner.kind === "Organization" ? { organization: organizationShape(hub, owner) } : {}),
  };
}

/** They never change, and every answer has them several times. */
const known = new WeakMap<Repository, Json>();

function links(hub: Hub, repository: Repository): Json {
  const made = known.get(repository) ?? makeLinks(repositoryApi(hub, repository));
  known.set(repository, made);
  return made;
}

function makeLinks(api: string): Json {
  const templates: Record<string, string> = {
    forks: "/forks",
    keys: "/keys{/key_id}",
    collaborators: "/collaborators{/collaborator}",
    teams: "/teams",
    hooks: "/hooks",
    issue_events: "/issues/events{/number}",
    events: "/events",
    assignees: "/assignees{/user}",
    branches: "/branches{/branch}",
    tags: "/tags",
    blobs: "/git/blobs{/sha}",
    git_tags: "/git/tags{/sha}",
    git_refs: "/git/refs{/sha}",
    trees: "/git/trees{/sha}",
    statuses: "/statuses/{sha}",
    languages: "/languages",
    stargazers: "/stargazers",
    contributors: "/contributors",
    subscribers: "/subscribers",
    subscription: "/subscription",
    commits: "/commits{/sha}",
    git_commits: "/git/commits{/sha}",
    comments: "/comments{/number}",
    issue_comment: "/issues/comments{/number}",
    contents: "/contents/{+path}",
    compare: "/compare/{base}...{head}",
    merges: "/merges",
    archive: "/{archive_format}{/ref}",
    downloads: "/downloads",
    issues: "/issues{/number}",
    pulls: "/pulls{/number}",
    milestones: "/milestones{/number}",
    notifications: "/notifications{?since,all,participating}",
    labels: "/labels{/name}",
    releases: "/releases{/id}",
    deployments: "/deployments",
  };
  const found: Json = { url: api };
  for (const [name, path] of Object.entries(templates)) found[`${name}_url`] = `${api}${path}`;
  return found;
}

/** Commits, refs, branches, pushes and combined statuses as GitHub's JSON has them. */
import type { FileChange } from "../git/diff.ts";
import type { GitCommit } from "../git/history.ts";
import type { Hub } from "../hub.ts";
import type { Account, CommitStatus, Repository } from "../model.ts";
import { type Json, userOrNull, userShape } from "./account.ts";
import { changeShape } from "./pull.ts";
import { minimalRepositoryShape, repositoryApi, repositoryPage } from "./repository.ts";
import { iso } from "./time.ts";

export function commitShape(hub: Hub, repository: Repository, commit: GitCommit): Json {
  const api = repositoryApi(hub, repository);
  const page = repositoryPage(hub, repository);
  return {
    url: `${api}/commits/${commit.sha}`,
    sha: commit.sha,
    node_id: `C_${commit.sha}`,
    html_url: `${page}/commit/${commit.sha}`,
    comments_url: `${api}/commits/${commit.sha}/comments`,
    commit: {
      url: `${api}/git/commits/${commit.sha}`,
      author: commit.author,
      committer: commit.committer,
      message: commit.message,
      comment_count: 0,
      tree: { sha: commit.tree, url: `${api}/git/trees/${commit.tree}` },
      verification: {
        verified: false,
        reason: "unsigned",
        signature: null,
        payload: null,
        verified_at: null,
      },
    },
    author: userOrNull(hub, accountByEmail(hub, commit.author.email)),
    committer: userOrNull(hub, accountByEmail(hub, commit.committer.email)),
    parents: commit.parents.map((sha) => ({
      sha,
      url: `${api}/commits/${sha}`,
      html_url: `${page}/commit/${sha}`,
    })),
  };
}

/** A commit with its files, as `GET …/commits/{ref}` answers. */
export function fullCommitShape(
  hub: Hub,
  repository: Repository,
  commit: GitCommit,
  files: readonly FileChange[],
): Json {
  const additions = files.reduce((sum, file) => sum + file.additions, 0);
  const deletions = files.reduce((sum, file) => sum + file.deletions, 0);
  return {
    ...commitShape(hub, repository, commit),
    stats: { additions, deletions, total: additions + deletions },
    files: files.map((file) => changeShape(repositoryApi(hub, repository), commit.sha, file)),
  };
}

/** A commit as push events have it. */
export function pushCommitShape(
  hub: Hub,
  repository: Repository,
  commit: GitCommit,
  files: readonly FileChange[],
): Json {
  const named = (status: string): string[] =>
    files.filter((file) => file.status === status).map((file) => file.path);
  return {
    id: commit.sha,
    tree_id: commit.tree,
    distinct: true,
    message: commit.message,
    timestamp: commit.committer.date,
    url: `${repositoryPage(hub, repository)}/commit/${commit.sha}`,
    author: pushPerson(hub, commit.author),
    committer: pushPerson(hub, commit.committer),
    added: named("added"),
    removed: named("removed"),
    modified: files
      .filter((file) => file.status !== "added" && file.status !== "removed")
      .map((file) => file.path),
  };
}

export function refShape(hub: Hub, repository: Repository, ref: string, sha: string): Json {
  const api = repositoryApi(hub, repository);
  return {
    ref,
    node_id: `REF_${Buffer.from(`${repository.id}:${ref}`).toString("base64url")}`,
    url: `${api}/git/${ref}`,
    object: { sha, type: "commit", url: `${api}/git/commits/${sha}` },
  };
}

function statusShape(hub: Hub, repository: Repository, status: CommitStatus): Json {
  return {
    url: `${repositoryApi(hub, repository)}/statuses/${status.sha}`,
    id: status.id,
    node_id: status.nodeId,
    state: status.state,
    description: status.description ?? null,
    target_url: status.targetUrl ?? null,
    context: status.context,
    avatar_url: `${hub.url}/avatars/${status.creator.id}`,
    created_at: iso(status.createdAtMs),
    updated_at: iso(status.createdAtMs),
  };
}

/** The newest status of every context, and the worst of them. */
export function combinedStatusShape(hub: Hub, repository: Repository, sha: string): Json {
  const newest = new Map<string, CommitStatus>();
  for (const status of repository.statuses) {
    if (status.sha === sha) newest.set(status.context, status);
  }
  const statuses = [...newest.values()];
  const failed = statuses.some(({ state }) => state === "failure" || state === "error");
  const pending = statuses.length === 0 || statuses.some(({ state }) => state === "pending");
  const api = repositoryApi(hub, repository);
  return {
    state: failed ? "failure" : pending ? "pending" : "success",
    statuses: statuses.map((status) => statusShape(hub, repository, status)),
    sha,
    total_count: statuses.length,
    repository: minimalRepositoryShape(hub, repository),
    commit_url: `${api}/commits/${sha}`,
    url: `${api}/commits/${sha}/status`,
  };
}

export function fullStatusShape(hub: Hub, repository: Repository, status: CommitStatus): Json {
  return { ...statusShape(hub, repository, status), creator: userShape(hub, status.creator) };
}

/** The address that the emulator gives an account in commits: `ID+LOGIN@users.noreply.github.com`, as GitHub does. */
export function emailOf(account: Account): string {
  return `${account.id}+${account.login}@users.noreply.github.com`;
}

function accountByEmail(hub: Hub, email: string): Account | undefined {
  const login = /^\d+\+(.+)@users\.noreply\.github\.com$/u.exec(email)?.[1];
  return login === undefined ? undefined : hub.accounts.get(login.toLowerCase());
}

function pushPerson(hub: Hub, person: { readonly name: string; readonly email: string }): Json {
  const account = accountByEmail(hub, person.email);
  return {
    name: person.name,
    email: person.email,
    ...(account === undefined ? {} : { username: account.login }),
  };
}

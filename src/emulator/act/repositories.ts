/** Makes repositories, sets roles, commits and deletes branches on behalf of people. */
import { accountOfActor, demand } from "../access.ts";
import type { Hub } from "../hub.ts";
import type { Account, Actor, Repository, Role } from "../model.ts";
import { invalid, Problem } from "../problem.ts";
import { repositoryShape } from "../shape/repository.ts";
import { need } from "./needs.ts";
import { movable, signatureOf } from "./pulls.ts";
import { syncRefs } from "./refs.ts";

export interface NewRepository {
  readonly owner: Account;
  readonly name: string;
  readonly private: boolean;
  /** Files of the first commit on the default branch. */
  readonly files: Readonly<Record<string, string>> | undefined;
  /** Path of a repository whose branches and tags are copied instead. */
  readonly from: string | undefined;
  readonly defaultBranch: string | undefined;
}

export async function createRepository(hub: Hub, wanted: NewRepository): Promise<Repository> {
  const { owner, name, from } = wanted;
  const key = `${owner.login}/${name}`.toLowerCase();
  if (!/^[A-Za-z0-9._-]{1,100}$/u.test(name) || name === "." || name === "..") {
    throw new Error(`"${name}" is not a repository name`);
  }
  if (hub.repositories.has(key)) throw new Error(`repository ${key} exists already`);
  const branch = wanted.defaultBranch ?? (from && (await hub.git.headBranchOf(from))) ?? "main";
  const git = await hub.git.create(key, branch);
  if (from !== undefined) await git.importFrom(from);
  else if (wanted.files !== undefined) {
    const author = signatureOf(hub, owner);
    const message = "Initial commit";
    await git.commitFiles({ branch, parent: undefined, files: wanted.files, message, author });
  }
  const id = hub.nextId();
  const repository: Repository = {
    id,
    nodeId: hub.nodeId("R", id),
    owner,
    name,
    private: wanted.private,
    defaultBranch: branch,
    git,
    createdAtMs: hub.nowMs(),
    pushedAtMs: hub.nowMs(),
    updatedAtMs: hub.nowMs(),
    refs: await git.readRefs(),
    roles: new Map(),
    labels: new Map(),
    issues: new Map(),
    transferred: new Map(),
    comments: new Map(),
    reviewComments: new Map(),
    checkRuns: new Map(),
    checkSuites: new Map(),
    statuses: [],
    lastNumber: 0,
  };
  hub.repositories.set(key, repository);
  const payload = { repository: repositoryShape(hub, repository) };
  hub.emit({ event: "repository", action: "created", sender: owner, repository, payload });
  return repository;
}

/** Only administrators may. Told first: afterwards nobody could be found to tell. */
export function deleteRepository(hub: Hub, actor: Actor, repository: Repository): void {
  demand(actor, repository, { app: [], role: "admin" });
  const sender = accountOfActor(actor);
  const payload = { repository: repositoryShape(hub, repository) };
  hub.emit({ event: "repository", action: "deleted", sender, repository, payload });
  hub.repositories.delete(`${repository.owner.login}/${repository.name}`.toLowerCase());
  for (const { selected } of hub.installations.values()) selected?.delete(repository.id);
  hub.touch();
}

export function setRole(hub: Hub, repository: Repository, account: Account, role: Role): void {
  repository.roles.set(account.login.toLowerCase(), role);
  hub.touch();
}

/** Commits files onto a branch (made from the default branch when new) and pushes it. Returns the commit's id. */
export async function commitTo(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  wanted: {
    readonly branch: string;
    readonly files: Readonly<Record<string, string | null>>;
    readonly message: string;
    /** Starts the branch anew from the default branch, as a force-push would. */
    readonly force: boolean;
  },
): Promise<string> {
  demand(actor, repository, need.writeContents);
  checkBranchName(wanted.branch);
  const pusher = movable(actor);
  const account = pusher.kind === "user" ? pusher.account : pusher.app.bot;
  return repository.git.exclusive(async () => {
    const fallback = repository.refs.get(`refs/heads/${repository.defaultBranch}`);
    const tip = repository.refs.get(`refs/heads/${wanted.branch}`);
    const sha = await repository.git.commitFiles({
      ...wanted,
      parent: wanted.force ? fallback : (tip ?? fallback),
      author: signatureOf(hub, account),
    });
    await syncRefs(hub, repository, pusher);
    return sha;
  });
}

/** Deletes a branch or tag by its full name. */
export async function deleteRef(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  ref: string,
): Promise<void> {
  demand(actor, repository, need.writeContents);
  await repository.git.exclusive(async () => {
    if (!repository.refs.has(ref)) throw new Problem(422, "Reference does not exist");
    if (ref === `refs/heads/${repository.defaultBranch}`) {
      throw new Problem(422, "Cannot delete the default branch");
    }
    await repository.git.setRef(ref, undefined);
    await syncRefs(hub, repository, movable(actor));
  });
}

/** Points a new branch or tag at a commit. */
export async function createRef(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  ref: string,
  sha: string,
): Promise<void> {
  demand(actor, repository, need.writeContents);
  checkBranchName(ref.replace(/^refs\/(?:heads|tags)\//u, ""));
  await repository.git.exclusive(async () => {
    if (repository.refs.has(ref)) throw new Problem(422, "Reference already exists");
    await repository.git.setRef(ref, sha);
    await syncRefs(hub, repository, movable(actor));
  });
}

function checkBranchName(name: string): void {
  const bad = /[\s~^:?*[\\\p{Cc}]|\.\.|@\{|\/\/|\.lock$|^[-/.]|[/.]$/u;
  if (name === "" || bad.test(name)) {
    throw invalid({
      resource: "Reference",
      code: "custom",
      field: "ref",
      message: `${name} is not a valid ref name.`,
    });
  }
}

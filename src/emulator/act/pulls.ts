/** Opens, edits, merges and updates pull requests. Head and base are branches of one repository: no forks here. */
import { accountOfActor, demand, roleOf, atLeast } from "../access.ts";
import type { Signature } from "../git/bare.ts";
import type { MergeMethod } from "../git/merge.ts";
import type { Hub } from "../hub.ts";
import type { Account, Actor, Pull, Repository } from "../model.ts";
import { invalid, Problem } from "../problem.ts";
import { userShape } from "../shape/account.ts";
import { emailOf } from "../shape/commit.ts";
import { emitIssue } from "./emit.ts";
import { addIssue, editIssue, type IssueEdit } from "./issues.ts";
import { need } from "./needs.ts";
import { closeMentioned, markMerged, refreshPull, syncRefs } from "./refs.ts";

export interface NewPull {
  readonly title: string | undefined;
  readonly body?: string | undefined;
  readonly head: string | undefined;
  readonly base: string | undefined;
  readonly draft?: boolean | undefined;
  readonly maintainerCanModify?: boolean | undefined;
}

export async function openPull(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  wanted: NewPull,
): Promise<Pull> {
  demand(actor, repository, need.openPull);
  // Locked: no push may come between looking at the branch and announcing the pull request.
  return repository.git.exclusive(() => openNow(hub, actor, repository, wanted));
}

async function openNow(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  wanted: NewPull,
): Promise<Pull> {
  const { headRef, headSha, baseRef, baseSha } = endsOf(repository, wanted);
  const { ahead } = await repository.git.aheadBehind(baseSha, headSha);
  refuseSecond(repository, headRef, baseRef);
  if (ahead === 0) {
    const message = `No commits between ${baseRef} and ${headRef}`;
    throw invalid({ resource: "PullRequest", code: "custom", message });
  }
  const issue = addIssue(hub, actor, repository, { title: wanted.title, body: wanted.body });
  const id = hub.nextId();
  const pull: Pull = {
    id,
    nodeId: hub.nodeId("PR", id),
    issue,
    headRef,
    reviews: [],
    threads: [],
    baseRef,
    headSha,
    baseSha,
    draft: wanted.draft ?? false,
    maintainerCanModify: wanted.maintainerCanModify ?? false,
    requestedReviewers: [],
    mergedAtMs: undefined,
    mergedBy: undefined,
    mergeCommitSha: undefined,
    stats: {
      mergeable: undefined,
      behind: false,
      commits: ahead,
      additions: 0,
      deletions: 0,
      changedFiles: 0,
    },
  };
  hub.lag.begin(pull);
  issue.pull = pull;
  await repository.git.setRef(`refs/pull/${issue.number}/head`, headSha);
  await refreshPull(pull);
  emitIssue(hub, actor, issue, "opened");
  return pull;
}

/** Edits text, state and base. Moving the base is refused when it leaves nothing to merge. */
export async function editPull(
  hub: Hub,
  actor: Actor,
  pull: Pull,
  edit: IssueEdit & { readonly base?: string | undefined },
): Promise<void> {
  const { issue } = pull;
  const own = accountOfActor(actor) === issue.author;
  demand(actor, issue.repository, own ? need.openPull : need.editPull);
  if (edit.base !== undefined && edit.base !== pull.baseRef)
    await moveTo(hub, actor, pull, edit.base);
  editIssue(hub, actor, issue, edit);
}

/** Draft or ready; the author and everybody who can write may say so. No event when nothing changes. */
export function setDraft(hub: Hub, actor: Actor, pull: Pull, draft: boolean): void {
  demand(actor, pull.issue.repository, pullStateNeed(actor, pull));
  if (pull.issue.state === "closed") throw new Problem(422, "Pull request is closed");
  if (pull.draft === draft) return;
  pull.draft = draft;
  pull.issue.updatedAtMs = hub.nowMs();
  emitIssue(hub, actor, pull.issue, draft ? "converted_to_draft" : "ready_for_review");
}

/** Resolving threads and leaving draft: allowed to the author of the pull request and to writers. */
export function pullStateNeed(
  actor: Actor,
  pull: Pull,
): typeof need.pullState | typeof need.openPull {
  const own = actor.kind === "user" && actor.account === pull.issue.author;
  return own ? need.openPull : need.pullState;
}

export interface MergeRequest {
  readonly method?: MergeMethod | undefined;
  readonly sha?: string | undefined;
  readonly title?: string | undefined;
  readonly message?: string | undefined;
}

/** Merges for real. 405 when it cannot be merged, 409 when `sha` is not the head any more. */
export async function mergePull(
  hub: Hub,
  actor: Actor,
  pull: Pull,
  request: MergeRequest,
): Promise<string> {
  const { repository } = pull.issue;
  demand(actor, repository, need.merge);
  const sha = await repository.git.exclusive(() => mergeNow(hub, actor, pull, request));
  emitIssue(hub, actor, pull.issue, "closed");
  if (pull.baseRef === repository.defaultBranch) {
    closeMentioned(hub, actor, repository, [pull.issue.body ?? ""]);
  }
  return sha;
}

/** Merges the base into the head branch, like the "Update branch" button. */
export async function updateBranch(
  hub: Hub,
  actor: Actor,
  pull: Pull,
  expectedHeadSha: string | undefined,
): Promise<void> {
  const { repository } = pull.issue;
  demand(actor, repository, need.editPull);
  await repository.git.exclusive(async () => {
    if (expectedHeadSha !== undefined && expectedHeadSha !== pull.headSha) {
      throw new Problem(422, "expected head sha didn’t match current head ref.");
    }
    const base = repository.refs.get(`refs/heads/${pull.baseRef}`) ?? pull.baseSha;
    const author = signatureOf(hub, accountOfActor(actor));
    const message = `Merge branch '${pull.baseRef}' into ${pull.headRef}`;
    const merged = await repository.git.makeMerge({
      method: "merge",
      base: pull.headSha,
      head: base,
      message,
      author,
      committer: author,
    });
    if (merged === undefined) throw new Problem(422, "merge conflict between base and head");
    await repository.git.setRef(`refs/heads/${pull.headRef}`, merged);
    await syncRefs(hub, repository, movable(actor));
  });
}

export function requestReviewers(
  hub: Hub,
  actor: Actor,
  pull: Pull,
  change: { readonly add: readonly Account[]; readonly remove: readonly Account[] },
): void {
  const { issue } = pull;
  demand(actor, issue.repository, need.editPull);
  for (const account of change.add) {
    if (account === issue.author) {
      throw new Problem(422, "Review cannot be requested from pull request author.");
    }
    if (!atLeast(roleOf(issue.repository, account), "read")) {
      const message = "Reviews may only be requested from collaborators.";
      throw new Problem(422, message);
    }
    if (pull.requestedReviewers.includes(account)) continue;
    pull.requestedReviewers = [...pull.requestedReviewers, account];
    const more = { requested_reviewer: userShape(hub, account) };
    emitIssue(hub, actor, issue, "review_requested", more);
  }
  for (const account of change.remove) {
    if (!pull.requestedReviewers.includes(account)) continue;
    pull.requestedReviewers = pull.requestedReviewers.filter((other) => other !== account);
    const more = { requested_reviewer: userShape(hub, account) };
    emitIssue(hub, actor, issue, "review_request_removed", more);
  }
}

export function signatureOf(hub: Hub, account: Account): Signature {
  return { name: account.login, email: emailOf(account), atMs: hub.nowMs() };
}

/** Only people and installations move refs. */
export function movable(actor: Actor): Actor & { kind: "user" | "installation" } {
  if (actor.kind === "user" || actor.kind === "installation") return actor;
  throw new Problem(401, "Requires authentication");
}

function endsOf(
  repository: Repository,
  wanted: NewPull,
): { headRef: string; headSha: string; baseRef: string; baseSha: string } {
  const prefix = `${repository.owner.login}:`;
  const headRef = wanted.head?.startsWith(prefix) ? wanted.head.slice(prefix.length) : wanted.head;
  const baseRef = wanted.base;
  const headSha = repository.refs.get(`refs/heads/${headRef}`);
  const baseSha = repository.refs.get(`refs/heads/${baseRef}`);
  const field = headSha === undefined ? "head" : "base";
  if (
    headSha === undefined ||
    baseSha === undefined ||
    headRef === undefined ||
    baseRef === undefined
  ) {
    throw invalid({ resource: "PullRequest", code: "invalid", field });
  }
  return { headRef, headSha, baseRef, baseSha };
}

function refuseSecond(repository: Repository, headRef: string, baseRef: string): void {
  for (const { pull, state } of repository.issues.values()) {
    if (state === "open" && pull?.headRef === headRef && pull.baseRef === baseRef) {
      const message = `A pull request already exists for ${repository.owner.login}:${headRef}.`;
      throw invalid({ resource: "PullRequest", code: "custom", message });
    }
  }
}

async function moveTo(hub: Hub, actor: Actor, pull: Pull, base: string): Promise<void> {
  const { repository } = pull.issue;
  const sha = repository.refs.get(`refs/heads/${base}`);
  if (sha === undefined || pull.issue.state === "closed") {
    throw invalid({ resource: "PullRequest", code: "invalid", field: "base" });
  }
  refuseSecond(repository, pull.headRef, base);
  const changes = { base: { ref: { from: pull.baseRef }, sha: { from: pull.baseSha } } };
  pull.baseRef = base;
  pull.baseSha = sha;
  pull.issue.updatedAtMs = hub.nowMs();
  await refreshPull(pull);
  emitIssue(hub, actor, pull.issue, "edited", { changes });
}

async function mergeNow(
  hub: Hub,
  actor: Actor,
  pull: Pull,
  request: MergeRequest,
): Promise<string> {
  const { issue } = pull;
  const { git } = issue.repository;
  if (issue.state === "closed") throw new Problem(405, "Pull Request is not mergeable");
  if (pull.draft) throw new Problem(405, "Pull Request is still a draft");
  if (request.sha !== undefined && request.sha !== pull.headSha) {
    throw new Problem(409, "Head branch was modified. Review and try the merge again.");
  }
  const method = request.method ?? "merge";
  const base = issue.repository.refs.get(`refs/heads/${pull.baseRef}`) ?? pull.baseSha;
  const merged = await git.makeMerge({
    method,
    base,
    head: pull.headSha,
    message: await messageOf(pull, method, base, request),
    author: signatureOf(hub, method === "squash" ? issue.author : accountOfActor(actor)),
    committer: signatureOf(hub, accountOfActor(actor)),
  });
  if (merged === undefined) throw new Problem(405, "Pull Request has merge conflicts");
  await git.setRef(`refs/heads/${pull.baseRef}`, merged);
  // Closed before the refs are compared, so that the push is not taken for a merge by hand.
  markMerged(hub, actor, pull, merged);
  await syncRefs(hub, issue.repository, movable(actor));
  return merged;
}

async function messageOf(
  pull: Pull,
  method: MergeMethod,
  base: string,
  request: MergeRequest,
): Promise<string> {
  const { issue } = pull;
  const { repository, number } = issue;
  if (method === "merge") {
    const owner = repository.owner.login;
    const title = request.title ?? `Merge pull request #${number} from ${owner}/${pull.headRef}`;
    return `${title}\n\n${request.message ?? issue.title}`;
  }
  const commits = await repository.git.listCommits({ tip: pull.headSha, except: base });
  const only = commits.length === 1 ? commits[0] : undefined;
  const [subject = "", ...rest] = (only?.message ?? issue.title).split("\n");
  const title = request.title ?? `${subject} (#${number})`;
  const list = commits.map((commit) => `* ${commit.message}`).join("\n\n");
  const message = request.message ?? (only === undefined ? list : rest.join("\n").trim());
  return `${title}\n\n${message}`.trim();
}

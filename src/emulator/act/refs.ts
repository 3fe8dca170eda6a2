/**
 * What follows when branches and tags move: events, pull requests that get new commits, are closed with their branch,
 * or turn out to be merged. Called after every push, merge and deletion, with the repository locked.
 */
import { type FileChange, readPatch } from "../git/diff.ts";
import type { GitCommit } from "../git/history.ts";
import type { GitRepository } from "../git/port.ts";
import { type Hub, issueOf } from "../hub.ts";
import type { Account, Actor, Pull, Repository, Thread } from "../model.ts";
import { emailOf, pushCommitShape } from "../shape/commit.ts";
import { repositoryPage, repositoryShape } from "../shape/repository.ts";
import { createSuites } from "./checks.ts";
import { emitIssue, remember } from "./emit.ts";
import { setState } from "./issues.ts";
import { closingNumbers } from "./text.ts";

const zeros = "0".repeat(40);
/** GitHub sends no push event when more refs than this move at once; neither do we, and it bounds the work. */
const refsPerPushMax = 200;
/** GitHub lists up to 2048; each costs two git processes here. The newest ones are kept. */
const pushCommitsMax = 100;

interface RefMove {
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

/** Looks at the refs on disk and lets everything happen that GitHub does about the difference. */
export async function syncRefs(
  hub: Hub,
  repository: Repository,
  actor: Actor & { kind: "user" | "installation" },
): Promise<void> {
  const before = repository.refs;
  const after = await repository.git.readRefs();
  const moves: RefMove[] = [];
  for (const ref of new Set([...before.keys(), ...after.keys()])) {
    const move = { ref, before: before.get(ref) ?? zeros, after: after.get(ref) ?? zeros };
    if (move.before !== move.after) moves.push(move);
  }
  if (moves.length === 0) return;
  repository.refs = after;
  repository.pushedAtMs = hub.nowMs();
  for (const move of moves.slice(0, refsPerPushMax)) await announce(hub, repository, actor, move);
  for (const move of moves) {
    if (move.ref.startsWith("refs/heads/")) await updatePulls(hub, repository, actor, move);
  }
  hub.touch();
}

/** Computes what a pull request page shows about its commits; call when head or base moved. */
export async function refreshPull(pull: Pull): Promise<void> {
  const { git, refs } = pull.issue.repository;
  const base = refs.get(`refs/heads/${pull.baseRef}`) ?? pull.baseSha;
  const head = pull.headSha;
  const [from, counts, tree] = await Promise.all([
    git.mergeBase(base, head),
    git.aheadBehind(base, head),
    git.mergeTree(base, head).catch(() => undefined), // unrelated histories cannot be merged
  ]);
  const files = await git.diffFiles(from, head);
  pull.stats = {
    mergeable: tree !== undefined,
    behind: counts.behind > 0,
    commits: counts.ahead,
    additions: files.reduce((sum, file) => sum + file.additions, 0),
    deletions: files.reduce((sum, file) => sum + file.deletions, 0),
    changedFiles: files.length,
  };
}

/** Closes the open issues that a merged text names with a closing keyword. */
export function closeMentioned(
  hub: Hub,
  actor: Actor,
  repository: Repository,
  texts: readonly string[],
): void {
  for (const number of new Set(texts.flatMap(closingNumbers))) {
    if (!repository.issues.has(number)) continue;
    const issue = issueOf(hub, repository, number);
    if (issue.pull === undefined) setState(hub, actor, issue, "closed", "completed");
  }
}

async function announce(
  hub: Hub,
  repository: Repository,
  actor: Actor & { kind: "user" | "installation" },
  move: RefMove,
): Promise<void> {
  const sender = pusherOf(actor);
  const [, kind, ...rest] = move.ref.split("/");
  const short = rest.join("/");
  const type = kind === "tags" ? "tag" : "branch";
  await emitPush(hub, repository, sender, move, actor);
  const common = { ref: short, ref_type: type, pusher_type: "user" };
  if (move.before === zeros) {
    const payload = { ...common, master_branch: repository.defaultBranch, description: null };
    hub.emit({ event: "create", sender, repository, payload });
  }
  if (move.after === zeros) hub.emit({ event: "delete", sender, repository, payload: common });
  else if (type === "branch") createSuites(hub, repository, sender, move.after, short);
}

async function emitPush(
  hub: Hub,
  repository: Repository,
  sender: Account,
  move: RefMove,
  actor: Actor,
): Promise<void> {
  const { git } = repository;
  const created = move.before === zeros;
  const deleted = move.after === zeros;
  const forced = !created && !deleted && !(await git.isAncestor(move.before, move.after));
  const base = created
    ? repository.refs.get(`refs/heads/${repository.defaultBranch}`)
    : move.before;
  const commits = deleted ? [] : await pushedCommits(git, base, move.after);
  const shaped: Record<string, unknown>[] = [];
  for (const commit of commits) {
    const files = await git.diffFiles(commit.parents[0], commit.sha);
    shaped.push(pushCommitShape(hub, repository, commit, files));
  }
  const page = repositoryPage(hub, repository);
  const range = `${move.before.slice(0, 12)}...${move.after.slice(0, 12)}`;
  hub.emit({
    event: "push",
    sender,
    repository,
    payload: {
      ref: move.ref,
      before: move.before,
      after: move.after,
      created,
      deleted,
      forced,
      base_ref: null,
      compare: `${page}/compare/${range}`,
      commits: created && base === move.after ? [] : shaped,
      head_commit: shaped.at(-1) ?? null,
      pusher: { name: sender.login, email: emailOf(sender) },
      // In push events, and only there, these three are numbers or carry more than elsewhere.
      repository: {
        ...repositoryShape(hub, repository),
        created_at: seconds(repository.createdAtMs),
        pushed_at: seconds(repository.pushedAtMs),
        stargazers: 0,
        master_branch: repository.defaultBranch,
      },
    },
  });
  if (move.ref === `refs/heads/${repository.defaultBranch}`) {
    closeMentioned(
      hub,
      actor,
      repository,
      commits.map((commit) => commit.message),
    );
  }
}

/** What a push brought, oldest first. A new branch without commits of its own shows its tip, for `head_commit`. */
function pushedCommits(
  git: GitRepository,
  base: string | undefined,
  tip: string,
): Promise<GitCommit[]> {
  if (base === tip) return git.listCommits({ tip, max: 1 });
  return git.listCommits({ tip, except: base, max: pushCommitsMax });
}

async function updatePulls(
  hub: Hub,
  repository: Repository,
  actor: Actor,
  move: RefMove,
): Promise<void> {
  const branch = move.ref.slice("refs/heads/".length);
  for (const issue of repository.issues.values()) {
    const { pull } = issue;
    if (pull === undefined || issue.state === "closed") continue;
    if (pull.headRef === branch) await moveHead(hub, actor, pull, move);
    else if (pull.baseRef === branch && move.after !== zeros)
      await moveBase(hub, actor, pull, move);
  }
}

async function moveHead(hub: Hub, actor: Actor, pull: Pull, move: RefMove): Promise<void> {
  if (move.after === zeros) return setState(hub, actor, pull.issue, "closed");
  const { repository } = pull.issue;
  pull.headSha = move.after;
  pull.baseSha = repository.refs.get(`refs/heads/${pull.baseRef}`) ?? pull.baseSha;
  pull.issue.updatedAtMs = hub.nowMs();
  await repository.git.setRef(`refs/pull/${pull.issue.number}/head`, move.after);
  await refreshPull(pull);
  await moveThreads(pull, move);
  emitIssue(hub, actor, pull.issue, "synchronize", { before: move.before, after: move.after });
}

async function moveBase(hub: Hub, actor: Actor, pull: Pull, move: RefMove): Promise<void> {
  const { repository } = pull.issue;
  if (await repository.git.isAncestor(pull.headSha, move.after)) {
    markMerged(hub, actor, pull, move.after);
    emitIssue(hub, actor, pull.issue, "closed");
  } else await refreshPull(pull);
}

/** Merged and closed; the caller tells the world when the refs are settled. */
export function markMerged(hub: Hub, actor: Actor, pull: Pull, sha: string): void {
  const { issue } = pull;
  const by = pusherOf(actor);
  pull.mergedAtMs = hub.nowMs();
  pull.mergedBy = by;
  pull.mergeCommitSha = sha;
  issue.state = "closed";
  issue.closedAtMs = hub.nowMs();
  issue.closedBy = by;
  issue.updatedAtMs = hub.nowMs();
  remember(hub, actor, issue, { kind: "merged" });
  remember(hub, actor, issue, { kind: "closed" });
}

/** Moves review threads along with their lines; a thread whose line changed becomes outdated. */
async function moveThreads(pull: Pull, move: RefMove): Promise<void> {
  if (pull.threads.length === 0) return;
  const files = await pull.issue.repository.git.diffFiles(move.before, move.after);
  const byPath = new Map(files.map((file) => [file.previousPath ?? file.path, file]));
  for (const thread of pull.threads) {
    if (!thread.outdated) moveThread(thread, byPath.get(thread.path), move.after);
  }
}

function moveThread(thread: Thread, file: FileChange | undefined, sha: string): void {
  if (file !== undefined && thread.side === "RIGHT" && thread.line !== undefined) {
    thread.line = lineAfter(file, thread.line);
    thread.outdated = thread.line === undefined;
  }
  if (thread.outdated) return;
  for (const comment of thread.comments) comment.commitId = sha;
}

function lineAfter(file: FileChange, line: number): number | undefined {
  if (file.status === "removed" || file.patch === undefined) return undefined;
  let shift = 0;
  for (const entry of readPatch(file.patch)) {
    if (entry.oldLine === line) return entry.newLine;
    if (entry.oldLine !== undefined && entry.oldLine > line) break;
    if (entry.kind === "added") shift += 1;
    if (entry.kind === "removed") shift -= 1;
  }
  return line + shift;
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function pusherOf(actor: Actor): Account {
  if (actor.kind === "anonymous") throw new Error("nobody can push anonymously");
  return actor.kind === "user" ? actor.account : actor.app.bot;
}

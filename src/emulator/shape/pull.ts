/** Pull requests, their files, reviews and review comments as GitHub's JSON has them. */
import type { Hub } from "../hub.ts";
import type { FileChange } from "../git/diff.ts";
import type { Pull, Review, ReviewComment, Thread } from "../model.ts";
import { type Json, userOrNull, userShape } from "./account.ts";
import { association, issuePage, labelShape, reactionSummary } from "./issue.ts";
import { mergeSettings, repositoryApi, repositoryShape } from "./repository.ts";
import { iso } from "./time.ts";

/** A pull request as lists and review events have it. */
export function simplePullShape(hub: Hub, pull: Pull): Json {
  const { issue } = pull;
  const { repository } = issue;
  const api = pullApi(hub, pull);
  const page = issuePage(hub, issue);
  return {
    url: api,
    id: pull.id,
    node_id: pull.nodeId,
    html_url: page,
    diff_url: `${page}.diff`,
    patch_url: `${page}.patch`,
    issue_url: `${repositoryApi(hub, repository)}/issues/${issue.number}`,
    number: issue.number,
    state: issue.state,
    locked: false,
    title: issue.title,
    user: userShape(hub, issue.author),
    body: issue.body ?? null,
    created_at: iso(issue.createdAtMs),
    updated_at: iso(issue.updatedAtMs),
    closed_at: iso(issue.closedAtMs),
    merged_at: iso(pull.mergedAtMs),
    merge_commit_sha: pull.mergeCommitSha ?? null,
    assignee: userOrNull(hub, issue.assignees[0]),
    assignees: issue.assignees.map((account) => userShape(hub, account)),
    requested_reviewers: pull.requestedReviewers.map((account) => userShape(hub, account)),
    requested_teams: [],
    labels: issue.labels.map((label) => labelShape(hub, repository, label)),
    milestone: null,
    draft: pull.draft,
    commits_url: `${api}/commits`,
    review_comments_url: `${api}/comments`,
    review_comment_url: `${repositoryApi(hub, repository)}/pulls/comments{/number}`,
    comments_url: `${repositoryApi(hub, repository)}/issues/${issue.number}/comments`,
    statuses_url: `${repositoryApi(hub, repository)}/statuses/${pull.headSha}`,
    head: sideShape(hub, pull, pull.headRef, pull.headSha),
    base: sideShape(hub, pull, pull.baseRef, pull.baseSha),
    _links: pullLinks(hub, pull),
    author_association: association(repository, issue.author),
    auto_merge: null,
    active_lock_reason: null,
  };
}

/** A pull request with its counts and whether it can be merged. */
export function pullShape(hub: Hub, pull: Pull): Json {
  const { stats, issue } = pull;
  const open = issue.state === "open";
  return {
    ...simplePullShape(hub, pull),
    merged: pull.mergedAtMs !== undefined,
    mergeable: open ? (stats.mergeable ?? null) : null,
    rebaseable: open ? (stats.mergeable ?? null) : null,
    mergeable_state: mergeableState(pull),
    merged_by: userOrNull(hub, pull.mergedBy),
    comments: issue.comments.length,
    review_comments: pull.threads.reduce((sum, thread) => sum + thread.comments.length, 0),
    maintainer_can_modify: pull.maintainerCanModify,
    commits: stats.commits,
    additions: stats.additions,
    deletions: stats.deletions,
    changed_files: stats.changedFiles,
  };
}

export function pullApi(hub: Hub, pull: Pull): string {
  return `${repositoryApi(hub, pull.issue.repository)}/pulls/${pull.issue.number}`;
}

export function reviewShape(hub: Hub, review: Review): Json {
  const { pull } = review;
  const html = `${issuePage(hub, pull.issue)}#pullrequestreview-${review.id}`;
  return {
    id: review.id,
    node_id: review.nodeId,
    user: userShape(hub, review.author),
    body: review.body,
    state: review.state,
    html_url: html,
    pull_request_url: pullApi(hub, pull),
    author_association: association(pull.issue.repository, review.author),
    _links: { html: { href: html }, pull_request: { href: pullApi(hub, pull) } },
    submitted_at: iso(review.submittedAtMs),
    commit_id: review.commitId,
  };
}

export function reviewCommentShape(hub: Hub, comment: ReviewComment): Json {
  const { thread, review } = comment;
  const { pull } = thread;
  const url = `${repositoryApi(hub, pull.issue.repository)}/pulls/comments/${comment.id}`;
  const html = `${issuePage(hub, pull.issue)}#discussion_r${comment.id}`;
  const reply = comment.inReplyTo === undefined ? {} : { in_reply_to_id: comment.inReplyTo.id };
  return {
    url,
    pull_request_review_id: review.id,
    id: comment.id,
    node_id: comment.nodeId,
    diff_hunk: thread.diffHunk,
    path: thread.path,
    commit_id: comment.commitId,
    original_commit_id: comment.originalCommitId,
    user: userShape(hub, comment.author),
    body: comment.body,
    created_at: iso(comment.createdAtMs),
    updated_at: iso(comment.updatedAtMs),
    html_url: html,
    pull_request_url: pullApi(hub, pull),
    author_association: association(pull.issue.repository, comment.author),
    _links: {
      self: { href: url },
      html: { href: html },
      pull_request: { href: pullApi(hub, pull) },
    },
    reactions: reactionSummary(comment.reactions, url),
    ...placeShape(thread),
    ...reply,
  };
}

export function threadShape(hub: Hub, thread: Thread): Json {
  return {
    node_id: thread.nodeId,
    comments: thread.comments.map((comment) => reviewCommentShape(hub, comment)),
  };
}

export function fileShape(hub: Hub, pull: Pull, file: FileChange): Json {
  return changeShape(repositoryApi(hub, pull.issue.repository), pull.headSha, file);
}

/** A changed file of a pull request, commit or comparison. */
export function changeShape(api: string, sha: string, file: FileChange): Json {
  const path = file.path.split("/").map(encodeURIComponent).join("/");
  const page = api.replace("/api/v3/repos", "");
  return {
    sha: file.sha,
    filename: file.path,
    status: file.status,
    additions: file.additions,
    deletions: file.deletions,
    changes: file.additions + file.deletions,
    blob_url: `${page}/blob/${sha}/${path}`,
    raw_url: `${page}/raw/${sha}/${path}`,
    contents_url: `${api}/contents/${path}?ref=${sha}`,
    ...(file.patch === undefined ? {} : { patch: file.patch }),
    ...(file.previousPath === undefined ? {} : { previous_filename: file.previousPath }),
  };
}

function placeShape(thread: Thread): Json {
  const line = thread.outdated ? null : (thread.line ?? null);
  return {
    start_line: thread.outdated ? null : (thread.startLine ?? null),
    original_start_line: thread.startLine ?? null,
    start_side: thread.startLine === undefined ? null : thread.side,
    line,
    original_line: thread.originalLine ?? null,
    side: thread.side,
    original_position: thread.position ?? 1,
    position: thread.outdated ? null : (thread.position ?? 1),
    subject_type: thread.originalLine === undefined ? "file" : "line",
  };
}

function sideShape(hub: Hub, pull: Pull, ref: string, sha: string): Json {
  const { repository } = pull.issue;
  return {
    label: `${repository.owner.login}:${ref}`,
    ref,
    sha,
    user: userShape(hub, repository.owner),
    repo: {
      ...repositoryShape(hub, repository),
      ...mergeSettings,
    },
  };
}

function mergeableState(pull: Pull): string {
  if (pull.issue.state === "closed") return "unknown";
  if (pull.stats.mergeable === undefined) return "unknown";
  if (!pull.stats.mergeable) return "dirty";
  return pull.draft ? "draft" : "clean";
}

function pullLinks(hub: Hub, pull: Pull): Json {
  const { issue } = pull;
  const api = pullApi(hub, pull);
  const repository = repositoryApi(hub, issue.repository);
  return {
    self: { href: api },
    html: { href: issuePage(hub, issue) },
    issue: { href: `${repository}/issues/${issue.number}` },
    comments: { href: `${repository}/issues/${issue.number}/comments` },
    review_comments: { href: `${api}/comments` },
    review_comment: { href: `${repository}/pulls/comments{/number}` },
    commits: { href: `${api}/commits` },
    statuses: { href: `${repository}/statuses/${pull.headSha}` },
  };
}

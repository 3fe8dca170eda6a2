/** Issues, their comments, labels and reactions as GitHub's JSON has them. */
import { roleOf } from "../access.ts";
import type { Hub } from "../hub.ts";
import {
  type Account,
  type Comment,
  type Issue,
  type IssueEvent,
  type Label,
  type Reaction,
  reactionContents,
  type Repository,
} from "../model.ts";
import { appShape, type Json, userOrNull, userShape } from "./account.ts";
import { repositoryApi, repositoryPage } from "./repository.ts";
import { iso } from "./time.ts";

export function issueShape(hub: Hub, issue: Issue): Json {
  const { repository } = issue;
  const api = `${repositoryApi(hub, repository)}/issues/${issue.number}`;
  return {
    url: api,
    repository_url: repositoryApi(hub, repository),
    labels_url: `${api}/labels{/name}`,
    comments_url: `${api}/comments`,
    events_url: `${api}/events`,
    html_url: issuePage(hub, issue),
    id: issue.id,
    node_id: issue.nodeId,
    number: issue.number,
    title: issue.title,
    user: userShape(hub, issue.author),
    labels: issue.labels.map((label) => labelShape(hub, repository, label)),
    state: issue.state,
    locked: false,
    assignee: userOrNull(hub, issue.assignees[0]),
    assignees: issue.assignees.map((account) => userShape(hub, account)),
    milestone: null,
    comments: issue.comments.length,
    created_at: iso(issue.createdAtMs),
    updated_at: iso(issue.updatedAtMs),
    closed_at: iso(issue.closedAtMs),
    author_association: association(repository, issue.author),
    active_lock_reason: null,
    ...(issue.pull === undefined ? issueExtras : pullLinks(hub, issue)),
    body: issue.body ?? null,
    reactions: reactionSummary(issue.reactions, api),
    timeline_url: `${api}/timeline`,
    performed_via_github_app: issue.viaApp === undefined ? null : appShape(hub, issue.viaApp),
    state_reason: issue.stateReason ?? null,
  };
}

/** An issue with who closed it, as `GET …/issues/{n}` answers. */
export function fullIssueShape(hub: Hub, issue: Issue): Json {
  return { ...issueShape(hub, issue), closed_by: userOrNull(hub, issue.closedBy) };
}

export function issuePage(hub: Hub, issue: Issue): string {
  const kind = issue.pull === undefined ? "issues" : "pull";
  return `${repositoryPage(hub, issue.repository)}/${kind}/${issue.number}`;
}

export function commentShape(hub: Hub, comment: Comment): Json {
  const { issue } = comment;
  const api = repositoryApi(hub, issue.repository);
  const url = `${api}/issues/comments/${comment.id}`;
  return {
    url,
    html_url: `${issuePage(hub, issue)}#issuecomment-${comment.id}`,
    issue_url: `${api}/issues/${issue.number}`,
    id: comment.id,
    node_id: comment.nodeId,
    user: userShape(hub, comment.author),
    created_at: iso(comment.createdAtMs),
    updated_at: iso(comment.updatedAtMs),
    author_association: association(issue.repository, comment.author),
    body: comment.body,
    reactions: reactionSummary(comment.reactions, url),
    performed_via_github_app: comment.viaApp === undefined ? null : appShape(hub, comment.viaApp),
  };
}

export function labelShape(hub: Hub, repository: Repository, label: Label): Json {
  return {
    id: label.id,
    node_id: label.nodeId,
    url: `${repositoryApi(hub, repository)}/labels/${encodeURIComponent(label.name)}`,
    name: label.name,
    color: label.color,
    default: false,
    description: label.description ?? null,
  };
}

/** One of `GET …/issues/{n}/events`. */
export function issueEventShape(hub: Hub, repository: Repository, event: IssueEvent): Json {
  const { id, nodeId, actor, viaApp, createdAtMs, change } = event;
  return {
    id,
    node_id: nodeId,
    url: `${repositoryApi(hub, repository)}/issues/events/${id}`,
    actor: userShape(hub, actor),
    event: change.kind,
    commit_id: null,
    commit_url: null,
    created_at: iso(createdAtMs),
    performed_via_github_app: viaApp === undefined ? null : appShape(hub, viaApp),
    ...changeShape(hub, event),
  };
}

function changeShape(hub: Hub, { actor, change }: IssueEvent): Json {
  switch (change.kind) {
    case "labeled":
    case "unlabeled":
      return { label: change.label };
    case "assigned":
    case "unassigned":
      return { assignee: userShape(hub, change.assignee), assigner: userShape(hub, actor) };
    case "renamed":
      return { rename: change.rename };
    case "closed":
    case "reopened":
    case "merged":
      return {};
  }
}

export function reactionShape(hub: Hub, reaction: Reaction): Json {
  return {
    id: reaction.id,
    node_id: reaction.nodeId,
    user: userShape(hub, reaction.user),
    content: reaction.content,
    created_at: iso(reaction.createdAtMs),
  };
}

export function reactionSummary(reactions: ReadonlyMap<number, Reaction>, url: string): Json {
  const all = [...reactions.values()];
  const counts: Json = {};
  for (const content of reactionContents) {
    counts[content] = all.filter((reaction) => reaction.content === content).length;
  }
  return { url: `${url}/reactions`, total_count: all.length, ...counts };
}

/**
 * GitHub's guess of how close somebody is to a repository. Deliberately as unreliable as the real one: never enough to
 * decide what a person may do.
 */
export function association(repository: Repository, account: Account): string {
  if (account === repository.owner) return "OWNER";
  if (account.kind === "Bot") return "NONE";
  const explicit = repository.roles.get(account.login.toLowerCase());
  if (explicit === undefined || explicit === "none") return "NONE";
  return roleOf(repository, account) === "read" ? "CONTRIBUTOR" : "COLLABORATOR";
}

const issueExtras: Json = {
  sub_issues_summary: { total: 0, completed: 0, percent_completed: 0 },
  issue_dependencies_summary: {
    blocked_by: 0,
    total_blocked_by: 0,
    blocking: 0,
    total_blocking: 0,
  },
};

function pullLinks(hub: Hub, issue: Issue): Json {
  const api = `${repositoryApi(hub, issue.repository)}/pulls/${issue.number}`;
  const page = issuePage(hub, issue);
  return {
    draft: issue.pull?.draft ?? false,
    pull_request: {
      url: api,
      html_url: page,
      diff_url: `${page}.diff`,
      patch_url: `${page}.patch`,
      merged_at: iso(issue.pull?.mergedAtMs),
    },
  };
}

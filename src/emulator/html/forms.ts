/** What the buttons on the pages do: the same acts as the API, on behalf of the chosen person. */
import { addComment } from "../act/comments.ts";
import { editIssue, openIssue } from "../act/issues.ts";
import { addLabels, removeLabel } from "../act/labels.ts";
import { mergePull, setDraft } from "../act/pulls.ts";
import { replyTo, type ReviewEvent, setResolved, submitReview } from "../act/reviews.ts";
import { oneOf } from "../act/text.ts";
import type { Hub } from "../hub.ts";
import type { Actor, Issue, Pull, Repository, ReviewComment } from "../model.ts";
import { notFound, Problem } from "../problem.ts";
import { pathOf } from "./issue.ts";

const events: readonly ReviewEvent[] = ["COMMENT", "APPROVE", "REQUEST_CHANGES"];

export interface Submission {
  readonly hub: Hub;
  readonly actor: Actor;
  readonly repository: Repository;
  /** Undefined on the page of all issues. */
  readonly issue: Issue | undefined;
  readonly fields: URLSearchParams;
}

/** Does it and says where to go then. */
export async function submit(submission: Submission): Promise<string> {
  const { hub, actor, repository, issue, fields } = submission;
  const action = fields.get("action") ?? "";
  if (issue === undefined) {
    if (action !== "open-issue") throw new Problem(400, `no action ${action} here`);
    const labels = field(fields, "labels")
      .split(",")
      .map((name) => name.trim());
    const opened = openIssue(hub, actor, repository, {
      title: field(fields, "title"),
      body: field(fields, "body"),
      labels: labels.filter((name) => name !== ""),
    });
    return pathOf(opened);
  }
  if (!onIssue(hub, actor, issue, action, fields)) {
    if (issue.pull === undefined) throw new Problem(400, `no action ${action} here`);
    await onPull(hub, actor, issue.pull, action, fields);
  }
  return pathOf(issue);
}

/** True when the action was one that every issue knows. */
function onIssue(
  hub: Hub,
  actor: Actor,
  issue: Issue,
  action: string,
  fields: URLSearchParams,
): boolean {
  switch (action) {
    case "comment":
      addComment(hub, actor, issue, field(fields, "body"));
      return true;
    case "label":
      addLabels(hub, actor, issue, [field(fields, "label")]);
      return true;
    case "unlabel":
      removeLabel(hub, actor, issue, field(fields, "label"));
      return true;
    case "close":
      editIssue(hub, actor, issue, { state: "closed" });
      return true;
    case "reopen":
      editIssue(hub, actor, issue, { state: "open" });
      return true;
    default:
      return false;
  }
}

async function onPull(
  hub: Hub,
  actor: Actor,
  pull: Pull,
  action: string,
  fields: URLSearchParams,
): Promise<void> {
  switch (action) {
    case "ready":
    case "draft":
      setDraft(hub, actor, pull, action === "draft");
      return;
    case "merge": {
      const methods = ["merge", "squash", "rebase"] as const;
      const method = oneOf(field(fields, "method"), methods, "method");
      await mergePull(hub, actor, pull, { method });
      return;
    }
    case "resolve":
    case "unresolve":
      setResolved(hub, actor, lineComment(pull, fields).thread, action === "resolve");
      return;
    case "reply":
      replyTo(hub, actor, pull, lineComment(pull, fields), field(fields, "body"));
      return;
    case "review":
      await review(hub, actor, pull, fields);
      return;
    default:
      throw new Problem(400, `no action ${action} here`);
  }
}

async function review(hub: Hub, actor: Actor, pull: Pull, fields: URLSearchParams): Promise<void> {
  const path = field(fields, "path");
  const body = field(fields, "comment");
  const line = Number(field(fields, "line"));
  const comments = path === "" || body === "" ? [] : [{ path, body, line }];
  const event = oneOf(field(fields, "event"), events, "event") ?? "COMMENT";
  await submitReview(hub, actor, pull, { event, body: field(fields, "body"), comments });
}

function lineComment(pull: Pull, fields: URLSearchParams): ReviewComment {
  const found = pull.issue.repository.reviewComments.get(Number(fields.get("comment")));
  if (found === undefined) throw notFound();
  return found;
}

/** Browsers send line ends as CRLF; GitHub stores them as they came, we keep them readable. */
function field(fields: URLSearchParams, name: string): string {
  return (fields.get(name) ?? "").replaceAll("\r\n", "\n");
}

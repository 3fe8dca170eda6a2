/**
 * Webhook payloads to domain events: a closed mapping, everything else is nothing. Pure. Texts are made
 * visible-only here. What an event means, and whether its actor may cause anything, is decided elsewhere.
 */
import type { GitHubEvent } from "../domain/event.ts";
import type * as z from "zod";
import type { Actor } from "../domain/people.ts";
import type { Repository } from "../domain/repository.ts";
import { visibleLine, visibleText } from "../markdown/incoming.ts";
import { commentKey, editKey, reviewKey } from "./keys.ts";
import {
  Envelope,
  InstallationPayload,
  InstallationRepositoriesPayload,
  IssueCommentPayload,
  IssuesPayload,
  PullRequestPayload,
  ReviewPayload,
  type Account,
} from "./payload.ts";
import type { RoutedEvent } from "./port.ts";

/** Who we are on GitHub: what our App does must never trigger us. */
export interface OwnIdentity {
  readonly appId: number;
  /** User id of the App's bot; unknown until GitHub was asked. */
  readonly botId?: number | undefined;
}

/** Events the App subscribes to (app.yml); installation events come without asking. */
export const SUBSCRIBED_EVENTS = [
  "issue_comment",
  "issues",
  "pull_request",
  "pull_request_review",
  "repository",
] as const;

/** All that mean something to us: those, and what comes to every App. */
export const HANDLED_EVENTS = [
  ...SUBSCRIBED_EVENTS,
  "installation",
  "installation_repositories",
] as const;

/**
 * The domain events of one webhook. Not for us: `[]`. Throws a ZodError when a payload of an event we use
 * lacks what GitHub promises.
 */
export function parseWebhook(
  name: string,
  payload: unknown,
  own: OwnIdentity,
): readonly RoutedEvent[] {
  switch (name) {
    case "issues":
      return issues(payload, own);
    case "issue_comment":
      return issueComment(payload, own);
    case "pull_request":
      return pullRequest(payload, own);
    case "pull_request_review":
      return review(payload, own);
    case "repository":
      return repositoryGone(payload);
    case "installation":
      return installation(payload);
    case "installation_repositories":
      return repositoriesRemoved(payload);
    default:
      return [];
  }
}

const ISSUE_CAUSES = [
  "opened",
  "labeled",
  "unlabeled",
  "edited",
  "closed",
  "reopened",
  "deleted",
  "transferred",
] as const;

function issues(payload: unknown, own: OwnIdentity): readonly RoutedEvent[] {
  const action = actionOf(payload);
  const cause = ISSUE_CAUSES.find((known) => known === action);
  if (cause === undefined) return [];
  const parsed = IssuesPayload.parse(payload);
  const { issue } = parsed;
  const event: GitHubEvent = {
    kind: "issue-changed",
    cause,
    number: issue.number,
    actor: actorOf(parsed.sender, own),
    labels: labelsOf(cause, parsed),
    snapshot: {
      id: issue.id,
      title: visibleLine(issue.title),
      body: visibleText(issue.body ?? ""),
      url: issue.html_url,
    },
    ...(issue.updated_at === null ? {} : { at: issue.updated_at }),
  };
  return [routed(parsed, { kind: "issue", number: issue.number }, event)];
}

/** What the sender answers for: the label they put on, or those the issue had when they opened or reopened it. */
function labelsOf(
  cause: (typeof ISSUE_CAUSES)[number],
  { issue, label }: z.infer<typeof IssuesPayload>,
): readonly string[] {
  if (cause === "labeled") return label ? [label.name] : [];
  return cause === "opened" || cause === "reopened" ? issue.labels.map(({ name }) => name) : [];
}

function issueComment(payload: unknown, own: OwnIdentity): readonly RoutedEvent[] {
  const action = actionOf(payload);
  if (action !== "created" && action !== "edited") return [];
  const parsed = IssueCommentPayload.parse(payload);
  const { issue, comment } = parsed;
  const on = issue.pull_request == null ? "issue" : "pull-request";
  // What our App wrote never causes anything, whoever changes it and whatever it says.
  if (isOurs(comment, own)) return [];
  const created = commentKey(parsed.repository.id, comment.id);
  const edited =
    comment.updated_at === null
      ? undefined
      : editKey(parsed.repository.id, comment.id, comment.updated_at);
  const key = action === "created" ? created : edited;
  const event: GitHubEvent = {
    kind: action === "created" ? "comment-created" : "comment-edited",
    number: issue.number,
    on,
    comment: comment.id,
    // Of an edit, the editor: whoever changes somebody's words is the one who speaks.
    actor: actorOf(parsed.sender, own),
    text: visibleText(comment.body ?? ""),
    url: comment.html_url,
  };
  return [routed(parsed, { kind: on, number: issue.number }, event, key)];
}

/** By the App that wrote it, also before its bot's id is known. */
const isOurs = (
  comment: z.infer<typeof IssueCommentPayload>["comment"],
  own: OwnIdentity,
): boolean =>
  comment.performed_via_github_app?.id === own.appId ||
  (comment.user !== null && actorOf(comment.user, own).type === "own");

const PULL_REQUEST_CAUSES = {
  closed: "closed",
  reopened: "reopened",
  synchronize: "synchronize",
  ready_for_review: "ready",
  converted_to_draft: "draft",
} as const;

function pullRequest(payload: unknown, own: OwnIdentity): readonly RoutedEvent[] {
  const action = actionOf(payload);
  if (!isPullRequestAction(action)) return [];
  const parsed = PullRequestPayload.parse(payload);
  const { number } = parsed.pull_request;
  const event: GitHubEvent = {
    kind: "pull-request-changed",
    cause: PULL_REQUEST_CAUSES[action],
    number,
    actor: actorOf(parsed.sender, own),
  };
  return [routed(parsed, { kind: "pull-request", number }, event)];
}

const isPullRequestAction = (action: string): action is keyof typeof PULL_REQUEST_CAUSES =>
  Object.hasOwn(PULL_REQUEST_CAUSES, action);

function review(payload: unknown, own: OwnIdentity): readonly RoutedEvent[] {
  if (actionOf(payload) !== "submitted") return [];
  const parsed = ReviewPayload.parse(payload);
  const { number } = parsed.pull_request;
  const event: GitHubEvent = {
    kind: "review-submitted",
    number,
    review: parsed.review.id,
    actor: actorOf(parsed.review.user ?? parsed.sender, own),
  };
  const key = reviewKey(parsed.repository.id, parsed.review.id);
  return [routed(parsed, { kind: "pull-request", number }, event, key)];
}

function repositoryGone(payload: unknown): readonly RoutedEvent[] {
  const action = actionOf(payload);
  if (action !== "deleted" && action !== "transferred") return [];
  const parsed = Envelope.parse(payload);
  return [lost(repositoryOf(parsed), `the repository was ${action}`)];
}

function installation(payload: unknown): readonly RoutedEvent[] {
  const action = actionOf(payload);
  if (action !== "deleted" && action !== "suspend") return [];
  const parsed = InstallationPayload.parse(payload);
  const reason = action === "deleted" ? "the App was uninstalled" : "the App was suspended";
  return (parsed.repositories ?? []).map((named) =>
    lost(repositoryNamed(parsed.installation.id, named), reason),
  );
}

function repositoriesRemoved(payload: unknown): readonly RoutedEvent[] {
  if (actionOf(payload) !== "removed") return [];
  const parsed = InstallationRepositoriesPayload.parse(payload);
  return parsed.repositories_removed.map((named) =>
    lost(
      repositoryNamed(parsed.installation.id, named),
      "the repository was taken away from the App",
    ),
  );
}

function actionOf(payload: unknown): string {
  if (typeof payload !== "object" || payload === null || !("action" in payload)) return "";
  return typeof payload.action === "string" ? payload.action : "";
}

/** Who did it. Trust is by id: a user may be called like our bot. */
export function actorOf(account: Account, own: OwnIdentity): Actor {
  const { id, login } = account;
  if (account.type === "Bot" && id === own.botId) return { id, login, type: "own" };
  return { id, login, type: account.type === "User" ? "user" : "bot" };
}

const routed = (
  envelope: Envelope,
  subject: RoutedEvent["subject"],
  event: GitHubEvent,
  key?: string,
): RoutedEvent => ({
  repository: repositoryOf(envelope),
  subject,
  event,
  ...(key === undefined ? {} : { key }),
});

const repositoryOf = ({ installation: { id }, repository }: Envelope): Repository => ({
  installation: id,
  id: repository.id,
  owner: repository.owner.login,
  name: repository.name,
});

function repositoryNamed(
  installationId: number,
  named: { readonly id: number; readonly full_name: string },
): Repository {
  const [owner = "", name = ""] = named.full_name.split("/");
  return { installation: installationId, id: named.id, owner, name };
}

const lost = (repository: Repository, reason: string): RoutedEvent => ({
  repository,
  subject: { kind: "repository" },
  event: { kind: "access-lost", reason },
});

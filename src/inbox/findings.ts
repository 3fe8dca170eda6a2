/**
 * What a sweep found, as the events that webhooks would have brought: the same keys, texts made visible-only in the
 * same way. Pure. What could not be told apart from lists means "look at it now", with nobody as its actor.
 */
import type { PullRequestFact } from "../domain/facts.ts";
import type { Actor } from "../domain/people.ts";
import type { Repository } from "../domain/repository.ts";
import { visibleLine, visibleText } from "../markdown/incoming.ts";
import { commentKey, editKey, labelKey, lookKey, reviewKey } from "./keys.ts";
import type { Finding, Watched } from "./port.ts";
import type { FoundComment, FoundIssue, FoundLabel, FoundReview } from "./survey.ts";

export interface Found {
  readonly finding: Finding;
  /** GitHub's time, for the order. */
  readonly at: number;
  /** Only means something when this key entered before. */
  readonly after: string | null;
}

/** A sweep does not see who closed, unlabelled or merged. Bots are never heard, so nothing is believed of it. */
const NOBODY: Actor = { id: 0, login: "a sweep", type: "bot" };

export const labelFinding = (
  repository: Repository,
  { id, number, title, body, url }: FoundIssue,
  { event, at, actor }: FoundLabel,
  label: string,
): Found => ({
  at,
  after: null,
  finding: {
    key: labelKey(repository.id, event),
    repository,
    subject: { kind: "issue", number },
    event: {
      kind: "issue-changed",
      cause: "labeled",
      number,
      actor,
      labels: [label],
      snapshot: { id, title: visibleLine(title), body: visibleText(body), url },
      at,
      found: true,
    },
  },
});

/** A comment, and its edit when it was edited. `issues`: those somebody works on, or is about to. */
export function commentFindings(
  repository: Repository,
  comment: FoundComment,
  issues: ReadonlySet<number>,
): readonly Found[] {
  const { id, number, on, author, body, url, createdAt, updatedAt } = comment;
  if (on === "issue" && !issues.has(number)) return [];
  const subject = { kind: on, number } as const;
  const said = { number, on, comment: id, actor: author, text: visibleText(body), url };
  const created: Found = {
    at: createdAt,
    after: null,
    finding: {
      key: commentKey(repository.id, id),
      repository,
      subject,
      event: { kind: "comment-created", ...said },
    },
  };
  if (updatedAt <= createdAt) return [created];
  const edited: Found = {
    at: updatedAt,
    after: created.finding.key,
    finding: {
      key: editKey(repository.id, id, updatedAt),
      repository,
      subject,
      event: { kind: "comment-edited", ...said },
    },
  };
  return [created, edited];
}

/** One for each review, however many comments tell of it. */
export const reviewFindings = (
  repository: Repository,
  reviews: readonly FoundReview[],
): readonly Found[] =>
  [...new Map(reviews.map((review) => [review.id, review])).values()]
    .filter(({ author }) => author.type !== "own")
    .map(({ id, pullRequest, author, at }) => ({
      at,
      after: null,
      finding: {
        key: reviewKey(repository.id, id),
        repository,
        subject: { kind: "pull-request", number: pullRequest },
        event: { kind: "review-submitted", number: pullRequest, review: id, actor: author },
      },
    }));

const PULL_CAUSES = { draft: "draft", open: "ready", merged: "closed", closed: "closed" } as const;

/** Pull requests that are not as we know them. */
export const changedPulls = (
  repository: Repository,
  watched: readonly Watched[],
  states: ReadonlyMap<number, PullRequestFact["state"]>,
): readonly Found[] =>
  watched.flatMap(({ pulls, rev }) =>
    pulls.flatMap(({ number, state }) => {
      const now = states.get(number);
      if (now === undefined || now === state) return [];
      const key = lookKey("pull", repository.id, number, `${now}:${rev}`);
      const cause = state === "closed" && now === "open" ? "reopened" : PULL_CAUSES[now];
      return [
        {
          at: Infinity,
          after: null,
          finding: {
            key,
            repository,
            subject: { kind: "pull-request", number },
            event: { kind: "pull-request-changed", cause, number, actor: NOBODY },
          } as const,
        },
      ];
    }),
  );

export const unwantedIssue = (
  repository: Repository,
  { issue: number, rev }: Watched,
  cause: "closed" | "unlabeled" | "deleted",
): Found => ({
  at: Infinity,
  after: null,
  finding: {
    key: lookKey("issue", repository.id, number, `${cause}:${rev}`),
    repository,
    subject: { kind: "issue", number },
    event: {
      kind: "issue-changed",
      cause,
      number,
      actor: NOBODY,
      labels: [],
      snapshot: { id: 0, title: "", body: "", url: "" },
    },
  },
});

/** The App is not installed there any more. */
export const lostRepository = ({ repository, issue, rev }: Watched): Finding => ({
  key: lookKey("access", repository.id, issue, String(rev)),
  repository,
  subject: { kind: "issue", number: issue },
  event: { kind: "access-lost", reason: "the App has no access to the repository any more" },
});

/**
 * GitHub as sweeps see it: lists of what changed, read without a webhook. A port; src/github/survey.ts implements
 * it. All times are GitHub's own, in ms, and are compared with nothing else.
 */
import type { PullRequestFact } from "../domain/facts.ts";
import type { Actor } from "../domain/people.ts";
import type { Repository } from "../domain/repository.ts";

/** One page of a list, the entry that was changed longest ago first. */
export interface Listed<T> {
  readonly entries: readonly T[];
  /** When GitHub answered, null when it did not say. */
  readonly serverTime: number | null;
  readonly more: boolean;
}

export interface ListRequest {
  /** Changed at or after; null = everything. */
  readonly since: number | null;
  /** Counts from 1. */
  readonly page: number;
}

export interface FoundIssue {
  readonly id: number;
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly url: string;
  readonly open: boolean;
  readonly author: Actor;
  readonly updatedAt: number;
}

export interface FoundComment {
  readonly id: number;
  /** Of the issue or pull request it stands on. */
  readonly number: number;
  readonly on: "issue" | "pull-request";
  readonly author: Actor;
  readonly body: string;
  readonly url: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A review, or what an inline comment tells of the review it belongs to. */
export interface FoundReview {
  readonly id: number;
  readonly pullRequest: number;
  readonly author: Actor;
  readonly at: number;
}

/** A label that counts for who put it on, or for who reopened the issue with it (docs/decisions/0002). */
export interface FoundLabel {
  /** Id of GitHub's event. */
  readonly event: number;
  readonly at: number;
  /** Who answers for the label and for the text as it is now. */
  readonly actor: Actor;
}

export interface FoundIssueState {
  readonly open: boolean;
  readonly labels: readonly string[];
}

/** Every method throws PortError. */
export interface Survey {
  /** Where the App is installed and not suspended: all of them or an error. */
  repositories(): Promise<readonly Repository[]>;
  /** The label that makes an issue an objective. */
  label(repository: Repository): Promise<string>;
  /** Issues with this label, without pull requests; closed ones too, unless `open` is asked for. */
  issues(
    repository: Repository,
    request: ListRequest & { readonly label: string; readonly open: boolean },
  ): Promise<Listed<FoundIssue>>;
  /** On issues and pull requests, those of our App left out. */
  comments(repository: Repository, request: ListRequest): Promise<Listed<FoundComment>>;
  /** Reviews with inline comments, one entry for each comment. */
  reviewComments(
    repository: Repository,
    request: ListRequest,
  ): Promise<Listed<FoundReview & { readonly updatedAt: number }>>;
  /** Submitted reviews of one pull request. */
  reviews(repository: Repository, pullRequest: number): Promise<readonly FoundReview[]>;
  /** Who put the label on last; null = GitHub does not know. */
  labelledBy(repository: Repository, issue: FoundIssue, label: string): Promise<FoundLabel | null>;
  /** null = it is not there any more. */
  issue(repository: Repository, number: number): Promise<FoundIssueState | null>;
  pullStates(
    repository: Repository,
    numbers: readonly number[],
  ): Promise<ReadonlyMap<number, PullRequestFact["state"]>>;
  /** How much GitHub still lets us ask: `share` of the hour's requests that is left, from 0 to 1. */
  budget(repository: Repository): { readonly share: number; readonly pausedMs: number };
}

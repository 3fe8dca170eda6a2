/**
 * What GitHub remembers, as plain structs: accounts, apps, repositories, issues, pull requests, reviews, checks.
 * Not the JSON of the API (that is `shape/`), not the rules (those are `act/`). Times are milliseconds since 1970.
 */
import type { KeyObject } from "node:crypto";

import type { GitRepository } from "./git/port.ts";

export interface Account {
  readonly id: number;
  readonly nodeId: string;
  readonly login: string;
  readonly kind: "User" | "Bot" | "Organization";
  readonly createdAtMs: number;
  /** A personal access token; empty for bots and organizations. */
  readonly token: string;
}

export type Level = "read" | "write" | "admin";
export type Permissions = Readonly<Record<string, Level>>;
export type Role = "none" | "read" | "triage" | "write" | "maintain" | "admin";

export interface App {
  readonly id: number;
  readonly nodeId: string;
  readonly slug: string;
  readonly name: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly owner: Account;
  readonly bot: Account;
  readonly privateKey: string;
  readonly publicKey: KeyObject;
  readonly permissions: Permissions;
  readonly events: readonly string[];
  readonly createdAtMs: number;
  readonly hookId: number;
  webhookUrl: string;
  webhookSecret: string;
}

export interface Installation {
  readonly id: number;
  readonly nodeId: string;
  readonly app: App;
  readonly account: Account;
  /** The repositories it may see; undefined means every repository of the account. */
  selected: Set<number> | undefined;
  readonly createdAtMs: number;
  updatedAtMs: number;
  suspendedAtMs: number | undefined;
}

export interface InstallationToken {
  readonly token: string;
  readonly installation: Installation;
  readonly permissions: Permissions;
  readonly repositoryIds: ReadonlySet<number> | undefined;
  readonly expiresAtMs: number;
}

export interface Label {
  readonly id: number;
  readonly nodeId: string;
  name: string;
  color: string;
  description: string | undefined;
}

export interface Repository {
  readonly id: number;
  readonly nodeId: string;
  readonly owner: Account;
  readonly name: string;
  readonly private: boolean;
  readonly defaultBranch: string;
  readonly git: GitRepository;
  readonly createdAtMs: number;
  pushedAtMs: number;
  updatedAtMs: number;
  /** Full ref name → object id, as of the last time we looked. */
  refs: Map<string, string>;
  readonly roles: Map<string, Role>;
  readonly labels: Map<string, Label>;
  readonly issues: Map<number, Issue>;
  /** Old number → where that issue is now, in another repository. */
  readonly transferred: Map<number, Issue>;
  readonly comments: Map<number, Comment>;
  readonly reviewComments: Map<number, ReviewComment>;
  readonly checkRuns: Map<number, CheckRun>;
  readonly checkSuites: Map<number, CheckSuite>;
  readonly statuses: CommitStatus[];
  lastNumber: number;
}

export const reactionContents = [
  "+1",
  "-1",
  "laugh",
  "confused",
  "heart",
  "hooray",
  "rocket",
  "eyes",
] as const;
export type ReactionContent = (typeof reactionContents)[number];

export interface Reaction {
  readonly id: number;
  readonly nodeId: string;
  readonly user: Account;
  readonly content: ReactionContent;
  readonly createdAtMs: number;
}

export interface Issue {
  readonly id: number;
  readonly nodeId: string;
  readonly number: number;
  readonly repository: Repository;
  readonly author: Account;
  readonly viaApp: App | undefined;
  readonly createdAtMs: number;
  readonly reactions: Map<number, Reaction>;
  readonly comments: Comment[];
  title: string;
  body: string | undefined;
  state: "open" | "closed";
  stateReason: "completed" | "reopened" | "not_planned" | "duplicate" | undefined;
  closedAtMs: number | undefined;
  closedBy: Account | undefined;
  updatedAtMs: number;
  labels: Label[];
  assignees: Account[];
  pull: Pull | undefined;
  /** What happened to it, oldest first. */
  readonly events: IssueEvent[];
  /** Who changed its text last, and when; a new title does not count. */
  edited: { readonly by: Account; readonly atMs: number } | undefined;
}

export interface IssueEvent {
  readonly id: number;
  readonly nodeId: string;
  readonly actor: Account;
  readonly viaApp: App | undefined;
  readonly createdAtMs: number;
  readonly change: IssueChange;
}

/** Things as they were called then. */
export type IssueChange =
  | { readonly kind: "closed" | "reopened" | "merged" }
  | {
      readonly kind: "labeled" | "unlabeled";
      readonly label: { readonly name: string; readonly color: string };
    }
  | { readonly kind: "assigned" | "unassigned"; readonly assignee: Account }
  | { readonly kind: "renamed"; readonly rename: { readonly from: string; readonly to: string } };

export interface Comment {
  readonly id: number;
  readonly nodeId: string;
  readonly issue: Issue;
  readonly author: Account;
  readonly viaApp: App | undefined;
  readonly createdAtMs: number;
  readonly reactions: Map<number, Reaction>;
  body: string;
  updatedAtMs: number;
  minimized: string | undefined;
}

export interface Pull {
  readonly id: number;
  readonly nodeId: string;
  readonly issue: Issue;
  readonly headRef: string;
  readonly reviews: Review[];
  readonly threads: Thread[];
  baseRef: string;
  headSha: string;
  baseSha: string;
  draft: boolean;
  maintainerCanModify: boolean;
  requestedReviewers: Account[];
  mergedAtMs: number | undefined;
  mergedBy: Account | undefined;
  mergeCommitSha: string | undefined;
  stats: PullStats;
}

/** Computed by git whenever head or base move. */
export interface PullStats {
  readonly mergeable: boolean | undefined;
  readonly behind: boolean;
  readonly commits: number;
  readonly additions: number;
  readonly deletions: number;
  readonly changedFiles: number;
}

export type ReviewState = "PENDING" | "COMMENTED" | "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED";

export interface Review {
  readonly id: number;
  readonly nodeId: string;
  readonly pull: Pull;
  readonly author: Account;
  readonly commitId: string;
  readonly submittedAtMs: number;
  body: string;
  state: ReviewState;
  updatedAtMs: number;
}

export interface Thread {
  readonly nodeId: string;
  readonly pull: Pull;
  readonly path: string;
  readonly side: "LEFT" | "RIGHT";
  readonly startLine: number | undefined;
  readonly originalLine: number | undefined;
  readonly diffHunk: string;
  readonly position: number | undefined;
  readonly comments: ReviewComment[];
  line: number | undefined;
  outdated: boolean;
  resolvedBy: Account | undefined;
}

export interface ReviewComment {
  readonly id: number;
  readonly nodeId: string;
  readonly thread: Thread;
  readonly review: Review;
  readonly author: Account;
  readonly inReplyTo: ReviewComment | undefined;
  readonly originalCommitId: string;
  readonly createdAtMs: number;
  readonly reactions: Map<number, Reaction>;
  commitId: string;
  body: string;
  updatedAtMs: number;
  minimized: string | undefined;
}

export interface CheckSuite {
  readonly id: number;
  readonly nodeId: string;
  readonly app: App;
  readonly headSha: string;
  readonly headBranch: string | undefined;
  readonly createdAtMs: number;
  updatedAtMs: number;
}

export type CheckStatus = "queued" | "in_progress" | "completed";

export interface CheckRun {
  readonly id: number;
  readonly nodeId: string;
  readonly suite: CheckSuite;
  readonly headSha: string;
  name: string;
  externalId: string;
  detailsUrl: string | undefined;
  status: CheckStatus;
  conclusion: string | undefined;
  startedAtMs: number;
  completedAtMs: number | undefined;
  output: CheckOutput;
  actions: readonly CheckAction[];
}

export interface CheckOutput {
  readonly title: string | undefined;
  readonly summary: string | undefined;
  readonly text: string | undefined;
  readonly annotations: readonly Record<string, unknown>[];
}

export interface CheckAction {
  readonly label: string;
  readonly description: string;
  readonly identifier: string;
}

export interface CommitStatus {
  readonly id: number;
  readonly nodeId: string;
  readonly sha: string;
  readonly state: "error" | "failure" | "pending" | "success";
  readonly context: string;
  readonly description: string | undefined;
  readonly targetUrl: string | undefined;
  readonly creator: Account;
  readonly createdAtMs: number;
}

/** Who is asking. */
export type Actor =
  | { readonly kind: "anonymous" }
  | { readonly kind: "user"; readonly account: Account }
  | { readonly kind: "app"; readonly app: App }
  | {
      readonly kind: "installation";
      readonly app: App;
      readonly installation: Installation;
      readonly token: InstallationToken;
    };

export interface Delivery {
  readonly id: number;
  readonly guid: string;
  readonly app: App;
  readonly event: string;
  readonly action: string | undefined;
  readonly installationId: number | undefined;
  readonly repositoryId: number | undefined;
  readonly redelivery: boolean;
  readonly payload: string;
  deliveredAtMs: number;
  durationMs: number;
  /** "pending" until the attempt ended; GitHub lists only ended ones. */
  status: string;
  statusCode: number;
  url: string;
  /** Made when asked for: signing costs more than all the rest. */
  requestHeaders: () => Readonly<Record<string, string>>;
  responseHeaders: Record<string, string>;
  responseBody: string;
}

/**
 * What `decide` has to know about GitHub right now, and the requests for it.
 *
 * `needs(objective, event)` names the facts; the engine reads them outside any transaction; `decide`
 * gets them. Texts in facts are already made visible-only (src/markdown).
 */
import type { Actor, Permission } from "./people.ts";
import type { RepositoryConfig } from "./repository.ts";

export type Need =
  | { readonly kind: "issue"; readonly number: number }
  | { readonly kind: "permission"; readonly actor: Actor }
  | { readonly kind: "config" }
  | { readonly kind: "pull-request"; readonly number: number }
  | { readonly kind: "review"; readonly number: number; readonly review: number }
  /** How many commits a branch has that a commit has not. */
  | { readonly kind: "behind"; readonly base: string; readonly branch: string };

export interface IssueFact {
  readonly id: number;
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly open: boolean;
  readonly labels: readonly string[];
  readonly url: string;
}

export interface ConfigFact {
  /** In force: the file if it is good, else the last good one, else the defaults. */
  readonly config: RepositoryConfig;
  /** The file is broken: which version, where, why. */
  readonly problem: null | {
    readonly sha: string;
    readonly line: number | null;
    readonly message: string;
  };
  readonly defaultBranch: string;
}

export interface PullRequestFact {
  readonly number: number;
  readonly state: "draft" | "open" | "merged" | "closed";
  readonly headBranch: string;
  readonly headSha: string;
  readonly author: Actor;
  readonly url: string;
}

/** One inline comment of a review. `thread` = id of the thread's top-level comment, where replies go. */
export interface ReviewComment {
  readonly id: number;
  readonly thread: number;
  /** GraphQL id of the thread, for resolving; null when GitHub did not tell. */
  readonly threadNode: string | null;
  readonly path: string;
  readonly line: number | null;
  readonly text: string;
}

export interface ReviewFact {
  readonly id: number;
  readonly author: Actor;
  readonly verdict: "approved" | "changes-requested" | "commented" | "dismissed" | "pending";
  readonly text: string;
  readonly comments: readonly ReviewComment[];
}

/** Answers to the needs. A missing thing is null: deleted, transferred or not visible to the App any more. */
export interface Facts {
  readonly issue?: IssueFact | null;
  readonly permission?: Permission;
  readonly config?: ConfigFact;
  readonly pullRequest?: PullRequestFact | null;
  readonly review?: ReviewFact | null;
  /** null also when GitHub cannot say: nothing waits for it. */
  readonly behind?: number | null;
}

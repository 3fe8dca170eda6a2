/**
 * Everything that can happen to an objective, as one closed union. Edges translate into it (webhook
 * payloads, journal entries, driver findings, effect results); nothing else reaches `decide`.
 *
 * Label, unlabel, close and reopen only mean "look at the issue now": decisions use its current state.
 */
import type { SessionId, QuestionId } from "./id.ts";
import type { Usage } from "./objective.ts";
import type { Actor } from "./people.ts";
import type { Reason } from "./reason.ts";
import type { Away } from "./runner.ts";
import type { ToolCall } from "./tool-call.ts";

/** The issue as the webhook carried it: the version the person saw who caused the event. */
export interface IssueSnapshot {
  readonly id: number;
  readonly title: string;
  readonly body: string;
  readonly url: string;
}

export type GitHubEvent =
  | {
      readonly kind: "issue-changed";
      readonly cause:
        | "opened"
        | "labeled"
        | "unlabeled"
        | "edited"
        | "closed"
        | "reopened"
        | "deleted"
        | "transferred";
      readonly number: number;
      readonly actor: Actor;
      /** Labels the actor answers for: the one they put on, or those that were there when they opened or reopened it. */
      readonly labels: readonly string[];
      readonly snapshot: IssueSnapshot;
      /** When it happened by GitHub's clock, in ms; missing = not known. Only compared with other times of GitHub. */
      readonly at?: number;
      /** Found by looking: GitHub's own word of it may still come. Missing = this is GitHub's word. */
      readonly found?: true;
    }
  | {
      readonly kind: "comment-created" | "comment-edited";
      /** Of the issue, or of the pull request when `on` says so. */
      readonly number: number;
      readonly on: "issue" | "pull-request";
      readonly comment: number;
      readonly actor: Actor;
      readonly text: string;
      readonly url: string;
    }
  | {
      readonly kind: "review-submitted";
      readonly number: number;
      readonly review: number;
      readonly actor: Actor;
    }
  | {
      readonly kind: "pull-request-changed";
      readonly cause: "closed" | "reopened" | "synchronize" | "ready" | "draft";
      readonly number: number;
      readonly actor: Actor;
    }
  /** The App lost the repository: uninstalled, suspended, repository removed or deleted. */
  | { readonly kind: "access-lost"; readonly reason: string };

interface OfAttempt {
  readonly session: SessionId;
  readonly attempt: number;
}

export type RunnerEvent =
  | ({ readonly kind: "slot-claimed"; readonly runner: string; readonly slot: number } & {
      readonly session: SessionId;
    })
  | ({
      readonly kind: "attempt-prepared";
      readonly path: string;
      readonly base: string;
      readonly head: string;
      /** What is not in the checkout although one may expect it, a sentence each; missing = nothing. */
      readonly notes?: readonly string[];
    } & OfAttempt)
  | ({
      readonly kind: "attempt-unstartable";
      readonly stage: string;
      readonly reason: string;
      /** The cause may pass by itself. */
      readonly retry: boolean;
    } & OfAttempt)
  | ({ readonly kind: "attempt-spawned" } & OfAttempt)
  | ({ readonly kind: "conversation-known"; readonly conversation: string } & OfAttempt)
  | ({
      readonly kind: "message-delivered";
      readonly message: string;
      /** Into the turn that ran; missing = as a turn of its own. */
      readonly how?: "steered";
    } & OfAttempt)
  /** The agent has it, and reads it when its turn is over. */
  | ({ readonly kind: "message-queued"; readonly message: string } & OfAttempt)
  | ({
      readonly kind: "turn-ended";
      readonly failure: null | {
        readonly reason: string;
        readonly retry: boolean;
        /** The agent is not logged in there. */
        readonly login?: true;
      };
      /** Spent since the last turn; missing = not told. */
      readonly usage?: Usage;
    } & OfAttempt)
  | ({
      readonly kind: "limit-hit";
      readonly resetAt: number | null;
      readonly reason: string;
    } & OfAttempt)
  | ({
      readonly kind: "tool-called";
      readonly call: string;
      readonly request: ToolCall;
    } & OfAttempt)
  /** Arguments our schema refuses, or a tool this role does not have. */
  | ({
      readonly kind: "tool-misused";
      readonly call: string;
      readonly tool: string;
      readonly reason: string;
    } & OfAttempt)
  | ({
      readonly kind: "call-settled";
      readonly call: string;
      readonly won: "result" | "parked";
    } & OfAttempt)
  | ({
      readonly kind: "attempt-exited";
      readonly code: number | null;
      readonly signal: string | null;
      readonly cause: "itself" | "stopped" | "keeper-lost" | "never-started";
      /** Spent since its last turn; missing = not told. */
      readonly usage?: Usage;
    } & OfAttempt);

/** What is known of a runner on which sessions of this objective are: whether they can go on there. */
export interface RunnerChanged {
  readonly kind: "runner-changed";
  readonly runner: string;
  /** null = it answers and takes sessions again. */
  readonly away: Away | null;
}

/** Why a session that is ready has no slot yet. */
export interface WaitReason {
  readonly kind: "wait-reason";
  readonly session: SessionId;
  readonly reason: Reason;
}

/** What became of an effect whose outcome the domain needs. */
export type ResultEvent =
  | {
      readonly kind: "branch-pushed";
      readonly session: SessionId;
      readonly sha: string;
      readonly commits: number;
    }
  | {
      readonly kind: "push-refused";
      readonly session: SessionId;
      /** `nothing-committed`: no new commit. `moved`: somebody else's commits conflict. `policy`: not allowed. */
      readonly code: "nothing-committed" | "moved" | "policy" | "pull-request-gone" | "failed";
      readonly reason: string;
    }
  | {
      readonly kind: "pull-request-opened";
      readonly session: SessionId;
      readonly number: number;
      readonly url: string;
      readonly draft: boolean;
    }
  | {
      readonly kind: "question-posted";
      readonly question: QuestionId;
      readonly comment: number;
      readonly url: string;
    }
  /** An effect that will not be tried again. */
  | {
      readonly kind: "effect-failed";
      readonly effect: string;
      readonly session: SessionId | null;
      /** The attempt the effect was for, if it was for one. */
      readonly attempt?: number;
      /** The question that was to be posted. */
      readonly question?: QuestionId;
      readonly reason: string;
    };

export type ObjectiveEvent =
  | GitHubEvent
  | RunnerEvent
  | ResultEvent
  | { readonly kind: "timer-fired"; readonly name: string }
  | { readonly kind: "cancel-requested"; readonly by: string; readonly session: SessionId | null }
  | RunnerChanged
  | WaitReason
  | TakeoverEvent
  | OperatorEvent;

/** What was done by hand in a checkout since its agent stopped. Lists are cut; `more…` says so. */
export interface HandsOn {
  /** Newest first. */
  readonly commits: readonly { readonly sha: string; readonly subject: string }[];
  readonly moreCommits: boolean;
  /** Not committed. */
  readonly files: readonly string[];
  readonly moreFiles: boolean;
}

/** A person takes a session over or gives it back; whoever they are, they were allowed to. */
export type TakeoverEvent =
  | {
      readonly kind: "takeover-requested";
      readonly session: SessionId;
      readonly by: string;
      /** At once instead of at the end of the agent's turn. */
      readonly now: boolean;
    }
  | {
      readonly kind: "resume-requested";
      readonly session: SessionId;
      readonly by: string;
      /** For the agent; null = nothing to say. */
      readonly text: string | null;
      /** null = nobody could look. */
      readonly changes: HandsOn | null;
    };

/** A line typed by the operator, for one session. */
export interface OperatorEvent {
  readonly kind: "operator-said";
  readonly session: SessionId;
  readonly by: string;
  /** Drawn by whoever typed it: the same line is heard once. */
  readonly id: string;
  readonly text: string;
}

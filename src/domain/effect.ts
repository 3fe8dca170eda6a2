/**
 * What the shell must do. Stored in the outbox in the same transaction as the new state, performed at
 * least once; every performer recognises what an earlier try left behind.
 */
import type { QuestionId, SessionId } from "./id.ts";
import type { Repository } from "./repository.ts";
import type { Text } from "./text.ts";

interface InRepository {
  readonly repository: Repository;
}

export type ReactionTarget =
  | { readonly kind: "issue"; readonly number: number }
  | { readonly kind: "comment"; readonly id: number };

export type GitHubEffect = InRepository &
  (
    | {
        readonly kind: "react";
        readonly number: number;
        readonly target: ReactionTarget;
        readonly content: "eyes" | "+1" | "confused" | "rocket";
      }
    | {
        readonly kind: "post-comment";
        readonly number: number;
        readonly purpose: "question" | "result" | "notice";
        readonly question: QuestionId | null;
        readonly text: Text;
      }
    /** One comment per issue, edited in place; a newer one replaces one that was not sent yet. */
    | {
        readonly kind: "update-status";
        readonly number: number;
        readonly text: Text;
        /** Which rendering it is: a newer one has a greater number, over all revisions. Missing in old rows. */
        readonly rev?: number;
      }
    /** Fetch the session's commits from its runner, check them, push them (src/github/push-gate.ts). */
    | {
        readonly kind: "push-branch";
        readonly number: number;
        readonly session: SessionId;
        readonly attempt: number;
        readonly runner: string;
        readonly path: string;
        /** The commit the checkout started from. */
        readonly base: string;
        readonly branch: string;
        /** What we believe the branch is at; null = it must not exist yet. */
        readonly expected: string | null;
        /** Number of the published pull request; its state is read right before the push. */
        readonly pullRequest: number | null;
        readonly title: string;
      }
    | {
        readonly kind: "open-pull-request";
        readonly number: number;
        readonly session: SessionId;
        readonly head: string;
        readonly base: string;
        readonly title: string;
        readonly text: Text;
        readonly draft: boolean;
      }
    | {
        readonly kind: "edit-pull-request";
        readonly number: number;
        readonly pullRequest: number;
        readonly title: string;
        readonly text: Text;
      }
    | { readonly kind: "mark-ready"; readonly number: number; readonly pullRequest: number }
    | {
        readonly kind: "reply-to-review";
        readonly number: number;
        readonly pullRequest: number;
        readonly thread: number;
        readonly text: Text;
      }
    | { readonly kind: "resolve-thread"; readonly number: number; readonly threadNode: string }
    | { readonly kind: "close-issue"; readonly number: number }
  );

/** What the checkout of an attempt starts from. */
export type WorkspacePlan =
  | {
      readonly kind: "checkout";
      /** Below the runner's work root. */
      readonly path: string;
      /** Branch to start from. */
      readonly from: string;
      /** Local branch to create; null = detached. */
      readonly branch: string | null;
      /** Branch whose agent configuration files are put back over those of `from`; null = leave them. */
      readonly restoreFrom: string | null;
      /** Only these directories; missing = everything. */
      readonly sparse?: readonly string[];
    }
  | { readonly kind: "reuse"; readonly path: string; readonly base: string };

/** `id` is also the agent's message uuid: sending it twice is harmless. */
export interface Message {
  readonly id: string;
  readonly text: string;
}

interface OnAttempt {
  readonly runner: string;
  readonly session: SessionId;
  readonly attempt: number;
}

export type RunnerEffect =
  | ({
      readonly kind: "start-attempt";
      readonly repository: Repository;
      readonly role: "manager" | "worker" | "reviewer";
      readonly agent: string;
      readonly conversation: string | null;
      readonly workspace: WorkspacePlan;
      readonly setup: readonly string[];
      readonly messages: readonly Message[];
    } & OnAttempt)
  | ({
      readonly kind: "send-message";
      readonly agent: string;
      readonly message: Message;
    } & OnAttempt)
  | ({ readonly kind: "stop-attempt"; readonly graceMs: number } & OnAttempt)
  | ({
      readonly kind: "answer-call";
      readonly call: string;
      readonly outcome: "result" | "parked";
      readonly isError: boolean;
      readonly content: string;
    } & OnAttempt);

export type Effect = GitHubEffect | RunnerEffect;

/** Effects of one lane are performed one after the other, in order; lanes do not wait for each other. */
export function laneOf(effect: Effect): string {
  switch (effect.kind) {
    case "start-attempt":
    case "send-message":
      return `attempt:${effect.session}@${effect.runner}`;
    // A stop must not wait behind a start that takes minutes; an answer must not wait behind a message. And what waits
    // for a lost runner holds up nothing that goes to another one.
    case "stop-attempt":
      return `stop:${effect.session}@${effect.runner}`;
    case "answer-call":
      return `answer:${effect.session}@${effect.runner}`;
    case "push-branch":
    case "open-pull-request":
      return `publish:${effect.session}`;
    case "react":
    case "post-comment":
    case "update-status":
    case "edit-pull-request":
    case "mark-ready":
    case "reply-to-review":
    case "resolve-thread":
    case "close-issue":
      return `issue:${effect.repository.id}#${effect.number}`;
  }
}

/** Lower goes first where a pace has to be kept: question > answer > result > status. */
export function priorityOf(effect: Effect): number {
  switch (effect.kind) {
    case "stop-attempt":
    case "answer-call":
    case "send-message":
      return 0;
    case "post-comment":
      return effect.purpose === "question" ? 1 : 3;
    case "react":
    case "start-attempt":
      return 2;
    case "push-branch":
    case "open-pull-request":
    case "edit-pull-request":
    case "mark-ready":
    case "reply-to-review":
    case "resolve-thread":
    case "close-issue":
      return 3;
    case "update-status":
      return 4;
  }
}

/** A pending effect with the same key is replaced by the newer one. */
export const coalesceKey = (effect: Effect): string | null =>
  effect.kind === "update-status" ? `status:${effect.repository.id}#${effect.number}` : null;

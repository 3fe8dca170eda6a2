/**
 * An objective: one labelled issue, its sessions, questions and pull requests. The aggregate that one
 * decision reads and one transaction writes.
 *
 * Unique by (repository id, issue id, revision). A revision that ended stays ended; labelled again
 * means the next revision.
 */
import type { ReviewComment } from "./facts.ts";
import type { ObjectiveId, QuestionId, SessionId } from "./id.ts";
import type { Actor } from "./people.ts";
import type { Repository, RepositoryConfig } from "./repository.ts";
import type { Reason } from "./reason.ts";
import type { Away } from "./runner.ts";
import type { SessionState } from "./session.ts";
import type { ReviewFinding, TestRun } from "./tool-call.ts";

export type ObjectiveState =
  | { readonly kind: "active" }
  /** Everything is merged or waived; the manager was asked for a summary. */
  | { readonly kind: "finishing" }
  | { readonly kind: "succeeded"; readonly at: number; readonly summary: string }
  | { readonly kind: "canceled"; readonly at: number; readonly reason: string };

export interface Objective {
  readonly id: ObjectiveId;
  readonly repository: Repository;
  readonly issue: { readonly id: number; readonly number: number };
  readonly revision: number;
  readonly state: ObjectiveState;
  /** As the person saw it who labelled the issue, made visible-only. */
  readonly title: string;
  readonly body: string;
  readonly url: string;
  readonly startedBy: Actor;
  readonly startedAt: number;
  /** GitHub's time of the label that started it, in ms; missing = not known. */
  readonly labelledAt?: number;
  /** That label was found by looking: GitHub's own word of it may still come. */
  readonly labelFound?: true;
  readonly config: RepositoryConfig;
  readonly defaultBranch: string;
  /** The manager comes first and is always there. */
  readonly sessions: readonly [Session, ...(readonly Session[])];
  readonly questions: readonly Question[];
  readonly pullRequests: readonly PullRequest[];
  /** Texts of people without write permission that were not passed on. */
  readonly ignored: number;
  /** Blob of a broken `.github/orcha.yml` that was already pointed out here. */
  readonly reportedConfig: string | null;
  /** Times the manager was told that nothing is going on. */
  readonly nudges: number;
  /** Status texts handed to the outbox so far; missing = not counted yet. */
  readonly renders?: number;
  /** The status text that was last handed to the outbox, serialised. */
  readonly status: string;
  /** What labels of the issue ask for its sessions; missing = nothing. */
  readonly placement?: Placement;
  /** Comments that answered nothing when they were heard, newest last; missing = none. */
  readonly heard?: readonly Heard[];
  /** As the manager last proposed it; missing = it has not. */
  readonly plan?: Plan;
}

/** A restored backup hears an answer before it learns again that it has asked. */
export interface Heard {
  readonly comment: number;
  readonly text: string;
  readonly by: Actor;
}

export interface Placement {
  /** `runner:NAME`: new sessions run there only; null = anywhere. */
  readonly runner: string | null;
  /** `priority:high`, `priority:low`. */
  readonly priority: "high" | "normal" | "low";
}

export interface Session {
  readonly id: SessionId;
  readonly role: "manager" | "worker" | "reviewer";
  readonly title: string;
  readonly goal: string;
  readonly agent: string;
  readonly dependsOn: readonly SessionId[];
  /** Only this runner may run it; null = any. */
  readonly pin: string | null;
  readonly state: SessionState;
  /** Number of the newest attempt; 0 = never started. */
  readonly attempt: number;
  /** Attempts that ended badly since the last good turn. */
  readonly failures: number;
  readonly conversation: string | null;
  /** Where its conversation and checkout are. */
  readonly runner: string | null;
  readonly workspace: Workspace | null;
  /** Checkouts made so far. */
  readonly checkouts: number;
  /** The next attempt needs a new checkout of the pull request's head. */
  readonly freshCheckout: boolean;
  /** Not delivered yet, oldest first. */
  readonly mailbox: readonly Mail[];
  /** Number of messages ever put into the mailbox. */
  readonly mailed: number;
  readonly progress: string | null;
  readonly result: Result | null;
  /** Calls that are answered when something else has happened. */
  readonly calls: readonly OpenCall[];
  readonly followUp: FollowUp | null;
  /** A push that is on its way. */
  readonly push: PushReason | null;
  /** An attempt ran after the last push: its checkout may hold commits that are nowhere else. */
  readonly unpublished?: boolean;
  /** How many commits the default branch has that its checkout was not made from, from 10 on in classes; missing = 0, or not known. */
  readonly behind?: number;
  /** What its checkout does not hold although one may expect it, a sentence each; missing = nothing. */
  readonly notes?: readonly string[];
  /** Problems it has reported; missing = none. */
  readonly problems?: number;
  /** Follow-up pushes that were refused since the last one that was not. */
  readonly refusals?: number;
  /** It must not be started before; why is for people. Provider limits and pauses after a failed start. */
  readonly hold: null | {
    readonly until: number;
    readonly reason: string;
    /** Somebody has to log the agent in: a message to it tries again at once. */
    readonly login?: true;
  };
  /** Labels its runner must have; missing = those of its repository. */
  readonly labels?: readonly string[];
  /** Why it waits for a slot, as far as that was told; missing = its turn has not come. */
  readonly waits?: Waits | null;
  /** Why it cannot go on where it is; missing = it can. */
  readonly away?: Away | null;
  /** Times in a row that its machine went down under it; missing = none. */
  readonly losses?: number;
  /** Checkouts that stayed on machines it had to leave, newest last; missing = none. */
  readonly left?: readonly LeftBehind[];
  /** A person waits until its process is gone, to work in its checkout; missing or null = nobody. */
  readonly takeover?: null | { readonly by: string };
  /** Lines the operator typed for it on the server; missing = none. */
  readonly said?: Said;
  /** Agents that had it before, each with its last attempt, oldest first; missing = none. */
  readonly past?: readonly { readonly agent: string; readonly attempt: number }[];
  /** Messages the agent has taken up since its last turn that ended well: another agent would have to be told. Missing = none. */
  readonly reading?: readonly string[];
  /** The session whose pull request it reviews; missing = it is no reviewer. */
  readonly reviews?: SessionId;
  /** What it found, as a reviewer; missing = nothing yet. */
  readonly verdict?: ReviewVerdict;
  /** When it last took up a message in the middle of its turn; missing or null = not in this turn. */
  readonly steeredAt?: number | null;
  /** Over all its turns; missing = nothing is known. */
  readonly spent?: Usage;
  /** Messages between workers: how many followed one another up to it, and how many it sent; missing = none. */
  readonly peers?: { readonly hops: number; readonly sent: number };
  /** Newest answers to calls of this attempt: the same call again gets the same. Missing = none. */
  readonly replied?: readonly Replied[];
}

/** Tokens read anew, read from the provider's cache, and written; cost in US dollars, null = not known. */
export interface Usage {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
}

export interface ReviewVerdict {
  readonly verdict: "approve" | "request_changes" | "comment";
  readonly summary: string;
  readonly findings: readonly ReviewFinding[];
  /** The commit it saw; null = not known. */
  readonly head: string | null;
}

export interface Replied {
  readonly call: string;
  readonly text: string;
  readonly isError: boolean;
}

/** What the manager is going to do, for people. */
export interface Plan {
  readonly sessions: readonly { readonly title: string; readonly goal: string }[];
  readonly risks: readonly string[];
  readonly questions: readonly string[];
}

export interface Waits {
  readonly reason: Reason;
  /** Since when, in ms since the epoch. */
  readonly since: number;
}

/** What it made there and did not publish is nowhere else. */
export interface LeftBehind {
  readonly runner: string;
  readonly attempt: number;
  readonly path: string;
  readonly base: string;
}

export interface Said {
  /** Of the newest line: who typed it, and when. */
  readonly by: string;
  readonly at: number;
  readonly count: number;
  /** The newest ones. */
  readonly lines: readonly SaidLine[];
}

export interface SaidLine {
  readonly id: string;
  readonly became:
    | {
        readonly kind: "message";
        readonly message: string;
        /** Taken up in the middle of a turn; missing = not, or not yet. */
        readonly how?: "steered";
      }
    | { readonly kind: "answer"; readonly question: number }
    /** It was passed on to nobody: several questions are open, and it names none. */
    | { readonly kind: "ambiguous"; readonly questions: readonly number[] }
    | { readonly kind: "late" };
}

/** A checkout on a runner. `base` = the commit it started from: exports are everything since. */
export interface Workspace {
  readonly path: string;
  readonly base: string;
}

export interface Mail {
  readonly id: string;
  readonly text: string;
  /** Attempt it was handed to; null = none yet. */
  readonly sentTo: number | null;
  /** The agent has it, and reads it when its turn is over. */
  readonly queued?: true;
}

export interface Result {
  readonly what: string;
  readonly why: string;
  readonly tests: readonly TestRun[];
  readonly notes: string | null;
}

export type OpenCall =
  | {
      readonly kind: "publish";
      readonly call: string;
      readonly attempt: number;
      readonly session: SessionId;
    }
  | {
      readonly kind: "ask";
      readonly call: string;
      readonly attempt: number;
      readonly question: QuestionId;
    };

export type PushReason =
  | { readonly kind: "publish"; readonly title: string | null; readonly body: string | null }
  /** `covers` = review comments it speaks to; what comes later waits for the next one. Missing = all. */
  | { readonly kind: "follow-up"; readonly covers?: readonly number[] };

/** Review feedback a session is working on. Replies are held until its push is confirmed. */
export interface FollowUp {
  readonly comments: readonly ReviewComment[];
  readonly replies: readonly HeldReply[];
}

export interface HeldReply {
  readonly thread: number;
  readonly text: string;
  readonly outcome: "fixed" | "answered" | "disagree";
}

export interface Question {
  readonly id: QuestionId;
  /** Counts from 1 within the objective: people may answer "2: yes". */
  readonly number: number;
  /** Who asks; null = Orcha itself. */
  readonly session: SessionId | null;
  readonly about: QuestionAbout;
  readonly text: string;
  readonly context: string | null;
  readonly options: readonly string[];
  readonly askedAt: number;
  /** null = not posted yet, so nobody can have answered it. */
  readonly url: string | null;
  /** The comment it was posted as: only a later one answers it. Missing = posted by an older version. */
  readonly comment?: number;
  readonly state: QuestionState;
}

export type QuestionAbout =
  | { readonly kind: "asked" }
  /** The manager cannot go on by itself. */
  | { readonly kind: "manager-failed" }
  | { readonly kind: "pull-request-closed"; readonly pullRequest: number }
  /** An answer came while several questions were open. */
  | { readonly kind: "which-question"; readonly answer: string; readonly by: Actor };

export type QuestionState =
  | { readonly kind: "open" }
  | {
      readonly kind: "answered";
      readonly text: string;
      readonly by: string;
      readonly comment: number;
      readonly delivery: Delivery;
    }
  | { readonly kind: "canceled"; readonly reason: string };

/** How an answer reaches the session: one route, decided once. */
export type Delivery =
  | { readonly kind: "call"; readonly attempt: number; readonly call: string }
  | { readonly kind: "message"; readonly message: string }
  | { readonly kind: "delivered" };

export interface PullRequest {
  readonly session: SessionId;
  readonly branch: string;
  /** Last commit we pushed. */
  readonly pushedSha: string;
  readonly number: number | null;
  readonly url: string | null;
  readonly title: string;
  readonly body: string | null;
  readonly state: "pushed" | "draft" | "open" | "merged" | "closed" | "waived";
}

export const isOver = (objective: Objective): boolean =>
  objective.state.kind === "succeeded" || objective.state.kind === "canceled";

/** For the manager: a session that it has spawned. */
export const named = ({ role, title, id }: Session): string =>
  `${role === "reviewer" ? "Reviewer" : "Worker"} "${title}" (${id})`;

export const readingOf = ({ reading = [] }: Session): readonly string[] => reading;

/** Who ran this attempt of it. */
export const agentAt = ({ agent, past = [] }: Session, attempt: number): string =>
  past.find((before) => attempt <= before.attempt)?.agent ?? agent;

/** A person waits for its process to end. */
export const isTaken = ({ takeover = null }: Session): boolean => takeover !== null;

export const openQuestions = (objective: Objective): readonly Question[] =>
  objective.questions.filter((question) => question.state.kind === "open");

export const pullRequestOf = (objective: Objective, session: SessionId): PullRequest | undefined =>
  objective.pullRequests.find((pull) => pull.session === session);

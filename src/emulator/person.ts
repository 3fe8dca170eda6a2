/** One person's hands: what somebody can do on GitHub's pages, as function calls. */
import { accountOf, type Hub, issueOf, pullOf, repositoryOf } from "./hub.ts";
import { addComment, deleteComment, editComment } from "./act/comments.ts";
import { requestOnRun, requestOnSuite } from "./act/checks.ts";
import { assign, deleteIssue, editIssue, openIssue } from "./act/issues.ts";
import { addLabels, removeLabel } from "./act/labels.ts";
import { issueNeed, need } from "./act/needs.ts";
import {
  editPull,
  mergePull,
  openPull,
  requestReviewers,
  setDraft,
  updateBranch,
} from "./act/pulls.ts";
import { react } from "./act/reactions.ts";
import { commitTo, deleteRef, deleteRepository } from "./act/repositories.ts";
import { transferIssue } from "./act/transfer.ts";
import {
  type NewLineComment,
  replyTo,
  type ReviewEvent,
  setResolved,
  submitReview,
} from "./act/reviews.ts";
import type {
  Account,
  Actor,
  Comment,
  Issue,
  Pull,
  ReactionContent,
  Repository,
  Review,
  ReviewComment,
} from "./model.ts";
import { notFound } from "./problem.ts";

export interface Person {
  readonly account: Account;
  openIssue(
    repository: string,
    wanted: { readonly title: string; readonly body?: string; readonly labels?: readonly string[] },
  ): Issue;
  editIssue(
    repository: string,
    number: number,
    edit: { readonly title?: string; readonly body?: string },
  ): void;
  closeIssue(repository: string, number: number, reason?: "completed" | "not_planned"): void;
  reopenIssue(repository: string, number: number): void;
  deleteIssue(repository: string, number: number): void;
  /** Moves it to another repository of the same owner; returns what it is there. */
  transferIssue(repository: string, number: number, to: string): Issue;
  label(repository: string, number: number, ...names: string[]): void;
  unlabel(repository: string, number: number, name: string): void;
  assign(repository: string, number: number, ...logins: string[]): void;
  comment(repository: string, number: number, body: string): Comment;
  editComment(repository: string, id: number, body: string): void;
  deleteComment(repository: string, id: number): void;
  react(
    repository: string,
    subject:
      | { readonly issue: number }
      | { readonly comment: number }
      | { readonly reviewComment: number },
    content: ReactionContent,
  ): void;
  /** Commits files onto a branch and pushes; a `null` content deletes the path. Returns the commit's id. */
  push(
    repository: string,
    branch: string,
    commit: {
      readonly files: Readonly<Record<string, string | null>>;
      readonly message: string;
      readonly force?: boolean;
    },
  ): Promise<string>;
  deleteBranch(repository: string, branch: string): Promise<void>;
  deleteRepository(repository: string): void;
  openPull(
    repository: string,
    wanted: {
      readonly title: string;
      readonly head: string;
      readonly base: string;
      readonly body?: string;
      readonly draft?: boolean;
    },
  ): Promise<Pull>;
  review(
    repository: string,
    number: number,
    wanted: {
      readonly event: ReviewEvent;
      readonly body?: string;
      readonly comments?: readonly NewLineComment[];
    },
  ): Promise<Review>;
  /** Answers in a thread; `id` is its first comment. */
  replyToReviewComment(repository: string, number: number, id: number, body: string): ReviewComment;
  resolveThread(repository: string, number: number, id: number, resolved?: boolean): void;
  requestReview(repository: string, number: number, ...logins: string[]): void;
  setDraft(repository: string, number: number, draft: boolean): void;
  merge(
    repository: string,
    number: number,
    how?: { readonly method?: "merge" | "squash" | "rebase" },
  ): Promise<string>;
  updateBranch(repository: string, number: number): Promise<void>;
  closePull(repository: string, number: number): Promise<void>;
  reopenPull(repository: string, number: number): Promise<void>;
  /** Presses "Re-run" of a check run, or the button with this identifier. */
  requestCheck(repository: string, id: number, identifier?: string): void;
  /** Presses "Re-run all checks" of an app's suite. */
  requestSuite(repository: string, id: number): void;
}

export function asPerson(hub: Hub, account: Account): Person {
  const actor: Actor = { kind: "user", account };
  return { account, ...issueHands(hub, actor), ...pullHands(hub, actor) };
}

type IssueHands = Pick<
  Person,
  | "openIssue"
  | "editIssue"
  | "closeIssue"
  | "reopenIssue"
  | "deleteIssue"
  | "transferIssue"
  | "label"
  | "unlabel"
  | "assign"
  | "comment"
  | "editComment"
  | "deleteComment"
  | "react"
>;

function issueHands(hub: Hub, actor: Actor): IssueHands {
  const issue = (name: string, number: number): Issue =>
    issueOf(hub, repositoryOf(hub, name), number);
  return {
    openIssue: (name, wanted) => openIssue(hub, actor, repositoryOf(hub, name), wanted),
    editIssue: (name, number, edit) => editIssue(hub, actor, issue(name, number), edit),
    closeIssue: (name, number, stateReason = "completed") =>
      editIssue(hub, actor, issue(name, number), { state: "closed", stateReason }),
    reopenIssue: (name, number) => editIssue(hub, actor, issue(name, number), { state: "open" }),
    deleteIssue: (name, number) => deleteIssue(hub, actor, issue(name, number)),
    transferIssue: (name, number, to) =>
      transferIssue(hub, actor, issue(name, number), repositoryOf(hub, to)),
    label: (name, number, ...names) => addLabels(hub, actor, issue(name, number), names),
    unlabel: (name, number, label) => removeLabel(hub, actor, issue(name, number), label),
    assign: (name, number, ...add) => assign(hub, actor, issue(name, number), { add }),
    comment: (name, number, body) => addComment(hub, actor, issue(name, number), body),
    editComment: (name, id, body) =>
      editComment(hub, actor, found(repositoryOf(hub, name).comments.get(id)), body),
    deleteComment: (name, id) =>
      deleteComment(hub, actor, found(repositoryOf(hub, name).comments.get(id))),
    react: (name, subject, content) => {
      const repository = repositoryOf(hub, name);
      if ("reviewComment" in subject) {
        const target = found(repository.reviewComments.get(subject.reviewComment));
        react(hub, actor, repository, need.review, target, content);
        return;
      }
      const target =
        "issue" in subject
          ? issueOf(hub, repository, subject.issue)
          : found(repository.comments.get(subject.comment));
      const about = "issue" in target ? target.issue : target;
      react(hub, actor, repository, issueNeed(about, "read"), target, content);
    },
  };
}

function pullHands(hub: Hub, actor: Actor): Omit<Person, keyof IssueHands | "account"> {
  const pull = (name: string, number: number): Pull => pullOf(hub, repositoryOf(hub, name), number);
  return {
    push: (name, branch, { force = false, ...commit }) =>
      commitTo(hub, actor, repositoryOf(hub, name), { ...commit, branch, force }),
    deleteBranch: (name, branch) =>
      deleteRef(hub, actor, repositoryOf(hub, name), `refs/heads/${branch}`),
    deleteRepository: (name) => deleteRepository(hub, actor, repositoryOf(hub, name)),
    openPull: (name, wanted) => openPull(hub, actor, repositoryOf(hub, name), wanted),
    review: (name, number, wanted) => submitReview(hub, actor, pull(name, number), wanted),
    replyToReviewComment: (name, number, id, body) =>
      replyTo(hub, actor, pull(name, number), lineComment(repositoryOf(hub, name), id), body),
    resolveThread: (name, _number, id, resolved = true) =>
      setResolved(hub, actor, lineComment(repositoryOf(hub, name), id).thread, resolved),
    requestReview: (name, number, ...logins) => {
      const add = logins.map((login) => found(accountOf(hub, login)));
      requestReviewers(hub, actor, pull(name, number), { add, remove: [] });
    },
    setDraft: (name, number, draft) => setDraft(hub, actor, pull(name, number), draft),
    merge: (name, number, how = {}) => mergePull(hub, actor, pull(name, number), how),
    updateBranch: (name, number) => updateBranch(hub, actor, pull(name, number), undefined),
    closePull: (name, number) => editPull(hub, actor, pull(name, number), { state: "closed" }),
    reopenPull: (name, number) => editPull(hub, actor, pull(name, number), { state: "open" }),
    requestCheck: (name, id, identifier) => {
      const repository = repositoryOf(hub, name);
      requestOnRun(hub, actor, repository, found(repository.checkRuns.get(id)), identifier);
    },
    requestSuite: (name, id) => {
      const repository = repositoryOf(hub, name);
      requestOnSuite(hub, actor, repository, found(repository.checkSuites.get(id)));
    },
  };
}

function lineComment(repository: Repository, id: number): ReviewComment {
  return found(repository.reviewComments.get(id));
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw notFound();
  return value;
}

/** What people say: comments on the issue, comments and reviews on its pull requests. */
import { answer, ask } from "./ask.ts";
import { onResumeTimer } from "./attempt.ts";
import type { GitHubEvent } from "./event.ts";
import type { QuestionId } from "./id.ts";
import {
  isOver,
  openQuestions,
  type Heard,
  type PullRequest,
  type Question,
  type Session,
} from "./objective.ts";
import { mayCommand } from "./people.ts";
import {
  commentMessage,
  feedbackMessage,
  followUpText,
  orphanReviewMessage,
  reviewMessage,
  type Reading,
} from "./prompt.ts";
import { newWord } from "./peers.ts";
import { findPullRequest, pushFollowUp } from "./publish.ts";
import { matchAnswer } from "./question.ts";
import { isTerminal } from "./session.ts";
import type { Step } from "./step.ts";

type Comment = Extract<GitHubEvent, { kind: "comment-created" | "comment-edited" }>;
type Review = Extract<GitHubEvent, { kind: "review-submitted" }>;

export function onComment(step: Step, event: Comment): void {
  if (!isHeard(step, event.actor, "a comment")) return;
  if (event.on === "pull-request") onPullRequestComment(step, event);
  else if (event.kind === "comment-edited") onCorrection(step, event);
  else onIssueComment(step, event);
}

/** Only people with write permission, asked now. Others leave a trace and nothing else. */
function isHeard(step: Step, actor: Comment["actor"], what: string): boolean {
  if (actor.type === "own") return false;
  if (isOver(step.objective)) {
    step.note(`${what} by ${actor.login} came after the end`);
    return false;
  }
  if (actor.type === "user" && mayCommand(step.context.facts.permission ?? "none")) return true;
  step.note(`${what} by ${actor.login} was not passed on`);
  if (actor.type === "user") step.change({ ignored: step.objective.ignored + 1 });
  return false;
}

function react(
  step: Step,
  { number, comment }: Comment,
  content: "eyes" | "+1" | "confused",
): void {
  const { repository } = step.objective;
  step.emit({
    kind: "react",
    repository,
    number,
    target: { kind: "comment", id: comment },
    content,
  });
}

function onIssueComment(step: Step, event: Comment): void {
  hear(step, event);
  // Whoever waits to be logged in tries again.
  for (const session of step.objective.sessions)
    if (session.hold?.login === true) onResumeTimer(step, step.fresh(session));
}

function hear(step: Step, event: Comment): void {
  const { actor, text, comment } = event;
  const match = matchAnswer(answerable(step, comment), text);
  switch (match.kind) {
    case "answer":
      react(step, event, "+1");
      answer(step, match.question, match.text, actor, comment);
      return;
    case "ambiguous":
      askWhich(step, event);
      return;
    case "none":
      react(step, event, "eyes");
      toManager(step, event, `issue #${event.number}`);
      remember(step, { comment, text, by: actor });
      return;
  }
}

const HEARD_MAX = 10;

function remember(step: Step, heard: Heard): void {
  step.change({ heard: [...(step.objective.heard ?? []), heard].slice(-HEARD_MAX) });
}

/**
 * The question stands on GitHub as this comment. What was said after it has been heard already when our memory of the
 * question was lost with a database: a backup was restored, and the agent's call came in again after the answer.
 */
export function onPosted(step: Step, id: QuestionId, comment: number, url: string): void {
  step.changeQuestion(id, { url, comment });
  const { heard = [] } = step.objective;
  for (const said of heard) {
    const match = matchAnswer(answerable(step, said.comment), said.text);
    if (said.comment < comment || match.kind !== "answer" || match.question.id !== id) continue;
    step.note("it was answered before it was known here");
    step.change({ heard: heard.filter((one) => one !== said) });
    answer(step, match.question, match.text, said.by, said.comment);
    return;
  }
}

/**
 * Questions that stood there already when this comment was written. One whose comment we do not know yet may
 * be on GitHub all the same (the answer to its post was lost): then the comment is taken for its answer.
 */
const answerable = ({ objective }: Step, comment: number): readonly Question[] =>
  openQuestions(objective).filter((question) => (question.comment ?? 0) < comment);

/** Asked once; what is said meanwhile without naming a question is for the manager. */
function askWhich(step: Step, event: Comment): void {
  const { actor, text, number } = event;
  const open = openQuestions(step.objective);
  if (open.some(({ about }) => about.kind === "which-question")) {
    step.note("which question is meant was asked already");
    react(step, event, "confused");
    toManager(step, event, `issue #${number}`);
    return;
  }
  react(step, event, "eyes");
  const numbers = open.map((question) => question.number);
  ask(step, {
    session: null,
    about: { kind: "which-question", answer: text, by: actor },
    text: `Which question does your answer belong to: ${numbers.join(" or ")}? Reply with its number.`,
  });
}

function toManager(step: Step, event: Comment, where: string): void {
  const { actor, text } = event;
  step.tell(step.manager, commentMessage(actor, where, text), "message", {
    once: nameOf(step, event),
  });
}

/**
 * What is heard again after a backup was restored is the same message, whatever came before it this time. Of edits only
 * their cause tells one from another: the text may be what it was before.
 */
const nameOf = ({ context }: Step, { kind, comment }: Comment): string =>
  kind === "comment-created" ? `comment:${comment}` : context.derive(`edit:${comment}`);

/** An edited answer goes to whoever got the first version; any other edit to the manager. */
function onCorrection(step: Step, event: Comment): void {
  const question = step.objective.questions.find(
    ({ state }) => state.kind === "answered" && state.comment === event.comment,
  );
  if (question?.state.kind === "answered" && question.state.text === event.text) {
    step.note(`comment ${event.comment} was edited, and says the same`);
    return;
  }
  const asker = step.objective.sessions.find(({ id }) => id === question?.session) ?? step.manager;
  const where =
    question === undefined ? "issue" : `your question ${question.number}, correcting the answer`;
  step.tell(asker, commentMessage(event.actor, where, event.text), "answer", {
    once: nameOf(step, event),
  });
}

function onPullRequestComment(step: Step, event: Comment): void {
  const { pullRequest = null } = step.context.facts;
  const target = feedbackTarget(step, event.number, () =>
    toManager(step, event, `pull request #${event.number}`),
  );
  if (target === null || pullRequest === null) return;
  react(step, event, "eyes");
  giveFeedback(step, target.session, {
    comments: [],
    once: nameOf(step, event),
    message: (reading) => feedbackMessage(event.actor, pullRequest, event.text, reading),
  });
}

/** One review is one message, however many inline comments it has. */
export function onReview(step: Step, event: Review): void {
  const { pullRequest = null, review = null } = step.context.facts;
  if (!isHeard(step, event.actor, "a review")) return;
  if (pullRequest === null || review === null) return;
  if (review.verdict === "pending" || review.verdict === "dismissed") return;
  if (review.comments.length === 0 && review.text.trim() === "") {
    step.note(`review ${review.id} says nothing to do: ${review.verdict}`);
    return;
  }
  const once = `review:${review.id}`;
  const target = feedbackTarget(step, event.number, () =>
    step.tell(step.manager, orphanReviewMessage(review, pullRequest), "message", { once }),
  );
  if (target === null) return;
  giveFeedback(step, target.session, {
    comments: review.comments,
    once,
    message: (reading) => reviewMessage(review, pullRequest, reading),
  });
}

/** Who takes it; `instead` is done when the pull request is open and its worker is over. */
function feedbackTarget(
  step: Step,
  number: number,
  instead: () => void,
): { readonly session: Session; readonly pull: PullRequest } | null {
  const pull = findPullRequest(step, number);
  const session = pull && step.session(pull.session);
  if (session === undefined || pull === undefined) {
    step.note(`feedback on pull request #${number} has no session that could take it`);
    return null;
  }
  if (pull.state === "merged" || pull.state === "closed" || pull.state === "waived") {
    step.note(`feedback on pull request #${number} came after it was ${pull.state}`);
    return null;
  }
  if (isTerminal(session.state)) {
    step.note(`feedback on pull request #${number} goes to the manager: its worker is over`);
    instead();
    return null;
  }
  return { session, pull };
}

/** An agent, or a person, works in the checkout that is there. */
const HAS_CHECKOUT: ReadonlySet<string> = new Set(["starting", "running", "paused"]);

interface Feedback {
  readonly comments: NonNullable<Session["followUp"]>["comments"];
  readonly once: string;
  readonly message: (reading: Reading) => string;
}

/**
 * A running session takes it in its own checkout; a parked one gets a new checkout of the branch's fresh head.
 * Commits that are only in its old one are pushed first: it is woken when that has ended (publish.ts).
 */
function giveFeedback(step: Step, session: Session, { comments, once, message }: Feedback): void {
  const { id, state, push, unpublished = false } = session;
  const isParked = state.kind === "idle" || state.kind === "waiting_user";
  const waits = isParked && (push !== null || (unpublished && pushFollowUp(step, session)));
  const hasAll = !waits && push === null && !unpublished;
  const fresh = hasAll && !HAS_CHECKOUT.has(state.kind);
  const followUp = session.followUp ?? { comments: [], replies: [] };
  step.changeSession(id, {
    followUp: { ...followUp, comments: [...followUp.comments, ...comments] },
    freshCheckout: session.freshCheckout || fresh,
  });
  newWord(step, session);
  const whatToDo = followUpText(step.objective, session, step.context.rules);
  step.tell(session, message({ atHead: fresh, whatToDo }), "review", { wake: !waits, once });
}

/** Asking people, taking their answers, and seeing that each answer reaches its session exactly once. */
import type { QuestionId } from "./id.ts";
import { questionId } from "./id.ts";
import type { OpenCall, Question, QuestionAbout, Session } from "./objective.ts";
import { openQuestions } from "./objective.ts";
import type { Actor } from "./people.ts";
import { endPublished } from "./park.ts";
import { answerMessage } from "./prompt.ts";
import { questionText } from "./render.ts";
import type { Step } from "./step.ts";

export interface Asked {
  readonly session: Session | null;
  readonly about: QuestionAbout;
  readonly text: string;
  readonly context?: string | null;
  readonly options?: readonly string[];
}

/** Opens a question and posts it. The same question of the same session, still open, is not asked again. */
export function ask(step: Step, asked: Asked): Question {
  const { objective } = step;
  const session = asked.session?.id ?? null;
  const same = openQuestions(objective).find(
    (question) => question.session === session && question.text === asked.text,
  );
  if (same !== undefined) return same;
  const number = objective.questions.length + 1;
  const question: Question = {
    id: questionId(`que_${step.context.derive(`question:${number}`).slice(0, 20)}`),
    number,
    session,
    about: asked.about,
    text: asked.text,
    context: asked.context ?? null,
    options: asked.options ?? [],
    askedAt: step.context.now,
    url: null,
    state: { kind: "open" },
  };
  step.change({ questions: [...objective.questions, question] });
  step.emit({
    kind: "post-comment",
    repository: objective.repository,
    number: objective.issue.number,
    purpose: "question",
    question: question.id,
    text: questionText(step.objective, question, asked.session?.title ?? null),
  });
  return question;
}

/** An answer by a permitted person, in `comment`. */
export function answer(
  step: Step,
  question: Question,
  text: string,
  by: Actor,
  comment: number,
): void {
  if (question.about.kind === "which-question") {
    const meant = openQuestions(step.objective).find(({ number }) => number === Number(text));
    settleQuestion(step, question, text, by, comment);
    if (meant !== undefined) answer(step, meant, question.about.answer, question.about.by, comment);
    return;
  }
  settleQuestion(step, question, text, by, comment);
  if (question.about.kind === "pull-request-closed")
    waiveOrForward(step, question, question.about.pullRequest, text, by);
  else deliver(step, question, text, by);
}

function settleQuestion(
  step: Step,
  question: Question,
  text: string,
  by: Actor,
  comment: number,
): void {
  step.changeQuestion(question.id, {
    state: { kind: "answered", text, by: by.login, comment, delivery: { kind: "delivered" } },
  });
}

/** The asker's open call takes it as its result; otherwise it is the next message of the conversation. */
function deliver(step: Step, question: Question, text: string, by: Actor): void {
  const asker = step.objective.sessions.find(({ id }) => id === question.session) ?? step.manager;
  const call = asker.calls.find((open) => open.kind === "ask" && open.question === question.id);
  if (call === undefined || asker.state.kind !== "running") {
    deliverByMessage(step, asker, question, text, by.login);
    return;
  }
  step.changeSession(asker.id, { failures: 0 });
  closeCall(step, asker, call);
  step.emit({
    kind: "answer-call",
    runner: asker.state.runner,
    session: asker.id,
    attempt: asker.attempt,
    call: call.call,
    outcome: "result",
    isError: false,
    content: JSON.stringify({ status: "answered", answer: text, by: by.login }),
  });
  setDelivery(step, question.id, { kind: "call", attempt: asker.attempt, call: call.call });
}

function deliverByMessage(
  step: Step,
  asker: Session,
  question: Question,
  text: string,
  by: string,
): void {
  step.changeSession(asker.id, { failures: 0 });
  const message = step.tell(asker.id, answerMessage(question.text, by, text), "answer");
  if (message !== null) setDelivery(step, question.id, { kind: "message", message });
}

type Delivery = Extract<Question["state"], { kind: "answered" }>["delivery"];

export function setDelivery(step: Step, id: QuestionId, delivery: Delivery): void {
  for (const { state } of step.objective.questions.filter((question) => question.id === id))
    if (state.kind === "answered") step.changeQuestion(id, { state: { ...state, delivery } });
}

/** The reply to the open call was journaled first (`result`), or the call had been parked before: then it goes as a message. */
export function callSettled(
  step: Step,
  call: string,
  attempt: number,
  won: "result" | "parked",
): void {
  for (const question of answeredByCall(step, attempt, call))
    if (won === "result") setDelivery(step, question.id, { kind: "delivered" });
    else redeliver(step, question);
}

/** The attempt is gone: answers that were on their way through one of its calls go as messages. */
export function callsLost(step: Step, attempt: number, session: Session): void {
  for (const question of answeredByCall(step, attempt, null))
    if (question.session === session.id) redeliver(step, question);
}

const answeredByCall = (step: Step, attempt: number, call: string | null): readonly Question[] =>
  step.objective.questions.filter(
    ({ state }) =>
      state.kind === "answered" &&
      state.delivery.kind === "call" &&
      state.delivery.attempt === attempt &&
      (call === null || state.delivery.call === call),
  );

function redeliver(step: Step, question: Question): void {
  const asker = step.objective.sessions.find(({ id }) => id === question.session);
  if (asker !== undefined && question.state.kind === "answered")
    deliverByMessage(step, asker, question, question.state.text, question.state.by);
}

export const closeCall = (step: Step, session: Session, call: OpenCall): void =>
  step.changeSession(session.id, {
    calls: session.calls.filter((open) => open.call !== call.call),
  });

/** Words that mean: leave it closed. */
const WAIVE = /^\W*(?:1|drop|waive|leave|abandon|skip|close|closed|no)\b/iu;

function waiveOrForward(
  step: Step,
  question: Question,
  number: number,
  text: string,
  by: Actor,
): void {
  if (!WAIVE.test(text)) {
    deliver(step, question, text, by);
    return;
  }
  for (const pull of step.objective.pullRequests.filter((one) => one.number === number)) {
    step.putPullRequest({ ...pull, state: "waived" });
    for (const session of step.workers.filter(({ id }) => id === pull.session))
      endPublished(step, session);
  }
  step.tell(
    step.manager.id,
    `${by.login} drops pull request #${number}: it stays closed.`,
    "message",
    false,
  );
}

/** Withdraws the open questions of a session, or all of them. */
export function cancelQuestions(step: Step, session: Session | null, reason: string): void {
  for (const question of openQuestions(step.objective))
    if (session === null || question.session === session.id)
      step.changeQuestion(question.id, { state: { kind: "canceled", reason } });
}

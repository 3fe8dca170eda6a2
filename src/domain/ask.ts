/** Asking people, taking their answers, and seeing that each answer reaches its session exactly once. */
import type { QuestionId } from "./id.ts";
import { questionId } from "./id.ts";
import type { OpenCall, Question, QuestionAbout, Session } from "./objective.ts";
import { openQuestions } from "./objective.ts";
import type { Actor } from "./people.ts";
import { endPublished } from "./park.ts";
import { answerMessage } from "./prompt.ts";
import { newWord } from "./peers.ts";
import { plain } from "./question.ts";
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
  const answered = settleQuestion(step, question, text, by, comment);
  const { about } = question;
  if (about.kind === "which-question")
    for (const meant of openQuestions(step.objective).filter(
      ({ number }) => number === Number(text),
    ))
      answer(step, meant, about.answer, about.by, comment);
  else if (about.kind === "pull-request-closed")
    waiveOrForward(step, question, about.pullRequest, answered);
  else deliver(step, question, answered);
}

type Answered = Extract<Question["state"], { kind: "answered" }>;

function settleQuestion(
  step: Step,
  question: Question,
  text: string,
  { login: by }: Actor,
  comment: number,
): Answered {
  const state = { kind: "answered", text, by, comment, delivery: { kind: "delivered" } } as const;
  step.changeQuestion(question.id, { state });
  return state;
}

/** The asker's open call takes it as its result; otherwise it is the next message of the conversation. */
function deliver(step: Step, question: Question, answered: Answered): void {
  const asker = step.objective.sessions.find(({ id }) => id === question.session) ?? step.manager;
  newWord(step, asker);
  const calls = asker.calls.filter((open) => open.kind === "ask" && open.question === question.id);
  const [call] = calls;
  if (call === undefined || asker.state.kind !== "running") {
    deliverByMessage(step, asker, question, answered);
    return;
  }
  step.changeSession(asker.id, {
    failures: 0,
    calls: asker.calls.filter((open) => !calls.includes(open)),
  });
  // An agent that asked the same twice waits for both calls.
  for (const open of calls)
    step.emit({
      kind: "answer-call",
      runner: asker.state.runner,
      session: asker.id,
      attempt: asker.attempt,
      call: open.call,
      outcome: "result",
      isError: false,
      content: JSON.stringify({ status: "answered", answer: answered.text, by: answered.by }),
    });
  setDelivery(step, question.id, answered, {
    kind: "call",
    attempt: asker.attempt,
    call: call.call,
  });
}

function deliverByMessage(
  step: Step,
  asker: Session,
  question: Question,
  answered: Answered,
): void {
  step.changeSession(asker.id, { failures: 0 });
  const text = answerMessage(question.text, answered.by, answered.text);
  // The same after a restored backup, in whatever order it hears of it: the agent knows what it has.
  const once = `answer:${question.id}:${answered.comment}`;
  const message = step.tell(asker, text, "answer", { once });
  setDelivery(step, question.id, answered, { kind: "message", message });
}

const setDelivery = (
  step: Step,
  id: QuestionId,
  answered: Answered,
  delivery: Answered["delivery"],
): void => step.changeQuestion(id, { state: { ...answered, delivery } });

/** The agent took up the message: an answer in it has arrived. */
export function messageDelivered(step: Step, message: string): void {
  for (const { id, state } of step.objective.questions)
    if (
      state.kind === "answered" &&
      state.delivery.kind === "message" &&
      state.delivery.message === message
    )
      setDelivery(step, id, state, { kind: "delivered" });
}

/** The reply to the open call was journaled first (`result`), or the call had been parked before: then it goes as a message. */
export function callSettled(
  step: Step,
  session: Session,
  call: string,
  won: "result" | "parked",
): void {
  for (const { question, answered } of answeredByCall(step, session, call))
    if (won === "result") setDelivery(step, question.id, answered, { kind: "delivered" });
    else deliverByMessage(step, session, question, answered);
}

/** The attempt is gone: answers that were on their way through one of its calls go as messages. */
export function callsLost(step: Step, session: Session): void {
  for (const { question, answered } of answeredByCall(step, session, null))
    deliverByMessage(step, session, question, answered);
}

interface OnItsWay {
  readonly question: Question;
  readonly answered: Answered;
}

/** Calls have their names within one attempt of one session. */
const answeredByCall = (
  { objective }: Step,
  { id, attempt }: Session,
  call: string | null,
): readonly OnItsWay[] =>
  objective.questions.flatMap((question) => {
    const { session, state } = question;
    return session === id &&
      state.kind === "answered" &&
      state.delivery.kind === "call" &&
      state.delivery.attempt === attempt &&
      (call === null || state.delivery.call === call)
      ? [{ question, answered: state }]
      : [];
  });

export const closeCall = (step: Step, session: Session, call: OpenCall): void =>
  step.changeSession(session.id, {
    calls: session.calls.filter((open) => open.call !== call.call),
  });

/** Answers that say nothing but: leave it closed. Anything else is for the manager to read, never guessed. */
const DROP = new Set(["1", "drop", "drop this work", "waive", "leave it closed"]);

/** A person closed it and has said what now: it is no open end any more, whatever they want instead. */
function waiveOrForward(step: Step, question: Question, number: number, answered: Answered): void {
  waive(step, number);
  if (!DROP.has(plain(answered.text))) {
    deliver(step, question, answered);
    return;
  }
  step.tell(
    step.manager,
    `${answered.by} drops pull request #${number}: it stays closed.`,
    "message",
    { wake: false },
  );
}

/** It stays closed, and its worker has nothing left to do. */
export function waive(step: Step, number: number): void {
  for (const pull of step.objective.pullRequests.filter((one) => one.number === number)) {
    step.putPullRequest({ ...pull, state: "waived" });
    for (const session of step.workers.filter(({ id }) => id === pull.session))
      endPublished(step, session);
  }
}

/** Withdraws the open questions of a session, or all of them. */
export function cancelQuestions(step: Step, session: Session | null, reason: string): void {
  for (const question of openQuestions(step.objective))
    if (session === null || question.session === session.id)
      step.changeQuestion(question.id, { state: { kind: "canceled", reason } });
}

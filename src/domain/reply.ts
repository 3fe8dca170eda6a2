/** Answers to tool calls. A call whose attempt is gone gets its answer as a message. */
import type { OpenCall, Session } from "./objective.ts";
import { isLive } from "./session.ts";
import type { Step } from "./step.ts";

export interface CallReply {
  readonly text: string;
  /** A refusal: says what is wrong and what to do next. */
  readonly isError?: boolean;
}

export const refused = (text: string): CallReply => ({ text, isError: true });
export const answered = (value: unknown): CallReply => ({ text: JSON.stringify(value) });

export function replyToCall(
  step: Step,
  session: Session,
  { call, attempt }: Pick<OpenCall, "call" | "attempt">,
  { text, isError = false }: CallReply,
): void {
  if (!isLive(session.state) || attempt !== session.attempt) {
    step.tell(session, text, "message");
    return;
  }
  step.emit({
    kind: "answer-call",
    runner: session.state.runner,
    session: session.id,
    attempt,
    call,
    outcome: "result",
    isError,
    content: text,
  });
  const { replied = [] } = step.fresh(session);
  if (text.length > REPLY_CHARACTERS || replied.some((one) => one.call === call)) return;
  step.changeSession(session.id, {
    replied: [...replied, { call, text, isError }].slice(-REPLIES_MAX),
  });
}

/** Of one attempt; what is longer only shows how things are, and may be shown anew. */
const REPLIES_MAX = 8;
const REPLY_CHARACTERS = 1_000;

/** The same call has come before: it gets the same answer, or the one that is still to come. False = it has not. */
export function sayAgain(step: Step, session: Session, call: string): boolean {
  const { attempt, replied, calls, title } = session;
  const before = replied?.find((one) => one.call === call);
  if (before === undefined && !calls.some((open) => open.call === call)) return false;
  step.note(`${title}: call ${call} came again`);
  if (before !== undefined) replyToCall(step, session, { call, attempt }, before);
  return true;
}

/** Answers to tool calls. A call whose attempt is gone gets its answer as a message. */
import type { OpenCall, Session } from "./objective.ts";
import { isLive } from "./session.ts";
import type { Step } from "./step.ts";

export interface CallReply {
  readonly text: string;
  /** A refusal: says what is wrong and what to do next. */
  readonly isError?: boolean;
}

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
}

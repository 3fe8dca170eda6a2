/** Answers to tool calls. A call whose attempt is gone gets its answer as a message. */
import type { Session } from "./objective.ts";
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
  call: string,
  { text, isError = false }: CallReply,
): void {
  if (!isLive(session.state)) {
    step.tell(session.id, text, "message");
    return;
  }
  step.emit({
    kind: "answer-call",
    runner: session.state.runner,
    session: session.id,
    attempt: session.attempt,
    call,
    outcome: "result",
    isError,
    content: text,
  });
}

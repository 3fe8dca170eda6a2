/** The workers' tools, and `ask_human`, which managers have too. */
import { ask } from "./ask.ts";
import { openQuestions, pullRequestOf, type Session } from "./objective.ts";
import { resultMessage } from "./prompt.ts";
import { isPushable, pushFollowUp, ready } from "./publish.ts";
import { problemText } from "./render.ts";
import { answered, refused, type CallReply } from "./reply.ts";
import type { Step } from "./step.ts";
import type { ToolCall } from "./tool-call.ts";

type Of<T extends ToolCall["tool"]> = Extract<ToolCall, { tool: T }>;

/** Questions of one objective that may be open: more than people can keep in mind. */
const QUESTIONS_MAX = 20;
/** Problems one session may report: each is a comment. */
const PROBLEMS_MAX = 50;

/** Waits up to `askWaitMs` with the call open; then, or at once with 0, the session parks. */
export function askHuman(
  step: Step,
  session: Session,
  call: string,
  request: Of<"ask_human">,
): CallReply | null {
  const { question: text, context, options } = request;
  const open = openQuestions(step.objective);
  const again = open.some((one) => one.session === session.id && one.text === text);
  if (open.length >= QUESTIONS_MAX && !again)
    return refused(
      `${open.length} questions are open, an objective may have ${QUESTIONS_MAX}; end your turn and wait for answers`,
    );
  const question = ask(step, { session, about: { kind: "asked" }, text, context, options });
  const { now, rules } = step.context;
  if (rules.askWaitMs === 0)
    return answered({
      status: "asked",
      question: question.number,
      next: "end your turn; the answer will come as a message",
    });
  const waiting = { kind: "ask", call, attempt: session.attempt, question: question.id } as const;
  step.changeSession(session.id, { calls: [...session.calls, waiting] });
  step.timer(`ask:${question.id}`, now + rules.askWaitMs);
  return null;
}

export function reportProgress(
  step: Step,
  session: Session,
  { text }: Of<"report_progress">,
): CallReply {
  step.changeSession(session.id, { progress: text });
  return answered({ status: "noted" });
}

/** Non-blocking: people see it on the issue, the manager is woken. */
export function reportProblem(
  step: Step,
  session: Session,
  { text }: Of<"report_problem">,
): CallReply {
  const { repository, issue } = step.objective;
  const { problems = 0 } = session;
  if (problems >= PROBLEMS_MAX)
    return refused(
      `this session has reported ${problems} problems, the most it may; go on, or end your turn`,
    );
  step.changeSession(session.id, { problems: problems + 1 });
  step.emit({
    kind: "post-comment",
    repository,
    number: issue.number,
    purpose: "notice",
    question: null,
    text: problemText(session, text),
  });
  step.tell(
    step.manager,
    `Worker "${session.title}" (${session.id}) has a problem: ${text}`,
    "message",
  );
  return answered({ status: "noted", next: "go on, or end your turn if you cannot" });
}

export function messageManager(
  step: Step,
  session: Session,
  { text }: Of<"message_manager">,
): CallReply {
  step.tell(step.manager, `From worker "${session.title}" (${session.id}):\n\n${text}`, "message");
  return answered({
    status: "sent",
    next: "end your turn if you wait for an answer; it will come as a message",
  });
}

/** Published already: commits are pushed and replies released without the manager (decision 23). */
export function reportResult(
  step: Step,
  session: Session,
  request: Of<"report_result">,
): CallReply {
  const { what, why, tests, notes } = request;
  const result = { what, why, tests, notes };
  const first = session.result === null;
  step.changeSession(session.id, { result });
  const current = { ...session, result };
  const pull = pullRequestOf(step.objective, session.id);
  if (pull === undefined || first)
    step.tell(step.manager, resultMessage(current, result), "message");
  if (isPushable(pull) && session.push === null) {
    if (session.followUp === null) ready(step, current, pull);
    pushFollowUp(step, current);
  }
  return answered({ status: "reported", next: "end your turn" });
}

export function replyToReview(
  step: Step,
  session: Session,
  request: Of<"reply_to_review">,
): CallReply {
  const { followUp } = session;
  const { thread, text, outcome } = request;
  if (followUp === null)
    return refused("there is no review to reply to; go on, and report_result when you are done");
  const known = [...new Set(followUp.comments.map((comment) => comment.thread))];
  if (!known.includes(thread))
    return refused(
      `no thread ${thread} in this review; reply_to_review takes: ${known.join(", ") || "none, so report_result only"}`,
    );
  const others = followUp.replies.filter((reply) => reply.thread !== thread);
  step.changeSession(session.id, {
    followUp: { ...followUp, replies: [...others, { thread, text, outcome }] },
  });
  return answered({
    status: "held",
    next: "it is posted when your commits are pushed; call report_result when done",
  });
}

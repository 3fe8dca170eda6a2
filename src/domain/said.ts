/**
 * What the operator says to a session on the server itself (`orcha attach`): like a comment by a permitted person,
 * but to this one session. A line answers the session's open question; with several open it has to name one.
 */
import { answer } from "./ask.ts";
import type { OperatorEvent } from "./event.ts";
import { isOver, openQuestions, type Session, type SaidLine } from "./objective.ts";
import { newWord } from "./peers.ts";
import { operatorMessage } from "./prompt.ts";
import { matchAnswer } from "./question.ts";
import { isTerminal } from "./session.ts";
import type { Step } from "./step.ts";

/** Lines whose fate is remembered, for whoever waits to hear of it. */
const LINES_MAX = 20;

/** The same line twice (`id`) is one line. */
export function onSaid(step: Step, session: Session, event: OperatorEvent): void {
  const { by, id, text } = event;
  const { said } = session;
  if (said?.lines.some((line) => line.id === id) === true) return;
  const became = take(step, session, event);
  step.note(`${by} said to "${session.title}" (${became.kind}): ${text.slice(0, 200)}`);
  step.changeSession(session.id, {
    said: {
      by,
      at: step.context.now,
      count: (said?.count ?? 0) + 1,
      lines: [...(said?.lines ?? []), { id, became }].slice(-LINES_MAX),
    },
  });
}

function take(step: Step, session: Session, { by, id, text }: OperatorEvent): SaidLine["became"] {
  if (isOver(step.objective) || isTerminal(session.state)) return { kind: "late" };
  const mine = openQuestions(step.objective).filter(
    (question) => (question.session ?? step.manager.id) === session.id,
  );
  const match = matchAnswer(mine, text);
  switch (match.kind) {
    case "answer": {
      const actor = { id: 0, login: by, type: "user" } as const;
      answer(step, match.question, match.text, actor, 0);
      return { kind: "answer", question: match.question.number };
    }
    case "ambiguous":
      return { kind: "ambiguous", questions: mine.map(({ number }) => number) };
    case "none": {
      const once = `said:${id}`;
      newWord(step, session);
      const message = step.tell(session, operatorMessage(by, text), "message", { once });
      return { kind: "message", message };
    }
  }
}

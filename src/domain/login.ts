/**
 * An agent that is not logged in on its runner is the operator's to mend: nothing has failed, and nobody but them can
 * help. The session waits, the issue says so once a day, and it is tried again every hour, or when somebody writes to it.
 */
import type { Session } from "./objective.ts";
import { park } from "./park.ts";
import { loginText } from "./render.ts";
import { emitted, type Step } from "./step.ts";

const AGAIN_MS = 60 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

export function notLoggedIn(step: Step, session: Session, reason: string): void {
  const { objective, context } = step;
  const { agent } = session;
  const where = String(session.runner);
  step.changeSession(session.id, {
    hold: {
      until: context.now + AGAIN_MS,
      reason: `${agent} is not logged in on ${where}`,
      login: true,
    },
  });
  const { repository, issue } = objective;
  const once = `login:${objective.id}:${agent}:${where}:${Math.floor(context.now / DAY_MS)}`;
  step.effects.push(
    emitted(
      {
        kind: "post-comment",
        repository,
        number: issue.number,
        purpose: "notice",
        question: null,
        text: loginText(agent, where, reason),
      },
      context.deriveFixed(once),
    ),
  );
  park(step, session);
}

/**
 * Nothing may stand still for ever: a manager that cannot go on becomes a question (decision 6), an idle one
 * with nothing that could ever wake it is told so once. (Sessions that wait for work that will not come: plan.ts.)
 */
import { ask, cancelQuestions, waive } from "./ask.ts";
import { cancelObjective } from "./finish.ts";
import type { QuestionId } from "./id.ts";
import { openQuestions, type Objective, type Session } from "./objective.ts";
import { isTerminal } from "./session.ts";
import type { Step } from "./step.ts";

/** One question, not a fifth start. */
export function managerStuck(step: Step, reason: string): void {
  ask(step, {
    session: step.manager,
    about: { kind: "manager-failed" },
    text: `The manager cannot go on: ${reason}. Reply with what to do, or “try again”.`,
  });
}

/** An idle manager with nothing that could ever wake it: told once, then a person is asked. */
export function nudge(step: Step): void {
  const { manager, objective } = step;
  if (manager.state.kind !== "idle" || isMoving(objective)) return;
  step.change({ nudges: objective.nudges + 1 });
  if (objective.nudges === 0)
    step.tell(
      manager,
      "You ended your turn, and nothing is going on that could wake you. Spawn a session, publish one that has reported, ask_human, or finish_objective.",
      "message",
    );
  else managerStuck(step, "it ended its turn although nothing is going on");
}

/** Stops a session for good; nobody could act on the answers to its questions. */
export function cancelSession(step: Step, session: Session, reason: string): void {
  cancelQuestions(step, session, reason);
  step.stop(session, "canceled", reason);
}

/** It could not be posted, so nobody will answer it: whoever asked hears why. */
export function questionLost(step: Step, id: QuestionId, reason: string): void {
  const question = openQuestions(step.objective).find((one) => one.id === id);
  if (question === undefined) return;
  const { about, session, number, text } = question;
  step.changeQuestion(id, { state: { kind: "canceled", reason } });
  if (about.kind === "manager-failed") {
    cancelObjective(step, `the manager cannot go on, and nobody could be asked: ${reason}`);
    return;
  }
  // It stays closed: nobody can be asked what to do instead.
  if (about.kind === "pull-request-closed") waive(step, about.pullRequest);
  const asker = step.objective.sessions.find((one) => one.id === session) ?? step.manager;
  step.tell(asker, `Question ${number} could not be posted: ${reason}. It was: ${text}`, "message");
}

/** Something is going on whose end wakes the manager, or a person is asked. */
function isMoving({ state, sessions, pullRequests, questions }: Objective): boolean {
  const [, ...workers] = sessions;
  return (
    state.kind === "finishing" ||
    workers.some(
      (worker) =>
        worker.push !== null || (!isTerminal(worker.state) && worker.state.kind !== "idle"),
    ) ||
    pullRequests.some((pull) => pull.state === "draft" || pull.state === "open") ||
    questions.some((question) => question.state.kind === "open")
  );
}

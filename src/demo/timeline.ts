/** What changed between two states of an objective, in lines for people. Pure. */
import type { Objective, PullRequest, Question, Session } from "../domain/objective.ts";
import { stateWords } from "../domain/render.ts";

/** `url` leads to issues and pull requests, by number. */
export function changes(
  before: Objective | null,
  after: Objective,
  url: (number: number) => string,
): readonly string[] {
  return [
    ...(before === null
      ? [`objective #${after.issue.number} started by ${after.startedBy.login}: ${after.title}`]
      : []),
    ...after.sessions.flatMap((session) =>
      sessionLines(find(before?.sessions, session.id), session, after),
    ),
    ...after.questions.flatMap((question) => questionLines(before, question, after)),
    ...after.pullRequests.flatMap((pull) => pullLines(before, pull, url)),
    ...(after.state.kind !== (before?.state.kind ?? "active") ? [endLine(after)] : []),
  ];
}

const find = <T extends { readonly id: string }>(
  all: readonly T[] | undefined,
  id: string,
): T | undefined => all?.find((one) => one.id === id);

function sessionLines(
  before: Session | undefined,
  session: Session,
  objective: Objective,
): readonly string[] {
  const { state, title } = session;
  const lines: string[] = [];
  if (session.progress !== null && session.progress !== before?.progress)
    lines.push(`${title}: “${session.progress}”`);
  if (session.result !== null && session.result.what !== before?.result?.what)
    lines.push(`${title} reported: ${session.result.what}`);
  if (state.kind === before?.state.kind || state.kind === "stopping") return lines;
  const where =
    state.kind === "running" || state.kind === "starting"
      ? ` on ${state.runner}, attempt ${session.attempt}`
      : "";
  return [...lines, `${title} is ${stateWords(objective, session)}${where}`];
}

function questionLines(
  before: Objective | null,
  question: Question,
  objective: Objective,
): readonly string[] {
  const was = find(before?.questions, question.id);
  const asker = objective.sessions.find(({ id }) => id === question.session)?.title ?? "Orcha";
  if (was === undefined) return [`${asker} asks: ${question.text}`];
  if (was.state.kind === "open" && question.state.kind === "answered")
    return [`${question.state.by} answers question ${question.number}: ${question.state.text}`];
  return [];
}

function pullLines(
  before: Objective | null,
  pull: PullRequest,
  url: (number: number) => string,
): readonly string[] {
  const was = before?.pullRequests.find(({ session }) => session === pull.session);
  if (pull.number === null) return was === undefined ? [`branch ${pull.branch} pushed`] : [];
  const link = `#${pull.number} ${pull.title} (${url(pull.number)})`;
  if (was?.state !== pull.state) return [`pull request ${link} is ${pull.state}`];
  return was.pushedSha === pull.pushedSha
    ? []
    : [`pull request ${link} has new commits, at ${pull.pushedSha.slice(0, 10)}`];
}

function endLine({ state }: Objective): string {
  switch (state.kind) {
    case "active":
      return "the objective goes on";
    case "finishing":
      return "everything is merged; the manager writes a summary";
    case "succeeded":
      return `the objective is done: ${state.summary}`;
    case "canceled":
      return `the objective is canceled: ${state.reason}`;
  }
}

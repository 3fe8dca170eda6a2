/** What is shown of objectives and sessions, as plain data: the same from a running server and from its database. */
import type { Objective, Usage } from "../domain/objective.ts";
import { isOver, openQuestions, pullRequestOf } from "../domain/objective.ts";
import { statusWords } from "../domain/render.ts";
import { spentOn } from "../domain/usage.ts";
import { isTerminal } from "../domain/session.ts";
import type { DeadLetter, OutboxRow, Reading } from "../store/port.ts";

export interface ObjectiveView {
  readonly id: string;
  readonly repository: string;
  readonly issue: number;
  readonly url: string;
  readonly title: string;
  readonly state: string;
  readonly revision: number;
  readonly sessions: number;
  readonly openQuestions: readonly string[];
  readonly pullRequests: readonly {
    readonly number: number | null;
    readonly state: string;
    readonly url: string | null;
  }[];
  readonly startedAt: number;
  /** Tokens and US dollars over all sessions; null = not known. */
  readonly spent: Usage | null;
}

export interface SessionView {
  readonly id: string;
  readonly objective: string;
  readonly issue: string;
  readonly title: string;
  readonly role: string;
  readonly state: string;
  /** The state in words, with what it waits for. */
  readonly status: string;
  readonly runner: string | null;
  readonly attempt: number;
  readonly since: number;
  readonly branch: string | null;
  readonly pullRequest: number | null;
  readonly lastActivity: string | null;
  readonly agent: string;
  /** Tokens and US dollars; null = not known. */
  readonly spent: Usage | null;
}

export async function objectiveViews(
  reading: Reading,
  all: boolean,
): Promise<readonly ObjectiveView[]> {
  const found = await reading.objectives();
  return found
    .filter(({ objective }) => all || !isOver(objective))
    .map(({ objective }) => objectiveView(objective));
}

const repositoryOf = ({ repository }: Objective): string =>
  `${repository.owner}/${repository.name}`;

function objectiveView(objective: Objective): ObjectiveView {
  const { id, issue, url, title, state, revision, sessions, pullRequests, startedAt } = objective;
  return {
    id,
    repository: repositoryOf(objective),
    issue: issue.number,
    url,
    title,
    state: state.kind,
    revision,
    sessions: sessions.length,
    openQuestions: openQuestions(objective).map(({ text }) => text),
    pullRequests: pullRequests.map((pull) => ({
      number: pull.number,
      state: pull.state,
      url: pull.url,
    })),
    startedAt,
    spent: spentOn(objective),
  };
}

export async function sessionViews(
  reading: Reading,
  all: boolean,
): Promise<readonly SessionView[]> {
  const found = await reading.objectives();
  const rows = found.flatMap(({ objective }) =>
    objective.sessions
      .filter(({ state }) => all || !isTerminal(state))
      .map(async (session): Promise<SessionView> => {
        const pull = pullRequestOf(objective, session.id);
        const activity = await reading.activity(session.id);
        return {
          id: session.id,
          objective: objective.id,
          issue: `${repositoryOf(objective)}#${objective.issue.number}`,
          title: session.title,
          role: session.role,
          state: session.state.kind,
          status: statusWords(objective, session),
          runner: session.runner,
          attempt: session.attempt,
          since: session.state.since,
          branch: pull?.branch ?? null,
          pullRequest: pull?.number ?? null,
          lastActivity: activity?.text ?? null,
          agent: session.agent,
          spent: session.spent ?? null,
        };
      }),
  );
  return Promise.all(rows);
}

export interface OutboxView {
  readonly key: string;
  readonly effect: string;
  readonly lane: string;
  readonly state: string;
  readonly attempts: number;
  readonly error: string | null;
  readonly createdAt: number;
}

const OUTBOX_ROWS_MAX = 200;

export const deadViews = (reading: Reading): Promise<readonly DeadLetter[]> =>
  reading.dead(OUTBOX_ROWS_MAX);

export async function outboxViews(
  reading: Reading,
  state: OutboxRow["state"] | "all",
): Promise<readonly OutboxView[]> {
  const rows = await reading.outbox({ state, limit: OUTBOX_ROWS_MAX });
  return rows.map(({ key, effect, lane, state: now, attempts, error, createdAt }) => ({
    key,
    effect: effect.kind,
    lane,
    state: now,
    attempts,
    error,
    createdAt,
  }));
}

/**
 * Rows ↔ values. Rows hold JSON that an older version of this program may have written; migrations keep
 * it readable, and the store contract brings one example of every kind through here and back.
 */
import type { Effect } from "../domain/effect.ts";
import type { ObjectiveEvent } from "../domain/event.ts";
import { objectiveId } from "../domain/id.ts";
import type { Objective, PullRequest, Question, Session } from "../domain/objective.ts";
import type { Repository, RepositoryConfig } from "../domain/repository.ts";
import type { InboxItem, OutboxItem, Subject } from "./port.ts";

export const encode = (value: unknown): string => JSON.stringify(value);

// oxlint-disable-next-line typescript/no-unsafe-type-assertion, typescript/no-unnecessary-type-parameters -- the one place that trusts a row
const decode = <T>(json: string): T => JSON.parse(json) as T;

type Children = Pick<Objective, "questions" | "pullRequests"> & {
  readonly sessions: readonly Session[];
};

export const decodeObjectiveBody = (body: string): Omit<Objective, keyof Children> =>
  decode<Omit<Objective, keyof Children>>(body);

export function decodeObjective(
  body: string,
  { sessions, questions, pullRequests }: Children,
): Objective {
  const [manager, ...workers] = sessions;
  if (manager === undefined)
    throw new TypeError(`an objective without a manager: ${body.slice(0, 80)}`);
  return { ...decodeObjectiveBody(body), sessions: [manager, ...workers], questions, pullRequests };
}

export const decodeSession = (body: string): Session => decode<Session>(body);
export const decodeQuestion = (body: string): Question => decode<Question>(body);
export const decodePullRequest = (body: string): PullRequest => decode<PullRequest>(body);
export const decodeConfig = (body: string): RepositoryConfig => decode<RepositoryConfig>(body);
export const decodeNotes = (body: string): readonly string[] => decode<readonly string[]>(body);

interface InboxRow {
  readonly seq: number;
  readonly key: string;
  readonly lane: string;
  readonly repository: string;
  readonly subject: string;
  readonly event: string;
  readonly attempts: number;
}

export const decodeInbox = ({
  seq,
  key,
  lane,
  repository,
  subject,
  event,
  attempts,
}: InboxRow): InboxItem => ({
  seq,
  key,
  lane,
  repository: decode<Repository>(repository),
  subject: decode<Subject>(subject),
  event: decode<ObjectiveEvent>(event),
  attempts,
});

interface OutboxRow {
  readonly seq: number;
  readonly key: string;
  readonly lane: string;
  readonly priority: number;
  readonly objective_id: string | null;
  readonly effect: string;
  readonly attempts: number;
  readonly known: string | null;
}

export const decodeEffect = (row: OutboxRow): OutboxItem => ({
  seq: row.seq,
  key: row.key,
  lane: row.lane,
  priority: row.priority,
  objective: row.objective_id === null ? null : objectiveId(row.objective_id),
  effect: decode<Effect>(row.effect),
  attempt: row.attempts + 1,
  known: row.known,
});

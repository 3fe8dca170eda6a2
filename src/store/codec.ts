/**
 * Rows ↔ values. Rows hold JSON that an older version of this program may have written, so a row is an edge
 * and is parsed. The annotations of the schemas (codec/) tie each to its domain type: change one alone and it
 * does not compile; a forgotten member is found by the store contract, which brings one example of every kind
 * through here and back.
 */
import * as z from "zod";
import { objectiveId } from "../domain/id.ts";
import type { Objective, PullRequest, Question, Session } from "../domain/objective.ts";
import type { RepositoryConfig } from "../domain/repository.ts";
import { EffectRow } from "./codec/effect.ts";
import { EventRow, SubjectRow } from "./codec/event.ts";
import {
  ObjectiveRow,
  PullRequestRow,
  QuestionRow,
  SessionRow,
  type ObjectiveBody,
} from "./codec/objective.ts";
import { ConfigRow, RepositoryRow } from "./codec/parts.ts";
import type { InboxItem, OutboxItem } from "./port.ts";

const NotesRow = z.array(z.string());

/** What can be read; `bury` takes the rest out of the way, so that one row does not hold up the others. */
export const readable = <Row extends { readonly seq: number }, Value>(
  rows: readonly Row[],
  decode: (row: Row) => Value,
  bury: (seq: number, reason: string) => void,
): readonly Value[] =>
  rows.flatMap((row) => {
    try {
      return [decode(row)];
    } catch (error) {
      if (!(error instanceof UnreadableRow)) throw error;
      bury(row.seq, error.message);
      return [];
    }
  });

/** Most problems of one row that its message names. */
const PROBLEMS_MAX = 3;

export const encode = (value: unknown): string => JSON.stringify(value);

/** A row that this version cannot read; its message names the table and the path of what does not fit. */
class UnreadableRow extends TypeError {
  override readonly name = "UnreadableRow";
}

function parse<T>(table: string, schema: z.ZodType<T>, json: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new UnreadableRow(`a row of ${table} is not JSON: ${json.slice(0, 80)}`, {
      cause: error,
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .slice(0, PROBLEMS_MAX)
    .map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new UnreadableRow(`a row of ${table} does not fit this version: ${problems.join("; ")}`, {
    cause: parsed.error,
  });
}

type Children = Pick<Objective, "questions" | "pullRequests"> & {
  readonly sessions: readonly Session[];
};

export const decodeObjectiveBody = (body: string): ObjectiveBody =>
  parse("objective", ObjectiveRow, body);

export function decodeObjective(
  body: string,
  { sessions, questions, pullRequests }: Children,
): Objective {
  const [manager, ...workers] = sessions;
  if (manager === undefined)
    throw new TypeError(`an objective without a manager: ${body.slice(0, 80)}`);
  return { ...decodeObjectiveBody(body), sessions: [manager, ...workers], questions, pullRequests };
}

export const decodeSession = (body: string): Session => parse("session", SessionRow, body);
export const decodeQuestion = (body: string): Question => parse("question", QuestionRow, body);
export const decodePullRequest = (body: string): PullRequest =>
  parse("pull_request", PullRequestRow, body);
export const decodeConfig = (body: string): RepositoryConfig =>
  parse("configuration", ConfigRow, body);
export const decodeNotes = (body: string): readonly string[] => parse("event", NotesRow, body);

interface InboxRow {
  readonly seq: number;
  readonly key: string;
  readonly lane: string;
  readonly repository: string;
  readonly subject: string;
  readonly event: string;
  readonly attempts: number;
  readonly crashes: number;
}

export const decodeInbox = ({
  seq,
  key,
  lane,
  repository,
  subject,
  event,
  attempts,
  crashes,
}: InboxRow): InboxItem => ({
  seq,
  key,
  lane,
  repository: parse("inbox", RepositoryRow, repository),
  subject: parse("inbox", SubjectRow, subject),
  event: parse("inbox", EventRow, event),
  attempts,
  crashes,
});

interface OutboxRow {
  readonly seq: number;
  readonly key: string;
  readonly lane: string;
  readonly priority: number;
  readonly coalesce: string | null;
  readonly objective_id: string | null;
  readonly effect: string;
  readonly attempts: number;
  readonly crashes: number;
  readonly doubt: number;
  readonly waits: number;
  readonly known: string | null;
}

export const decodeEffect = (row: OutboxRow): OutboxItem => ({
  seq: row.seq,
  key: row.key,
  lane: row.lane,
  priority: row.priority,
  coalesce: row.coalesce,
  objective: row.objective_id === null ? null : objectiveId(row.objective_id),
  effect: parse("outbox", EffectRow, row.effect),
  // In doubt the first try is a second one: whoever makes it looks first.
  attempt: row.attempts + 1 + row.doubt,
  waits: row.waits,
  crashes: row.crashes,
  known: row.known,
});

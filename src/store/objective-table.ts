/** Objectives with their sessions, questions and pull requests: loaded whole, written where they changed. */
import type { Objective, PullRequest, Question, Session } from "../domain/objective.ts";
import { isOver } from "../domain/objective.ts";
import type { Repository } from "../domain/repository.ts";
import { classOf } from "../domain/reason.ts";
import { candidates, type Candidate } from "../domain/schedule.ts";
import { isLive, type Place } from "../domain/session.ts";
import {
  decodeObjective,
  decodePullRequest,
  decodeQuestion,
  decodeSession,
  encode,
} from "./codec.ts";
import type { Insertable } from "kysely";
import type { Db } from "./database.ts";
import type { Loaded, Subject } from "./port.ts";
import { prepared } from "./prepared.ts";
import { wantOf } from "./queue-head.ts";
import type { Tables } from "./schema.ts";
import { leaveSlot } from "./slot-table.ts";

export function loadSubject(db: Db, subject: Subject, repository: Repository): Loaded | null {
  const id = findObjective(db, subject, repository);
  return id === undefined ? null : loadObjective(db, id);
}

/** The newest revision of the issue; the objective of a pull request or id. */
function findObjective({ get }: Db, subject: Subject, repository: Repository): string | undefined {
  switch (subject.kind) {
    case "objective":
      return subject.id;
    case "issue":
      return get(newestOf({ repository: repository.id, number: subject.number }))?.id;
    case "pull-request":
      return get(ofPull({ repository: repository.id, number: subject.number }))?.objective_id;
  }
}

interface Numbered {
  readonly repository: number;
  readonly number: number;
}
const newestOf = prepared((build, { repository, number }: Numbered) =>
  build
    .selectFrom("objective")
    .select("id")
    .where("repository_id", "=", repository)
    .where("issue_number", "=", number)
    .orderBy("revision", "desc")
    .limit(1),
);
const ofPull = prepared((build, { repository, number }: Numbered) =>
  build
    .selectFrom("pull_request")
    .select("objective_id")
    .where("repository_id", "=", repository)
    .where("number", "=", number),
);

export function findByBranch(
  { build, get }: Db,
  repository: Repository,
  branch: string,
): string | undefined {
  return get(
    build
      .selectFrom("pull_request")
      .select("objective_id")
      .where("repository_id", "=", repository.id)
      .where("branch", "=", branch),
  )?.objective_id;
}

export function loadObjective({ all, get }: Db, id: string): Loaded | null {
  const row = get(objectiveRow({ id }));
  if (row === undefined) return null;
  const sessions = all(sessionsOf({ id }));
  const questions = all(questionsOf({ id }));
  const pulls = all(pullsOf({ id }));
  const objective = decodeObjective(row.body, {
    sessions: sessions.map(({ body }) => decodeSession(body)),
    questions: questions.map(({ body }) => decodeQuestion(body)),
    pullRequests: pulls.map(({ body }) => decodePullRequest(body)),
  });
  const { repository, issue, revision } = objective;
  const newer = get(newerThan({ repository: repository.id, issue: issue.id, revision }));
  return { objective, rev: row.rev, superseded: newer !== undefined };
}

interface ById {
  readonly id: string;
}
const objectiveRow = prepared((build, { id }: ById) =>
  build.selectFrom("objective").select(["rev", "body"]).where("id", "=", id),
);
const sessionsOf = prepared((build, { id }: ById) =>
  build.selectFrom("session").select("body").where("objective_id", "=", id).orderBy("position"),
);
const questionsOf = prepared((build, { id }: ById) =>
  build.selectFrom("question").select("body").where("objective_id", "=", id).orderBy("position"),
);
const pullsOf = prepared((build, { id }: ById) =>
  build.selectFrom("pull_request").select("body").where("objective_id", "=", id).orderBy("number"),
);

interface RevisionOf {
  readonly repository: number;
  readonly issue: number;
  readonly revision: number;
}
const newerThan = prepared((build, { repository, issue, revision }: RevisionOf) =>
  build
    .selectFrom("objective")
    .select("id")
    .where("repository_id", "=", repository)
    .where("issue_id", "=", issue)
    .where("revision", ">", revision)
    .limit(1),
);

/** False = the row is not as it was loaded; nothing was written. */
export function storeObjective(
  db: Db,
  before: Loaded | null,
  objective: Objective,
  now: number,
  stops: Parameters<typeof leaveSlot>[2] = [],
): boolean {
  const same = before?.objective.id === objective.id ? before : null;
  if (!(same === null ? insert(db, objective, now) : update(db, objective, same.rev, now)))
    return false;
  const rows = placesOf(objective);
  const oldRows = same === null ? null : placesOf(same.objective);
  const old = new Map(
    (same?.objective.sessions ?? []).map((session) => [session.id as string, session]),
  );
  for (const [position, session] of objective.sessions.entries()) {
    const was = old.get(session.id);
    const row = rows[position];
    if (row !== undefined && (was !== session || !isSame(row, oldRows?.[position])))
      db.run(sessionPut({ ...row, body: encode(session) }));
    if (was !== undefined && isLive(was.state) && !isAt(session, was.state)) {
      const { runner, slot } = was.state;
      leaveSlot(db, { session: was.id, attempt: was.attempt, runner, slot }, stops);
    }
    if (session.attempt > (was?.attempt ?? 0)) openAttempt(db, session);
  }
  const known = new Set<unknown>([
    ...(same?.objective.questions ?? []),
    ...(same?.objective.pullRequests ?? []),
  ]);
  for (const [position, question] of objective.questions.entries())
    if (!known.has(question)) putQuestion(db, objective, question, position);
  for (const pull of objective.pullRequests)
    if (!known.has(pull)) putPullRequest(db, objective, pull);
  return true;
}

const isAt = ({ state }: Session, { runner, slot }: Place): boolean =>
  isLive(state) && state.runner === runner && state.slot === slot;

/** A session's row without its body: also what others of its objective make of it. */
type SessionPlace = Readonly<Omit<Insertable<Tables["session"]>, "body">>;

function placesOf(objective: Objective): readonly SessionPlace[] {
  const queue = new Map(
    inTurn(candidates(objective)).map((queued) => [queued.candidate.session as string, queued]),
  );
  return objective.sessions.map((session, position) => {
    const queued = queue.get(session.id);
    return {
      id: session.id,
      objective_id: objective.id,
      position,
      state: session.state.kind,
      attempt: session.attempt,
      ready: queued === undefined ? 0 : 1,
      rank: queued?.candidate.rank ?? 0,
      turn: queued?.turn ?? 0,
      since: session.state.since,
      pin: queued?.candidate.pin ?? null,
      worker: session.role === "worker" ? 1 : 0,
      workers_max: objective.config.limits.workers,
      live: isLive(session.state) ? 1 : 0,
      leaves: queued?.candidate.leaves ?? null,
      want: wantOf(queued?.candidate.labels ?? []),
      repository: objective.repository.id,
      sessions_max: queued?.candidate.sessionsMax ?? null,
      why: session.waits ? classOf(session.waits.reason) : "",
    };
  });
}

function isSame(a: SessionPlace, b: SessionPlace | undefined): boolean {
  return b !== undefined && SESSION_COLUMNS.every((column) => a[column] === b[column]);
}

const SESSION_COLUMNS = [
  "id",
  "objective_id",
  "position",
  "state",
  "attempt",
  "ready",
  "rank",
  "turn",
  "since",
  "pin",
  "worker",
  "workers_max",
  "live",
  "leaves",
  "want",
  "repository",
  "sessions_max",
  "why",
] as const satisfies readonly (keyof SessionPlace)[];

const sessionPut = prepared((build, row: SessionPlace & { readonly body: string }) => {
  const { id, objective_id, position, state, attempt, ready, rank, turn, since, pin } = row;
  const { worker, workers_max, live, body, leaves, want, repository, why, sessions_max } = row;
  const queued = {
    ready,
    rank,
    turn,
    since,
    pin,
    worker,
    workers_max,
    leaves,
    want,
    why,
    sessions_max,
  };
  const changing = { state, attempt, ...queued, live, body, repository };
  return build
    .insertInto("session")
    .values({ id, objective_id, position, ...changing })
    .onConflict((conflict) => conflict.column("id").doUpdateSet(changing));
});

interface Queued {
  readonly candidate: Candidate;
  readonly turn: number;
}

/** Which come up before others of the same objective and rank: who waits longest. */
const inTurn = (waiting: readonly Candidate[]): readonly Queued[] =>
  [...Map.groupBy(waiting, ({ rank }) => rank).values()].flatMap((same) =>
    same.toSorted((a, b) => a.since - b.since).map((candidate, turn) => ({ candidate, turn })),
  );

const columns = (objective: Objective, now: number) => {
  const { sessions: _s, questions: _q, pullRequests: _p, ...body } = objective;
  return { live: isOver(objective) ? 0 : 1, updated_at: now, body: encode(body) };
};

function insert({ build, run }: Db, objective: Objective, now: number): boolean {
  const values = {
    id: objective.id,
    repository_id: objective.repository.id,
    issue_id: objective.issue.id,
    issue_number: objective.issue.number,
    revision: objective.revision,
    rev: 1,
    ...columns(objective, now),
  };
  return (
    run(
      build
        .insertInto("objective")
        .values(values)
        .onConflict((conflict) => conflict.doNothing()),
    ) === 1
  );
}

const update = ({ run }: Db, objective: Objective, rev: number, now: number): boolean =>
  run(updated({ ...columns(objective, now), id: objective.id, rev, next: rev + 1 })) === 1;

interface Updated {
  readonly id: string;
  readonly rev: number;
  readonly next: number;
  readonly live: number;
  readonly updated_at: number;
  readonly body: string;
}
const updated = prepared((build, { id, rev, next, live, updated_at, body }: Updated) =>
  build
    .updateTable("objective")
    .set({ rev: next, live, updated_at, body })
    .where("id", "=", id)
    .where("rev", "=", rev),
);

/** From now on its record is followed, from the start. */
function openAttempt({ build, run }: Db, session: Session): void {
  run(
    build
      .insertInto("attempt")
      .values({
        session_id: session.id,
        attempt: session.attempt,
        out: 0,
        err: 0,
        seq: 0,
        closed: 0,
        runner: session.runner,
      })
      .onConflict((conflict) => conflict.doNothing()),
  );
}

function putQuestion(
  { build, run }: Db,
  objective: Objective,
  question: Question,
  position: number,
): void {
  const changing = { state: question.state.kind, body: encode(question) };
  run(
    build
      .insertInto("question")
      .values({ id: question.id, objective_id: objective.id, position, ...changing })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(changing)),
  );
}

function putPullRequest({ build, run }: Db, objective: Objective, pull: PullRequest): void {
  const changing = {
    branch: pull.branch,
    number: pull.number,
    state: pull.state,
    body: encode(pull),
  };
  run(
    build
      .insertInto("pull_request")
      .values({
        session_id: pull.session,
        objective_id: objective.id,
        repository_id: objective.repository.id,
        ...changing,
      })
      .onConflict((conflict) => conflict.column("session_id").doUpdateSet(changing)),
  );
}

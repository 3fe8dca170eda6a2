/** Schemas of an objective's rows: its body, sessions, questions and pull requests. */
import * as z from "zod";
import type { ReviewComment } from "../../domain/facts.ts";
import type {
  Objective,
  ObjectiveState,
  OpenCall,
  PullRequest,
  Question,
  QuestionState,
  SaidLine,
  Session,
} from "../../domain/objective.ts";
import type { SessionState } from "../../domain/session.ts";
import {
  AwayRow,
  ConfigRow,
  FindingRow,
  ObjectiveKey,
  Outcome,
  Person,
  QuestionKey,
  ReasonRow,
  RepositoryRow,
  Role,
  Run,
  SessionKey,
  UsageRow,
  VerdictKind,
} from "./parts.ts";

const State: z.ZodType<ObjectiveState> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("active") }),
  z.object({ kind: z.literal("finishing") }),
  z.object({ kind: z.literal("succeeded"), at: z.number(), summary: z.string() }),
  z.object({ kind: z.literal("canceled"), at: z.number(), reason: z.string() }),
]);

/** An objective without what has rows of its own. */
export type ObjectiveBody = Omit<Objective, "sessions" | "questions" | "pullRequests">;

export const ObjectiveRow: z.ZodType<ObjectiveBody> = z.object({
  id: ObjectiveKey,
  repository: RepositoryRow,
  issue: z.object({ id: z.number(), number: z.number() }),
  revision: z.number(),
  state: State,
  title: z.string(),
  body: z.string(),
  url: z.string(),
  startedBy: Person,
  startedAt: z.number(),
  labelledAt: z.number().exactOptional(),
  labelFound: z.literal(true).exactOptional(),
  config: ConfigRow,
  defaultBranch: z.string(),
  ignored: z.number(),
  reportedConfig: z.nullable(z.string()),
  nudges: z.number(),
  renders: z.number().exactOptional(),
  placement: z
    .object({ runner: z.nullable(z.string()), priority: z.enum(["high", "normal", "low"]) })
    .exactOptional(),
  heard: z
    .array(z.object({ comment: z.number(), text: z.string(), by: Person }))
    .readonly()
    .exactOptional(),
  status: z.string(),
  plan: z
    .object({
      sessions: z.array(z.object({ title: z.string(), goal: z.string() })),
      risks: z.array(z.string()),
      questions: z.array(z.string()),
    })
    .exactOptional(),
});

const since = z.number();
const place = { runner: z.string(), slot: z.number(), since };

const Stage: z.ZodType<SessionState> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("queued"),
    purpose: z.enum(["work", "answer", "review", "message"]),
    since,
  }),
  z.object({ kind: z.literal("starting"), ...place }),
  z.object({ kind: z.literal("running"), ...place }),
  z.object({
    kind: z.literal("stopping"),
    into: z.enum(["park", "canceled", "failed"]),
    reason: z.string(),
    ...place,
  }),
  z.object({ kind: z.literal("idle"), since }),
  z.object({ kind: z.literal("waiting_user"), since }),
  z.object({ kind: z.literal("waiting_limit"), since, until: z.number(), reason: z.string() }),
  z.object({ kind: z.literal("paused"), since, by: z.string() }),
  z.object({ kind: z.literal("succeeded"), since }),
  z.object({ kind: z.literal("failed"), since, reason: z.string() }),
  z.object({ kind: z.literal("canceled"), since, by: z.string() }),
]);

const Call: z.ZodType<OpenCall> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("publish"),
    call: z.string(),
    attempt: z.number(),
    session: SessionKey,
  }),
  z.object({
    kind: z.literal("ask"),
    call: z.string(),
    attempt: z.number(),
    question: QuestionKey,
  }),
]);

const Comment: z.ZodType<ReviewComment> = z.object({
  id: z.number(),
  thread: z.number(),
  threadNode: z.nullable(z.string()),
  path: z.string(),
  line: z.nullable(z.number()),
  text: z.string(),
});

const Push: z.ZodType<NonNullable<Session["push"]>> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("publish"),
    title: z.nullable(z.string()),
    body: z.nullable(z.string()),
  }),
  z.object({ kind: z.literal("follow-up"), covers: z.array(z.number()).exactOptional() }),
]);

const Line: z.ZodType<SaidLine> = z.object({
  id: z.string(),
  became: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("message"),
      message: z.string(),
      how: z.literal("steered").exactOptional(),
    }),
    z.object({ kind: z.literal("answer"), question: z.number() }),
    z.object({ kind: z.literal("ambiguous"), questions: z.array(z.number()) }),
    z.object({ kind: z.literal("late") }),
  ]),
});

export const SessionRow: z.ZodType<Session> = z.object({
  id: SessionKey,
  role: Role,
  title: z.string(),
  goal: z.string(),
  agent: z.string(),
  dependsOn: z.array(SessionKey),
  pin: z.nullable(z.string()),
  state: Stage,
  attempt: z.number(),
  failures: z.number(),
  conversation: z.nullable(z.string()),
  runner: z.nullable(z.string()),
  workspace: z.nullable(z.object({ path: z.string(), base: z.string() })),
  checkouts: z.number(),
  freshCheckout: z.boolean(),
  mailbox: z.array(
    z.object({
      id: z.string(),
      text: z.string(),
      sentTo: z.nullable(z.number()),
      queued: z.literal(true).exactOptional(),
    }),
  ),
  mailed: z.number(),
  progress: z.nullable(z.string()),
  result: z.nullable(
    z.object({
      what: z.string(),
      why: z.string(),
      tests: z.array(Run),
      notes: z.nullable(z.string()),
    }),
  ),
  calls: z.array(Call),
  followUp: z.nullable(
    z.object({
      comments: z.array(Comment),
      replies: z.array(z.object({ thread: z.number(), text: z.string(), outcome: Outcome })),
    }),
  ),
  push: z.nullable(Push),
  unpublished: z.boolean().exactOptional(),
  notes: z.array(z.string()).exactOptional(),
  behind: z.number().exactOptional(),
  problems: z.number().exactOptional(),
  refusals: z.number().exactOptional(),
  hold: z.nullable(
    z.object({
      until: z.number(),
      reason: z.string(),
      login: z.literal(true).exactOptional(),
    }),
  ),
  labels: z.array(z.string()).readonly().exactOptional(),
  waits: z.nullable(z.object({ reason: ReasonRow, since: z.number() })).exactOptional(),
  away: z.nullable(AwayRow).exactOptional(),
  losses: z.number().exactOptional(),
  left: z
    .array(
      z.object({ runner: z.string(), attempt: z.number(), path: z.string(), base: z.string() }),
    )
    .readonly()
    .exactOptional(),
  takeover: z.nullable(z.object({ by: z.string() })).exactOptional(),
  said: z
    .object({ by: z.string(), at: z.number(), count: z.number(), lines: z.array(Line) })
    .exactOptional(),
  past: z.array(z.object({ agent: z.string(), attempt: z.number() })).exactOptional(),
  reading: z.array(z.string()).exactOptional(),
  reviews: SessionKey.exactOptional(),
  verdict: z
    .object({
      verdict: VerdictKind,
      summary: z.string(),
      findings: z.array(FindingRow),
      head: z.nullable(z.string()),
    })
    .exactOptional(),
  steeredAt: z.nullable(z.number()).exactOptional(),
  spent: UsageRow.exactOptional(),
  peers: z.object({ hops: z.number(), sent: z.number() }).exactOptional(),
  replied: z
    .array(z.object({ call: z.string(), text: z.string(), isError: z.boolean() }))
    .exactOptional(),
});

const Answer: z.ZodType<QuestionState> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("open") }),
  z.object({
    kind: z.literal("answered"),
    text: z.string(),
    by: z.string(),
    comment: z.number(),
    delivery: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("call"), attempt: z.number(), call: z.string() }),
      z.object({ kind: z.literal("message"), message: z.string() }),
      z.object({ kind: z.literal("delivered") }),
    ]),
  }),
  z.object({ kind: z.literal("canceled"), reason: z.string() }),
]);

const About: z.ZodType<Question["about"]> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("asked") }),
  z.object({ kind: z.literal("manager-failed") }),
  z.object({ kind: z.literal("pull-request-closed"), pullRequest: z.number() }),
  z.object({ kind: z.literal("which-question"), answer: z.string(), by: Person }),
]);

export const QuestionRow: z.ZodType<Question> = z.object({
  id: QuestionKey,
  number: z.number(),
  session: z.nullable(SessionKey),
  about: About,
  text: z.string(),
  context: z.nullable(z.string()),
  options: z.array(z.string()),
  askedAt: z.number(),
  url: z.nullable(z.string()),
  comment: z.number().exactOptional(),
  state: Answer,
});

export const PullRequestRow: z.ZodType<PullRequest> = z.object({
  session: SessionKey,
  branch: z.string(),
  pushedSha: z.string(),
  number: z.nullable(z.number()),
  url: z.nullable(z.string()),
  title: z.string(),
  body: z.nullable(z.string()),
  state: z.enum(["pushed", "draft", "open", "merged", "closed", "waived"]),
});

/** Schema of an inbox item's event: one member per kind, as `src/domain/event.ts` has them. */
import * as z from "zod";
import type { ObjectiveEvent } from "../../domain/event.ts";
import type { ToolCall } from "../../domain/tool-call.ts";
import type { Subject } from "../port.ts";
import {
  AwayRow,
  ObjectiveKey,
  FindingRow,
  Outcome,
  Person,
  QuestionKey,
  ReasonRow,
  Run,
  SessionKey,
  UsageRow,
  VerdictKind,
} from "./parts.ts";

export const SubjectRow: z.ZodType<Subject> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("issue"), number: z.number() }),
  z.object({ kind: z.literal("pull-request"), number: z.number() }),
  z.object({ kind: z.literal("objective"), id: ObjectiveKey }),
]);

const words = z.string();
const maybe = z.nullable(z.string());

const Request: z.ZodType<ToolCall> = z.discriminatedUnion("tool", [
  z.object({
    tool: z.literal("spawn_session"),
    title: words,
    goal: words,
    dependsOn: z.array(words),
    runner: maybe,
    runnerLabels: z.array(words).readonly().exactOptional(),
    agent: words.exactOptional(),
  }),
  z.object({ tool: z.literal("message_session"), session: words, text: words }),
  z.object({ tool: z.literal("list_sessions") }),
  z.object({ tool: z.literal("get_session"), session: words }),
  z.object({ tool: z.literal("cancel_session"), session: words, reason: words }),
  z.object({ tool: z.literal("publish_pr"), session: words, title: maybe, body: maybe }),
  z.object({ tool: z.literal("finish_objective"), summary: words }),
  z.object({
    tool: z.literal("ask_human"),
    question: words,
    context: maybe,
    options: z.array(words),
  }),
  z.object({ tool: z.literal("report_progress"), text: words }),
  z.object({ tool: z.literal("report_problem"), text: words }),
  z.object({
    tool: z.literal("report_result"),
    what: words,
    why: words,
    tests: z.array(Run),
    notes: maybe,
  }),
  z.object({ tool: z.literal("message_manager"), text: words }),
  z.object({
    tool: z.literal("reply_to_review"),
    thread: z.number(),
    text: words,
    outcome: Outcome,
  }),
  z.object({
    tool: z.literal("propose_plan"),
    sessions: z.array(z.object({ title: words, goal: words })),
    risks: z.array(words),
    questions: z.array(words),
  }),
  z.object({
    tool: z.literal("request_review"),
    session: words,
    focus: maybe,
    agent: words.exactOptional(),
  }),
  z.object({ tool: z.literal("message_peer"), session: words, text: words }),
  z.object({
    tool: z.literal("submit_review"),
    verdict: VerdictKind,
    summary: words,
    findings: z.array(FindingRow),
  }),
]);

const of = { session: SessionKey, attempt: z.number() };
const comment = {
  number: z.number(),
  on: z.enum(["issue", "pull-request"]),
  comment: z.number(),
  actor: Person,
  text: words,
  url: words,
};

export const EventRow: z.ZodType<ObjectiveEvent> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("issue-changed"),
    cause: z.enum([
      "opened",
      "labeled",
      "unlabeled",
      "edited",
      "closed",
      "reopened",
      "deleted",
      "transferred",
    ]),
    number: z.number(),
    actor: Person,
    labels: z.array(words),
    snapshot: z.object({ id: z.number(), title: words, body: words, url: words }),
    at: z.number().exactOptional(),
    found: z.literal(true).exactOptional(),
  }),
  z.object({ kind: z.literal("comment-created"), ...comment }),
  z.object({ kind: z.literal("comment-edited"), ...comment }),
  z.object({
    kind: z.literal("review-submitted"),
    number: z.number(),
    review: z.number(),
    actor: Person,
  }),
  z.object({
    kind: z.literal("pull-request-changed"),
    cause: z.enum(["closed", "reopened", "synchronize", "ready", "draft"]),
    number: z.number(),
    actor: Person,
  }),
  z.object({ kind: z.literal("access-lost"), reason: words }),
  z.object({
    kind: z.literal("slot-claimed"),
    runner: words,
    slot: z.number(),
    session: SessionKey,
  }),
  z.object({
    kind: z.literal("attempt-prepared"),
    path: words,
    base: words,
    head: words,
    notes: z.array(words).exactOptional(),
    ...of,
  }),
  z.object({
    kind: z.literal("attempt-unstartable"),
    stage: words,
    reason: words,
    retry: z.boolean(),
    ...of,
  }),
  z.object({ kind: z.literal("attempt-spawned"), ...of }),
  z.object({ kind: z.literal("conversation-known"), conversation: words, ...of }),
  z.object({
    kind: z.literal("message-delivered"),
    message: words,
    how: z.literal("steered").exactOptional(),
    ...of,
  }),
  z.object({ kind: z.literal("message-queued"), message: words, ...of }),
  z.object({
    kind: z.literal("turn-ended"),
    failure: z.nullable(
      z.object({ reason: words, retry: z.boolean(), login: z.literal(true).exactOptional() }),
    ),
    usage: UsageRow.exactOptional(),
    ...of,
  }),
  z.object({
    kind: z.literal("limit-hit"),
    resetAt: z.nullable(z.number()),
    reason: words,
    ...of,
  }),
  z.object({ kind: z.literal("tool-called"), call: words, request: Request, ...of }),
  z.object({ kind: z.literal("tool-misused"), call: words, tool: words, reason: words, ...of }),
  z.object({
    kind: z.literal("call-settled"),
    call: words,
    won: z.enum(["result", "parked"]),
    ...of,
  }),
  z.object({
    kind: z.literal("attempt-exited"),
    code: z.nullable(z.number()),
    signal: maybe,
    cause: z.enum(["itself", "stopped", "keeper-lost", "never-started"]),
    usage: UsageRow.exactOptional(),
    ...of,
  }),
  z.object({
    kind: z.literal("branch-pushed"),
    session: SessionKey,
    sha: words,
    commits: z.number(),
  }),
  z.object({
    kind: z.literal("push-refused"),
    session: SessionKey,
    code: z.enum(["nothing-committed", "moved", "policy", "pull-request-gone", "failed"]),
    reason: words,
  }),
  z.object({
    kind: z.literal("pull-request-opened"),
    session: SessionKey,
    number: z.number(),
    url: words,
    draft: z.boolean(),
  }),
  z.object({
    kind: z.literal("question-posted"),
    question: QuestionKey,
    comment: z.number(),
    url: words,
  }),
  z.object({
    kind: z.literal("effect-failed"),
    effect: words,
    session: z.nullable(SessionKey),
    attempt: z.number().exactOptional(),
    question: QuestionKey.exactOptional(),
    reason: words,
  }),
  z.object({ kind: z.literal("timer-fired"), name: words }),
  z.object({
    kind: z.literal("cancel-requested"),
    by: words,
    session: z.nullable(SessionKey),
  }),
  z.object({ kind: z.literal("wait-reason"), session: SessionKey, reason: ReasonRow }),
  z.object({ kind: z.literal("runner-changed"), runner: words, away: z.nullable(AwayRow) }),
  z.object({
    kind: z.literal("takeover-requested"),
    session: SessionKey,
    by: words,
    now: z.boolean(),
  }),
  z.object({
    kind: z.literal("resume-requested"),
    session: SessionKey,
    by: words,
    text: maybe,
    changes: z.nullable(
      z.object({
        commits: z.array(z.object({ sha: words, subject: words })),
        moreCommits: z.boolean(),
        files: z.array(words),
        moreFiles: z.boolean(),
      }),
    ),
  }),
  z.object({
    kind: z.literal("operator-said"),
    session: SessionKey,
    by: words,
    id: words,
    text: words,
  }),
]);

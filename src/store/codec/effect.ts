/** Schema of an outbox row's effect: one member per kind, as `src/domain/effect.ts` has them. */
import * as z from "zod";
import type { Effect, Message, ReactionTarget, WorkspacePlan } from "../../domain/effect.ts";
import { QuestionKey, RepositoryRow, Role, SessionKey, TextPart } from "./parts.ts";

const words = z.string();
const maybe = z.nullable(z.string());
const number = z.number();
const repository = RepositoryRow;
const on = { runner: words, session: SessionKey, attempt: number };

const Target: z.ZodType<ReactionTarget> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("issue"), number }),
  z.object({ kind: z.literal("comment"), id: number }),
]);

const Plan: z.ZodType<WorkspacePlan> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("checkout"),
    path: words,
    from: words,
    branch: maybe,
    restoreFrom: maybe,
    sparse: z.array(z.string()).exactOptional(),
  }),
  z.object({ kind: z.literal("reuse"), path: words, base: words }),
]);

const Mail: z.ZodType<Message> = z.object({ id: words, text: words });

export const EffectRow: z.ZodType<Effect> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("react"),
    repository,
    number,
    target: Target,
    content: z.enum(["eyes", "+1", "confused", "rocket"]),
  }),
  z.object({
    kind: z.literal("post-comment"),
    repository,
    number,
    purpose: z.enum(["question", "result", "notice"]),
    question: z.nullable(QuestionKey),
    text: TextPart,
  }),
  z.object({
    kind: z.literal("update-status"),
    repository,
    number,
    text: TextPart,
    rev: number.exactOptional(),
  }),
  z.object({
    kind: z.literal("push-branch"),
    repository,
    number,
    ...on,
    path: words,
    base: words,
    branch: words,
    expected: maybe,
    pullRequest: z.nullable(number),
    title: words,
  }),
  z.object({
    kind: z.literal("open-pull-request"),
    repository,
    number,
    session: SessionKey,
    head: words,
    base: words,
    title: words,
    text: TextPart,
    draft: z.boolean(),
  }),
  z.object({
    kind: z.literal("edit-pull-request"),
    repository,
    number,
    pullRequest: number,
    title: words,
    text: TextPart,
  }),
  z.object({ kind: z.literal("mark-ready"), repository, number, pullRequest: number }),
  z.object({
    kind: z.literal("reply-to-review"),
    repository,
    number,
    pullRequest: number,
    thread: number,
    text: TextPart,
  }),
  z.object({ kind: z.literal("resolve-thread"), repository, number, threadNode: words }),
  z.object({ kind: z.literal("close-issue"), repository, number }),
  z.object({
    kind: z.literal("start-attempt"),
    repository,
    ...on,
    role: Role,
    agent: words,
    conversation: maybe,
    workspace: Plan,
    setup: z.array(words),
    messages: z.array(Mail),
  }),
  z.object({ kind: z.literal("send-message"), ...on, agent: words, message: Mail }),
  z.object({ kind: z.literal("stop-attempt"), ...on, graceMs: number }),
  z.object({
    kind: z.literal("answer-call"),
    ...on,
    call: words,
    outcome: z.enum(["result", "parked"]),
    isError: z.boolean(),
    content: words,
  }),
]);

/** Schemas of what several kinds of rows hold: ids, people, repositories, messages. */
import * as z from "zod";
import { objectiveId, questionId, sessionId } from "../../domain/id.ts";
import type { Usage } from "../../domain/objective.ts";
import type { Actor } from "../../domain/people.ts";
import type { Repository, RepositoryConfig } from "../../domain/repository.ts";
import type { Reason } from "../../domain/reason.ts";
import type { Away } from "../../domain/runner.ts";
import type { Block, Inline, Text } from "../../domain/text.ts";
import type { ReviewFinding, TestRun } from "../../domain/tool-call.ts";

export const ObjectiveKey = z.string().transform(objectiveId);
export const SessionKey = z.string().transform(sessionId);
export const QuestionKey = z.string().transform(questionId);

export const Person: z.ZodType<Actor> = z.object({
  id: z.number(),
  login: z.string(),
  type: z.enum(["user", "bot", "own"]),
});

export const RepositoryRow: z.ZodType<Repository> = z.object({
  installation: z.number(),
  id: z.number(),
  owner: z.string(),
  name: z.string(),
});

const PER_ROLE = {
  manager: z.string().exactOptional(),
  worker: z.string().exactOptional(),
  reviewer: z.string().exactOptional(),
};

export const ConfigRow: z.ZodType<RepositoryConfig> = z.object({
  label: z.string(),
  agent: z.string(),
  setup: z.array(z.string()),
  pr: z.object({ draft: z.enum(["until-reported", "always"]) }),
  onDone: z.enum(["close", "keep-open"]),
  workspace: z.object({ sparse: z.array(z.string()) }).exactOptional(),
  limits: z.object({ workers: z.number(), sessions: z.number().exactOptional() }),
  runner: z.object({ labels: z.array(z.string()).readonly() }).exactOptional(),
  prompts: z
    .object({ ...PER_ROLE, "follow-up": z.string().exactOptional() })
    .readonly()
    .exactOptional(),
  agents: z.object(PER_ROLE).readonly().exactOptional(),
});

export const Run: z.ZodType<TestRun> = z.object({ command: z.string(), exitCode: z.number() });

export const AwayRow: z.ZodType<Away> = z.object({
  is: z.enum(["lost", "disabled", "unreachable"]),
  since: z.number(),
});

export const ReasonRow: z.ZodType<Reason> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("no-runner") }),
  z.object({ kind: z.literal("labels"), labels: z.array(z.string()).readonly() }),
  z.object({ kind: z.literal("runner"), runner: z.string(), is: z.string() }),
  z.object({ kind: z.literal("slots"), slots: z.number(), runner: z.nullable(z.string()) }),
  z.object({
    kind: z.literal("limit"),
    of: z.enum(["objective", "repository", "all"]),
    most: z.number(),
  }),
  z.object({
    kind: z.literal("gate"),
    gate: z.enum(["load", "disk"]),
    runner: z.string(),
    load: z.number(),
  }),
]);

export const Role = z.enum(["manager", "worker", "reviewer"]);
export const UsageRow: z.ZodType<Usage> = z.object({
  inputTokens: z.number(),
  cachedTokens: z.number(),
  outputTokens: z.number(),
  costUsd: z.nullable(z.number()),
});
export const VerdictKind = z.enum(["approve", "request_changes", "comment"]);
export const FindingRow: z.ZodType<ReviewFinding> = z.object({
  path: z.string(),
  line: z.nullable(z.number()),
  text: z.string(),
});
export const Outcome = z.enum(["fixed", "answered", "disagree"]);

const InlinePart: z.ZodType<Inline> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("text"), text: z.string() }),
  z.object({ kind: z.literal("strong"), text: z.string() }),
  z.object({ kind: z.literal("code"), text: z.string() }),
  z.object({ kind: z.literal("link"), text: z.string(), url: z.string() }),
  z.object({ kind: z.literal("mention"), login: z.string() }),
  z.object({ kind: z.literal("reference"), number: z.number() }),
]);
const inlines = z.array(InlinePart);

const BlockPart: z.ZodType<Block> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("paragraph"), inlines }),
  z.object({ kind: z.literal("heading"), depth: z.union([z.literal(2), z.literal(3)]), inlines }),
  z.object({ kind: z.literal("list"), ordered: z.boolean(), items: z.array(inlines) }),
  z.object({
    kind: z.literal("table"),
    header: z.array(inlines),
    rows: z.array(z.array(inlines)),
  }),
  z.object({ kind: z.literal("agent"), text: z.string() }),
  z.object({ kind: z.literal("quote"), text: z.string() }),
  z.object({ kind: z.literal("code-block"), text: z.string() }),
  z.object({
    kind: z.literal("details"),
    summary: inlines,
    blocks: z.array(z.lazy(() => BlockPart)),
  }),
]);

export const TextPart: z.ZodType<Text> = z.array(BlockPart);

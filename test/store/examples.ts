/** One example of everything a row can hold. The types make a forgotten kind a compile error. */
import type { Effect } from "../../src/domain/effect.ts";
import type { ObjectiveEvent } from "../../src/domain/event.ts";
import { questionId, sessionId } from "../../src/domain/id.ts";
import type { Objective, PullRequest, Question, Session } from "../../src/domain/objective.ts";
import { newSession } from "../../src/domain/start.ts";
import type { SessionState } from "../../src/domain/session.ts";
import type { Block, Inline } from "../../src/domain/text.ts";
import type { ToolCall, ToolName } from "../../src/domain/tool-call.ts";
import { ann, repository } from "../domain/cast.ts";
import { Play } from "../domain/play.ts";

type ByKind<Union extends { readonly kind: string }> = {
  readonly [K in Union["kind"]]: Union & { readonly kind: K };
};

const session = sessionId("ses_1");
const question = questionId("que_1");
const of = { session, attempt: 1 };
const on = { ...of, runner: "box" };
const number = 12;
const usage = { inputTokens: 1, cachedTokens: 2, outputTokens: 3, costUsd: null };
const failure = { reason: "overloaded", retry: true };

export const calls: { readonly [T in ToolName]: Extract<ToolCall, { tool: T }> } = {
  spawn_session: {
    tool: "spawn_session",
    title: "a",
    goal: "b",
    dependsOn: ["c"],
    runner: null,
    agent: "codex",
  },
  message_session: { tool: "message_session", session: "a", text: "b" },
  list_sessions: { tool: "list_sessions" },
  get_session: { tool: "get_session", session: "a" },
  cancel_session: { tool: "cancel_session", session: "a", reason: "b" },
  publish_pr: { tool: "publish_pr", session: "a", title: "b", body: null },
  finish_objective: { tool: "finish_objective", summary: "a" },
  ask_human: { tool: "ask_human", question: "a", context: "b", options: ["c"] },
  report_progress: { tool: "report_progress", text: "a" },
  report_problem: { tool: "report_problem", text: "a" },
  report_result: {
    tool: "report_result",
    what: "a",
    why: "b",
    tests: [{ command: "npm test", exitCode: 1 }],
    notes: null,
  },
  message_manager: { tool: "message_manager", text: "a" },
  reply_to_review: { tool: "reply_to_review", thread: 8, text: "a", outcome: "disagree" },
  propose_plan: {
    tool: "propose_plan",
    sessions: [{ title: "a", goal: "b" }],
    risks: ["c"],
    questions: [],
  },
  request_review: { tool: "request_review", session: "a", focus: null, agent: "b" },
  message_peer: { tool: "message_peer", session: "a", text: "b" },
  submit_review: {
    tool: "submit_review",
    verdict: "request_changes",
    summary: "a",
    findings: [{ path: "a.ts", line: null, text: "b" }],
  },
};

const snapshot = { id: 900, title: "t", body: "b", url: "u" };
const comment = { number, on: "issue", comment: 5, actor: ann, text: "t", url: "u" } as const;

export const events: ByKind<ObjectiveEvent> = {
  "issue-changed": {
    kind: "issue-changed",
    cause: "labeled",
    number,
    actor: ann,
    labels: ["objective"],
    snapshot,
  },
  "comment-created": { kind: "comment-created", ...comment },
  "comment-edited": { kind: "comment-edited", ...comment, on: "pull-request" },
  "review-submitted": { kind: "review-submitted", number, review: 7, actor: ann },
  "pull-request-changed": {
    kind: "pull-request-changed",
    cause: "synchronize",
    number,
    actor: ann,
  },
  "access-lost": { kind: "access-lost", reason: "suspended" },
  "slot-claimed": { kind: "slot-claimed", session, runner: "box", slot: 1 },
  "attempt-prepared": {
    kind: "attempt-prepared",
    ...of,
    path: "/p",
    base: "a",
    head: "b",
    notes: ["n"],
  },
  "attempt-unstartable": { kind: "attempt-unstartable", ...of, stage: "fetch", ...failure },
  "attempt-spawned": { kind: "attempt-spawned", ...of },
  "conversation-known": { kind: "conversation-known", ...of, conversation: "c" },
  "message-delivered": { kind: "message-delivered", ...of, message: "m", how: "steered" },
  "message-queued": { kind: "message-queued", ...of, message: "m" },
  "turn-ended": { kind: "turn-ended", ...of, failure: { ...failure, login: true }, usage },
  "limit-hit": { kind: "limit-hit", ...of, resetAt: null, reason: "weekly" },
  "tool-called": { kind: "tool-called", ...of, call: "c", request: calls.report_result },
  "tool-misused": { kind: "tool-misused", ...of, call: "c", tool: "t", reason: "r" },
  "call-settled": { kind: "call-settled", ...of, call: "c", won: "parked" },
  "attempt-exited": {
    kind: "attempt-exited",
    ...of,
    code: null,
    signal: "SIGKILL",
    cause: "stopped",
    usage,
  },
  "branch-pushed": { kind: "branch-pushed", session, sha: "c", commits: 2 },
  "push-refused": { kind: "push-refused", session, code: "moved", reason: "r" },
  "pull-request-opened": {
    kind: "pull-request-opened",
    session,
    number: 31,
    url: "u",
    draft: true,
  },
  "question-posted": { kind: "question-posted", question, comment: 9, url: "u" },
  "effect-failed": {
    kind: "effect-failed",
    effect: "post-comment",
    session,
    attempt: 1,
    question,
    reason: "r",
  },
  "timer-fired": { kind: "timer-fired", name: "summary" },
  "cancel-requested": { kind: "cancel-requested", by: "ann", session: null },
  "wait-reason": { kind: "wait-reason", session, reason: { kind: "no-runner" } },
  "runner-changed": { kind: "runner-changed", runner: "box", away: { is: "lost", since: 3 } },
  "takeover-requested": { kind: "takeover-requested", session, by: "ann", now: true },
  "resume-requested": {
    kind: "resume-requested",
    session,
    by: "ann",
    text: "t",
    changes: {
      commits: [{ sha: "a", subject: "s" }],
      moreCommits: false,
      files: ["f"],
      moreFiles: true,
    },
  },
  "operator-said": { kind: "operator-said", session, by: "ann", id: "i", text: "t" },
};

const inlines: ByKind<Inline> = {
  text: { kind: "text", text: "a" },
  strong: { kind: "strong", text: "a" },
  code: { kind: "code", text: "a" },
  link: { kind: "link", text: "a", url: "u" },
  mention: { kind: "mention", login: "ann" },
  reference: { kind: "reference", number },
};
const line = Object.values(inlines);

const blocks: ByKind<Block> = {
  paragraph: { kind: "paragraph", inlines: line },
  heading: { kind: "heading", depth: 3, inlines: line },
  list: { kind: "list", ordered: true, items: [line] },
  table: { kind: "table", header: [line], rows: [[line, line]] },
  agent: { kind: "agent", text: "a" },
  quote: { kind: "quote", text: "a" },
  "code-block": { kind: "code-block", text: "a" },
  details: { kind: "details", summary: line, blocks: [{ kind: "agent", text: "deep" }] },
};
const text = Object.values(blocks);

const at = { repository, number };

export const effects: ByKind<Effect> = {
  react: { kind: "react", ...at, target: { kind: "comment", id: 5 }, content: "+1" },
  "post-comment": { kind: "post-comment", ...at, purpose: "question", question, text },
  "update-status": { kind: "update-status", ...at, text },
  "push-branch": {
    kind: "push-branch",
    ...at,
    ...on,
    path: "p",
    base: "a",
    branch: "b",
    expected: null,
    pullRequest: 31,
    title: "t",
  },
  "open-pull-request": {
    kind: "open-pull-request",
    ...at,
    session,
    head: "h",
    base: "main",
    title: "t",
    text,
    draft: false,
  },
  "edit-pull-request": { kind: "edit-pull-request", ...at, pullRequest: 31, title: "t", text },
  "mark-ready": { kind: "mark-ready", ...at, pullRequest: 31 },
  "reply-to-review": { kind: "reply-to-review", ...at, pullRequest: 31, thread: 8, text },
  "resolve-thread": { kind: "resolve-thread", ...at, threadNode: "n" },
  "close-issue": { kind: "close-issue", ...at },
  "start-attempt": {
    kind: "start-attempt",
    repository,
    ...on,
    role: "worker",
    agent: "script",
    conversation: null,
    workspace: {
      kind: "checkout",
      path: "p",
      from: "main",
      branch: "b",
      restoreFrom: null,
      sparse: ["d"],
    },
    setup: ["npm ci"],
    messages: [{ id: "m", text: "t" }],
  },
  "send-message": { kind: "send-message", ...on, agent: "script", message: { id: "m", text: "t" } },
  "stop-attempt": { kind: "stop-attempt", ...on, graceMs: 5 },
  "answer-call": {
    kind: "answer-call",
    ...on,
    call: "c",
    outcome: "result",
    isError: false,
    content: "{}",
  },
};

const place = { runner: "box", slot: 0, since: 1 };

const states: ByKind<SessionState> = {
  queued: { kind: "queued", purpose: "review", since: 1 },
  starting: { kind: "starting", ...place },
  running: { kind: "running", ...place },
  stopping: { kind: "stopping", ...place, into: "park", reason: "turn over" },
  idle: { kind: "idle", since: 1 },
  waiting_user: { kind: "waiting_user", since: 1 },
  waiting_limit: { kind: "waiting_limit", since: 1, until: 2, reason: "weekly" },
  paused: { kind: "paused", since: 1, by: "ann" },
  succeeded: { kind: "succeeded", since: 1 },
  failed: { kind: "failed", since: 1, reason: "r" },
  canceled: { kind: "canceled", since: 1, by: "ann" },
};

/** A session with something in every field. */
const full = (state: SessionState, index: number): Session => ({
  ...newSession(
    { id: `ses_${index}`, role: "worker", title: `w${index}`, goal: "g", agent: "a" },
    1,
  ),
  state,
  dependsOn: [session],
  pin: "box",
  runner: "box",
  conversation: "c",
  workspace: { path: "p", base: "a" },
  mailbox: [{ id: "m", text: "t", sentTo: 1, queued: true }],
  progress: "half",
  result: { what: "w", why: "y", tests: [{ command: "c", exitCode: 0 }], notes: "n" },
  calls: [
    { kind: "publish", call: "c", attempt: 1, session },
    { kind: "ask", call: "d", attempt: 1, question },
  ],
  followUp: {
    comments: [{ id: 1, thread: 8, threadNode: null, path: "p", line: null, text: "t" }],
    replies: [{ thread: 8, text: "t", outcome: "fixed" }],
  },
  unpublished: true,
  problems: 1,
  refusals: 1,
  push:
    index % 2 === 0
      ? { kind: "follow-up", covers: [8] }
      : { kind: "publish", title: null, body: "b" },
  hold: { until: 1, reason: "r", login: true },
  steeredAt: 1,
  spent: { ...usage, costUsd: 0.5 },
  takeover: { by: "ann" },
  past: [{ agent: "b", attempt: 1 }],
  reading: ["t"],
  reviews: session,
  verdict: {
    verdict: "approve",
    summary: "s",
    findings: [{ path: "p", line: 1, text: "t" }],
    head: null,
  },
  peers: { hops: 1, sent: 2 },
  replied: [{ call: "c", text: "t", isError: true }],
  said: {
    by: "ann",
    at: 1,
    count: 4,
    lines: [
      { id: "1", became: { kind: "message", message: "m", how: "steered" } },
      { id: "2", became: { kind: "answer", question: 1 } },
      { id: "3", became: { kind: "ambiguous", questions: [1, 2] } },
      { id: "4", became: { kind: "late" } },
    ],
  },
});

const abouts: ByKind<Question["about"]> = {
  asked: { kind: "asked" },
  "manager-failed": { kind: "manager-failed" },
  "pull-request-closed": { kind: "pull-request-closed", pullRequest: 31 },
  "which-question": { kind: "which-question", answer: "a", by: ann },
};

const answered = { kind: "answered", text: "a", by: "ann", comment: 5 } as const;
const answers: readonly Question["state"][] = [
  { kind: "open" },
  { ...answered, delivery: { kind: "call", attempt: 1, call: "c" } },
  { ...answered, delivery: { kind: "message", message: "m" } },
  { ...answered, delivery: { kind: "delivered" } },
  { kind: "canceled", reason: "r" },
];

/** An objective with a session in every state, a question of every kind and a pull request. */
export function everything(): Objective {
  const objective = new Play().label().it;
  const sessions = Object.values(states).map(full);
  const questions = Object.values(abouts).flatMap((about, row) =>
    answers.map((state, column): Question => {
      const index = row * answers.length + column + 1;
      const id = questionId(`que_${index}`);
      return {
        id,
        number: index,
        about,
        state,
        session: null,
        text: "t",
        context: null,
        options: ["o"],
        askedAt: 1,
        url: "u",
        comment: 6,
      };
    }),
  );
  const pull: PullRequest = {
    session: sessions[0]?.id ?? session,
    branch: "b",
    pushedSha: "c",
    number: 31,
    url: "u",
    title: "t",
    body: null,
    state: "open",
  };
  return {
    ...objective,
    sessions: [objective.sessions[0], ...sessions],
    questions,
    pullRequests: [pull],
    config: {
      ...objective.config,
      agents: { manager: "a", worker: "b", reviewer: "c" },
      prompts: { manager: "a", worker: "b", "follow-up": "c", reviewer: "d" },
    },
    plan: { sessions: [{ title: "t", goal: "g" }], risks: ["r"], questions: ["q"] },
    heard: [{ comment: 7, text: "t", by: objective.startedBy }],
  };
}

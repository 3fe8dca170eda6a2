import { expect, test } from "vitest";
import { PLAIN } from "../../src/agents/catalog.ts";
import { codex } from "../../src/agents/codex.ts";
import { findingsOf, linesOf, recorded, recordingsOf, shown } from "./recordings.ts";

test("all recordings of codex app-server, finding by finding", async () => {
  const all = recordingsOf("codex-appserver").map(
    (name) => `== ${name}\n${shown(findingsOf(codex, linesOf(recorded(name))))}`,
  );
  await expect(all.join("\n")).toMatchFileSnapshot("fixtures/codex.findings.txt");
});

const failed = (error: object): string =>
  JSON.stringify({
    method: "turn/completed",
    params: { threadId: "t", turn: { id: "1", status: "failed", error } },
  });

const ends = [
  ["usageLimitExceeded", { kind: "limit-hit", resetAt: null }],
  ["rateLimitExceeded", { kind: "limit-hit", resetAt: null }],
  ["serverOverloaded", { kind: "limit-hit", resetAt: null }],
  ["internalServerError", { kind: "limit-hit", resetAt: null }],
  ["contextWindowExceeded", { kind: "turn-ended", failure: { retry: false } }],
  ["modelNotFound", { kind: "turn-ended", failure: { retry: false } }],
  ["unauthorized", { kind: "turn-ended", failure: { retry: false } }],
  ["other", { kind: "turn-ended", failure: { retry: true } }],
  ["never heard of", { kind: "turn-ended", failure: { retry: true } }],
  [{ httpConnectionFailed: { httpStatusCode: 401 } }, { failure: { retry: false } }],
  [{ httpConnectionFailed: { httpStatusCode: null } }, { kind: "limit-hit" }],
  [{ responseTooManyFailedAttempts: { httpStatusCode: 429 } }, { kind: "limit-hit" }],
  [{ responseStreamDisconnected: { httpStatusCode: 502 } }, { kind: "limit-hit" }],
  [{ badRequest: { httpStatusCode: 400 } }, { failure: { retry: false } }],
] as const;

test.for(ends)("a turn that failed with %j", ([codexErrorInfo, expected]) => {
  expect(findingsOf(codex, [failed({ message: "m", codexErrorInfo })])).toMatchObject([expected]);
});

const limits = (used: number): string =>
  JSON.stringify({
    method: "account/rateLimits/updated",
    params: {
      rateLimits: {
        primary: { usedPercent: 100, resetsAt: 1_800 },
        secondary: { usedPercent: used, resetsAt: 9_000 },
      },
    },
  });

test("a limit ends when the windows that are used up are new again", () => {
  const over = failed({ message: "m", codexErrorInfo: "usageLimitExceeded" });
  expect(findingsOf(codex, [limits(40), over])).toMatchObject([{ resetAt: 1_800_000 }]);
  expect(findingsOf(codex, [limits(100), over])).toMatchObject([{ resetAt: 9_000_000 }]);
});

const turn = (threadId: string): string =>
  JSON.stringify({ method: "turn/started", params: { threadId, turn: { id: threadId } } });

test("threads of sub-agents are not the conversation", () => {
  const ready = '{"orcha":{"kind":"ready","conversation":"mine"}}';
  expect(findingsOf(codex, [ready, turn("other"), turn("mine")])).toEqual([
    { kind: "conversation", id: "mine" },
    { kind: "turn-started" },
  ]);
});

test("it is started by the host, with nothing secret in its arguments and the repository untrusted", () => {
  const servers = { extra: { command: "x", args: [], env: { TOKEN: "secret" } } };
  const launch = codex.launch({
    session: "ses_1",
    attempt: 1,
    role: "worker",
    conversation: null,
    settings: { ...PLAIN, driver: "codex", servers },
  });
  const line = launch.command.join(" ");
  expect(line).toContain("{program}/agent-host.mjs codex {state}/opening.json -- codex -c");
  expect(line).toContain('projects={"{workspace}"={trust_level="untrusted"}}');
  expect(line).not.toContain("secret");
  expect(launch.files[0]?.content).toContain("secret");
});

const usage = (turnId: string, totalTokens: number): string =>
  JSON.stringify({
    method: "thread/tokenUsage/updated",
    params: {
      turnId,
      tokenUsage: {
        total: { totalTokens },
        last: { inputTokens: 100, cachedInputTokens: 60, outputTokens: 5 },
      },
    },
  });

test("tokens from the cache are counted apart, once for the turn, and those of turns before not at all", () => {
  const lines = [
    usage("before", 105),
    JSON.stringify({ method: "turn/started", params: { turn: { id: "1" } } }),
    usage("1", 210),
    usage("1", 315),
    JSON.stringify({
      method: "turn/completed",
      params: { turn: { id: "1", status: "completed" } },
    }),
  ];
  expect(findingsOf(codex, lines)).toEqual([
    { kind: "turn-started" },
    { kind: "usage", inputTokens: 80, cachedTokens: 120, outputTokens: 10, costUsd: null },
    { kind: "turn-ended", failure: null },
  ]);
});

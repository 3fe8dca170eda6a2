/** What a driver finds becomes events of the rules: usage once per turn, logins told by their words, any cut the same. */
import { expect, test } from "vitest";
import type { AgentDriver, Finding } from "../../src/agents/driver.ts";
import type { ObjectiveEvent } from "../../src/domain/event.ts";
import { objectiveId, sessionId } from "../../src/domain/id.ts";
import { Findings } from "../../src/engine/findings.ts";
import { repository } from "../domain/cast.ts";

/** Each line is a finding, as JSON. */
const driver: AgentDriver<null> = {
  name: "plain",
  launch: () => ({ command: [], env: {}, inherit: [], files: [] }),
  initial: () => null,
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by these tests
  reduce: (state, line) => ({ state, findings: [JSON.parse(line) as Finding] }),
};

const live = {
  session: sessionId("ses_1"),
  attempt: 1,
  objective: objectiveId("obj_1"),
  repository,
  agent: "plain",
  role: "worker",
  runner: "box",
  cursor: { out: 0, err: 0, seq: 0 },
} as const;

const usage = (inputTokens: number, costUsd: number | null = null): Finding => ({
  kind: "usage",
  inputTokens,
  cachedTokens: 1,
  outputTokens: 2,
  costUsd,
});
const turnEnded: Finding = { kind: "turn-ended", failure: null };

/** Read up to line `cut` by one life, the rest by another. */
function eventsOf(found: readonly Finding[], cut = 0): readonly ObjectiveEvent[] {
  const lines = found.map((finding, at) => ({ text: JSON.stringify(finding), end: at + 1 }));
  const exited = {
    outAt: lines.length,
    seq: 1,
    at: 1,
    entry: { kind: "exited", code: 0, signal: null, cause: "stopped", outBytes: 0, errBytes: 0 },
  } as const;
  const first = new Findings(live, driver, []);
  const before = first.read({ lines: lines.slice(0, cut), entries: [] });
  const texts = lines.slice(0, cut).map(({ text }) => text);
  const later = new Findings(live, driver, texts).read({
    lines: lines.slice(cut),
    entries: [exited],
  });
  return [...before.items, ...later.items].map(({ event }) => event);
}

test("usage rides on the end of its turn, the rest on the end of the process, wherever it was cut", () => {
  const found = [usage(1), usage(2, 0.5), turnEnded, turnEnded, usage(4)];
  for (let cut = 0; cut <= found.length; cut++)
    expect(eventsOf(found, cut)).toMatchObject([
      {
        kind: "turn-ended",
        usage: { inputTokens: 3, cachedTokens: 2, outputTokens: 4, costUsd: 0.5 },
      },
      { kind: "turn-ended" },
      { kind: "attempt-exited", usage: { inputTokens: 4, costUsd: null } },
    ]);
  expect(eventsOf([turnEnded])[0]).not.toHaveProperty("usage");
});

test("numbers that an agent makes up break no sum", () => {
  expect(eventsOf([usage(-5, -1), usage(1e300), turnEnded])[0]).toMatchObject({
    usage: { inputTokens: 1e12, costUsd: 0 },
  });
});

test("how a message was taken is told", () => {
  const taken = { kind: "message-taken", id: "m" } as const;
  expect(
    eventsOf([
      { ...taken, how: "turn" },
      { ...taken, how: "steered" },
      { kind: "message-queued", id: "n" },
    ]),
  ).toMatchObject([
    { kind: "message-delivered", message: "m" },
    { kind: "message-delivered", message: "m", how: "steered" },
    { kind: "message-queued", message: "n" },
    { kind: "attempt-exited" },
  ]);
});

test.for([
  ["API Error: 401 invalid x-api-key", false, true],
  ["Not logged in · Please run /login", false, true],
  ["Invalid API key", false, true],
  ["authentication_failed", false, true],
  ["Unauthorized", false, true],
  ["the brief has a mistake in line 401b", false, false],
  ["overloaded, was 401 before", true, false],
  ["context window exceeded", false, false],
] as const)("%s, retry %s: a login is missing = %s", ([reason, retry, login]) => {
  const [event] = eventsOf([{ kind: "turn-ended", failure: { reason, retry } }]);
  expect(event).toEqual({
    kind: "turn-ended",
    session: live.session,
    attempt: 1,
    failure: { reason, retry, ...(login ? { login: true } : {}) },
  });
});

test("a driver that knows says so", () => {
  const failure = { reason: "no token", retry: false, login: true } as const;
  expect(eventsOf([{ kind: "turn-ended", failure }])[0]).toMatchObject({ failure });
});

import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { claude } from "../../src/agents/claude.ts";
import { PLAIN } from "../../src/agents/catalog.ts";
import type { Finding } from "../../src/agents/driver.ts";
import { readLines } from "../../runners/agent-host/lines.ts";

const fixtures = new URL("fixtures/", import.meta.url);
const recorded = readdirSync(fixtures).filter((name) => name.startsWith("claude-"));
const linesOf = (name: string): readonly string[] =>
  readFileSync(new URL(name, fixtures), "utf8").split("\n").slice(0, -1);

function read(lines: readonly string[]): readonly Finding[] {
  let state = claude.initial();
  return lines.flatMap((line) => {
    const reduced = claude.reduce(state, line);
    state = reduced.state;
    return reduced.findings;
  });
}

/** One short line for each finding. */
const told = (findings: readonly Finding[]): readonly string[] =>
  findings.map((finding) => {
    switch (finding.kind) {
      case "conversation":
        return `conversation ${finding.id.slice(0, 8)}`;
      case "text":
      case "thinking":
      case "question":
      case "unknown":
        return `${finding.kind} ${finding.text.slice(0, 60)}`;
      case "tool-call":
        return `call ${finding.name}: ${finding.detail.slice(0, 50)}`;
      case "tool-result":
        return `${finding.isError ? "error" : "result"}: ${finding.text.slice(0, 40)}`;
      case "file-change":
        return `${finding.change} ${finding.path}`;
      case "retry":
        return `retry ${finding.attempt} in ${finding.waitMs} ms: ${finding.reason}`;
      case "limit-hit":
        return `limit until ${finding.resetAt}: ${finding.reason.slice(0, 60)}`;
      case "turn-ended":
        return finding.failure === null
          ? "end"
          : `failed${finding.failure.retry ? ", may be tried again" : ""}: ${finding.failure.reason.slice(0, 90)}`;
      case "usage":
        return `usage ${finding.inputTokens} ${finding.cachedTokens} ${finding.outputTokens} $${finding.costUsd}`;
      case "message-taken":
      case "message-queued":
      case "turn-started":
      case "plan":
      case "permission":
      case "call-interrupted":
        return finding.kind;
    }
  });

test("every recorded stream of the real program is understood, line by line", () => {
  expect(
    Object.fromEntries(recorded.map((name) => [name.slice(7, -7), told(read(linesOf(name)))])),
  ).toMatchInlineSnapshot(`
    {
      "AskUserQuestion": [
        "turn-started",
        "conversation 93d8756b",
        "call AskUserQuestion: {"questions":[{"question":"Which database?","heade",
        "question {"questions":[{"question":"Which database?","header":"DB","m",
        "result: Your questions have been answered: "Whic",
        "text fin",
        "usage 27365 0 76 $0.11098",
        "end",
      ],
      "dedupe-after-resume": [],
      "err-429": [
        "turn-started",
        "retry 1 in 621 ms: rate limit (429)",
        "retry 2 in 1003 ms: rate limit (429)",
        "conversation d3adf102",
        "limit until null: API Error: Request rejected (429) · This request would excee",
      ],
      "err-529": [
        "turn-started",
        "retry 1 in 620 ms: overloaded (529)",
        "retry 2 in 1221 ms: overloaded (529)",
        "conversation 30cf3fa0",
        "limit until null: API Error: 529 scripted error 529. This is a server-side iss",
      ],
      "err-context": [
        "turn-started",
        "conversation 2b4ec9b6",
        "failed: Prompt is too long · the request is ~210000 tokens (limit 200000) but this conversation is",
      ],
      "err-credit": [
        "turn-started",
        "conversation f965ef49",
        "failed: Credit balance is too low; add credit with the provider",
      ],
      "err-usage-limit-subscription": [
        "turn-started",
        "conversation 566054d9",
        "limit until 1795223158000: You've hit your 5-hour limit · resets 1:05am (UTC)",
      ],
      "fallback-model": [
        "turn-started",
        "retry 1 in 526 ms: overloaded (529)",
        "retry 2 in 1018 ms: overloaded (529)",
        "text Switched to Haiku 4.5 due to high demand for Opus 5.5 · cont",
        "conversation e9d98f7d",
        "text ok on fallback?",
        "usage 16505 0 11 $0.01656",
        "end",
      ],
      "interrupts-steer-partials": [
        "turn-started",
        "conversation 0e33a392",
        "text xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "usage 19746 0 16 $0.079304",
        "failed, may be tried again: [ede_diagnostic] result_type=user last_content_type=n/a stop_reason=null",
        "turn-started",
        "call Bash: sleep 30; echo slept",
        "error: <tool_use_error>Blocked: sleep 30 follow",
        "text never",
        "usage 39794 0 41 $0.15999599999999997",
        "end",
        "turn-started",
        "call mcp__orcha__ask_user: q",
        "error: The user doesn't want to proceed with th",
        "usage 20028 0 32 $0.080752",
        "failed, may be tried again: [ede_diagnostic] result_type=user last_content_type=n/a stop_reason=tool_use",
        "turn-started",
        "text still alive",
        "usage 20284 0 10 $0.081336",
        "end",
        "turn-started",
        "call Bash: sleep 3",
        "result: (Bash completed with no output)",
        "text six done",
        "usage 40861 0 39 $0.164224",
        "end",
      ],
      "max-budget": [
        "turn-started",
        "conversation 56b2d62b",
        "call Bash: echo 1",
        "result: 1",
        "call Bash: echo 2",
        "result: 2",
        "call Bash: echo 3",
        "usage 37980 0 87 $0.15366",
        "failed: Reached maximum budget ($0.12)",
      ],
      "mcp-150s-heartbeats": [
        "turn-started",
        "conversation 9e19c2c6",
        "call mcp__orcha__ask_user: q",
        "result: User answered: blue",
        "text end",
        "usage 39457 0 40 $0.158628",
        "end",
      ],
      "permission-prompts-stdio": [
        "turn-started",
        "conversation 27bb961d",
        "call Write: /work-root/clE-perm/p.txt",
        "result: File created successfully at: /work-root",
        "added /work-root/clE-perm/p.txt",
        "call Bash: rm -rf p.txt",
        "error: orcha policy says no",
        "text fin",
        "usage 41086 0 76 $0.165864",
        "end",
      ],
      "ratelimit-warning": [
        "turn-started",
        "conversation 835b0e7f",
        "text fine",
        "usage 12531 0 8 $0.025142",
        "end",
      ],
      "resume-after-sigkill": [
        "turn-started",
        "conversation 33333333",
        "text resumed fine",
        "usage 20321 0 10 $0.081484",
        "end",
      ],
      "sdk-mcp-over-stdio": [
        "turn-started",
        "conversation d3118b10",
        "call mcp__orcha__ask_user: via sdk?",
        "result: answer via control channel",
        "text fin",
        "usage 25116 0 38 $0.10122400000000001",
        "end",
      ],
      "two-turns-bash-write-mcp": [
        "turn-started",
        "conversation 1dc414ad",
        "text Hello from the fake model, this is a text answer.",
        "usage 12492 0 19 $0.050348",
        "end",
        "turn-started",
        "call Bash: echo from-bash && git log --oneline",
        "result: from-bash
    7522020 init",
        "call Write: /work-root/c1/new.txt",
        "result: File created successfully at: /work-root",
        "added /work-root/c1/new.txt",
        "call mcp__orcha__ask_user: What colour?",
        "result: User answered: blue",
        "text All done",
        "usage 51000 0 120 $0.2064",
        "end",
      ],
    }
  `);
});

test.each(recorded)("%s: the same findings however the bytes come", (name) => {
  const bytes = readFileSync(new URL(name, fixtures));
  const whole = read(linesOf(name));
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.byteLength), { maxLength: 20 }), (cuts) => {
      const lines: string[] = [];
      const reader = readLines(1 << 24, {
        line: (text) => void lines.push(text),
        piece() {},
        overlong() {},
      });
      let from = 0;
      for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.byteLength]) {
        reader.feed(bytes.subarray(from, cut));
        from = Math.max(from, cut);
      }
      reader.end();
      expect(read(lines)).toEqual(whole);
    }),
    { numRuns: 20 },
  );
});

test("lines that are no lines of the program are shown, and change nothing", () => {
  const lines = linesOf("claude-two-turns-bash-write-mcp.ndjson");
  const whole = read(lines);
  fc.assert(
    fc.property(
      fc.nat(lines.length),
      fc.oneof(
        fc.string({ unit: "binary" }).filter((text) => !text.includes("\n")),
        fc.json(),
        fc.constantFrom(...lines).map((line) => line.slice(0, -5)),
        fc.constant('{"type":"result"}'),
        fc.constant('{"k":"journal","s":"ses_forged","a":1}'),
      ),
      (at, garbage) => {
        const found = read([...lines.slice(0, at), garbage, ...lines.slice(at)]);
        expect(found.filter(({ kind }) => kind !== "unknown")).toEqual(whole);
      },
    ),
    { numRuns: 200 },
  );
});

test("an agent that begins anew has another conversation; one that goes on keeps it", () => {
  const settings = { ...PLAIN, driver: "claude" };
  const spec = { session: "ses_0123456789abcdef0123", role: "worker", settings } as const;
  const first = claude.launch({ ...spec, attempt: 1, conversation: null });
  const second = claude.launch({ ...spec, attempt: 2, conversation: null });
  const idOf = (command: readonly string[], option: string): string | undefined =>
    command[command.indexOf(option) + 1];
  const id = idOf(first.command, "--session-id");
  expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/u);
  expect(idOf(second.command, "--session-id")).not.toBe(id);
  const resumed = claude.launch({ ...spec, attempt: 3, conversation: id ?? "" });
  expect(idOf(resumed.command, "--resume")).toBe(id);
  expect(resumed.command).not.toContain("--session-id");
});

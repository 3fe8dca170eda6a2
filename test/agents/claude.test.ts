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

test("every recorded stream of the real program is understood, line by line", async () => {
  const table = recorded.flatMap((name) => [
    name,
    ...told(read(linesOf(name))).map((line) => `  ${line.replaceAll("\n", " ")}`),
  ]);
  await expect(`${table.join("\n")}\n`).toMatchFileSnapshot("fixtures/claude.findings.txt");
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
    { numRuns: 60 },
  );
});

test("an agent that begins anew has another conversation; one that goes on keeps it", () => {
  const settings = { ...PLAIN, driver: "claude" };
  const spec = { session: "ses_0123456789abcdef0123", role: "worker", settings } as const;
  const first = claude.launch({ ...spec, attempt: 1, conversation: null });
  const second = claude.launch({ ...spec, attempt: 2, conversation: null });
  const id = idOf(first.command, "--session-id");
  expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/u);
  expect(idOf(second.command, "--session-id")).not.toBe(id);
  const resumed = claude.launch({ ...spec, attempt: 3, conversation: id ?? "" });
  expect(idOf(resumed.command, "--resume")).toBe(id);
  expect(resumed.command).not.toContain("--session-id");
});

const idOf = (command: readonly string[], option: string): string | undefined =>
  command[command.indexOf(option) + 1];

/**
 * What is promised of every driver here: a line never throws, however its bytes came; a recording that is fed again from
 * its start, or has lines twice, delivers no message, ends no turn and counts no tokens twice.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readLines } from "../../runners/agent-host/lines.ts";
import { codex } from "../../src/agents/codex.ts";
import type { AgentDriver, Finding } from "../../src/agents/driver.ts";
import { driverNames, driverNamed } from "../../src/agents/registry.ts";
import { opencode } from "../../src/agents/opencode.ts";
import { asOurs, findingsOf, linesOf, recorded, recordingsOf } from "./recordings.ts";

const note = (fields: object): string => JSON.stringify({ orcha: fields });
const MESSAGES = [note({ kind: "taken", id: "m1", how: "turn" })];

const streams: readonly (readonly [name: string, driver: AgentDriver, lines: readonly string[]])[] =
  [
    ...recordingsOf("codex-appserver").map(
      (name) => [name, codex, [...MESSAGES, ...linesOf(recorded(name))]] as const,
    ),
    ...recordingsOf("acp-").map(
      (name) => [name, opencode, [...MESSAGES, ...asOurs(name)]] as const,
    ),
  ];

test.for(streams)("%s: any split of its bytes gives the same findings", ([, driver, lines]) => {
  const bytes = Buffer.from(`${lines.join("\n")}\n`);
  const whole = findingsOf(driver, lines);
  const cuts = fc.array(fc.nat(bytes.byteLength), { maxLength: 30 });
  fc.assert(
    fc.property(cuts, (places) => {
      expect(findingsOf(driver, splitAt(bytes, places))).toEqual(whole);
    }),
    { numRuns: 10 },
  );
});

function splitAt(bytes: Buffer, places: readonly number[]): readonly string[] {
  const lines: string[] = [];
  const reader = readLines(bytes.byteLength, {
    line: (text) => lines.push(text),
    piece() {},
    overlong() {},
  });
  const ends = [...places.toSorted((a, b) => a - b), bytes.byteLength];
  let from = 0;
  for (const end of ends) {
    reader.feed(bytes.subarray(from, end));
    from = end;
  }
  reader.end();
  return lines;
}

const COUNTED: ReadonlySet<Finding["kind"]> = new Set([
  "message-taken",
  "turn-ended",
  "limit-hit",
  "usage",
]);
const counted = (findings: readonly Finding[]): readonly Finding[] =>
  findings.filter(({ kind }) => COUNTED.has(kind));

test.for(streams)("%s: lines that come twice count once", ([, driver, lines]) => {
  const whole = counted(findingsOf(driver, lines));
  fc.assert(
    fc.property(fc.array(fc.nat(lines.length - 1), { maxLength: 10 }), (twice) => {
      const doubled = lines.flatMap((line, index) =>
        twice.includes(index) ? [line, line] : [line],
      );
      expect(counted(findingsOf(driver, doubled))).toEqual(whole);
    }),
    { numRuns: 10 },
  );
});

test.for(recordingsOf("codex-appserver"))("%s: told again from its start counts once", (name) => {
  const lines = linesOf(recorded(name));
  const whole = counted(findingsOf(codex, lines));
  expect(counted(findingsOf(codex, [...lines, ...lines])).slice(0, whole.length)).toEqual(whole);
  const kinds = counted(findingsOf(codex, [...lines, ...lines])).slice(whole.length);
  expect(kinds.filter(({ kind }) => kind !== "usage")).toEqual([]);
});

test("no line throws, whatever it is", () => {
  const shapes = streams.flatMap(([, , lines]) => lines.slice(0, 40));
  const hostile = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .constantFrom(...shapes)
      .map((line) => line.replaceAll(/"(?:id|type|kind|params)":/gu, '"__proto__":')),
    fc.tuple(fc.constantFrom(...shapes), fc.nat(2_000)).map(([line, end]) => line.slice(0, end)),
    fc
      .tuple(fc.constantFrom(...shapes), fc.jsonValue())
      .map(([line, value]) => line.replace(/:(?:"[^"]*"|\d+|null)/u, `:${JSON.stringify(value)}`)),
  );
  const lines = fc.array(hostile, { maxLength: 20 });
  for (const name of driverNames) {
    const driver = driverNamed(name);
    if (driver === undefined) throw new Error(name);
    const property = fc.property(lines, (some) => {
      findingsOf(driver, some);
    });
    expect(fc.check(property, { numRuns: 100 })).toMatchObject({ failed: false });
  }
});

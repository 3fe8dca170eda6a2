/**
 * Goal: any page of lines is what splitting the whole text gives, however it was written, cut, damaged and opened
 * again. Method: any sequence of these, with a text that is long enough for many entries.
 */
import {
  mkdtempDisposableSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openTranscripts } from "../../src/store/transcripts.ts";

const of = { session: "ses_1", attempt: 1, stream: "out" } as const;
const temporary = () => mkdtempDisposableSync(join(tmpdir(), "orcha-lines-"));

/** Text with lines of this length. */
const text = (bytes: number, length: number): Buffer =>
  Buffer.from(
    Array.from({ length: bytes }, (_, at) => (at % length === length - 1 ? "\n" : "x")).join(""),
  );

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      bytes: fc.nat(150_000),
      length: fc.constantFrom(1, 7, 300, 40_000, 200_000),
    }),
  },
  fc.record({
    kind: fc.constant("cut" as const),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  fc.record({
    kind: fc.constantFrom("reopen" as const, "lose" as const, "shorten" as const, "spoil" as const),
  }),
);

test("every page is what splitting the text gives", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), fc.nat(1000), (steps, seed) => {
      using directory = temporary();
      const transcripts = openTranscripts(directory.path);
      const file = join(directory.path, "ses_1", "1.out");
      const index = `${file}.idx`;
      let open = transcripts.open(of.session, of.attempt);
      for (const one of steps) {
        if (one.kind === "append") open.append("out", text(one.bytes, one.length));
        else if (one.kind === "cut") open.cut("out", Math.floor(one.share * open.length("out")));
        else {
          open.close();
          const { size } = statSync(index);
          if (one.kind === "lose") rmSync(index);
          if (one.kind === "shorten") truncateSync(index, Math.max(0, size - 21));
          if (one.kind === "spoil" && size > 0) writeFileSync(index, Buffer.alloc(size));
          open = transcripts.open(of.session, of.attempt);
        }
      }
      open.close();
      const lines = readFileSync(file, "utf8").split("\n");
      if (lines.at(-1) === "") lines.pop();
      const ends = [0, seed, lines.length >> 1, lines.length, Math.max(0, lines.length - 3)];
      for (const from of ends)
        expect(transcripts.lines({ ...of, from, count: 5, bytesMax: 9_000_000 })).toEqual({
          lines: lines.slice(from, from + 5),
          more: lines.length > from + 5,
        });
    }),
    { numRuns: 40 },
  );
});

test("a page has a limit in bytes; what is not there is empty", () => {
  using directory = temporary();
  const transcripts = openTranscripts(directory.path);
  expect(transcripts.lines({ ...of, from: 0, count: 5 })).toEqual({ lines: [], more: false });
  const open = transcripts.open(of.session, of.attempt);
  open.append("out", Buffer.from("one\ntwo\nthree"));
  const page = (from: number, bytesMax: number) =>
    transcripts.lines({ ...of, from, count: 5, bytesMax });
  expect(page(0, 5)).toEqual({ lines: ["one", "tw"], more: true });
  expect(page(2, 5)).toEqual({ lines: ["three"], more: false });
  expect(page(2, 2)).toEqual({ lines: ["th"], more: true });
  expect(page(3, 5)).toEqual({ lines: [], more: false });
  open.close();
});

test("the index is small, readable by us alone, and used: a page at the end does not read the begin", () => {
  using directory = temporary();
  const transcripts = openTranscripts(directory.path);
  const open = transcripts.open(of.session, of.attempt);
  for (let part = 0; part < 20; part++) open.append("out", text(100_000, 100));
  open.close();
  const file = join(directory.path, "ses_1", "1.out");
  const { size, mode } = statSync(`${file}.idx`);
  expect(size).toBeLessThan(20 * 100_000 * 0.0003);
  expect(mode & 0o777).toBe(0o600);
  // Newlines taken out at the begin would be missed by whoever counts from there.
  const whole = readFileSync(file);
  whole.fill("x", 0, 1000);
  writeFileSync(file, whole);
  expect(transcripts.lines({ ...of, from: 19_999, count: 9 }).lines).toHaveLength(1);
});

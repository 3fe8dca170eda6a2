import { mkdtempDisposableSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openTranscripts } from "../../src/store/transcripts.ts";

const temporary = () => mkdtempDisposableSync(join(tmpdir(), "orcha-transcripts-"));
const of = { session: "ses_1", attempt: 2 };

test("append, read in parts, cut, and go on after opening it again", async () => {
  using directory = temporary();
  const transcripts = openTranscripts(directory.path);
  const text = (from: number, bytesMax = 100): string =>
    Buffer.from(transcripts.read({ ...of, stream: "out", from, bytesMax })).toString();
  const first = transcripts.open(of.session, of.attempt);
  first.append("out", Buffer.from("one\n"));
  first.append("out", Buffer.from("two\nhalf"));
  first.append("err", Buffer.from("oh"));
  await first.sync();
  await first.sync();
  expect([first.length("out"), first.length("err")]).toEqual([12, 2]);
  expect([text(0), text(4, 4), text(12), text(99)]).toEqual(["one\ntwo\nhalf", "two\n", "", ""]);
  first.cut("out", 8);
  first.cut("out", 99);
  first.close();
  const second = transcripts.open(of.session, of.attempt);
  expect(second.length("out")).toBe(8);
  second.append("out", Buffer.from("three\n"));
  expect(text(0)).toBe("one\ntwo\nthree\n");
  second.close();
});

test("only for us to read, each attempt for itself", () => {
  using directory = temporary();
  const transcripts = openTranscripts(directory.path);
  transcripts.open("ses_1", 1).close();
  const file = join(directory.path, "ses_1", "1.out");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory.path, "ses_1")).mode & 0o777).toBe(0o700);
  const place = { session: "ses_1", attempt: 9, stream: "err", from: 0, bytesMax: 9 } as const;
  expect(transcripts.read(place)).toHaveLength(0);
});

test.for(["../escape", "", "a/b", "x".repeat(65)])("%s is no session", (session) => {
  using directory = temporary();
  const transcripts = openTranscripts(directory.path);
  expect(() => transcripts.open(session, 1)).toThrow("not a session id");
  const place = { session, attempt: 1, stream: "out", from: 0, bytesMax: 9 } as const;
  expect(() => transcripts.read(place)).toThrow("not a session id");
});

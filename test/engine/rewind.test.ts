import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rewind } from "../../src/engine/rewind.ts";
import { openTranscripts } from "../../src/store/transcripts.ts";

const place = { session: "ses_1", attempt: 1 };

function given(out: string) {
  const directory = mkdtempDisposableSync(join(tmpdir(), "orcha-rewind-"));
  const transcripts = openTranscripts(directory.path);
  if (out !== "") {
    const file = transcripts.open("ses_1", 1);
    file.append("out", Buffer.from(out));
    file.close();
  }
  return { transcripts, [Symbol.dispose]: () => directory.remove() };
}

test.for([
  ["everything is there", "one\ntwo\n", 8, 8],
  ["more is there: it is cut elsewhere", "one\ntwo\nthree\n", 8, 8],
  ["nothing is there", "", 8, 0],
  ["a line is missing", "one\n", 8, 4],
  ["a line is torn", "one\ntw", 8, 4],
  ["the first line is torn", "on", 8, 0],
  ["nothing was expected", "", 0, 0],
  ["far back", `one\n${"x".repeat(200_000)}`, 200_005, 4],
] as const)("%s", ([, out, cursor, expected]) => {
  using at = given(out);
  expect(rewind(at.transcripts, place, { out: cursor, err: 0, seq: 7 })).toEqual({
    out: expected,
    err: 0,
    seq: 7,
  });
});

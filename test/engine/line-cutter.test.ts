import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LineCutter } from "../../src/engine/line-cutter.ts";

/** Stars over every "secret", at the same length. */
const redact = (line: Uint8Array): Uint8Array =>
  Buffer.from(Buffer.from(line).toString("latin1").replaceAll("secret", "******"), "latin1");

const Bytes = fc
  .array(fc.constantFrom("a", "ü", "secret", "\n", "\n", "{}", "sec"), { maxLength: 40 })
  .map((parts) => Buffer.from(parts.join("")));

/** The same bytes in pieces of these sizes. */
function pieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const found: Buffer[] = [];
  let from = 0;
  for (const size of sizes) {
    found.push(bytes.subarray(from, from + size));
    from += size;
  }
  return [...found, bytes.subarray(from)];
}

function cut(chunks: readonly Buffer[], offset = 0) {
  const cutter = new LineCutter(offset, redact);
  const cuts = chunks.map((chunk) => cutter.feed(chunk));
  const lines = cuts.flatMap((one) => one.lines);
  const received = cutter.received;
  const bytes = Buffer.concat([...cuts.map((one) => one.bytes), cutter.end()]);
  return { lines, received, bytes };
}

test("any chunks give the same lines, the same bytes and the same offsets", () => {
  fc.assert(
    fc.property(Bytes, fc.array(fc.nat(9)), fc.nat(1000), (bytes, sizes, offset) => {
      const whole = cut([bytes], offset);
      expect(cut(pieces(bytes, sizes), offset)).toEqual(whole);
      expect(whole.received).toBe(offset + bytes.byteLength);
      expect(whole.bytes).toEqual(
        Buffer.from(
          bytes
            .toString()
            .split("\n")
            .map((line) => Buffer.from(redact(Buffer.from(line))).toString())
            .join("\n"),
        ),
      );
      for (const { text, end } of whole.lines) {
        const stop = end - offset;
        expect(bytes[stop - 1]).toBe(0x0a);
        expect(Buffer.byteLength(text)).toBe(
          stop - 1 - (bytes.subarray(0, stop - 1).lastIndexOf("\n") + 1),
        );
      }
    }),
  );
});

test("a tail without newline is kept, redacted, and is no line", () => {
  const { lines, bytes } = cut([Buffer.from("one\nmy sec"), Buffer.from("ret")]);
  expect(lines).toEqual([{ text: "one", end: 4 }]);
  expect(bytes.toString()).toBe("one\nmy ******");
});

test("a line that is too long is kept in pieces, no driver sees it, the next one it does", () => {
  const long = Buffer.alloc(16 * 1024 * 1024 + 1, "x");
  const cutter = new LineCutter(0, (line) => line);
  const first = cutter.feed(long);
  expect(first.lines).toEqual([]);
  expect(first.bytes.byteLength).toBe(long.byteLength);
  const second = cutter.feed(Buffer.from("rest\nnext\n"));
  expect(second.lines).toEqual([{ text: "next", end: long.byteLength + 10 }]);
  expect(cutter.received).toBe(long.byteLength + 10);
});

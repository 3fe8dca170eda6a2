import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  encodeFrame,
  type Frame,
  FrameError,
  FrameReader,
  HEADER_BYTES_MAX,
  PAYLOAD_BYTES_MAX,
} from "../../src/protocol/frame.ts";
import { growth, LINEAR } from "../growth.ts";

const name = fc.stringMatching(/^[a-z0-9_]{1,20}$/u);
const payload = fc.uint8Array({ maxLength: 300 });
const count = fc.nat();
const attempt = fc.integer({ min: 1, max: 1000 });
const header = fc.oneof(
  fc.record({ k: fc.constant("request" as const), id: name }),
  fc.record({ k: fc.constant("reply" as const), id: name, body: fc.jsonValue() }),
  fc.record({ k: fc.constantFrom("out" as const, "err" as const), s: name, a: attempt, at: count }),
  fc.record({
    k: fc.constant("journal" as const),
    s: name,
    a: attempt,
    seq: attempt,
    outAt: count,
  }),
);

/** Cuts bytes at the given places, whatever they are. */
function chunks(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.byteLength + 1)))].toSorted(
    (a, b) => a - b,
  );
  return [0, ...places].map((from, index) =>
    bytes.subarray(from, places[index] ?? bytes.byteLength),
  );
}

test("frames come out as they went in, however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(header, payload), { maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 30 }),
      (frames, cuts) => {
        const stream = Buffer.concat(frames.map(([head, body]) => encodeFrame(head, body)));
        const reader = new FrameReader();
        const read = chunks(stream, cuts).flatMap((chunk): Frame[] => reader.feed(chunk));
        expect(read.map((frame) => Buffer.from(frame.payload))).toEqual(
          frames.map(([, body]) => Buffer.from(body)),
        );
        expect(read.map((frame) => frame.header)).toEqual(
          frames.map(([head, body]) =>
            JSON.parse(JSON.stringify({ ...head, bytes: body.byteLength })),
          ),
        );
      },
    ),
  );
});

test("a payload that looks like a frame is payload", () => {
  const forged = encodeFrame({ k: "journal", s: "s", a: 1, seq: 1, outAt: 0 }, new Uint8Array(3));
  const [frame, ...more] = new FrameReader().feed(
    encodeFrame({ k: "out", s: "s", a: 1, at: 0 }, forged),
  );
  expect(more).toEqual([]);
  expect(frame?.header.k).toBe("out");
  expect(Buffer.from(frame?.payload ?? []).equals(Buffer.from(forged))).toBe(true);
});

const broken: readonly [what: string, bytes: string][] = [
  ["text", "hello\n"],
  ["JSON of another kind", '{"k":"other","bytes":0}\n'],
  ["no length", '{"k":"request","id":"a"}\n'],
  ["a negative length", '{"k":"request","id":"a","bytes":-1}\n'],
  ["a length over the limit", `{"k":"request","id":"a","bytes":${PAYLOAD_BYTES_MAX + 1}}\n`],
  ["a length that is no integer", '{"k":"request","id":"a","bytes":1.5}\n'],
  ["attempt 0", '{"k":"out","s":"s","a":0,"at":0,"bytes":0}\n'],
  ["a header without end", "x".repeat(HEADER_BYTES_MAX)],
];

test.for(broken)("%s ends the stream with an error", ([, bytes]) => {
  expect(() => new FrameReader().feed(Buffer.from(bytes))).toThrow(FrameError);
});

test("random bytes never make it hang or throw anything else", () => {
  const survives = fc.property(
    fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }),
    (parts) => {
      const reader = new FrameReader();
      let thrown: unknown;
      try {
        for (const part of parts) reader.feed(part);
      } catch (error) {
        thrown = error;
      }
      return thrown === undefined || thrown instanceof FrameError;
    },
  );
  expect(fc.check(survives)).toMatchObject({ failed: false });
});

test("what is over a limit is not sent", () => {
  const big = { k: "reply", id: "a", body: "x".repeat(HEADER_BYTES_MAX) } as const;
  expect(() => encodeFrame(big, new Uint8Array())).toThrow(RangeError);
});

/** One frame of so many bytes, in chunks as a socket brings them. */
function readInChunks(size: number): void {
  const bytes = encodeFrame({ k: "reply", id: "a", body: null }, new Uint8Array(size));
  const reader = new FrameReader();
  let frames = 0;
  for (let at = 0; at < bytes.byteLength; at += 16_384)
    frames += reader.feed(bytes.subarray(at, at + 16_384)).length;
  expect(frames).toBe(1);
}

test("a large payload in small chunks is read in linear time", () => {
  expect(growth(readInChunks, 8 * 1024 * 1024)).toBeLessThan(LINEAR);
});

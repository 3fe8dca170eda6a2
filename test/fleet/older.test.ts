/** A daemon of the version before: it says less, knows fewer requests, and is worked with all the same. */
import { PLAIN } from "../../src/agents/catalog.ts";
import { duplexPair, type Duplex } from "node:stream";
import { afterEach, expect, test } from "vitest";
import * as z from "zod";
import { shelfOf } from "../../src/compose/retention.ts";
import type { RunnerEffect } from "../../src/domain/effect.ts";
import { sessionId } from "../../src/domain/id.ts";
import { openFleet } from "../../src/fleet/fleet.ts";
import { openLink, type Link } from "../../src/fleet/link.ts";
import { encodeFrame, FrameReader } from "../../src/protocol/frame.ts";
import { clock, Sink, waitFor } from "../runners/world.ts";

/** A request, whatever is in it. */
const Asked = z.looseObject({ op: z.string() });

type Answer = (request: Readonly<Record<string, unknown>>) => unknown;

const HELLO = {
  ok: true,
  value: {
    protocol: 0,
    capabilities: [],
    epoch: 3,
    runner: { bootId: "b", pid: 1, user: "u", node: "v18", git: "2.38", program: "old" },
    attempts: [],
  },
};

/** Answers as the older version did; whatever it does not know is `not-implemented`. */
const older: Answer = ({ op }) => {
  switch (op) {
    case "hello":
      return HELLO;
    case "start":
      return { ok: true, value: { running: true } };
    case "input":
    case "stop":
    case "attach":
      return { ok: true, value: null };
    default:
      return {
        ok: false,
        code: "not-implemented",
        reason: `this runner does not know ${String(op)}`,
      };
  }
};

const links: Link[] = [];
afterEach(async () => {
  for (const link of links.splice(0)) await link.close();
});

function connectTo(answer: Answer, outbid?: (seen: number) => Promise<number | null>) {
  const asked: Readonly<Record<string, unknown>>[] = [];
  const streams: Duplex[] = [];
  const connect = async (): Promise<Duplex> => {
    const [ours, theirs] = duplexPair();
    streams.push(theirs);
    const reader = new FrameReader();
    theirs.on("data", (chunk: Buffer) => {
      for (const { header, payload } of reader.feed(chunk)) {
        if (header.k !== "request") throw new Error(`not a request: ${header.k}`);
        const request = Asked.parse(JSON.parse(Buffer.from(payload).toString("utf8")));
        asked.push(request);
        const body = answer(request);
        theirs.write(encodeFrame({ k: "reply", id: header.id, body }, new Uint8Array()));
      }
    });
    return ours;
  };
  const link = openLink({
    transport: { description: "an older one", connect, close: async () => {} },
    hello: { installation: "test", plane: "plane", epoch: 4, generation: "g" },
    clock,
    ...(outbid === undefined ? {} : { outbid }),
  });
  links.push(link);
  return { link, asked, streams };
}

test("it is greeted with both versions, and its answer is enough", async () => {
  const { link, asked } = connectTo(older);
  expect(await link.connected()).toMatchObject({ protocol: 0, capabilities: [] });
  expect(asked).toEqual([expect.objectContaining({ op: "hello", protocol: { min: 0, max: 1 } })]);
});

test("what it does not know is said, and the connection goes on", async () => {
  const { link, streams } = connectTo(older);
  const shelf = shelfOf("old", link);
  await expect(shelf.list()).rejects.toThrow("not-implemented");
  expect(await shelf.purge("s", 1)).toBe(false);
  const { reply } = await link.request({ op: "doctor" });
  expect(reply).toMatchObject({ ok: false, code: "not-implemented" });
  expect(await link.request({ op: "stop", session: "s", attempt: 1, graceMs: 1 })).toMatchObject({
    reply: { ok: true },
  });
  expect([link.state, streams.length]).toEqual(["connected", 1]);
});

test("effects: what it knows is done, what it does not know is refused with the reason, not tried for ever", async () => {
  const { link } = connectTo(older);
  const driver = {
    name: "script",
    launch: () => ({ command: ["x"], env: {}, inherit: [], files: [] }),
    initial: () => null,
    reduce: () => ({ state: null, findings: [] }),
  };
  const fleet = openFleet({
    link: () => link,
    agent: () => ({ driver, settings: { ...PLAIN, driver: "script" } }),
    cloneUrl: () => "https://github.test/acme/shop",
    credential: async () => ({ username: "x", password: "y", revoke: async () => {} }),
  });
  const of = { runner: "old", session: sessionId("s"), attempt: 1 };
  const perform = (effect: RunnerEffect) =>
    fleet.perform(effect, { key: "k", number: 1, known: null });
  expect(await perform({ kind: "stop-attempt", ...of, graceMs: 1 })).toEqual({ kind: "done" });
  const message = { id: "m", text: "t" };
  expect(await perform({ kind: "send-message", ...of, agent: "script", message })).toEqual({
    kind: "done",
  });
  expect(
    await perform({
      kind: "answer-call",
      ...of,
      call: "c",
      outcome: "result",
      isError: false,
      content: "x",
    }),
  ).toEqual({ kind: "refused", reason: "not-implemented: this runner does not know answer" });
  expect(
    await fleet.exportBundle({
      runner: "old",
      session: "s",
      attempt: 1,
      path: "p",
      base: "a".repeat(40),
    }),
  ).toMatchObject({ ok: false, code: "failed" });
});

test("its stream is taken, and goes on where it was after the connection was lost", async () => {
  const { link, asked, streams } = connectTo(older);
  const sink = new Sink();
  const of = { session: "s", attempt: 1 };
  expect(await link.attach(of, sink)).toMatchObject({ ok: true });
  const say = (at: number, text: string): void =>
    void streams.at(-1)?.write(encodeFrame({ k: "out", s: "s", a: 1, at }, Buffer.from(text)));
  say(0, "one\n");
  await waitFor("the first line", () => sink.text === "one\n");
  streams[0]?.destroy();
  await waitFor("a new attach", () => asked.filter(({ op }) => op === "attach").length === 2);
  expect(asked.at(-1)).toMatchObject({ op: "attach", out: 4, err: 0, seq: 0 });
  say(4, "two\n");
  await waitFor("the second line", () => sink.text === "one\ntwo\n");
});

test("it fences without saying which epoch it obeys: nobody outbids what was not said", async () => {
  const outbids: number[] = [];
  const fenced = { ok: false, code: "fenced", reason: "epoch 4 is over" };
  const { link } = connectTo(
    () => fenced,
    async (seen) => {
      outbids.push(seen);
      return seen + 1;
    },
  );
  await expect(link.connected()).rejects.toMatchObject({
    kind: "fenced",
    message: "epoch 4 is over",
  });
  expect([link.state, outbids]).toEqual(["fenced", []]);
});

test("one that is too old says so; it may be replaced, so it is asked again", async () => {
  let replaced = false;
  const { link } = connectTo((request) =>
    replaced
      ? older(request)
      : { ok: false, code: "version", reason: "this runner speaks protocol -1" },
  );
  await waitFor("the refusal", () => link.state === "unreachable");
  expect(link.problem).toBe("this runner speaks protocol -1");
  replaced = true;
  expect(await link.connected()).toMatchObject({ protocol: 0 });
});

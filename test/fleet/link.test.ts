/**
 * The link on a real daemon, with a transport whose connections can be cut and whose way can be blocked. That nothing of a
 * stream is lost or seen twice is in the contract of all transports.
 */
import { expect, test } from "vitest";
import { type AttachSink, type Link, openLink } from "../../src/fleet/link.ts";
import { clock, RunnerWorld, Sink, waitFor } from "../runners/world.ts";
import { Road } from "./road.ts";

const hello = { installation: "test", plane: "plane", epoch: 1 };

function linkOver(road: Road, timers = clock): Link {
  return openLink({ transport: road, hello, clock: timers });
}

test("a request whose reply is lost rejects as unknown, and may be repeated", async () => {
  await using world = await RunnerWorld.open();
  const road = new Road(world.transport);
  const link = linkOver(road);
  const session = world.session();
  const spec = world.plain(session, ["cat"]);
  await link.connected();
  const asked = link.request({ op: "start", spec, credential: null });
  const outcome = asked.catch((error: unknown) => error);
  await waitFor("the request to be on its way", () => road.streams.at(-1)?.writableLength === 0);
  road.cut();
  expect(await outcome).toMatchObject({ name: "LinkError", kind: "lost" });
  const again = await link.request({ op: "start", spec, credential: null });
  expect(again.reply).toMatchObject({ ok: true });
  await link.request({ op: "stop", session, attempt: 1, graceMs: 0 });
  await link.close();
});

test("an unreachable runner: the reason is kept, tries come further apart, and then it goes on", async () => {
  await using world = await RunnerWorld.open();
  const road = new Road(world.transport);
  road.blocked = "the cable is out";
  const delays: number[] = [];
  let due: (() => void) | undefined;
  const timers = {
    after(delayMs: number, callback: () => void): () => void {
      delays.push(delayMs);
      due = callback;
      return () => {};
    },
  };
  const link = linkOver(road, timers);
  const states: string[] = [];
  link.onState((state) => states.push(state));
  for (let round = 1; round <= 12; round += 1) {
    await waitFor(`try ${round}`, () => delays.length === round);
    expect(link).toMatchObject({ state: "unreachable", problem: "the cable is out" });
    due?.();
  }
  expect(delays.slice(0, 12)).toEqual([
    50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000,
  ]);
  await expect(link.connected(AbortSignal.timeout(1))).rejects.toMatchObject({ kind: "timeout" });
  await expect(link.request({ op: "list" }, { timeoutMs: 1 })).rejects.toThrow("the cable is out");
  road.blocked = undefined;
  await waitFor("try 13", () => delays.length === 13);
  due?.();
  await link.connected(AbortSignal.timeout(10_000));
  expect(states.at(-1)).toBe("connected");
  await link.close();
});

test("a runner that lost what we have says so at the reconnection, and the stream ends", async () => {
  await using world = await RunnerWorld.open();
  const road = new Road(world.transport);
  const link = linkOver(road);
  const session = world.session();
  await link.request({
    op: "start",
    spec: world.plain(session, ["sh", "-c", "echo x; read line"]),
    credential: null,
  });
  const sink = new Sink();
  await link.attach({ session, attempt: 1 }, sink);
  await waitFor("output", () => sink.text === "x\n");
  sink.position = () => ({ out: 1000, err: 0, seq: 0 });
  road.cut();
  await waitFor("the refusal", () => sink.refusals.length > 0);
  expect(sink.refusals).toMatchObject([{ ok: false, code: "behind" }]);
  await link.request({ op: "stop", session, attempt: 1, graceMs: 0 });
  expect(sink.entry("exited")).toBeUndefined();
  await link.close();
});

test("attaching over a connection that has just died waits for the next one, and lets others work", async () => {
  await using world = await RunnerWorld.open();
  const road = new Road(world.transport);
  const link = linkOver(road);
  const session = world.session();
  await link.request({ op: "start", spec: world.plain(session, ["cat"]), credential: null });
  const sink = new Sink();
  let tries = 0;
  const counting: AttachSink = {
    position() {
      tries += 1;
      // Without end, nothing else in this process would run any more: not even a test's time limit.
      if (tries > 10) throw new Error("tried over and over on the same connection");
      return sink.position();
    },
    output: (...given) => sink.output(...given),
    journal: (line) => sink.journal(line),
    refused: (reply) => sink.refused(reply),
  };
  road.cut();
  expect(await link.attach({ session, attempt: 1 }, counting)).toMatchObject({ ok: true });
  expect(tries).toBe(2);
  await link.request({ op: "stop", session, attempt: 1, graceMs: 0 });
  await link.close();
});

test("after detach nothing comes; attach goes on from where the sink is", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const of = { session, attempt: 1 };
  const sink = await world.run(world.plain(session, ["cat"]));
  const input = (id: string): Promise<unknown> =>
    world.ask({ op: "input", ...of, input: { id, line: id } });
  await input("one");
  await waitFor("one", () => sink.text === "one\n");
  await world.link.detach(of);
  await input("two");
  await world.ask({ op: "list" });
  expect(sink.text).toBe("one\n");
  await world.attach(of, sink);
  await waitFor("two", () => sink.text === "one\ntwo\n");
  await expect(world.link.attach(of, sink)).rejects.toThrow("is attached already");
  await world.ask({ op: "stop", ...of, graceMs: 0 });
});

test("aborting and closing end what waits", async () => {
  await using world = await RunnerWorld.open();
  const road = new Road(world.transport);
  const link = linkOver(road);
  await link.connected();
  const abort = new AbortController();
  abort.abort();
  await expect(link.request({ op: "list" }, { signal: abort.signal })).rejects.toMatchObject({
    kind: "aborted",
  });
  road.blocked = "no way";
  road.cut();
  await waitFor("the cut", () => link.state !== "connected");
  const waiting = link.connected().catch((error: unknown) => error);
  await link.close();
  expect(await waiting).toMatchObject({ kind: "closed" });
  await expect(link.request({ op: "list" })).rejects.toMatchObject({ kind: "closed" });
  expect(link.state).toBe("closed");
});

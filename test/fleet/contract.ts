/** What every transport to a runner has to do, whatever it goes over. Real daemon, real agents. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { type Link, openLink } from "../../src/fleet/link.ts";
import type { RunnerTransport } from "../../src/fleet/transport.ts";
import { clock, type RunnerWorld, Sink, waitFor } from "../runners/world.ts";
import { counting, expectCounted } from "./counting.ts";
import { Road } from "./road.ts";

const hello = { installation: "test", plane: "plane", epoch: 1 };
const CUTS = 6;
/** More than all buffers on the way hold together. */
const BIG_BYTES = 16 * 1024 * 1024;

export function testTransport(open: () => Promise<RunnerWorld>): void {
  testStreams(open);
  testLifetimes(open);
}

function testStreams(open: () => Promise<RunnerWorld>): void {
  test("a runner without a daemon gets one; the second connection finds the same", async () => {
    await using world = await open();
    const { runner } = await world.link.connected();
    const other = over(world.transport);
    expect((await other.connected()).runner.pid).toBe(runner.pid);
    expect(world.transport.description).not.toBe("");
    await other.close();
  });

  test("cut over and over, a stream loses nothing and repeats nothing", async () => {
    await using world = await open();
    const road = new Road(world.transport);
    const link = over(road);
    const session = world.session();
    await start(link, world, session, counting);
    const sink = new Sink();
    expect(await link.attach({ session, attempt: 1 }, sink)).toMatchObject({ ok: true });
    for (let cuts = 0; cuts < CUTS; cuts += 1) {
      const before = sink.position().out;
      await waitFor("some output", () => sink.position().out > before + 50);
      road.cut();
    }
    await world.ask({ op: "input", session, attempt: 1, input: { id: "end", line: "end" } });
    await expectCounted(sink);
    await link.close();
  });

  test("a stream that nobody reads is held back; read, it is complete", async () => {
    await using world = await open();
    const road = new Road(world.transport);
    const link = over(road);
    const session = world.session();
    const agent = `process.stdin.once("data", () => { for (let n = 0; n < ${BIG_BYTES / 65_536}; n += 1) process.stdout.write(Buffer.alloc(65536, n % 251)); process.stdin.destroy(); })`;
    await start(link, world, session, [process.execPath, "-e", agent]);
    const sink = new Sink();
    await link.attach({ session, attempt: 1 }, sink);
    const stream = road.streams.at(-1);
    stream?.pause();
    await world.ask({ op: "input", session, attempt: 1, input: { id: "go", line: "go" } });
    // The agent is not held back: it writes to its file.
    const ended = join(world.workRoot, "sessions", session, "1", "exit");
    await waitFor("the agent to end", () => existsSync(ended));
    expect(sink.position().out).toBeLessThan(BIG_BYTES);
    stream?.resume();
    await sink.exited();
    const wanted = createHash("sha256");
    for (let n = 0; n < BIG_BYTES / 65_536; n += 1) wanted.update(Buffer.alloc(65_536, n % 251));
    expect(createHash("sha256").update(sink.out).digest("hex")).toBe(wanted.digest("hex"));
    await link.close();
  });

  test("two links at once each get the whole stream", async () => {
    await using world = await open();
    const session = world.session();
    const links = [over(world.transport), over(world.transport)];
    await start(world.link, world, session, ["sh", "-c", "echo one; echo two >&2; echo three"]);
    for (const link of links) {
      const sink = new Sink();
      expect(await link.attach({ session, attempt: 1 }, sink)).toMatchObject({ ok: true });
      await sink.exited();
      expect([sink.text, sink.err.toString()]).toEqual(["one\nthree\n", "two\n"]);
    }
    for (const link of links) await link.close();
  });
}

function testLifetimes(open: () => Promise<RunnerWorld>): void {
  test("a killed daemon is started again, and its agents did not notice", async () => {
    await using world = await open();
    const session = world.session();
    const sink = await world.run(world.plain(session, ["cat"]));
    await world.killDaemon();
    await world.ask({ op: "input", session, attempt: 1, input: { id: "1", line: "still there" } });
    await waitFor("its answer", () => sink.text === "still there\n");
    await world.ask({ op: "stop", session, attempt: 1, graceMs: 0 });
    expect(await sink.exited()).toMatchObject({ cause: "stopped" });
  });

  test("closed, it leaves sessions running; opened again, they are there", async () => {
    await using world = await open();
    const session = world.session();
    const of = { session, attempt: 1 };
    const first = over(world.transport);
    await start(first, world, session, ["cat"]);
    await first.close();
    await world.transport.close();
    const again = over(world.transport);
    const sink = new Sink();
    expect(await again.attach(of, sink)).toMatchObject({ ok: true });
    await again.request({ op: "input", ...of, input: { id: "1", line: "here" } });
    await waitFor("its answer", () => sink.text === "here\n");
    await again.request({ op: "stop", ...of, graceMs: 0 });
    await again.close();
  });

  test("a destroyed stream closes, a connection that nobody waits for is given up", async () => {
    await using world = await open();
    const stream = await world.transport.connect();
    const closed = new Promise<void>((resolve) => void stream.once("close", resolve));
    stream.destroy();
    await closed;
    const abort = new AbortController();
    abort.abort();
    await world.transport.connect(abort.signal).then(
      (late) => late.destroy(),
      (error: unknown) => expect(error).toBeInstanceOf(Error),
    );
  });
}

function over(transport: RunnerTransport): Link {
  return openLink({ transport, hello, clock });
}

async function start(
  link: Link,
  world: RunnerWorld,
  session: string,
  command: readonly string[],
): Promise<void> {
  const { reply } = await link.request({
    op: "start",
    spec: world.plain(session, command),
    credential: null,
  });
  expect(reply).toMatchObject({ ok: true });
}

/** The daemon as a peer: greeting, fencing, bad requests, bad frames, slow readers, its own end. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import * as z from "zod/mini";
import { DoctorReply, HelloReply, ListReply, StatusReply } from "../../src/protocol/requests.ts";
import { encodeFrame, FrameReader, type Frame } from "../../src/protocol/frame.ts";
import { processesOf, program, RunnerWorld, waitFor } from "./world.ts";

/** Speaks frames by hand, so that it can say what no link would. */
class Peer implements Disposable {
  readonly frames: Frame[] = [];
  readonly socket: Socket;
  closed = false;
  #id = 0;

  constructor(world: RunnerWorld) {
    const reader = new FrameReader();
    this.socket = createConnection(join(world.runtimeDir, "runner.sock"));
    this.socket.on("data", (chunk: Buffer) => this.frames.push(...reader.feed(chunk)));
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.closed = true;
    });
  }

  async ask(request: unknown): Promise<unknown> {
    this.#id += 1;
    const id = `r${this.#id}`;
    this.socket.write(encodeFrame({ k: "request", id }, Buffer.from(JSON.stringify(request))));
    const found = await waitFor(`reply ${id}`, () =>
      this.frames.find(({ header }) => header.k === "reply" && header.id === id),
    );
    return found.header.k === "reply" ? found.header.body : undefined;
  }

  hello(epoch: number, more: object = {}): Promise<unknown> {
    const protocol = { min: 1, max: 1 };
    return this.ask({ op: "hello", protocol, installation: "test", plane: "p", epoch, ...more });
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

const Greeted = z.object({ value: HelloReply });

function pidOf(reply: unknown): number {
  return Greeted.parse(reply).value.runner.pid;
}

test("greeting: hello comes first, versions are compared, the runner says who it is", async () => {
  await using world = await RunnerWorld.open();
  using peer = new Peer(world);
  expect(await peer.ask({ op: "list" })).toMatchObject({ ok: false, code: "invalid" });
  expect(await peer.hello(1, { protocol: { min: 7, max: 9 } })).toMatchObject({
    ok: false,
    code: "version",
  });
  expect(await peer.hello(1)).toMatchObject({
    ok: true,
    value: { protocol: 1, epoch: 1, attempts: [], runner: { node: process.versions.node } },
  });
  expect(await peer.ask({ op: "list" })).toEqual({
    ok: true,
    value: { attempts: [], workspaces: [] },
  });
});

test("how it is just now: load, room where checkouts are, mirrors", async () => {
  await using world = await RunnerWorld.open();
  const { reply } = await world.ask({ op: "status" });
  const status = StatusReply.parse(reply.ok ? reply.value : null);
  expect(status).toMatchObject({ mirrors: [] });
  expect(status.freeBytes).toBeGreaterThan(0);
  expect(status.cores).toBeGreaterThan(0);
});

test("fencing: a lower epoch or another installation is refused, over daemons, and the older one is cut off", async () => {
  await using world = await RunnerWorld.open();
  using old = new Peer(world);
  await old.hello(4);
  using next = new Peer(world);
  expect(await next.hello(5)).toMatchObject({ ok: true, value: { epoch: 5 } });
  await waitFor("the old one to be cut off", () => old.closed);
  // The world's own link was greeted with 1: fenced now, and it stays so.
  await waitFor("the link to be fenced", () => world.link.state === "fenced");
  process.kill(pidOf(await next.hello(5)), "SIGKILL");
  await waitFor("the end", () => next.closed);
  const link = world.openLink(4);
  await expect(link.connected()).rejects.toThrow(
    "epoch 4 is over: this runner has been greeted with 5",
  );
  await link.close();
  using other = new Peer(world);
  expect(await other.hello(9, { installation: "another" })).toMatchObject({
    ok: false,
    code: "fenced",
  });
  const stranger = await other.hello(6);
  expect(stranger).toMatchObject({ ok: true, value: { epoch: 6 } });
  process.kill(pidOf(stranger), "SIGTERM");
});

test("what it does not know or cannot read is answered, and does no harm", async () => {
  await using world = await RunnerWorld.open();
  using peer = new Peer(world);
  await peer.hello(1);
  expect(await peer.ask({ op: "dance" })).toMatchObject({ ok: false, code: "not-implemented" });
  expect(await peer.ask({ op: "stop", session: "../..", attempt: 1, graceMs: 0 })).toMatchObject({
    ok: false,
    code: "invalid",
  });
  expect(await peer.ask({ op: "stop", session: "s", attempt: 0, graceMs: 0 })).toMatchObject({
    ok: false,
    code: "invalid",
  });
  expect(await peer.ask(null)).toMatchObject({ ok: false, code: "invalid" });
  for (const path of ["../x", "/etc", "a/../b", "sessions/x", "mirrors/x", "plane.json"])
    expect(await peer.ask({ op: "remove-workspace", path })).toMatchObject({
      ok: false,
      code: "invalid",
    });
  peer.socket.write("this is no frame\n");
  await waitFor("the connection to be closed", () => peer.closed);
  const { reply } = await world.ask({ op: "list" });
  expect(reply.ok && ListReply.parse(reply.value).attempts).toEqual([]);
});

test("a reader that does not read costs the daemon no memory and delays nobody", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const spec = world.plain(session, [
    "sh",
    "-c",
    "head -c 40000000 /dev/zero | tr '\\0' x; echo; read line",
  ]);
  await world.ask({ op: "start", spec, credential: null });
  using lazy = new Peer(world);
  await lazy.hello(1);
  const out = join(world.workRoot, "sessions", session, "1", "out");
  await waitFor("40 MB", () => existsSync(out) && readFileSync(out).byteLength > 40_000_000);
  lazy.socket.pause();
  lazy.socket.write(
    encodeFrame(
      { k: "request", id: "a" },
      Buffer.from(JSON.stringify({ op: "attach", session, attempt: 1, out: 0, err: 0, seq: 0 })),
    ),
  );
  const sink = await world.attach(spec);
  await waitFor("all of it for somebody else", () => sink.position().out > 40_000_000);
  const status = readFileSync(`/proc/${await world.daemonPid()}/status`, "utf8");
  const residentKb = Number(/VmRSS:\s+(\d+)/u.exec(status)?.[1]);
  expect(residentKb).toBeLessThan(300_000);
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 0 });
});

test("the daemon ends when there is nothing to do, not before", async () => {
  await using world = await RunnerWorld.open({ idleExitMs: 200 });
  const session = world.session();
  await world.run(world.plain(session, ["sh", "-c", "read line; echo done"]));
  const pid = await world.daemonPid();
  await world.link.close();
  // An agent runs: it stays, longer than its idle time.
  const again = world.openLink();
  await again.connected();
  expect(again.hello?.runner.pid).toBe(pid);
  await again.request({ op: "stop", session, attempt: 1, graceMs: 3000 });
  await again.close();
  await waitFor("its end", () => !existsSync(`/proc/${pid}`));
  expect(existsSync(join(world.runtimeDir, "runner.sock"))).toBe(false);
  expect(processesOf(session)).toEqual([]);
});

test("doctor: asked with nothing, and with what newer control planes say; in less than ten seconds", async () => {
  await using world = await RunnerWorld.open();
  const Report = z.object({ value: DoctorReply });
  const look = async (more: object): Promise<string[]> => {
    const { reply } = await world.ask({ op: "doctor", ...more });
    return Report.parse(reply).value.checks.map(({ name }) => name);
  };
  const few = await look({});
  expect(few.slice(0, 3)).toEqual(["git", "node", "sh"]);
  expect(few).not.toContain("clock");
  const agents = [{ name: "mine", command: "no-such-program" }];
  const began = performance.now();
  const all = await look({ now: Date.now(), upstream: `file://${world.root}`, agents });
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(all).toEqual(expect.arrayContaining(["clock", "upstream", "agent mine"]));
  expect(all).not.toContain("agent claude");
});

test("the command line: version, usage, a runtime directory that is too long", async () => {
  const file = join((await program()).directory, "orcha-runner.mjs");
  const run = (...args: string[]): { status: unknown; text: string } => {
    try {
      return {
        status: 0,
        text: execFileSync(process.execPath, [file, ...args], {
          encoding: "utf8",
          stdio: "pipe",
        }),
      };
    } catch (error) {
      const failed = z.object({ status: z.number(), stderr: z.string() }).parse(error);
      return { status: failed.status, text: failed.stderr };
    }
  };
  expect(run("--version")).toMatchObject({
    status: 0,
    text: expect.stringMatching(/^[0-9a-f]{12}\n$/u),
  });
  expect(run("daemon")).toMatchObject({ status: 64, text: expect.stringContaining("usage:") });
  const long = `/tmp/${"x".repeat(100)}`;
  expect(run("daemon", "--work-root", "/tmp/x", "--runtime-dir", long).text).toContain(
    "use a shorter runtime directory",
  );
});

test("agents whose control plane is gone for too long are stopped", async () => {
  await using world = await RunnerWorld.open({ orphanAfterMs: 300 });
  const session = world.session();
  const sink = await world.run(
    world.plain(session, ["sh", "-c", "while read line; do :; done; echo ended"]),
  );
  // While somebody is connected nothing happens, however long.
  const until = performance.now() + 500;
  await waitFor("more than its time", () => performance.now() > until);
  expect(sink.entry("exited")).toBeUndefined();
  await world.link.close();
  await waitFor("its end", () => processesOf(session).length === 0);
  const journal = join(world.workRoot, "sessions", session, "1", "journal.ndjson");
  await waitFor("its record", () => readFileSync(journal, "utf8").includes('"cause":"stopped"'));
});

test("a daemon whose socket is gone makes room for the next one, and the agents run on", async () => {
  await using world = await RunnerWorld.open();
  const session = world.session();
  const sink = await world.run(world.plain(session, ["sh", "-c", "read line; echo $line"]));
  const pid = await world.daemonPid();
  rmSync(join(world.runtimeDir, "runner.sock"));
  await world.link.close();
  await waitFor("its end", () => !existsSync(`/proc/${pid}`));
  const link = world.openLink();
  const again = await link.connected();
  expect(again.runner.pid).not.toBe(pid);
  expect(again.attempts).toMatchObject([{ session, finished: false }]);
  await link.attach({ session, attempt: 1 }, sink);
  await link.request({ op: "input", session, attempt: 1, input: { id: "i", line: "still here" } });
  await sink.exited();
  expect(sink.text).toBe("still here\n");
  await link.close();
  process.kill(again.runner.pid, "SIGTERM");
});

test("a daemon that fails behind its lock ends, and frees the lock", async () => {
  await using world = await RunnerWorld.open();
  const other = join(world.root, "other");
  mkdirSync(join(other, "r", "runner.sock"), { recursive: true });
  const args = ["--work-root", join(other, "w"), "--runtime-dir", join(other, "r")];
  const file = join((await program()).directory, "orcha-runner.mjs");
  for (let turn = 0; turn < 2; turn += 1) {
    const ended = spawnSync(process.execPath, [file, "daemon", ...args], {
      encoding: "utf8",
      timeout: 10_000,
    });
    expect(ended).toMatchObject({ status: 1, stderr: expect.stringContaining("EISDIR") });
  }
});

/** The local transport: starting daemons, and saying why one cannot be started. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLink } from "../../src/fleet/link.ts";
import { openLocal } from "../../src/fleet/local.ts";
import { ensureProgram } from "../../src/fleet/program.ts";
import { clock, RunnerWorld, waitFor } from "../runners/world.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "orcha-l-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true, maxRetries: 10 }));

const local = (programDir: string, more: object = {}) =>
  openLocal({
    name: "here",
    workRoot: join(root, "w"),
    runtimeDir: join(root, "r"),
    programDir,
    ...more,
  });

test("many connect at once to a runner without a daemon: one is started", async () => {
  const { directory } = await ensureProgram({ dataDir: join(root, "data") });
  const hello = { installation: "i", plane: "p", epoch: 1 };
  const links = Array.from({ length: 5 }, () =>
    openLink({ transport: local(directory), hello, clock }),
  );
  const greeted = await Promise.all(
    links.map((link) => link.connected(AbortSignal.timeout(30_000))),
  );
  const pids = new Set(greeted.map(({ runner }) => runner.pid));
  expect(pids.size).toBe(1);
  for (const link of links) await link.close();
  for (const pid of pids) process.kill(pid, "SIGTERM");
});

test("the program is bundled once per content, for everybody", async () => {
  const dataDir = join(root, "data");
  const [one, two] = await Promise.all([ensureProgram({ dataDir }), ensureProgram({ dataDir })]);
  expect(one).toEqual(two);
  expect(one.directory).toMatch(/\/program\/[0-9a-f]{16}$/u);
});

test("a daemon that cannot start is an error with its own words", async () => {
  mkdirSync(join(root, "broken"));
  writeFileSync(join(root, "broken", "orcha-runner.mjs"), 'throw new Error("no luck today");');
  await expect(local(join(root, "broken")).connect()).rejects.toThrow(
    /ended with code 1: .*no luck today/u,
  );
  const nodeless = local(join(root, "broken"), { node: "/no/such/node" });
  await expect(nodeless.connect()).rejects.toThrow("cannot be started with /no/such/node");
});

test("a connection that nobody waits for any more is given up", async () => {
  mkdirSync(join(root, "mute"));
  writeFileSync(join(root, "mute", "orcha-runner.mjs"), "setTimeout(() => {}, 3000);");
  const abort = new AbortController();
  const connecting = local(join(root, "mute")).connect(abort.signal).catch(String);
  abort.abort();
  expect(await connecting).toContain("did not start");
});

test("Node 20 runs the program as well", async ({ skip }) => {
  const node = "/usr/bin/node";
  const version = spawnSync(node, ["--version"], { encoding: "utf8" });
  if (version.status !== 0 || version.stdout.startsWith("v24."))
    skip("no other Node on this machine");
  await using world = await RunnerWorld.open({ node });
  const session = world.session();
  const sink = await world.run(world.scripted(session, [{ say: "hello from an older Node" }]));
  await waitFor("its words", () => sink.text.includes("hello from an older Node"));
  expect((await world.link.connected()).runner.node).toBe(version.stdout.trim().slice(1));
  await world.ask({ op: "stop", session, attempt: 1, graceMs: 3000 });
});

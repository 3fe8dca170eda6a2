/** The running server's own door: who may open it, and what comes in through it. */
import { mkdirSync, mkdtempDisposableSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openControlServer } from "../../src/cli/control-server.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { repository } from "../domain/cast.ts";
import { Play } from "../domain/play.ts";
import { deskWithoutMachines, handsWithoutMachines } from "./desk.ts";
import { called, runtimeDir } from "./run.ts";

/** A server over a store in memory, with one objective that has been labelled and no more. */
async function open() {
  const stack = new AsyncDisposableStack();
  const directory = stack.use(mkdtempDisposableSync(join(tmpdir(), "orcha-"))).path;
  mkdirSync(runtimeDir(directory));
  // What a server that was killed leaves behind.
  writeFileSync(join(runtimeDir(directory), "control.sock"), "");
  const store = stack.use(await openSqlite(":memory:", { now: () => 1 }));
  const objective = new Play().label().it;
  await store.enqueue([labelled], 1);
  const [item] = await store.takeInbox({ now: 1, limit: 1, busy: new Set() });
  if (item === undefined) throw new Error("nothing came in");
  const nothing = { effects: [], timers: [], notes: [], facts: {} };
  await store.commit({ item, now: 1, before: null, objective, ...nothing });
  const server = stack.use(
    await openControlServer({
      runtimeDir: runtimeDir(directory),
      store,
      now: () => 2,
      ready: () => ({ ready: true, checks: [{ name: "engine", ok: true, found: "turns" }] }),
      desk: deskWithoutMachines(store),
      hands: handsWithoutMachines(store),
    }),
  );
  const run = (...args: readonly string[]) => called(args, directory);
  return { server, store, objective, run, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const labelled = {
  key: "labelled",
  repository,
  subject: { kind: "issue", number: 12 },
  event: {
    kind: "issue-changed",
    cause: "labeled",
    number: 12,
    actor: { id: 1, login: "ann", type: "user" },
    labels: ["objective"],
    snapshot: { id: 900, title: "t", body: "b", url: "u" },
  },
} as const;

test("only its own user may open the socket", async () => {
  await using it = await open();
  expect(statSync(it.server.path).mode & 0o777).toBe(0o600);
});

test("lists what is there, as JSON and as a table, without a word about the database", async () => {
  await using it = await open();
  const json = await it.run("objectives", "--json");
  expect(json).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(json.stdout)).toMatchObject([{ id: it.objective.id, state: "active" }]);
  const sessions = await it.run("sessions");
  expect(sessions.stdout).toContain(it.objective.sessions[0]?.id ?? "no session");
  expect(sessions.stdout).toContain("waits for a free slot");
});

test.for(["objective", "session"] as const)(
  "cancel of an %s becomes one event, however often it is said",
  async (what) => {
    await using it = await open();
    const session = it.objective.sessions[0]?.id ?? null;
    const id = what === "objective" ? it.objective.id : (session ?? "");
    expect(await it.run("cancel", id)).toMatchObject({
      code: 0,
      stdout: `${id} is being canceled\n`,
    });
    const again = await it.run("cancel", id, "--json");
    expect(JSON.parse(again.stdout)).toEqual({ canceling: id });
    const items = await it.store.takeInbox({ now: 3, limit: 10, busy: new Set() });
    expect(items.map(({ event }) => event)).toEqual([
      {
        kind: "cancel-requested",
        by: "the operator",
        session: what === "objective" ? null : session,
      },
    ]);
  },
);

test("what is not there, and a runner that does not answer", async () => {
  await using it = await open();
  expect(await it.run("cancel", "obj_00000000000000000000")).toMatchObject({ code: 4 });
  expect(await it.run("cancel", "../objectives")).toMatchObject({ code: 4 });
  const doctor = await it.run("doctor");
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toContain("FAIL  runners: none\n      register a machine");
  await it.store.putRunner({ name: "box", kind: "local", state: "online", slots: 1 });
  const silent = await it.run("doctor");
  expect(silent.stdout).toContain("FAIL  runner box: nobody talks to box");
});

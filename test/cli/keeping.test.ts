/** `orcha backup`, `restore`, `dead`, `retry`, and what the doctor says of a database. */
import { mkdirSync, mkdtempDisposableSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { realChance } from "../../src/compose/chance.ts";
import { localConfig } from "../../src/cli/client.ts";
import { eventsCheck } from "../../src/cli/doctor.ts";
import { openControlServer } from "../../src/cli/control-server.ts";
import { serverChecks } from "../../src/cli/server-checks.ts";
import { SUBSCRIBED_EVENTS } from "../../src/inbox/webhook.ts";
import { sizeChecks, sizeText } from "../../src/cli/sizes.ts";
import { lockDirectory } from "../../src/store/lock.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { openTranscripts } from "../../src/store/transcripts.ts";
import { item, take } from "../store/contract/given.ts";
import { events } from "../store/examples.ts";
import { deskWithoutMachines, handsWithoutMachines } from "./desk.ts";
import { called, dataDir, runtimeDir } from "./run.ts";

const clock = { now: () => 1 };

function place() {
  const directory = mkdtempDisposableSync(join(tmpdir(), "orcha-"));
  mkdirSync(dataDir(directory.path));
  mkdirSync(runtimeDir(directory.path));
  const database = join(dataDir(directory.path), "orcha.db");
  const run = (...args: readonly string[]) => called(args, directory.path);
  return { path: directory.path, database, run, [Symbol.dispose]: () => directory.remove() };
}

/** A database with one buried event. */
async function buried(path: string) {
  const store = await openSqlite(path, clock, realChance);
  await store.enqueue([item("bad/one", events["timer-fired"])], 1);
  const [taken] = await take(store);
  await store.buryInbox(taken?.seq ?? 0, "a bug of ours");
  return store;
}

const serving = (directory: string, store: Awaited<ReturnType<typeof openSqlite>>) =>
  openControlServer({
    runtimeDir: runtimeDir(directory),
    store,
    now: () => 2,
    ready: () => ({
      ready: false,
      checks: [
        { name: "github", ok: false, required: true, found: "does not answer" },
        { name: "installation", ok: false, required: false, found: "another one was here" },
      ],
    }),
    desk: deskWithoutMachines(store),
    hands: handsWithoutMachines(store),
  });

test("what was given up is listed with the reason, and tried again by its key", async () => {
  using at = place();
  const store = await buried(at.database);
  {
    await using _ = await serving(at.path, store);
    const listed = await at.run("dead");
    expect(listed.stdout).toContain("bad/one");
    expect(listed.stdout).toContain("a bug of ours");
    expect(await at.run("retry", "nothing")).toMatchObject({ code: 4 });
    expect(await at.run("retry", "bad/one")).toMatchObject({
      code: 0,
      stdout: "bad/one is tried again\n",
    });
    expect((await at.run("dead")).stdout).toBe("nothing was given up\n");
    expect(await take(store)).toMatchObject([{ key: "bad/one" }]);
    const { stdout } = await at.run("doctor");
    expect(stdout).toContain("FAIL  server: github: does not answer");
    expect(stdout).toContain("warn  server: installation: another one was here");
  }
  await store.close();
  expect(await at.run("retry", "bad/one")).toMatchObject({ code: 3 });
});

test("a backup by the running server, and without one; never over another file", async () => {
  using at = place();
  const store = await buried(at.database);
  {
    await using _ = await serving(at.path, store);
    using lock = lockDirectory(dataDir(at.path));
    expect(await at.run("backup", join(at.path, "one.db"))).toMatchObject({ code: 0, stderr: "" });
    lock.release();
  }
  await store.close();
  expect(await at.run("backup", join(at.path, "one.db"))).toMatchObject({ code: 1 });
  const ran = await at.run("backup", "--json");
  expect(ran.code, ran.stderr).toBe(0);
  const [name = ""] = readdirSync(join(dataDir(at.path), "backups"));
  expect(name).toMatch(/^by-hand-.*\.db$/u);
  expect(statSync(join(dataDir(at.path), "backups", name)).mode & 0o777).toBe(0o600);
  using nowhere = place();
  expect(await nowhere.run("backup")).toMatchObject({ code: 3 });
});

test("restoring needs a stopped server and a good backup, and says what is next", async () => {
  using at = place();
  const store = await buried(at.database);
  const file = join(at.path, "one.db");
  await store.backup(file);
  await store.enqueue([item("later", events["timer-fired"])], 1);
  await store.close();
  {
    using _ = lockDirectory(dataDir(at.path));
    const refused = await at.run("restore", file);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain("stop it first");
  }
  expect(await at.run("restore", join(at.path, "none.db"))).toMatchObject({ code: 4 });
  const ran = await at.run("restore", file);
  expect(ran.stdout).toContain("start it with: orcha serve");
  expect(ran.stdout).toContain(join(dataDir(at.path), "replaced"));
  expect((await at.run("dead")).stdout).toContain("bad/one");
  await using restored = await openSqlite(at.database, clock, realChance);
  expect(await restored.counts()).toEqual({ "inbox.dead": 1 });
  expect(await restored.identity()).toMatchObject({ takeoverUntil: 1 + 60 * 60_000 });
});

test("the doctor asks for webhook events where webhooks are taken", () => {
  const { github, webhook } = localConfig();
  const pull = { github, webhook: { ...webhook, ingest: "pull" as const } };
  expect(eventsCheck(pull, [])).toMatchObject({
    ok: true,
    found: "none are needed: ORCHA_INGEST=pull",
  });
  expect(eventsCheck({ github, webhook }, ["issues"])).toMatchObject({ ok: false });
  expect(eventsCheck({ github, webhook }, SUBSCRIBED_EVENTS)).toMatchObject({ ok: true });
});

test("the doctor says how much room everything takes, and how long it is kept", async () => {
  using at = place();
  await (await buried(at.database)).close();
  const transcripts = openTranscripts(join(dataDir(at.path), "transcripts"));
  const one = transcripts.open("ses_1", 1);
  one.append("out", Buffer.alloc(3 * 1024));
  one.close();
  const checks = await sizeChecks({ ...localConfig(), dataDir: dataDir(at.path) });
  expect(checks.map(({ name, found }) => `${name}: ${found}`)).toEqual([
    expect.stringMatching(
      /^database: \d+\.\d [KM]iB; rows of ended objectives are kept for 30 days$/u,
    ),
    expect.stringMatching(
      /^transcripts: 3\.\d KiB in \d files; those of ended objectives are kept for 90 days$/u,
    ),
    "backups: 0 bytes",
  ]);
  expect([0, 1023, 1024, 5 * 1024 ** 3].map(sizeText)).toEqual([
    "0 bytes",
    "1023 bytes",
    "1.0 KiB",
    "5.0 GiB",
  ]);
});

test("the doctor sees a damaged audit trail", async () => {
  using at = place();
  const store = await buried(at.database);
  await store.enqueue([item("good", events["timer-fired"])], 1);
  const [taken] = await take(store);
  if (taken === undefined) throw new Error("nothing came in");
  const nothing = { effects: [], timers: [], notes: [], facts: {}, now: 1 };
  await store.commit({ item: taken, before: null, objective: null, ...nothing });
  await store.close();
  const examined = () =>
    serverChecks({ ...localConfig(), dataDir: dataDir(at.path), runtimeDir: runtimeDir(at.path) });
  expect(await examined()).toMatchObject([
    { name: "audit trail", ok: true, found: "whole, 1 rows" },
    { name: "installation", ok: true },
  ]);
  const raw = new Database(at.database);
  raw.exec("update event set notes = '[]' , at = 2");
  raw.close();
  expect(await examined()).toMatchObject([
    { name: "audit trail", ok: false, found: "row 1: the row is not what was written" },
    { name: "installation", ok: true },
  ]);
});

test("gc says of every checkout why it goes or stays, and how to get back what was kept", async () => {
  using at = place();
  const store = await openSqlite(at.database, clock, realChance);
  const kept = { directory: "/b/o__r.git", ref: "refs/orcha/ses_1/1", sha: "c", base: "b", at: 1 };
  const asked: unknown[] = [];
  const line = { runner: "box", path: "o__r/ses_1/1", bytes: 2048, backup: null } as const;
  await using _ = await openControlServer({
    runtimeDir: runtimeDir(at.path),
    store,
    now: () => 2,
    ready: () => ({}),
    desk: deskWithoutMachines(store),
    hands: handsWithoutMachines(store),
    gc: async (options) => {
      asked.push(options);
      return {
        lines: [
          options.dryRun
            ? { ...line, verdict: "back-up", reason: "it has work", outcome: "would-delete" }
            : {
                ...line,
                verdict: "back-up",
                reason: "it has work",
                outcome: "deleted",
                backup: kept,
              },
          {
            ...line,
            path: "o__r/ses_2/1",
            verdict: "keep",
            reason: "\u001b[31mat work",
            outcome: "kept",
          },
        ],
        freedBytes: options.dryRun ? 0 : 2048,
        silent: [{ runner: "old", reason: "its runner program is too old to say" }],
        backups: [kept],
      };
    },
  });
  const dry = await at.run("gc", "--dry-run", "box");
  expect(dry).toMatchObject({
    code: 0,
    stderr: "old could not be asked: its runner program is too old to say\n",
  });
  expect(dry.stdout).toMatch(
    /ses_1\/1 +2\.0 KiB +would be kept elsewhere, then go +it has work\n/u,
  );
  // Whatever a reason quotes, it does not reach the terminal as more than text.
  expect(dry.stdout).toMatch(/ses_2\/1 +2\.0 KiB +stays +\[31mat work\n/u);
  expect(dry.stdout).toContain("1 of 2 checkouts would go, 2.0 KiB; nothing was changed\n");
  const done = await at.run("gc");
  expect(done.stdout).toContain(
    "kept: git fetch /b/o__r.git refs/orcha/ses_1/1:refs/heads/rescued",
  );
  expect(done.stdout).toContain("1 of 2 checkouts are gone, 2.0 KiB");
  expect(JSON.parse((await at.run("gc", "--json")).stdout)).toMatchObject({ backups: [kept] });
  expect(asked).toEqual([{ dryRun: true, runner: "box" }, { dryRun: false }, { dryRun: false }]);
  await store.close();
});

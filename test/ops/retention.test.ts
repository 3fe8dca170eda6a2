/** What has ended goes after its time: over the real store, real files, and runners that do as they are told. */
import { mkdirSync, mkdtempDisposableSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keptTranscripts, shelfOf } from "../../src/compose/retention.ts";
import { openRetention, type KeptTranscripts, type RunnerShelf } from "../../src/ops/retention.ts";
import type { Reply, Request } from "../../src/protocol/requests.ts";
import { openTranscripts } from "../../src/store/transcripts.ts";
import { Play } from "../domain/play.ts";
import { openLog, openStore, settled, VirtualClock } from "../engine/world.ts";
import { put } from "../store/contract/given.ts";

const DAY = 24 * 60 * 60_000;
const KEEP = { rowsDays: 30, transcriptsDays: 90, attemptsDays: 7 };

/** A runner with the attempt of a session, and one that nobody here knows. */
function openBox(id: string, workspace: string) {
  const runner = {
    attempts: [
      { session: id, attempt: 1 },
      { session: "ses_else", attempt: 1 },
    ],
    workspaces: [workspace, "acme__shop/ses_else/1"],
    refusing: false,
  };
  const shelf: RunnerShelf = {
    name: "box",
    list: async () => runner,
    purge: async (session, attempt) => {
      if (runner.refusing) return false;
      runner.attempts = runner.attempts.filter(
        (one) => one.session !== session || one.attempt !== attempt,
      );
      return true;
    },
    removeWorkspace: async (path) => {
      if (runner.refusing) return false;
      runner.workspaces = runner.workspaces.filter((one) => one !== path);
      return true;
    },
  };
  return { runner, shelf };
}

/** What the disk is doing: it takes real time, and nobody sleeps. */
function watched(files: KeptTranscripts) {
  const disk = new Set<Promise<unknown>>();
  const onDisk = <T>(work: Promise<T>): Promise<T> => {
    disk.add(work);
    return work;
  };
  const kept: KeptTranscripts = {
    isWhole: files.isWhole,
    sessions: () => onDisk(files.sessions()),
    remove: (session) => onDisk(files.remove(session)),
  };
  return { disk, kept };
}

/** An objective that has ended on day 1, whose manager's only attempt said "hello" on its runner. */
async function given(keep = KEEP) {
  const directory = mkdtempDisposableSync(join(tmpdir(), "orcha-retention-"));
  const clock = new VirtualClock();
  const store = await openStore(clock);
  const transcripts = openTranscripts(join(directory.path, "transcripts"));
  const play = new Play().label().start();
  await put(store, play.it, { key: "begin", now: clock.now() });
  play.close().exited();
  await put(store, play.it, { key: "end", now: clock.now() });
  const { id, workspace } = play.session();
  const transcript = transcripts.open(id, 1);
  transcript.append("out", Buffer.from("hello\n"));
  transcript.close();
  const cursor = { out: 6, err: 0, seq: 1 };
  const now = clock.now();
  await store.advance({
    session: id,
    attempt: 1,
    now,
    cursor,
    items: [],
    closed: true,
    activity: null,
  });
  const { runner, shelf } = openBox(id, workspace?.path ?? "");
  const log = openLog();
  const runners: RunnerShelf[] = [shelf];
  const { disk, kept } = watched(keptTranscripts(transcripts));
  const retention = openRetention({
    store,
    transcripts: kept,
    runners: () => runners,
    clock,
    log,
    keep,
  });
  const sessions = (): readonly string[] => readdirSync(join(directory.path, "transcripts"));
  return {
    clock,
    store,
    runner,
    runners,
    shelf,
    log,
    sessions,
    id,
    transcripts,
    /** Days go by; each hour everything that is due happens. */
    async days(count: number) {
      for (let hour = 0; hour < count * 24; hour += 12) {
        clock.move(DAY / 2);
        await this.settle();
      }
    },
    /** A pass that is going on goes on to its end. */
    async settle() {
      for (let breaths = 0; breaths < 40; breaths += 1) {
        await Promise.all(disk);
        await settled();
        if ((clock.next ?? DAY) > 10) return;
        clock.move(10);
      }
    },
    async [Symbol.asyncDispose]() {
      await this.settle();
      await retention.close();
      await store.close();
      directory.remove();
    },
  };
}

test("attempts on runners go first, then rows, then transcripts; what is not known here stays", async () => {
  await using at = await given();
  const { store, runner, sessions, id } = at;
  await at.days(6);
  expect([runner.attempts.length, runner.workspaces.length, sessions()]).toEqual([2, 2, [id]]);
  await at.days(2);
  expect(runner.attempts).toEqual([{ session: "ses_else", attempt: 1 }]);
  expect(runner.workspaces, "of a manager nothing is published").toEqual(["acme__shop/ses_else/1"]);
  expect(await store.counts()).toEqual({ "inbox.done": 2 });
  await at.days(24);
  expect(await store.counts()).toEqual({});
  expect(sessions()).toEqual([id]);
  await at.days(60);
  expect(sessions()).toEqual([]);
  expect(at.log.lines.filter(({ level }) => level !== "info")).toEqual([]);
});

test("0 = kept for ever", async () => {
  await using at = await given({ rowsDays: 0, transcriptsDays: 0, attemptsDays: 0 });
  await at.days(120);
  expect(at.runner.attempts).toHaveLength(2);
  expect(at.sessions()).toEqual([at.id]);
  expect(await at.store.counts()).toEqual({ "inbox.done": 2 });
});

test("what is not here as a whole stays on the runner, unless nobody misses it any more", async () => {
  await using at = await given();
  await at.transcripts.remove(at.id);
  await at.days(9);
  expect(at.runner.attempts).toHaveLength(2);
  await at.days(83);
  expect(at.runner.attempts).toHaveLength(1);
});

test("a runner that refuses or is away is asked again an hour later, and holds up no other", async () => {
  await using at = await given();
  at.runner.refusing = true;
  const away = { ...at.shelf, name: "away", list: () => Promise.reject(new Error("away")) };
  at.runners.unshift(away);
  await at.days(9);
  expect(at.runner.attempts).toHaveLength(2);
  at.runner.refusing = false;
  await at.days(1);
  expect(at.runner.attempts).toHaveLength(1);
});

test("a store that is away is said, and the next pass is an hour later", async () => {
  const clock = new VirtualClock();
  const log = openLog();
  const store = {
    prune: () => Promise.reject(new Error("disk full")),
    endedSessions: async () => [],
  };
  const transcripts = { sessions: async () => [], isWhole: () => true, remove: async () => {} };
  const retention = openRetention({
    store,
    transcripts,
    runners: () => [],
    clock,
    log,
    keep: KEEP,
  });
  expect(clock.next).toBe(5 * 60_000);
  clock.move(5 * 60_000);
  await settled();
  expect(log.lines).toMatchObject([{ level: "warn", fields: { error: "disk full" } }]);
  expect(clock.next).toBe(60 * 60_000);
  await retention.close();
  expect(clock.next).toBeNull();
});

test("over a link: what a runner refuses or does not know is left where it is", async () => {
  const asked: string[] = [];
  const replies: Partial<Record<Request["op"], Reply>> = {
    list: { ok: true, value: { attempts: [], workspaces: ["a/b/1"] } },
    purge: { ok: false, code: "busy", reason: "it runs" },
  };
  const shelf = shelfOf("box", {
    request: async ({ op }) => {
      asked.push(op);
      const reply = replies[op] ?? { ok: false, code: "not-implemented", reason: "older" };
      return { reply, attachment: new Uint8Array() };
    },
  });
  expect(await shelf.list()).toEqual({ attempts: [], workspaces: ["a/b/1"] });
  expect(await shelf.purge("s", 1)).toBe(false);
  expect(await shelf.removeWorkspace("a/b/1")).toBe(false);
  expect(asked).toEqual(["list", "purge", "remove-workspace"]);
  delete replies.list;
  await expect(shelf.list()).rejects.toThrow("not-implemented");
});

test("transcripts are listed by session; other files are nobody's", async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "orcha-transcripts-"));
  const transcripts = openTranscripts(join(directory.path, "none"));
  expect(await transcripts.sessions()).toEqual([]);
  const there = openTranscripts(directory.path);
  there.open("ses_1", 1).close();
  mkdirSync(join(directory.path, "not a session"));
  expect(await there.sessions()).toEqual(["ses_1"]);
  expect(() => there.remove("../etc")).toThrow(RangeError);
  await there.remove("ses_1");
  expect(await there.sessions()).toEqual([]);
});

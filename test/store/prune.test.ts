/** Old rows go, the audit trail stays whole, and what comes a second time is still known. */
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { openDrain } from "../../src/engine/drain.ts";
import { parseWebhook } from "../../src/inbox/webhook.ts";
import { databaseOver } from "../../src/store/database.ts";
import { CHAIN_START, type PrunePlace, type Store } from "../../src/store/port.ts";
import { storeOver } from "../../src/store/sqlite.ts";
import { ISSUE, repository, rules } from "../domain/cast.ts";
import { Play } from "../domain/play.ts";
import { openLog, settled, TestForge } from "../engine/world.ts";
import { effect, issue, item, nobody, put, take } from "./contract/given.ts";
import { events } from "./examples.ts";

const DAY = 24 * 60 * 60_000;

async function given() {
  const sqlite = new Database(":memory:");
  const clock = { at: 100 * DAY, now: () => clock.at, after: () => () => {} };
  const store = storeOver(await databaseOver(sqlite), clock);
  const count = (table: string): unknown =>
    sqlite.prepare(`select count(*) from ${table}`).pluck().get();
  return { sqlite, clock, store, count, [Symbol.asyncDispose]: () => store.close() };
}

/** Everything that ended before; the number of calls. */
async function pruneAll(store: Store, before: number, limit = 3): Promise<number> {
  let place: PrunePlace | null = null;
  for (let calls = 1; calls < 1000; calls += 1) {
    const step = await store.prune({ place, before, deliveriesBefore: before, limit });
    expect(step.removed).toBeLessThanOrEqual(limit * 2);
    expect(await chain(store), "whole after every step").toMatchObject({ kind: "end" });
    place = step.next;
    if (place === null) return calls;
  }
  throw new Error("it does not end");
}

const chain = (store: Store) => store.checkChain(CHAIN_START, 10_000);

/** What happens to an objective, each time with an effect, at this time. */
async function work(store: Store, play: Play, now: number, times = 4): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    const key = `${now}-${time}`;
    await put(store, play.it, { key, now, effects: [effect(key, "react")] });
    const [taken] = await store.takeOutbox({ now, limit: 1, busy: nobody });
    if (taken === undefined) throw new Error("nothing to do");
    await store.endEffect({ item: taken, now, state: "done", reason: null, events: [] });
  }
}

test("an ended objective's rows go after their time, step by step, and the trail stays whole", async () => {
  await using at = await given();
  const { store, count } = at;
  const play = new Play().label();
  await work(store, play, DAY);
  await pruneAll(store, 50 * DAY);
  expect([count("inbox"), count("outbox"), count("event")], "it lives").toEqual([4, 4, 4]);
  await work(store, play.close(), 40 * DAY);
  await pruneAll(store, 30 * DAY);
  expect([count("inbox"), count("outbox"), count("event")], "not yet").toEqual([8, 8, 8]);
  await pruneAll(store, 41 * DAY);
  expect([count("inbox"), count("outbox"), count("event")]).toEqual([0, 0, 1]);
  expect(await chain(store)).toMatchObject({ at: { seq: 8 } });
  expect(await store.audit(play.it.id, 9)).toEqual([]);
  expect(await store.load(issue, repository), "itself stays").toMatchObject({
    objective: { state: { kind: "canceled" } },
  });
});

test("of rows that follow each other one checkpoint is left, and one that is not what was written is noticed", async () => {
  await using at = await given();
  const { store, sqlite, count } = at;
  const play = new Play().label();
  const nothing = { before: null, objective: null, effects: [], timers: [], notes: [], facts: {} };
  for (let n = 0; n < 40; n += 1) {
    // Every tenth is of an objective that lives.
    if (n % 10 === 9) await work(store, play, n * DAY, 1);
    else {
      await store.enqueue([item(`e${n}`, events["comment-created"])], n * DAY);
      const [taken] = await take(store, n * DAY);
      if (taken === undefined) throw new Error("nothing came in");
      await store.commit({ item: taken, now: n * DAY, ...nothing });
    }
  }
  expect(count("event")).toBe(40);
  await pruneAll(store, 25 * DAY, 4);
  // A checkpoint before each of the first three, and everything from day 25 on.
  expect(count("event")).toBe(3 + 2 + 15);
  await pruneAll(store, 99 * DAY, 4);
  expect(count("event")).toBe(4 + 4);
  const damages = [
    "update event set hash = replace(hash, substr(hash, 1, 1), 'x') where seq = 9",
    "update event set at = 3 where seq = 10",
    "delete from event where seq = 20",
    "update event set item = 'x' where seq = 29",
    "delete from event where seq = 40",
  ];
  for (const damage of damages) {
    sqlite.exec("savepoint whole");
    sqlite.exec(damage);
    expect(await chain(store), damage).toMatchObject({ kind: "broken" });
    sqlite.exec("rollback to whole; release whole");
  }
  expect(await chain(store)).toMatchObject({ kind: "end" });
});

test("a check that is under way goes on when rows before and after its place are removed", async () => {
  await using at = await given();
  const { store } = at;
  const play = new Play().label();
  await work(store, play, DAY, 9);
  await put(store, play.close().it, { now: DAY });
  const step = await store.checkChain(CHAIN_START, 5);
  expect(step).toMatchObject({ kind: "on", at: { seq: 5 } });
  await pruneAll(store, 90 * DAY);
  const { at: place } = step.kind === "on" ? step : { at: CHAIN_START };
  expect(await store.checkChain(place, 5)).toMatchObject({ kind: "end", at: { seq: 10 } });
});

const labeled = (id: string) => ({
  guid: id,
  name: "issues",
  receivedAt: DAY,
  body: JSON.stringify({
    action: "labeled",
    label: { name: "objective" },
    issue: {
      id: 900,
      number: ISSUE,
      title: "Limit requests",
      body: "All of them.",
      html_url: "https://github.test/acme/shop/issues/1",
      state: "open",
      updated_at: "1970-01-02T00:00:00Z",
      labels: [{ name: "objective" }],
    },
    repository: { id: repository.id, name: "shop", owner: { login: "acme" } },
    installation: { id: repository.installation },
    sender: { id: 1, login: "ann", type: "User" },
  }),
});

const route = (store: Store, { guid, name, body }: ReturnType<typeof labeled>): Promise<void> =>
  store.route(guid, parseWebhook(name, JSON.parse(body), { appId: 1 }));

test("a webhook that comes again after its row went starts nothing a second time", async () => {
  await using at = await given();
  const { store, clock, count } = at;
  const forge = new TestForge();
  const play = new Play();
  play.issue.labels = ["objective"];
  forge.reading = () => play.facts(events["issue-changed"]);
  const drain = openDrain({
    store,
    forge,
    clock,
    log: openLog(),
    rules,
    derive: (cause) => (name) => Buffer.from(`${cause}${name}`).toString("hex").slice(-60),
  });
  const drained = async (): Promise<void> => {
    for (let rounds = 0; rounds < 20 && (await drain.once()) > 0; rounds += 1) await drain.idle();
    await settled();
  };
  clock.at = DAY;
  await store.accept([labeled("guid-0001")]);
  await route(store, labeled("guid-0001"));
  await drained();
  const started = await store.load(issue, repository);
  expect(started?.objective.revision).toBe(1);
  await store.enqueue(
    [item("cancel", { kind: "cancel-requested", by: "ann", session: null })],
    DAY,
  );
  await drained();
  expect(started && (await store.load(issue, repository))?.objective.state.kind).toBe("canceled");
  for (const [age, inbox] of [
    [30, 1],
    [300, 1],
    [800, 0],
  ] as const) {
    clock.at = DAY + age * DAY;
    // What was to be done on GitHub and runners is done.
    for (const one of await store.takeOutbox({ now: clock.at, limit: 99, busy: nobody }))
      await store.endEffect({ item: one, now: DAY, state: "done", reason: null, events: [] });
    await pruneAll(store, clock.at - 20 * DAY);
    expect([count("delivery"), count("inbox")], `${age} days`).toEqual([0, inbox]);
    if (age === 800) break;
    await store.accept([labeled("guid-0001")]);
    await route(store, labeled("guid-0001"));
    await drained();
    expect((await store.load(issue, repository))?.objective.revision, `${age} days`).toBe(1);
  }
});

test("what a sweep would find again is known as long as somebody works there, and a label for ever", async () => {
  await using at = await given();
  const { store } = at;
  const play = new Play().label();
  await put(store, play.it, { key: "comment:7:1", now: DAY });
  await put(store, play.it, { key: "review:7:1", now: DAY });
  await put(store, play.it, { key: "labeled:7:1", now: DAY });
  const label = { ...events["issue-changed"], labels: ["objective"] };
  await store.settle([{ key: "labeled:7:2", repository, subject: issue2, event: label }], DAY);
  const keys = ["comment:7:1", "review:7:1", "labeled:7:2"];
  await pruneAll(store, 90 * DAY);
  expect(await store.entered(keys)).toEqual(new Set(keys));
  await put(store, play.close().it, { now: 2 * DAY });
  await pruneAll(store, 9000 * DAY);
  expect(await store.entered(keys)).toEqual(new Set(["labeled:7:2"]));
});

const issue2 = { kind: "issue", number: 99 } as const;

test("what waits, and what is young, stays", async () => {
  await using at = await given();
  const { store, count } = at;
  await store.enqueue([item("waits", events["timer-fired"])], 1);
  await store.accept([labeled("guid-0001"), labeled("guid-0002"), labeled("guid-0003")]);
  await store.reject("guid-0002", "not understood");
  await store.route("guid-0003", []);
  await store.prune({ place: null, before: DAY, deliveriesBefore: 2 * DAY, limit: 9 });
  expect(count("delivery"), "routed ones go earlier").toBe(2);
  await pruneAll(store, 90 * DAY);
  expect([count("delivery"), count("inbox")]).toEqual([1, 1]);
});

test("sessions that are over, with what their runner may have of them", async () => {
  await using at = await given();
  const { store } = at;
  const play = new Play().label().start();
  await put(store, play.it, { now: DAY });
  const { id } = play.session();
  const over = (before: number) => store.endedSessions([id, "ses_unknown"], before);
  expect(await over(90 * DAY), "it lives").toEqual([]);
  play.close().exited();
  await put(store, play.it, { now: 2 * DAY });
  const cursor = { out: 5, err: 0, seq: 3 };
  const advance = { session: id, attempt: 1, now: 2 * DAY, cursor, items: [], activity: null };
  await store.advance({ ...advance, closed: false });
  expect(await over(90 * DAY)).toMatchObject([{ id, attempts: [] }]);
  await store.advance({ ...advance, closed: true });
  expect(await over(2 * DAY), "not long enough").toEqual([]);
  expect(await over(90 * DAY)).toEqual([
    {
      id,
      keepsWork: false,
      workspace: play.session().workspace?.path,
      attempts: [{ attempt: 1, ...cursor }],
    },
  ]);
});

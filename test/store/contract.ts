/** What every store must do. Each implementation's test file calls this with a way to open an empty one. */
import { describe, expect, test } from "vitest";
import type { ObjectiveEvent } from "../../src/domain/event.ts";
import type { Objective } from "../../src/domain/objective.ts";
import { DEFAULT_CONFIG, type Repository } from "../../src/domain/repository.ts";
import { emitted, type Emitted } from "../../src/domain/step.ts";
import type { Commit, InboxItem, Loaded, NewItem, Store, Subject } from "../../src/store/port.ts";
import { published, started } from "../domain/begin.ts";
import { ISSUE, Play, repository } from "../domain/play.ts";
import { effects, events, everything } from "./examples.ts";

type Open = () => Promise<Store>;
const nobody: ReadonlySet<string> = new Set();
const issue: Subject = { kind: "issue", number: ISSUE };

const item = (key: string, event: ObjectiveEvent, subject: Subject = issue): NewItem => ({
  key,
  repository,
  subject,
  event,
});

const take = (store: Store, now = 1, limit = 9): Promise<readonly InboxItem[]> =>
  store.takeInbox({ now, limit, busy: nobody });

/** Commits this objective as if one event had made it so. */
async function put(
  store: Store,
  objective: Objective | null,
  change: Partial<Commit> & { readonly key?: string } = {},
): Promise<boolean> {
  const { key = `put-${Math.random()}`, ...rest } = change;
  await store.enqueue([item(key, events["timer-fired"])], 1);
  const [taken] = await take(store);
  if (taken === undefined) throw new Error("nothing to commit");
  const before = await store.load(issue, repository);
  const nothing = { effects: [], timers: [], notes: ["a note"], facts: {} };
  return store.commit({ item: taken, now: 1, before, objective, ...nothing, ...rest });
}

const effect = (key: string, kind: keyof typeof effects, change: object = {}): Emitted =>
  emitted({ ...effects[kind], ...change }, key);

const loaded = async (store: Store): Promise<Loaded> => {
  const found = await store.load(issue, repository);
  if (found === null) throw new Error("there is no objective");
  return found;
};

export function storeContract(name: string, open: Open): void {
  describe(`${name} keeps deliveries`, () => deliveries(open));
  describe(`${name} keeps the inbox`, () => inbox(open));
  describe(`${name} keeps objectives`, () => objectives(open));
  describe(`${name} keeps the outbox`, () => outbox(open));
  describe(`${name} keeps slots and attempts`, () => fleet(open));
  describe(`${name} keeps timers and the rest`, () => rest(open));
}

function deliveries(open: Open): void {
  const delivery = (guid: string, receivedAt = 1) => ({
    guid,
    name: "issues",
    body: "{}",
    receivedAt,
  });
  const { kind: _, ...changed } = events["access-lost"];
  const event = { kind: "access-lost", ...changed } as const;

  test("redelivered is delivered once", async () => {
    await using store = await open();
    await store.accept([delivery("a", 2), delivery("b", 1), delivery("a", 3)]);
    await store.accept([{ ...delivery("a"), body: "other" }]);
    expect(await store.unrouted(9)).toEqual([delivery("b", 1), delivery("a", 2)]);
    expect(await store.unrouted(1)).toEqual([delivery("b", 1)]);
  });

  test("routed and rejected ones are not routed again", async () => {
    await using store = await open();
    await store.accept([delivery("a"), delivery("b"), delivery("c")]);
    await store.route("a", [{ repository, subject: { kind: "issue", number: 1 }, event }]);
    await store.route("a", [{ repository, subject: { kind: "issue", number: 1 }, event }]);
    await store.reject("b", "no such shape");
    expect(await store.unrouted(9)).toEqual([delivery("c")]);
    expect((await take(store)).map(({ key }) => key)).toEqual(["a:0"]);
    expect(await store.counts()).toMatchObject({
      "delivery.routed": 1,
      "delivery.rejected": 1,
      "delivery.new": 1,
    });
  });

  test("what concerns a repository concerns each of its live objectives", async () => {
    await using store = await open();
    await put(store, new Play().label().it);
    await store.accept([delivery("a"), delivery("b")]);
    await store.route("a", [{ repository, subject: { kind: "repository" }, event }]);
    expect(await take(store)).toMatchObject([{ subject: issue, event }]);
    const other: Repository = { ...repository, id: 8 };
    await store.route("b", [{ repository: other, subject: { kind: "repository" }, event }]);
    expect(await store.counts()).toMatchObject({ "inbox.pending": 1 });
  });
}

function inbox(open: Open): void {
  test.for(Object.values(events))("$kind comes back as it was", async (event) => {
    await using store = await open();
    await store.enqueue([item("a", event)], 1);
    expect((await take(store))[0]).toMatchObject({ key: "a", repository, subject: issue, event });
  });

  test("a key enters once", async () => {
    await using store = await open();
    await store.enqueue([item("a", events["access-lost"]), item("a", events["timer-fired"])], 1);
    await store.enqueue([item("a", events["timer-fired"])], 2);
    expect(await take(store)).toMatchObject([{ key: "a", event: { kind: "access-lost" } }]);
    expect(await store.counts()).toEqual({ "inbox.pending": 1 });
  });

  test("the oldest of every lane is taken, busy lanes are left, tries are counted before", async () => {
    await using store = await open();
    const other: Subject = { kind: "issue", number: 13 };
    const event = events["timer-fired"];
    await store.enqueue([item("a", event), item("b", event), item("c", event, other)], 1);
    const first = await take(store);
    expect(first.map(({ key, attempts }) => [key, attempts])).toEqual([
      ["a", 1],
      ["c", 1],
    ]);
    const busy = new Set([first[0]?.lane ?? ""]);
    const again = await store.takeInbox({ now: 1, limit: 1, busy });
    expect(again.map(({ key, attempts }) => [key, attempts])).toEqual([["c", 2]]);
    expect(await store.takeInbox({ now: 1, limit: 1, busy: nobody })).toHaveLength(1);
  });

  test("a postponed item holds its lane and nobody else's, until it is due", async () => {
    await using store = await open();
    const other: Subject = { kind: "pull-request", number: 31 };
    const event = events["timer-fired"];
    await store.enqueue([item("a", event), item("b", event), item("c", event, other)], 1);
    const [a] = await take(store);
    await store.postponeInbox(a?.seq ?? 0, 50, "away");
    expect((await take(store, 49)).map(({ key }) => key)).toEqual(["c"]);
    expect(await store.nextDue(49)).toBe(50);
    expect((await take(store, 50)).map(({ key }) => key)).toEqual(["a", "c"]);
    expect(await store.nextDue(50)).toBeNull();
  });

  test("a buried item is kept and its lane goes on", async () => {
    await using store = await open();
    const event = events["timer-fired"];
    await store.enqueue([item("a", event), item("b", event)], 1);
    const [a] = await take(store);
    await store.buryInbox(a?.seq ?? 0, "poisoned");
    expect((await take(store)).map(({ key }) => key)).toEqual(["b"]);
    expect(await store.counts()).toEqual({ "inbox.dead": 1, "inbox.pending": 1 });
  });

  test("everything about one issue has one lane", async () => {
    await using store = await open();
    const { it } = published();
    await put(store, it);
    const event = events["timer-fired"];
    await store.enqueue(
      [
        item("issue", event),
        item("pull", event, { kind: "pull-request", number: 31 }),
        item("objective", event, { kind: "objective", id: it.id }),
      ],
      1,
    );
    expect((await take(store)).map(({ key }) => key)).toEqual(["issue"]);
    const stranger: Subject = { kind: "objective", id: started().it.id };
    await using empty = await open();
    await empty.enqueue([item("a", event, stranger), item("b", event)], 1);
    expect(await take(empty)).toHaveLength(2);
  });
}

function objectives(open: Open): void {
  test("come back as they were, whatever they hold", async () => {
    await using store = await open();
    const objective = everything();
    expect(await put(store, objective)).toBe(true);
    expect(await loaded(store)).toEqual({ objective, rev: 1, superseded: false });
    expect(await store.objectiveById(objective.id)).toMatchObject({ rev: 1 });
    const session = objective.sessions[3]?.id ?? "";
    expect((await store.objectiveOfSession(session))?.objective.id).toBe(objective.id);
  });

  test("are found by issue, id, pull request and branch, in their repository only", async () => {
    await using store = await open();
    const { it } = published();
    await put(store, it);
    const [pull] = it.pullRequests;
    const other = { ...repository, id: 8 };
    const subjects: Subject[] = [
      issue,
      { kind: "objective", id: it.id },
      { kind: "pull-request", number: 31 },
    ];
    for (const subject of subjects)
      expect((await store.load(subject, repository))?.objective).toEqual(it);
    expect((await store.loadByBranch(repository, pull?.branch ?? ""))?.objective).toEqual(it);
    expect(await store.load(issue, other)).toBeNull();
    expect(await store.load({ kind: "pull-request", number: 31 }, other)).toBeNull();
    expect(await store.loadByBranch(other, pull?.branch ?? "")).toBeNull();
    expect(await store.objectiveById("none")).toBeNull();
    expect(await store.objectiveOfSession("none")).toBeNull();
  });

  test("a change by somebody else in between writes nothing at all", async () => {
    await using store = await open();
    const play = new Play().label();
    await put(store, play.it);
    const stale = await loaded(store);
    await put(store, { ...play.it, ignored: 1 });
    const change = {
      before: stale,
      effects: [effect("e", "react")],
      timers: [{ name: "t", at: 5 }],
    };
    expect(await put(store, { ...play.it, ignored: 2 }, change)).toBe(false);
    expect(await loaded(store)).toMatchObject({ rev: 2, objective: { ignored: 1 } });
    expect(await store.outbox({ state: "all", limit: 9 })).toEqual([]);
    expect(await store.nextDue(0)).toBeNull();
    expect(await store.counts()).toMatchObject({ "inbox.pending": 1, "inbox.done": 2 });
  });

  test("two that begin at once are one", async () => {
    await using store = await open();
    const { it } = new Play().label();
    await put(store, it);
    expect(await put(store, it, { before: null })).toBe(false);
  });

  test("the newest revision is the one; older ones know that they are superseded", async () => {
    await using store = await open();
    const play = new Play().label().unlabel();
    const first = play.it;
    await put(store, first);
    await put(store, play.label().it);
    expect(await loaded(store)).toMatchObject({ objective: { revision: 2 }, superseded: false });
    expect(await store.objectiveById(first.id)).toMatchObject({ superseded: true });
    expect(await store.objectives()).toHaveLength(2);
  });

  test("nothing to store ends the item and leaves a trace", async () => {
    await using store = await open();
    expect(await put(store, null)).toBe(true);
    expect(await store.counts()).toEqual({ "inbox.done": 1 });
  });

  test("why is kept, newest first", async () => {
    await using store = await open();
    const { it } = new Play().label();
    await put(store, it, { notes: ["one"] });
    await put(store, it, { notes: ["two"], now: 7 });
    const trail = await store.audit(it.id, 9);
    expect(trail.map(({ notes }) => notes)).toEqual([["two"], ["one"]]);
    expect(trail[0]?.at).toBe(7);
    expect(await store.audit(it.id, 1)).toHaveLength(1);
  });
}

function outbox(open: Open): void {
  const out = (store: Store, now = 1, busy = nobody) => store.takeOutbox({ now, limit: 9, busy });

  test.for(Object.values(effects))("$kind comes back as it was", async (one) => {
    await using store = await open();
    await put(store, new Play().label().it, { effects: [emitted(one, "k")] });
    expect(await out(store)).toMatchObject([{ key: "k", attempt: 1, effect: one, known: null }]);
  });

  test("a key leaves once", async () => {
    await using store = await open();
    const play = new Play().label();
    await put(store, play.it, { effects: [effect("k", "react")] });
    await put(store, play.it, { effects: [effect("k", "close-issue")] });
    expect(await store.outbox({ state: "all", limit: 9 })).toHaveLength(1);
  });

  test("lanes in order, the important first, busy ones left, tries counted before", async () => {
    await using store = await open();
    const list = [
      effect("start", "start-attempt"),
      effect("message", "send-message"),
      effect("react", "react"),
      effect("stop", "stop-attempt"),
    ];
    await put(store, new Play().label().it, { effects: list });
    const first = await out(store);
    expect(first.map(({ key, attempt }) => [key, attempt])).toEqual([
      ["stop", 1],
      ["start", 1],
      ["react", 1],
    ]);
    const busy = new Set(["attempt:ses_1", "stop:ses_1"]);
    expect((await out(store, 1, busy)).map(({ key, attempt }) => [key, attempt])).toEqual([
      ["react", 2],
    ]);
  });

  test("the end of an effect frees its lane and enters what became of it, once", async () => {
    await using store = await open();
    const { it } = new Play().label();
    await put(store, it, { effects: [effect("a", "react"), effect("b", "close-issue")] });
    const [a] = await out(store);
    if (a === undefined) throw new Error("nothing to send");
    const ended = {
      item: a,
      now: 2,
      state: "done",
      reason: null,
      events: [events["branch-pushed"]],
    } as const;
    await store.endEffect(ended);
    await store.endEffect(ended);
    expect(await take(store)).toMatchObject([
      { key: "a:result:0", subject: { kind: "objective", id: it.id }, event: { sha: "c" } },
    ]);
    expect((await out(store)).map(({ key }) => key)).toEqual(["b"]);
    expect(await store.outbox({ state: "done", limit: 9 })).toMatchObject([
      { key: "a", error: null },
    ]);
  });

  test.for(["refused", "dead"] as const)("%s ones stay to be looked at", async (state) => {
    await using store = await open();
    await put(store, new Play().label().it, { effects: [effect("a", "react")] });
    const [a] = await out(store);
    if (a === undefined) throw new Error("nothing to send");
    await store.endEffect({ item: a, now: 2, state, reason: "gone", events: [] });
    expect(await store.outbox({ state, limit: 9 })).toMatchObject([
      { key: "a", state, error: "gone" },
    ]);
    expect(await out(store)).toEqual([]);
  });

  test("a postponed one holds its lane; a try that surely did nothing does not count", async () => {
    await using store = await open();
    await put(store, new Play().label().it, {
      effects: [effect("a", "react"), effect("b", "react")],
    });
    const [a] = await out(store);
    await store.postponeEffect(a?.seq ?? 0, { notBefore: 50, error: "later", sure: true });
    expect(await out(store, 49)).toEqual([]);
    expect(await store.nextDue(49)).toBe(50);
    expect(await out(store, 50)).toMatchObject([{ key: "a", attempt: 1 }]);
    await store.postponeEffect(a?.seq ?? 0, { notBefore: 60, error: "lost", sure: false });
    expect(await out(store, 60)).toMatchObject([{ key: "a", attempt: 2 }]);
  });

  test("a newer status replaces one that was never sent, not one that was tried", async () => {
    await using store = await open();
    const play = new Play().label();
    await put(store, play.it, { effects: [effect("a", "update-status")] });
    await put(store, play.it, { effects: [effect("b", "update-status")] });
    expect(await out(store)).toMatchObject([{ key: "b" }]);
    await put(store, play.it, { effects: [effect("c", "update-status")] });
    expect(await out(store)).toMatchObject([{ key: "b", attempt: 2 }]);
    expect(await store.outbox({ state: "replaced", limit: 9 })).toMatchObject([{ key: "a" }]);
  });

  test("what an earlier status left is known to the next", async () => {
    await using store = await open();
    const play = new Play().label();
    for (const [key, artifact, known] of [
      ["a", "comment 5", null],
      ["b", undefined, "comment 5"],
      ["c", null, "comment 5"],
      ["d", "comment 6", null],
    ] as const) {
      await put(store, play.it, { effects: [effect(key, "update-status")] });
      const [one] = await out(store);
      expect(one).toMatchObject({ key, known });
      const ended = { now: 2, state: "done", reason: null, events: [] } as const;
      if (one !== undefined)
        await store.endEffect({
          item: one,
          ...ended,
          ...(artifact === undefined ? {} : { artifact }),
        });
    }
  });

  test("a start that is still to come is known to be", async () => {
    await using store = await open();
    await put(store, new Play().label().it, { effects: [effect("a", "start-attempt")] });
    const { session } = effects["start-attempt"];
    expect(await store.isStartPending(session, 1)).toBe(true);
    expect(await store.isStartPending(session, 2)).toBe(false);
    const [a] = await out(store);
    if (a === undefined) throw new Error("nothing to send");
    await store.endEffect({ item: a, now: 2, state: "done", reason: null, events: [] });
    expect(await store.isStartPending(session, 1)).toBe(false);
  });
}

function fleet(open: Open): void {
  const box = { name: "box", kind: "local", state: "online", slots: 2 } as const;

  /** A store with an objective whose manager waits, and a runner. */
  const waiting = async (): Promise<{ readonly store: Store; readonly play: Play }> => {
    const store = await open();
    const play = new Play().label();
    await put(store, play.it);
    await store.putRunner(box);
    return { store, play };
  };

  test("who waits, where there is room, who is busy", async () => {
    const { store, play } = await waiting();
    await using _ = store;
    const { id } = play.session();
    expect(await store.snapshot(9)).toEqual({
      runners: [{ ...box, taken: [] }],
      queue: [
        {
          session: id,
          objective: play.it.id,
          rank: 0,
          since: play.now,
          pin: null,
          worker: false,
          workersMax: 8,
        },
      ],
      busy: new Map(),
    });
    expect(await store.claim({ session: id, runner: "box", slot: 1 }, 1)).toBe(true);
    expect(await store.snapshot(9)).toEqual({
      runners: [{ ...box, taken: [1] }],
      queue: [],
      busy: new Map([[play.it.id, { sessions: 1, workers: 0 }]]),
    });
    expect(await take(store)).toMatchObject([
      { event: { kind: "slot-claimed", session: id, runner: "box", slot: 1 } },
    ]);
  });

  test("a slot has one session, a session one slot, and only where there are slots", async () => {
    const { store, play } = await waiting();
    await using _ = store;
    const { id } = play.session();
    const claim = (runner: string, slot: number) => store.claim({ session: id, runner, slot }, 1);
    expect(await claim("box", 2)).toBe(false);
    expect(await claim("nowhere", 0)).toBe(false);
    await store.putRunner({ ...box, state: "draining" });
    expect(await claim("box", 0)).toBe(false);
    await store.putRunner(box);
    expect(await claim("box", 0)).toBe(true);
    expect(await claim("box", 0)).toBe(false);
    expect(await claim("box", 1)).toBe(false);
    const [worker] = published().it.sessions.slice(1);
    expect(await store.claim({ session: worker?.id ?? id, runner: "box", slot: 1 }, 1)).toBe(false);
    expect(await store.runners()).toMatchObject([{ name: "box", taken: [0] }]);
  });

  test("the slot is free when the process is gone, or when nobody wanted it any more", async () => {
    const { store, play } = await waiting();
    await using _ = store;
    const { id } = play.session();
    await store.claim({ session: id, runner: "box", slot: 0 }, 1);
    const [claimed] = await take(store);
    if (claimed === undefined) throw new Error("no claim");
    const nothing = { effects: [], timers: [], notes: [], facts: {}, now: 1 };
    await store.commit({
      item: claimed,
      before: await loaded(store),
      objective: play.claim().it,
      ...nothing,
    });
    const taken = async (): Promise<unknown> => (await store.runners())[0]?.taken;
    expect(await taken()).toEqual([0]);
    await put(store, play.prepared().spawned().reads().endTurn().it);
    expect(await taken()).toEqual([0]);
    await put(store, play.exited().it);
    expect(await taken()).toEqual([]);
    await store.claim({ session: id, runner: "box", slot: 1 }, 2);
    const [late] = await take(store);
    if (late === undefined) throw new Error("no claim");
    const canceled = play.close().it;
    await store.commit({
      item: late,
      before: await loaded(store),
      objective: canceled,
      ...nothing,
    });
    expect(await taken()).toEqual([]);
  });

  test("the record of an attempt: cursor, what was found and what it did, in one", async () => {
    const { store, play } = await waiting();
    await using _ = store;
    await put(store, play.claim().it);
    const { id } = play.session();
    const zero = { out: 0, err: 0, seq: 0 };
    const live = { session: id, attempt: 1, objective: play.it.id, repository, agent: "script" };
    expect(await store.liveAttempts()).toEqual([
      { ...live, role: "manager", runner: "box", cursor: zero },
    ]);
    expect(await store.liveAttempts(new Set([`${id}/1`]))).toEqual([]);
    const cursor = { out: 10, err: 2, seq: 3 };
    const subject: Subject = { kind: "objective", id: play.it.id };
    const advance = {
      session: id,
      attempt: 1,
      now: 5,
      cursor,
      items: [item("found", events["attempt-spawned"], subject)],
      closed: false,
      activity: "ran npm test",
    };
    await store.advance(advance);
    await store.advance(advance);
    expect(await store.cursor(id, 1)).toEqual(cursor);
    expect(await store.activity(id)).toEqual({ text: "ran npm test", at: 5 });
    expect(await store.counts()).toMatchObject({ "inbox.pending": 1 });
    await store.advance({ ...advance, items: [], closed: true, activity: null });
    expect(await store.liveAttempts()).toEqual([]);
    expect(await store.activity(id)).toMatchObject({ at: 5 });
    expect(await store.cursor(id, 9)).toEqual(zero);
  });

  test("a start that was refused has no record to follow", async () => {
    const { store, play } = await waiting();
    await using _ = store;
    const { id } = play.session();
    const start = effect("s", "start-attempt", { session: id });
    await put(store, play.claim().it, { effects: [start] });
    const [one] = await store.takeOutbox({ now: 1, limit: 9, busy: nobody });
    if (one === undefined) throw new Error("nothing to send");
    await store.endEffect({ item: one, now: 1, state: "refused", reason: "full", events: [] });
    expect(await store.liveAttempts()).toEqual([]);
  });
}

function rest(open: Open): void {
  test("a timer fires once, moves, and can be taken back", async () => {
    await using store = await open();
    const { it } = new Play().label();
    const timers = [
      { name: "summary", at: 50 },
      { name: "resume:x", at: 60 },
      { name: "ask:y", at: 9 },
    ];
    await put(store, it, { timers });
    await put(store, it, {
      timers: [
        { name: "resume:x", at: 70 },
        { name: "ask:y", at: null },
      ],
    });
    expect(await store.nextDue(0)).toBe(50);
    expect(await store.fireTimers(49)).toBe(50);
    expect(await store.fireTimers(50)).toBe(70);
    expect(await store.fireTimers(50)).toBe(70);
    expect(await take(store)).toMatchObject([
      {
        event: { kind: "timer-fired", name: "summary" },
        subject: { kind: "objective", id: it.id },
      },
    ]);
    expect(await store.fireTimers(70)).toBeNull();
    expect(await store.counts()).toMatchObject({ "inbox.pending": 2 });
  });

  test("the last good configuration of a repository", async () => {
    await using store = await open();
    expect(await store.lastGoodConfig(7)).toBeNull();
    await store.keepConfig(7, "one", DEFAULT_CONFIG);
    await store.keepConfig(7, "two", { ...DEFAULT_CONFIG, label: "work" });
    expect(await store.lastGoodConfig(7)).toEqual({
      sha: "two",
      config: { ...DEFAULT_CONFIG, label: "work" },
    });
  });

  test("who we are stays, the epoch grows", async () => {
    await using store = await open();
    const [one, two] = [await store.identity(), await store.identity()];
    expect(one.secret).toHaveLength(32);
    expect(two).toEqual({ ...one, epoch: one.epoch + 1 });
  });

  test("who waits for work hears of every write, until it listens no more", async () => {
    await using store = await open();
    let heard = 0;
    const forget = store.onWork(() => (heard += 1));
    await store.enqueue([item("a", events["timer-fired"])], 1);
    expect(heard).toBe(1);
    await take(store);
    expect(heard).toBe(1);
    forget();
    await store.enqueue([item("b", events["timer-fired"])], 1);
    expect(heard).toBe(1);
  });
}

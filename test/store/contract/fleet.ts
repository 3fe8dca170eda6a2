/** Slots are rows, records have cursors. */
import { expect, test } from "vitest";
import type { Store, Subject } from "../../../src/store/port.ts";
import { objectiveId, sessionId } from "../../../src/domain/id.ts";
import type { Objective, Session } from "../../../src/domain/objective.ts";
import { schedule } from "../../../src/domain/schedule.ts";
import { published, spawn, started } from "../../domain/begin.ts";
import { repository } from "../../domain/cast.ts";
import { Play } from "../../domain/play.ts";
import { events } from "../examples.ts";
import { type Open, nobody, item, take, effect, loaded, put } from "./given.ts";

export const box = { name: "box", kind: "local", state: "online", slots: 2 } as const;

/** A store with an objective whose manager waits, and a runner. */
export const waiting = async (
  open: Open,
): Promise<{ readonly store: Store; readonly play: Play }> => {
  const store = await open();
  const play = new Play().label();
  await put(store, play.it);
  await store.putRunner(box);
  return { store, play };
};

export function slots(open: Open): void {
  test("who waits, where there is room, who is busy", async () => {
    const { store, play } = await waiting(open);
    await using _ = store;
    const { id } = play.session();
    expect(await store.snapshot(9)).toEqual({
      runners: [{ name: "box", state: "online", slots: 2, taken: [] }],
      queue: [
        {
          session: id,
          objective: play.it.id,
          rank: 0,
          since: play.now,
          pin: null,
          worker: false,
          workersMax: 8,
          repository: 7,
          mirror: "acme__shop",
        },
      ],
      busy: new Map(),
      repositories: new Map(),
    });
    expect(await store.claim({ session: id, runner: "box", slot: 1 }, 1)).toBe(true);
    expect(await store.snapshot(9)).toEqual({
      runners: [{ name: "box", state: "online", slots: 2, taken: [1] }],
      queue: [],
      busy: new Map([[play.it.id, { sessions: 1, workers: 0 }]]),
      repositories: new Map([[7, 1]]),
    });
    expect(await take(store)).toMatchObject([
      { event: { kind: "slot-claimed", session: id, runner: "box", slot: 1 } },
    ]);
  });

  test("a slot has one session, a session one slot, and only where there are slots", async () => {
    const { store, play } = await waiting(open);
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
}

export function machines(open: Open): void {
  const address = {
    user: "orcha",
    host: "box.example",
    port: 2222,
    identity: "/home/ann/.ssh/id",
    jump: null,
    via: "ssh" as const,
    jumpHostKey: null,
    workRoot: "/srv/orcha",
  };

  test("a machine is registered with how it is reached, and changes keep what is not given", async () => {
    await using store = await open();
    const far = { name: "far", kind: "ssh", state: "offline", slots: 4 } as const;
    await store.putRunner({ ...far, address, hostKey: "ssh-ed25519 AAAA", labels: ["gpu"] });
    await store.putRunner({ ...far, state: "untrusted", problem: "another key" });
    await store.putRunner(box);
    const bare = { labels: [], address: null, hostKey: null, problem: null, taken: [] };
    expect(await store.runners()).toEqual([
      { ...box, ...bare },
      {
        ...far,
        state: "untrusted",
        problem: "another key",
        hostKey: "ssh-ed25519 AAAA",
        labels: ["gpu"],
        taken: [],
        address,
      },
    ]);
    await store.putRunner({ ...far, state: "online", problem: null });
    expect((await store.runners())[1]).toMatchObject({ state: "online", problem: null, address });
  });

  test("one with sessions that are not over is not removed", async () => {
    const { store, play } = await waiting(open);
    await using _ = store;
    const { id } = play.session();
    await store.claim({ session: id, runner: "box", slot: 0 }, 1);
    expect(await store.removeRunner("nowhere")).toBe(false);
    play.claim();
    await put(store, play.it);
    expect(await store.sessionsOn("box")).toEqual([id]);
    // Its process is gone, its workspace is not.
    play.start().park();
    await put(store, play.it);
    expect(await store.sessionsOn("box")).toEqual([id]);
    expect(await store.removeRunner("box")).toBe(false);
    play.cancel("ann").exited();
    await put(store, play.it);
    expect(await store.sessionsOn("box")).toEqual([]);
    expect(await store.removeRunner("box")).toBe(true);
    expect(await store.runners()).toEqual([]);
  });
}

/** More than is read of the queue. */
const CROWD = 60;

export function crowds(open: Open): void {
  test("who cannot be placed hides nobody: pinned elsewhere, or as many workers as there may be", async () => {
    await using store = await open();
    await store.putRunner(box);
    await store.putRunner({ ...box, name: "away", state: "offline" });
    await put(
      store,
      crowd(1, (index) => (index % 2 === 0 ? "away" : null), 1),
    );
    await put(
      store,
      crowd(2, () => null, 8),
    );
    const held = { session: sessionId("1-1"), runner: "box", slot: 0 };
    expect(await store.claim(held, 1)).toBe(true);
    const snapshot = await store.snapshot(500);
    expect(snapshot.queue.length).toBeLessThan(CROWD);
    expect(snapshot.queue.map(({ pin }) => pin)).not.toContain("away");
    const ids = schedule(snapshot).map(({ session }) => session);
    expect(ids).toHaveLength(1);
    expect(ids[0]).toMatch(/^2-/u);
  });
}

/** An objective of its own whose workers wait, the first crowd longest. */
function crowd(number: number, pin: (index: number) => string | null, workers: number): Objective {
  const play = started();
  play.call("manager", spawn("one"));
  const { it } = play;
  const [manager, worker] = it.sessions;
  if (worker === undefined) throw new Error("no worker");
  const many = Array.from({ length: CROWD }, (_, index): Session => ({
    ...worker,
    id: sessionId(`${number}-${index}`),
    pin: pin(index),
    state: { kind: "queued", since: number * 1000 + index, purpose: "work" },
  }));
  return {
    ...it,
    id: objectiveId(`crowd-${number}`),
    issue: { ...it.issue, id: number, number },
    config: { ...it.config, limits: { ...it.config.limits, workers } },
    sessions: [{ ...manager, id: sessionId(`${number}-manager`) }, ...many],
    questions: [],
    pullRequests: [],
  };
}

export function releases(open: Open): void {
  test("the slot is free when the process is gone, or when nobody wanted it any more", async () => {
    const { store, play } = await waiting(open);
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
}

export function attempts(open: Open): void {
  test("the record of an attempt: cursor, what was found and what it did, in one", async () => {
    const { store, play } = await waiting(open);
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

  test("where a session is: nowhere before it was placed, and over when it is", async () => {
    const { store, play } = await waiting(open);
    await using _ = store;
    const { id } = play.session();
    expect(await store.placeOf(id)).toEqual({ runner: null, attempt: 0, over: false });
    await put(store, play.claim().it);
    expect(await store.placeOf(id)).toEqual({ runner: "box", attempt: 1, over: false });
    expect(await store.placeOf("ses_of_nobody")).toBeNull();
  });

  test("a start that was refused has no record to follow", async () => {
    const { store, play } = await waiting(open);
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

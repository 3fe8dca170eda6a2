/** Everything we do, lane by lane, counted before it is tried. */
import { expect, test } from "vitest";
import { emitted } from "../../../src/domain/step.ts";
import type { Store } from "../../../src/store/port.ts";
import { Play } from "../../domain/play.ts";
import { effects, events } from "../examples.ts";
import { type Open, nobody, take, effect, put } from "./given.ts";

const out = (store: Store, now = 1, busy = nobody) => store.takeOutbox({ now, limit: 9, busy });

export function outbox(open: Open): void {
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
    const busy = new Set(["attempt:ses_1@box", "stop:ses_1@box"]);
    expect((await out(store, 1, busy)).map(({ key, attempt }) => [key, attempt])).toEqual([
      ["react", 2],
    ]);
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

export function ends(open: Open): void {
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
}

export function statuses(open: Open): void {
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
}

/** Dead letters: all three kinds are listed with their reasons, and can be put back. */
import { expect, test } from "vitest";
import { openSqlite } from "../../src/store/sqlite.ts";
import { Play } from "../domain/play.ts";
import { effect, item, nobody, put, take } from "./contract/given.ts";
import { events } from "./examples.ts";

const open = () => openSqlite(":memory:", { now: () => 1 });

test("listed with the reason, newest first, and put back by key", async () => {
  await using store = await open();
  await put(store, new Play().label().it, { effects: [effect("e", "react")] });
  await store.enqueue([item("i", events["timer-fired"])], 2);
  const [taken] = await take(store, 2);
  await store.buryInbox(taken?.seq ?? 0, "a bug");
  await store.accept([{ guid: "g", name: "issues", body: "{}", receivedAt: 3 }]);
  await store.reject("g", "no such shape");
  const [sent] = await store.takeOutbox({ now: 2, limit: 9, busy: nobody });
  if (sent === undefined) throw new Error("nothing to send");
  const end = { item: sent, now: 2, reason: "no answer", events: [] } as const;
  await store.endEffect({ ...end, state: "dead" });
  expect(await store.dead(9)).toEqual([
    {
      queue: "delivery",
      key: "g",
      what: "issues",
      lane: null,
      attempts: 1,
      since: 3,
      reason: "no such shape",
    },
    {
      queue: "inbox",
      key: "i",
      what: "timer-fired",
      lane: "issue:7#12",
      attempts: 1,
      since: 2,
      reason: "a bug",
    },
    {
      queue: "outbox",
      key: "e",
      what: "react",
      lane: "issue:7#12",
      attempts: 1,
      since: 1,
      reason: "no answer",
    },
  ]);
  expect(await store.dead(1)).toHaveLength(1);
  for (const key of ["g", "i", "e"]) expect(await store.revive(key)).toBe("revived");
  expect(await store.dead(9)).toEqual([]);
  expect(await store.revive("e")).toBe("unknown");
  expect(await store.unrouted(9)).toMatchObject([{ guid: "g" }]);
  expect(await take(store, 2)).toMatchObject([{ key: "i", attempts: 2 }]);
  // It may have been done: whoever performs it has to look.
  expect(await store.takeOutbox({ now: 2, limit: 9, busy: nobody })).toMatchObject([
    { key: "e", attempt: 2 },
  ]);
});

test("what came of an effect that was put back is heard, although its failure was heard before", async () => {
  await using store = await open();
  await put(store, new Play().label().it, { effects: [effect("e", "push-branch")] });
  const out = async () => {
    const [one] = await store.takeOutbox({ now: 2, limit: 9, busy: nobody });
    if (one === undefined) throw new Error("nothing to send");
    return one;
  };
  const end = { now: 2, reason: null } as const;
  await store.endEffect({
    ...end,
    item: await out(),
    state: "dead",
    events: [events["effect-failed"]],
  });
  await store.revive("e");
  await store.endEffect({
    ...end,
    item: await out(),
    state: "done",
    events: [events["branch-pushed"]],
  });
  const heard = [];
  for (let turns = 0; turns < 2; turns++)
    for (const { seq, event } of await take(store, 2)) {
      heard.push(event.kind);
      await store.buryInbox(seq, "read");
    }
  expect(heard).toEqual(["effect-failed", "branch-pushed"]);
});

test("the start of an attempt is not put back: the rules have gone on without it", async () => {
  await using store = await open();
  await put(store, new Play().label().it, { effects: [effect("s", "start-attempt")] });
  const [sent] = await store.takeOutbox({ now: 2, limit: 9, busy: nobody });
  if (sent === undefined) throw new Error("nothing to send");
  await store.endEffect({ item: sent, now: 2, state: "dead", reason: "no answer", events: [] });
  expect(await store.revive("s")).toBe("final");
});

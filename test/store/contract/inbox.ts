/** Everything that happens, lane by lane, once. */
import { expect, test } from "vitest";
import type { Subject } from "../../../src/store/port.ts";
import { published, started } from "../../domain/begin.ts";
import { repository } from "../../domain/cast.ts";
import { events } from "../examples.ts";
import { type Open, nobody, issue, item, take, put } from "./given.ts";

export function inbox(open: Open): void {
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

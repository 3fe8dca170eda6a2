/** Timers, configurations, who we are, waking. */
import { expect, test } from "vitest";
import { DEFAULT_CONFIG } from "../../../src/domain/repository.ts";
import { Play } from "../../domain/play.ts";
import { events } from "../examples.ts";
import { type Open, item, take, put } from "./given.ts";

export function rest(open: Open): void {
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

/** Providers' limits are kept for the whole server. */
import { expect, test } from "vitest";
import { Play } from "../../domain/play.ts";
import { type Open, effect, put } from "./given.ts";

export function limits(open: Open): void {
  test("an agent's limit is everybody's; nobody who has not heard of it starts that agent", async () => {
    await using store = await open();
    const { it } = new Play().label();
    expect(await store.exhausted()).toEqual(new Map());
    const limit = { until: 50, at: 1, strikes: 1, reason: "weekly" };
    await put(store, it, { exhausted: new Map([["script", limit]]) });
    await put(store, it, { exhausted: new Map([["script", { ...limit, until: 40 }]]) });
    expect(await store.exhausted()).toEqual(new Map([["script", limit]]));
    const effects = [effect("start", "start-attempt", { agent: "script" })];
    expect(await put(store, it, { effects, now: 49 })).toBe(false);
    expect(await store.counts()).not.toHaveProperty("outbox.pending");
    await store.rebase(-5, { wall: 44, elapsed: 1, boot: "b" }, () => {});
    expect((await store.exhausted()).get("script")?.until).toBe(45);
    expect(await put(store, it, { key: "later", effects, now: 45 })).toBe(true);
  });
}

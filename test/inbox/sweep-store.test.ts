/** What sweeps ask of the store, over the real one. */
import { expect, test } from "vitest";
import { realChance } from "../../src/compose/chance.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import type { Finding } from "../../src/inbox/port.ts";
import { Play } from "../domain/play.ts";
import { ISSUE, repository } from "../domain/cast.ts";

const clock = { now: () => 1_000 };

const finding = (key: string): Finding => ({
  key,
  repository,
  subject: { kind: "issue", number: ISSUE },
  event: { kind: "access-lost", reason: "a test" },
});

test("marks survive, are listed by prefix and can be forgotten", async () => {
  await using store = await openSqlite(":memory:", clock, realChance);
  expect(await store.mark("sweep:7")).toBeNull();
  await store.setMark("sweep:7", "one");
  await store.setMark("sweep:7", "two");
  await store.setMark("sweep:9", "three");
  await store.setMark("sweeper", "not of them");
  expect([...(await store.marks("sweep:"))]).toEqual([
    ["sweep:7", "two"],
    ["sweep:9", "three"],
  ]);
  await store.setMark("sweep:7", null);
  expect(await store.mark("sweep:7")).toBeNull();
  // Marks stand beside the identity, and never in its place.
  expect((await store.identity()).epoch).toBe(1);
});

test("what entered is known, whatever became of it; a thousand keys are asked for at once", async () => {
  await using store = await openSqlite(":memory:", clock, realChance);
  await store.enqueue([finding("a"), finding("b")], 1);
  const keys = ["a", ...Array.from({ length: 1_200 }, (_, index) => `x${index}`), "b"];
  expect([...(await store.entered(keys))].toSorted()).toEqual(["a", "b"]);
  expect(await store.entered([])).toEqual(new Set());
  await store.accept([{ guid: "g", name: "ping", body: "{}", receivedAt: 1 }]);
  expect(await store.accepted(["g", "h"])).toEqual(new Set(["g"]));
});

test("live objectives are watched until they end", async () => {
  await using store = await openSqlite(":memory:", clock, realChance);
  const put = async (play: Play): Promise<void> => {
    await store.enqueue([finding(`cause ${play.it.state.kind}`)], 1);
    const [item] = await store.takeInbox({ now: 2, limit: 1, busy: new Set() });
    if (item === undefined) throw new Error("nothing was taken");
    const before = await store.load(item.subject, repository);
    const kept = { effects: [], timers: [], notes: [], facts: {} };
    expect(await store.commit({ item, now: 2, before, objective: play.it, ...kept })).toBe(true);
  };
  const play = new Play().label();
  await put(play);
  const [watched, ...others] = await store.watched(repository.id);
  expect(others).toEqual([]);
  expect(watched).toMatchObject({ repository, issue: ISSUE, pulls: [] });
  expect(await store.watched(null)).toHaveLength(1);
  expect(await store.watched(repository.id + 1)).toEqual([]);
  const labelledAt = play.it.labelledAt;
  expect(await store.latest(repository, ISSUE)).toEqual({ live: true, labelledAt });
  await put(play.unlabel());
  expect(await store.watched(null)).toEqual([]);
  expect(await store.latest(repository, ISSUE)).toEqual({ live: false, labelledAt });
  expect(await store.latest(repository, ISSUE + 1)).toBeNull();
});

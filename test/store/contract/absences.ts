/** Machines that do not answer: who hears of it, and what becomes of the slots there. */
import { expect, test } from "vitest";
import { schedule } from "../../../src/domain/schedule.ts";
import type { Store } from "../../../src/store/port.ts";
import { box, waiting } from "./fleet.ts";
import { type Open, effect, nobody, put, take } from "./given.ts";

const far = { ...box, name: "far" };
const reach = (store: Store, is: "unreachable" | "lost" | "attached", now = 5) =>
  store.setReach({
    runner: "box",
    presence: { reach: is, since: is === "attached" ? null : 3 },
    now,
  });
/** An objective whose manager runs on `box`. */
const working = async (open: Open) => {
  const { store, play } = await waiting(open);
  await store.claim({ session: play.session().id, runner: "box", slot: 0 }, 1);
  for (const { seq } of await take(store)) await store.buryInbox(seq, "by hand");
  await put(store, play.start().it);
  await store.putRunner(far);
  return { store, play };
};
const slotsOf = async (store: Store): Promise<unknown> =>
  Object.fromEntries((await store.runners()).map(({ name, taken }) => [name, taken]));

export function absences(open: Open): void {
  test("it is told once to those who have something there, and nothing new goes there", async () => {
    const { store, play } = await working(open);
    await using _ = store;
    expect(await reach(store, "unreachable")).toBe(true);
    expect(await reach(store, "unreachable", 6)).toBe(true);
    expect(await take(store)).toMatchObject([
      { event: { kind: "runner-changed", runner: "box", away: { is: "unreachable", since: 3 } } },
    ]);
    expect((await store.runners())[0]).toMatchObject({ reach: "unreachable", since: 3 });
    await put(store, play.park().comment("more").it);
    const claim = { session: play.session().id, runner: "box", slot: 1 };
    expect(await store.claim(claim, 7)).toBe(false);
    expect(await store.setReach({ ...claim, presence: { reach: "lost", since: 1 }, now: 8 })).toBe(
      true,
    );
    expect(
      await store.setReach({ runner: "none", presence: { reach: "lost", since: 1 }, now: 8 }),
    ).toBe(false);
  });

  test("disabled and lost at once is lost, and disabled again when it is back", async () => {
    const { store } = await working(open);
    await using _ = store;
    await reach(store, "lost");
    await store.putRunner({ ...box, state: "disabled" });
    await reach(store, "attached");
    await store.putRunner({ ...box, state: "online" });
    const told: unknown[] = [];
    for (let round = 0; round < 4; round++)
      for (const one of await take(store)) {
        told.push(one.event.kind === "runner-changed" ? (one.event.away?.is ?? null) : one.event);
        await store.buryInbox(one.seq, "told");
      }
    expect(told).toEqual(["lost", "disabled", null]);
  });
}

export function moves(open: Open): void {
  test("a session is placed elsewhere only while its machine is lost; its old slot is nobody's until the stop was answered", async () => {
    const { store, play } = await working(open);
    await using _ = store;
    const { id } = play.session();
    await reach(store, "lost");
    const away = { is: "lost", since: 3 } as const;
    await put(store, play.send({ kind: "runner-changed", runner: "box", away }).it);
    const snapshot = await store.snapshot(9);
    expect(snapshot.queue).toMatchObject([{ session: id, leaves: "box", pin: null }]);
    expect(snapshot.busy).toEqual(new Map());
    const [claim] = schedule(snapshot);
    if (claim === undefined) throw new Error("nothing to place");
    expect(claim).toMatchObject({ session: id, runner: "far" });
    await reach(store, "attached", 6);
    expect(await store.claim(claim, 7)).toBe(false);
    await reach(store, "lost", 8);
    expect(await store.claim(claim, 9)).toBe(true);
    expect(await slotsOf(store)).toEqual({ box: [0], far: [claim.slot] });
    play.claim("manager", "far", claim.slot);
    await put(store, play.it, { effects: play.last.effects });
    expect(await slotsOf(store)).toEqual({ box: [0], far: [claim.slot] });
    expect((await store.liveAttempts()).map(({ attempt, runner }) => [attempt, runner])).toEqual([
      [1, "box"],
      [2, "far"],
    ]);
    const sent = await store.takeOutbox({ now: 99, limit: 99, busy: nobody });
    const stop = sent.find(({ effect: { kind } }) => kind === "stop-attempt");
    if (stop === undefined) throw new Error("nobody is stopped");
    await store.endEffect({ item: stop, now: 99, state: "done", reason: null, events: [] });
    expect(await slotsOf(store)).toEqual({ box: [], far: [claim.slot] });
  });

  test("what was put off is due when its machine answers", async () => {
    const { store, play } = await working(open);
    await using _ = store;
    await put(store, play.it, { effects: [effect("m", "send-message"), effect("r", "react")] });
    for (const { seq } of await store.takeOutbox({ now: 1, limit: 9, busy: nobody }))
      await store.postponeEffect(seq, { notBefore: 1_000_000, error: "away", sure: true });
    await reach(store, "attached", 50);
    const due = await store.takeOutbox({ now: 50, limit: 9, busy: nobody });
    expect(due.map(({ effect: { kind } }) => kind)).toEqual(["send-message"]);
  });
}

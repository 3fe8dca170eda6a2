import { expect, test } from "vitest";
import { openDeliver, type Deliver } from "../../src/engine/deliver.ts";
import { PortError, type EffectOutcome } from "../../src/engine/ports.ts";
import type { ObjectiveEvent } from "../../src/domain/event.ts";
import { emitted } from "../../src/domain/step.ts";
import type { Store } from "../../src/store/port.ts";
import { Play } from "../domain/play.ts";
import { effects, events } from "../store/examples.ts";
import { openLog, openStore, put, settled, TestForge, VirtualClock } from "./world.ts";

interface Given extends AsyncDisposable {
  readonly store: Store;
  readonly clock: VirtualClock;
  readonly world: TestForge;
  readonly log: ReturnType<typeof openLog>;
  readonly deliver: Deliver;
  /** Sends what is due and waits for its end; the number sent. */
  round(): Promise<number>;
}

/** Everything in the inbox, by effect: all of it is about one issue, so it comes out one by one. */
async function inboxOf(store: Store): Promise<readonly ObjectiveEvent[]> {
  const found: ObjectiveEvent[] = [];
  for (let turns = 0; turns < 9; turns++)
    for (const { seq, event } of await store.takeInbox({ now: 1, limit: 9, busy: new Set() })) {
      await store.buryInbox(seq, "read");
      found.push(event);
    }
  return found.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

type Kind = keyof typeof effects;

async function given(
  kinds: readonly Kind[],
  wrap = (store: Store): Store => store,
): Promise<Given> {
  const clock = new VirtualClock();
  const store = await openStore(clock);
  const world = new TestForge();
  const log = openLog();
  const list = kinds.map((kind, index) => emitted(effects[kind], `${kind}-${index}`));
  await put(store, new Play().label().it, list);
  const gate = { push: world.perform };
  const deliver = openDeliver({ store: wrap(store), forge: world, gate, fleet: world, clock, log });
  const round = async (): Promise<number> => {
    const sent = await deliver.once();
    await deliver.idle();
    return sent;
  };
  return { store, clock, world, log, deliver, round, [Symbol.asyncDispose]: () => store.close() };
}

const fails = (reason: unknown) => (): never => {
  throw reason;
};

test("every kind of effect reaches its performer and ends", async () => {
  const kinds = Object.values(effects).map(({ kind }) => kind);
  await using at = await given(kinds);
  for (let rounds = 0; rounds < kinds.length; rounds++) await at.round();
  expect(at.world.performed.map(({ kind }) => kind).toSorted()).toEqual(kinds.toSorted());
  expect(await at.store.counts()).toMatchObject({ "outbox.done": kinds.length });
});

test("one lane goes in order, one at a time; lanes do not wait for each other", async () => {
  await using at = await given(["react", "close-issue", "stop-attempt"]);
  const slow = Promise.withResolvers<EffectOutcome>();
  at.world.performing = (effect) => (effect.kind === "react" ? slow.promise : { kind: "done" });
  let landed = 0;
  at.deliver.onLanded(() => (landed += 1));
  expect(await at.deliver.once()).toBe(2);
  await settled();
  expect(landed).toBe(1);
  expect(await at.deliver.once()).toBe(0);
  slow.resolve({ kind: "done" });
  await at.deliver.idle();
  expect(await at.round()).toBe(1);
  expect(at.world.performed.map(({ kind }) => kind)).toEqual([
    "stop-attempt",
    "react",
    "close-issue",
  ]);
});

test("what came of it enters with the end", async () => {
  await using at = await given(["push-branch"]);
  at.world.performing = () => ({ kind: "done", events: [events["branch-pushed"]] });
  await at.round();
  const [item] = await at.store.takeInbox({ now: 1, limit: 9, busy: new Set() });
  expect(item).toMatchObject({ key: "push-branch-0:result:0", event: events["branch-pushed"] });
});

test("what it left is known to the next of its kind", async () => {
  await using at = await given(["update-status"]);
  at.world.performing = () => ({ kind: "done", artifact: "comment 5" });
  await at.round();
  await put(at.store, { ...new Play().label().it, ignored: 7 }, [
    emitted(effects["update-status"], "next"),
  ]);
  await at.round();
  expect(at.world.performed.map(({ known }) => known)).toEqual([null, "comment 5"]);
});

test("refused: told to the objective, not tried again", async () => {
  await using at = await given(["push-branch", "react"]);
  at.world.performing = () => ({ kind: "refused", reason: "gone" });
  await at.round();
  expect(await at.round()).toBe(0);
  const told = await inboxOf(at.store);
  expect(told).toMatchObject([
    { kind: "effect-failed", effect: "push-branch", session: "ses_1", reason: "gone" },
    { kind: "effect-failed", effect: "react", session: null, reason: "gone" },
  ]);
  expect(await at.store.counts()).toMatchObject({ "outbox.refused": 2 });
});

test("refused with events of its own: those, and no other", async () => {
  await using at = await given(["push-branch"]);
  at.world.performing = () => ({
    kind: "refused",
    reason: "moved",
    events: [events["push-refused"]],
  });
  await at.round();
  const items = await at.store.takeInbox({ now: 1, limit: 9, busy: new Set() });
  expect(items.map(({ event }) => event)).toEqual([events["push-refused"]]);
});

test("later: surely not done, so it stays a first try", async () => {
  await using at = await given(["react"]);
  at.world.performing = (_, tries) =>
    at.world.performed.length === 1
      ? { kind: "later", reason: "pace", afterMs: 70 }
      : { kind: tries === 1 ? "done" : "unknown", reason: "" };
  await at.round();
  expect(await at.round()).toBe(0);
  at.clock.move(70);
  expect(await at.round()).toBe(1);
  expect(at.world.performed.map(({ number }) => number)).toEqual([1, 1]);
});

test("a rate limit is later, as long as it says", async () => {
  await using at = await given(["react"]);
  at.world.performing = fails(new PortError("rate-limited", "slow down", { retryAfterMs: 90 }));
  await at.round();
  expect(await at.store.nextDue(at.clock.now())).toBe(at.clock.now() + 90);
  at.world.performing = fails(new PortError("rate-limited", "slow down"));
  at.clock.move(90);
  await at.round();
  expect(await at.store.nextDue(at.clock.now())).toBe(at.clock.now() + 1_000);
  expect(at.world.performed.map(({ number }) => number)).toEqual([1, 1]);
});

test.for([
  ["an answer that was lost", new PortError("unavailable", "socket hang up")],
  ["a bug", new TypeError("oops")],
  ["anything", "thrown"],
] as const)("%s: unknown, so the next try knows that it is not the first", async ([, reason]) => {
  await using at = await given(["react"]);
  at.world.performing = fails(reason);
  await at.round();
  at.clock.move(60_000);
  at.world.performing = () => ({ kind: "done" });
  await at.round();
  expect(at.world.performed.map(({ key, number }) => [key, number])).toEqual([
    ["react-0", 1],
    ["react-0", 2],
  ]);
});

test("unknown twenty times: given up, said so, and the lane goes on", async () => {
  await using at = await given(["push-branch", "open-pull-request"]);
  at.world.performing = () => ({ kind: "unknown", reason: "no answer" });
  for (let tries = 0; tries < 20; tries++) {
    expect(await at.round()).toBe(1);
    at.clock.move(10 * 60_000);
  }
  expect(await at.store.outbox({ state: "dead", limit: 9 })).toMatchObject([
    { key: "push-branch-0", attempts: 20, error: "no answer" },
  ]);
  expect(at.log.lines.at(-1)).toMatchObject({ level: "error", message: "effect given up" });
  expect(await inboxOf(at.store)).toMatchObject([{ kind: "effect-failed", effect: "push-branch" }]);
  await at.round();
  expect(at.world.performed.at(-1)?.kind).toBe("open-pull-request");
});

test("what a runner has to do waits for its runner, however long it is away", async () => {
  await using at = await given(["stop-attempt"]);
  at.world.performing = () => ({ kind: "unknown", reason: "runner away" });
  for (let tries = 0; tries < 40; tries++) {
    expect(await at.round()).toBe(1);
    at.clock.move(10 * 60_000);
  }
  at.world.performing = () => ({ kind: "done" });
  await at.round();
  expect(await at.store.counts()).toMatchObject({ "outbox.done": 1 });
});

test("an end that could not be written is taken up again", async () => {
  let broken = true;
  await using at = await given(["react"], (store) => ({
    ...store,
    endEffect: (ended) =>
      broken ? Promise.reject(new Error("disk full")) : store.endEffect(ended),
  }));
  await at.round();
  expect(at.log.lines.at(-1)).toMatchObject({ level: "error", fields: { error: "disk full" } });
  broken = false;
  at.clock.move(60_000);
  await at.round();
  expect(at.world.performed.map(({ number }) => number)).toEqual([1, 2]);
  expect(await at.store.counts()).toMatchObject({ "outbox.done": 1 });
});

test("who stopped listening hears no landing", async () => {
  await using at = await given(["react"]);
  let landed = 0;
  at.deliver.onLanded(() => (landed += 1))();
  await at.round();
  expect(landed).toBe(0);
});

test("what surely was not done is tried again with growing pauses, and stays a first try", async () => {
  await using at = await given(["push-branch"]);
  at.world.performing = () => ({ kind: "later", reason: "the runner is away", afterMs: null });
  const waits: number[] = [];
  for (let tries = 0; tries < 6; tries++) {
    await at.round();
    const due = await at.store.nextDue(at.clock.now());
    const wait = (due ?? 0) - at.clock.now();
    waits.push(wait);
    at.clock.move(wait);
  }
  expect(at.world.performed.map(({ number }) => number)).toEqual([1, 1, 1, 1, 1, 1]);
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000]);
});

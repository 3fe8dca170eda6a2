import { expect, test } from "vitest";
import { openDeliver } from "../../src/engine/deliver.ts";
import { openDrain } from "../../src/engine/drain.ts";
import { openLoop } from "../../src/engine/loop.ts";
import type { EffectOutcome } from "../../src/engine/ports.ts";
import { emitted } from "../../src/domain/step.ts";
import { rules } from "../domain/cast.ts";
import { Play } from "../domain/play.ts";
import { effects, events } from "../store/examples.ts";
import { enter, openLog, openStore, put, settled, TestForge, VirtualClock } from "./world.ts";

async function given() {
  const clock = new VirtualClock();
  const store = await openStore(clock);
  const forge = new TestForge();
  const log = openLog();
  const ports = { store, forge, gate: { push: forge.perform }, fleet: forge, clock, log };
  const deliver = openDeliver(ports);
  const drain = openDrain({ ...ports, rules, derive: () => (name) => name.padEnd(40, "0") });
  const counts = { rounds: 0, broken: false };
  const loop = openLoop({
    ...ports,
    drain,
    deliver,
    route: async () => {
      counts.rounds += 1;
      if (counts.broken) throw new Error("disk full");
      return 0;
    },
    lookEveryMs: 5_000,
    follow: async () => {},
  });
  const close = async (): Promise<void> => {
    await loop.stop(0);
    await store.close();
  };
  return { store, clock, forge, log, loop, deliver, counts, [Symbol.asyncDispose]: close };
}

const comment = events["comment-created"];

test("a round says whether something was done", async () => {
  await using at = await given();
  expect(await at.loop.round()).toBe(false);
  await enter(at.store, "a", comment);
  expect(await at.loop.round()).toBe(true);
  await at.store.putRunner({ name: "box", kind: "local", state: "online", slots: 1 });
  await put(at.store, new Play().label().it);
  expect(await at.loop.round()).toBe(true);
  expect((await at.store.runners())[0]?.taken).toEqual([0]);
});

test("it rests until something is written, and does not look about meanwhile", async () => {
  await using at = await given();
  at.loop.start();
  await settled();
  const { rounds } = at.counts;
  await settled();
  expect(at.counts.rounds).toBe(rounds);
  expect(at.clock.next).toBe(5000);
  await enter(at.store, "a", comment);
  await settled();
  expect(await at.store.counts()).toEqual({ "inbox.done": 1 });
  expect(at.counts.rounds).toBeGreaterThan(rounds);
  expect(at.counts.rounds).toBeLessThan(rounds + 10);
});

test("it wakes when something is due, and looks now and then anyway", async () => {
  await using at = await given();
  await put(at.store, new Play().label().it, [emitted(effects.react, "react")]);
  at.forge.performing = (_, tries) =>
    at.forge.performed.length === 1
      ? { kind: "later", reason: "pace", afterMs: 700 }
      : { kind: tries === 1 ? "done" : "unknown", reason: "" };
  at.loop.start();
  await settled();
  expect(at.clock.next).toBe(700);
  at.clock.move(700);
  await settled();
  expect(await at.store.counts()).toMatchObject({ "outbox.done": 1 });
  const { rounds } = at.counts;
  at.clock.move(5000);
  await settled();
  expect(at.counts.rounds).toBe(rounds + 1);
});

test("an effect that ends wakes it for the next of its lane", async () => {
  await using at = await given();
  const slow = Promise.withResolvers<EffectOutcome>();
  at.forge.performing = (effect) => (effect.kind === "react" ? slow.promise : { kind: "done" });
  const list = [emitted(effects.react, "a"), emitted(effects["close-issue"], "b")];
  await put(at.store, new Play().label().it, list);
  at.loop.start();
  await settled();
  slow.resolve({ kind: "done" });
  await settled();
  expect(await at.store.counts()).toMatchObject({ "outbox.done": 2 });
});

test("a failed round is said and tried again after a pause", async () => {
  await using at = await given();
  at.counts.broken = true;
  at.loop.start();
  await settled();
  expect(at.log.lines).toMatchObject([{ message: "round failed", fields: { error: "disk full" } }]);
  expect(at.clock.next).toBe(1000);
  at.counts.broken = false;
  at.clock.move(1000);
  await settled();
  expect(at.log.lines).toHaveLength(1);
  expect(at.clock.next).toBe(5000);
});

test("stopping takes up nothing more and waits for what is in the air, up to a limit", async () => {
  await using at = await given();
  const slow = Promise.withResolvers<EffectOutcome>();
  at.forge.performing = () => slow.promise;
  await put(at.store, new Play().label().it, [emitted(effects.react, "a")]);
  at.loop.start();
  await settled();
  let stopped = false;
  const stopping = at.loop.stop(300).then(() => (stopped = true));
  await settled();
  expect(stopped).toBe(false);
  at.clock.move(300);
  await stopping;
  await enter(at.store, "late", comment);
  await settled();
  expect(await at.store.counts()).toMatchObject({ "inbox.pending": 1 });
  slow.resolve({ kind: "done" });
  await at.deliver.idle();
});

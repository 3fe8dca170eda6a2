/** Clocks that are set, and machines that sleep, over the real store. */
import { expect, test } from "vitest";
import { openSteady } from "../../src/compose/steady.ts";
import type { Store } from "../../src/store/port.ts";
import { Play } from "../domain/play.ts";
import { openLog, openStore, VirtualClock } from "../engine/world.ts";
import { effect, item, loaded, put, take } from "../store/contract/given.ts";
import { events } from "../store/examples.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A machine: people set its clock, it sleeps, it is started anew. */
class Machine {
  readonly timers = new VirtualClock();
  skewMs = 0;
  sleptMs = 0;
  boot = "first";
  readonly clock = {
    now: () => this.timers.now() + this.skewMs,
    after: (delayMs: number, callback: () => void) => this.timers.after(delayMs, callback),
  };

  readonly log = openLog();

  sleep(ms: number): void {
    this.timers.move(ms);
    this.sleptMs += ms;
  }

  serve(store: Store) {
    const elapsed = () => this.timers.now() - this.sleptMs + 0.25;
    const { clock, boot, log } = this;
    return openSteady({ clock, elapsed, boot, store, log });
  }
}

/** An effect and an event that were put off for five minutes, and timers of an hour. */
async function given() {
  const machine = new Machine();
  const store = await openStore(machine.clock);
  const steady = await machine.serve(store);
  const now = steady.clock.now();
  const play = new Play().label();
  play.now = now;
  await put(store, play.it, {
    now,
    effects: [effect("a", "react")],
    timers: [
      { name: "turn:one:1", at: now + HOUR },
      { name: "resume:one", at: now + 2 * HOUR },
    ],
  });
  const [taken] = await store.takeOutbox({ now, limit: 1, busy: new Set() });
  await store.postponeEffect(taken?.seq ?? 0, {
    notBefore: now + 5 * MINUTE,
    error: "",
    sure: false,
  });
  await store.enqueue([item("put off", events["timer-fired"])], now);
  const [event] = await take(store, now);
  await store.postponeInbox(event?.seq ?? 0, now + 5 * MINUTE, "");
  const at = async (): Promise<readonly (number | null)[]> => {
    const moment = steady.clock.now();
    const timer = await store.fireTimers(moment);
    return [await store.nextDue(moment), timer].map((one) =>
      one === null ? null : Math.round((one - moment) / MINUTE),
    );
  };
  return { machine, store, steady, play, at, [Symbol.asyncDispose]: () => store.close() };
}

test.for([
  ["back by a day", -DAY],
  ["forward by a day", DAY],
  ["back by a minute", -MINUTE],
] as const)(
  "a clock set %s: what was to happen in five minutes happens in five minutes",
  async ([, byMs]) => {
    await using world = await given();
    const { machine, store, steady, play, at } = world;
    machine.timers.move(MINUTE);
    machine.skewMs += byMs;
    expect(await at(), "until it is noticed nothing has happened").toEqual([4, 59]);
    await steady.follow();
    expect(steady.clock.now()).toBe(Math.round(machine.clock.now()));
    expect(await at()).toEqual([4, 59]);
    expect(machine.log.lines).toMatchObject([{ level: "warn", fields: { byMs } }]);
    const [latest] = await store.audit(play.it.id, 1);
    const back = [`the clock was set back by ${Math.round(-byMs / 1000)} s`];
    expect(latest?.notes).toEqual(byMs < 0 ? back : ["a note"]);
    machine.timers.move(4 * MINUTE);
    await steady.follow();
    const now = steady.clock.now();
    expect(await take(store, now)).toMatchObject([{ key: "put off", attempts: 2 }]);
    expect(await store.takeOutbox({ now, limit: 9, busy: new Set() })).toMatchObject([
      { key: "a" },
    ]);
  },
);

test("a turn that slept with its machine has as long left as before; a provider's limit has passed", async () => {
  await using world = await given();
  const { machine, store, steady, at } = world;
  machine.sleep(8 * HOUR);
  await steady.follow();
  const now = steady.clock.now();
  await store.fireTimers(now);
  expect(await at()).toEqual([5, 60]);
  expect(await store.counts()).toMatchObject({ "inbox.pending": 2 });
  machine.timers.move(HOUR);
  await store.fireTimers(steady.clock.now());
  expect(await store.counts()).toMatchObject({ "inbox.pending": 3 });
});

test("set back while nobody served: noticed at the next start, with and without a common time", async () => {
  for (const boot of ["first", "second", ""]) {
    await using world = await given();
    const { machine, store } = world;
    machine.timers.move(2 * MINUTE);
    await world.steady.follow();
    machine.skewMs -= DAY;
    machine.boot = boot;
    const next = await machine.serve(store);
    const [due, timer] = [
      await store.nextDue(next.clock.now()),
      await store.fireTimers(next.clock.now()),
    ];
    const now = next.clock.now();
    expect([(due ?? 0) - now, (timer ?? 0) - now], boot).toEqual([3 * MINUTE, 58 * MINUTE]);
  }
});

test("time that passed while nobody served is no jump; a sleep meanwhile is one where it can be told", async () => {
  for (const [boot, left] of [
    ["first", 30],
    ["second", null],
  ] as const) {
    await using world = await given();
    const { machine, store } = world;
    machine.timers.move(30 * MINUTE);
    machine.sleep(8 * HOUR);
    machine.boot = boot;
    const { clock } = await machine.serve(store);
    await store.fireTimers(clock.now());
    const timer = await store.fireTimers(clock.now());
    expect(timer === null ? null : (timer - clock.now()) / MINUTE, boot).toBe(left);
  }
});

test("set back: who waits keeps its turn before whoever comes, and holds end when they were to end", async () => {
  const machine = new Machine();
  await using store = await openStore(machine.clock);
  const { clock, follow } = await machine.serve(store);
  const play = new Play().label();
  play.now = clock.now();
  play
    .start()
    .limit("manager", clock.now() + HOUR)
    .exited();
  await put(store, play.it);
  const before = await loaded(store);
  machine.skewMs -= DAY;
  await follow();
  const after = await loaded(store);
  expect(after.rev).toBe(before.rev + 1);
  // It waits a little longer than the limit, so that not everybody comes back at once.
  const until = (before.objective.sessions[0]?.hold?.until ?? 0) - DAY;
  expect(until).toBeGreaterThanOrEqual(clock.now() + HOUR);
  expect(after.objective.sessions[0]).toMatchObject({
    state: { kind: "waiting_limit", until },
    hold: { until },
  });
  play.timer(`resume:${play.session().id}`);
  await put(store, play.it);
  await store.putRunner({ name: "box", kind: "local", state: "online", slots: 1 });
  const since = (await store.snapshot(9)).queue[0]?.since ?? 0;
  machine.skewMs -= DAY;
  await follow();
  expect((await store.snapshot(9)).queue).toMatchObject([{ since: since - DAY }]);
});

test("what cannot be moved now is moved later; until then time goes on as before", async () => {
  await using world = await given();
  const { machine, store } = world;
  let full = false;
  const steady = await machine.serve({
    ...store,
    rebase: (...args) => (full ? Promise.reject(new Error("disk full")) : store.rebase(...args)),
  });
  const now = steady.clock.now();
  full = true;
  machine.skewMs -= DAY;
  await expect(steady.follow()).rejects.toThrow("disk full");
  expect([steady.clock.now(), await store.nextDue(now)]).toEqual([now, now + 5 * MINUTE]);
  full = false;
  await steady.follow();
  const later = steady.clock.now();
  expect([later, await store.nextDue(later)]).toEqual([now - DAY, now - DAY + 5 * MINUTE]);
});

test("clocks that drift apart a little are left alone, and the moment is noted once a minute", async () => {
  await using world = await given();
  const { machine, steady, store } = world;
  const { wall } = (await store.lastMoment()) ?? { wall: 0 };
  machine.skewMs += 20_000;
  for (let second = 0; second < 59; second += 1) {
    machine.timers.move(1_000);
    await steady.follow();
  }
  expect(await store.lastMoment()).toMatchObject({ wall, boot: "first" });
  machine.timers.move(1_000);
  await steady.follow();
  expect(await store.lastMoment()).toMatchObject({ wall: wall + MINUTE });
  expect(machine.log.lines).toEqual([]);
});

/** GitHub's log of its deliveries: what counts is what we have. The log is a list in memory, the store the real one. */
import { expect, test } from "vitest";
import { PortError } from "../../src/engine/ports.ts";
import type { Pressure } from "../../src/inbox/port.ts";
import { openSweep, type DeliveryLog, type SweepOptions } from "../../src/inbox/sweep.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { handClock } from "../github/clock.ts";

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const MINUTE_MS = 60_000;
const START = Date.UTC(2026, 0, 5);

interface Entry {
  readonly guid: string;
  readonly at: number;
  readonly event?: string;
}

async function open(given: Partial<SweepOptions> = {}, pageSize = 100) {
  const stack = new AsyncDisposableStack();
  const clock = handClock(START);
  const store = stack.use(await openSqlite(":memory:", clock));
  /** Oldest first; ids count from 1. */
  const entries: Entry[] = [];
  const asked: string[] = [];
  const github = { down: false, tries: 0, pages: 0 };
  const deliveries: DeliveryLog = {
    async page(cursor) {
      github.tries += 1;
      if (github.down) throw new PortError("unavailable", "down");
      github.pages += 1;
      const all = entries.map((entry, index) => ({ ...entry, id: index + 1 })).toReversed();
      const from = cursor === null ? 0 : Number(cursor);
      const found = all.slice(from, from + pageSize);
      const next = from + pageSize < all.length ? String(from + pageSize) : null;
      return {
        next,
        deliveries: found.map(({ id, guid, at, event = "issues" }) => ({
          id,
          guid,
          deliveredAt: at,
          event,
        })),
      };
    },
    redeliver: async (id) => void asked.push(entries[id - 1]?.guid ?? ""),
    payload: async (id) => JSON.stringify({ of: entries[id - 1]?.guid }),
  };
  const options: SweepOptions = {
    log: quiet,
    clock,
    deliveries,
    store,
    events: new Set(["issues"]),
    how: "ask",
    everyMs: 5 * MINUTE_MS,
    pressure: () => "ok",
    ...given,
  };
  const sweep = openSweep(options);
  stack.defer(() => sweep.close());
  await settled();
  const look = async (waitMs = 5 * MINUTE_MS): Promise<void> => {
    clock.advance(waitMs);
    await settled();
  };
  return {
    clock,
    store,
    entries,
    asked,
    github,
    sweep,
    look,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Everything here resolves by microtasks. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 3_000; turns += 1) await Promise.resolve();
}

const accepted = (guid: string) => ({ guid, name: "issues", body: "{}", receivedAt: 1 });

test("what we do not have is asked for, whatever GitHub thinks; what we have and do not handle is not", async () => {
  await using at = await open();
  await at.store.accept([accepted("have")]);
  at.entries.push(
    { guid: "HAVE", at: START },
    { guid: "lost", at: START + 1 },
    { guid: "star", at: START + 2, event: "star" },
    { guid: "lost", at: START + 3 },
  );
  await at.look();
  expect(at.asked).toEqual(["lost"]);
});

test("with pull payloads are taken from the log, and nothing is asked for", async () => {
  await using at = await open({ how: "take" });
  at.entries.push({ guid: "a", at: START }, { guid: "b", at: START + 1 });
  await at.look();
  expect(at.asked).toEqual([]);
  expect((await at.store.unrouted(10)).map(({ guid, body }) => [guid, body])).toEqual([
    ["a", '{"of":"a"}'],
    ["b", '{"of":"b"}'],
  ]);
});

test("where it stopped is kept, by GitHub's time, and a little is read again", async () => {
  await using at = await open();
  at.entries.push({ guid: "old", at: START - 4 * 24 * 60 * MINUTE_MS }, { guid: "a", at: START });
  await at.look();
  expect(at.asked, "not what GitHub cannot deliver any more").toEqual(["a"]);
  expect(await at.store.mark("deliveries")).toBe(String(START));
  await at.store.accept([accepted("a")]);
  at.entries.push({ guid: "late", at: START - 9 * MINUTE_MS }, { guid: "b", at: START + 1 });
  at.clock.advance(-24 * 60 * MINUTE_MS);
  await at.look(25 * 60 * MINUTE_MS);
  expect(at.asked).toEqual(["a", "late", "b"]);
});

test("a long log is read in pieces, soon after each other, and all of it", async () => {
  await using at = await open({}, 1);
  for (let index = 0; index < 50; index += 1)
    at.entries.push({ guid: `g${index}`, at: START + index });
  await at.look();
  expect(at.github.pages).toBe(20 + 1);
  expect(await at.store.mark("deliveries")).toBeNull();
  await at.look(1_000);
  await at.look(1_000);
  expect(at.asked).toHaveLength(50);
  expect(await at.store.mark("deliveries")).toBe(String(START + 49));
});

test("a delivery that we refuse each time is not asked for for ever", async () => {
  await using at = await open();
  at.entries.push({ guid: "too large", at: START });
  for (let looks = 0; looks < 20; looks += 1) await at.look();
  expect(at.asked).toHaveLength(5);
});

test("GitHub is down: asked more and more rarely, and then nothing is lost", async () => {
  await using at = await open();
  at.entries.push({ guid: "a", at: START });
  at.github.down = true;
  at.github.tries = 0;
  for (let minutes = 0; minutes < 120; minutes += 1) await at.look(MINUTE_MS);
  // After 5, 5, 10, 20 minutes, and then every 30.
  expect(at.github.tries).toBe(6);
  at.github.down = false;
  await at.look(30 * MINUTE_MS);
  expect(at.asked).toEqual(["a"]);
});

test("while our queues are full nothing is asked for", async () => {
  let room: ReturnType<Pressure> = "high";
  await using at = await open({ pressure: () => room });
  at.entries.push({ guid: "a", at: START });
  await at.look();
  expect(at.asked).toEqual([]);
  room = "ok";
  await at.look();
  expect(at.asked).toEqual(["a"]);
});

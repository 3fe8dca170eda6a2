/** Webhooks between the answer and the database: on disk, in order, once, whatever ends the process. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Delivery } from "../../src/inbox/port.ts";
import { arrivalBytes, readArrivals } from "../../src/store/arrival.ts";
import { withArrivals } from "../../src/store/arrivals.ts";
import { openSegments, type Segments } from "../../src/store/segments.ts";
import { Fenced, type Store } from "../../src/store/port.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { repository } from "../domain/cast.ts";
import { events } from "./examples.ts";

const clock = { now: () => 1_000 };
let chances = 0;
const chance = {
  uuid: () => `00000000-0000-4000-8000-${String((chances += 1)).padStart(12, "0")}`,
  bytes: (count: number) => new Uint8Array(count).fill(7),
};

const delivery = (guid: string, body = `{"of":"${guid}"}`): Delivery => ({
  guid,
  name: "issues",
  body,
  receivedAt: 5,
});
const lost = {
  repository,
  subject: { kind: "issue", number: 1 },
  event: events["access-lost"],
} as const;

interface Given {
  readonly directory: string;
  readonly files: () => string[];
  /** The control plane starts. */
  readonly start: (given?: {
    readonly segments?: (real: Segments) => Segments;
    readonly segmentBytesMax?: number;
    readonly memoryBytesMax?: number;
  }) => Promise<Store>;
}

function given(): Given {
  const directory = mkdtempSync(join(tmpdir(), "orcha-arrivals-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const arrivals = join(directory, "arrivals");
  mkdirSync(arrivals);
  return {
    directory: arrivals,
    files: () => readdirSync(arrivals),
    async start({ segments = (real: Segments) => real, ...limits } = {}) {
      const store = withArrivals({
        store: await openSqlite(join(directory, "orcha.db"), clock, chance),
        segments: segments(openSegments(arrivals)),
        clock,
        ...limits,
      });
      onTestFinished(() => store.close());
      await store.identity();
      return store;
    },
  };
}

const long = (guid: string): Delivery => delivery(guid, `{"text":"${"ä".repeat(250)}"}`);
const bytesOf = (one: Delivery): Buffer => Buffer.concat(arrivalBytes(one) ?? []);
const guids = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ guid }) => guid);
const entered = async (store: Store): Promise<string[]> => {
  const items = await store.takeInbox({ now: 2_000, limit: 9, busy: new Set() });
  return items.map(({ key }) => key);
};

test("what was answered for is routed in the order in which it came, once, and leaves no file behind", async () => {
  const { start, files, directory } = given();
  const store = await start();
  await Promise.all([store.accept([delivery("a"), delivery("b")]), store.accept([delivery("a")])]);
  expect(await store.unrouted(9)).toEqual([delivery("a"), delivery("b")]);
  expect(guids(await store.unrouted(1))).toEqual(["a"]);
  expect(await store.accepted(["a", "c"])).toEqual(new Set(["a"]));
  expect((await store.stats()).deliveries.pending).toMatchObject({ rows: 2, oldest: 5 });
  expect(files().map((name) => (statSync(join(directory, name)).mode & 0o777).toString(8))).toEqual(
    ["600"],
  );

  await store.route("a", [lost]);
  await store.reject("b", "no such shape");
  expect(await store.unrouted(9)).toEqual([]);
  await store.accept([delivery("a")]);
  await store.route("a", [lost, lost]);
  expect(await entered(store)).toEqual(["a:0"]);
  expect(await store.counts()).toMatchObject({ "delivery.routed": 1, "delivery.rejected": 1 });
  expect(await store.dead(9)).toMatchObject([{ key: "b", reason: "no such shape" }]);
  await store.close();
  expect(files()).toEqual([]);
});

test("after kill -9 what was not routed is there, and what was routed is not routed again", async () => {
  const { start } = given();
  const killed = await start();
  await killed.accept([delivery("a"), delivery("b", `{"text":"Grüße 🦀"}`), delivery("c")]);
  await killed.route("a", [lost]);

  const next = await start();
  expect(await next.unrouted(9)).toEqual([delivery("b", `{"text":"Grüße 🦀"}`), delivery("c")]);
  expect(await entered(next)).toEqual(["a:0"]);
});

test("it is killed again in the middle of taking over: nothing is lost or doubled", async () => {
  const { start, files } = given();
  const killed = await start();
  await killed.accept([delivery("a"), delivery("b")]);
  const stuck = start({
    segments: (real: Segments) => ({ ...real, remove: () => Promise.reject(new Error("killed")) }),
  });
  await expect(stuck).rejects.toThrow("killed");
  expect(files()).toHaveLength(1);
  const next = await start();
  expect(guids(await next.unrouted(9))).toEqual(["a", "b"]);
  expect(files()).toEqual([]);
});

test("a write that was cut short loses only what nobody was told of", async () => {
  const { start, files, directory } = given();
  const killed = await start();
  await killed.accept([delivery("a"), delivery("b")]);
  const [name = ""] = files();
  const record = bytesOf(delivery("c"));
  for (let cut = 1; cut < record.length; cut += 7) {
    const torn = record.subarray(0, cut);
    expect(guids(readArrivals(Buffer.concat([bytesOf(delivery("x")), torn])))).toEqual(["x"]);
  }
  appendFileSync(join(directory, name), record.subarray(0, -3));
  const next = await start();
  expect(guids(await next.unrouted(9))).toEqual(["a", "b"]);
});

test("a clock with fractions and names that nobody expects lose nothing", async () => {
  const { start } = given();
  const killed = await start();
  await killed.accept([{ ...delivery("a"), receivedAt: 5.25 }]);
  await killed.accept([{ ...delivery("b"), name: "two words" }, delivery("c")]);
  await killed.accept([delivery("d")]);
  const next = await start();
  expect(guids(await next.unrouted(9)).toSorted()).toEqual(["a", "b", "c", "d"]);
});

test("a byte that was changed is noticed", () => {
  const whole = Buffer.concat([bytesOf(delivery("a")), bytesOf(delivery("b"))]);
  for (let at = 0; at < whole.length; at += 1) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 0x01;
    const deliveries = readArrivals(damaged);
    expect(deliveries).toEqual(at < whole.length / 2 ? [] : [delivery("a")]);
  }
});

test("when the file cannot be written the database takes them, or says what is wrong", async () => {
  const { start } = given();
  let broken = true;
  const store = await start({
    segments: (real) => ({
      ...real,
      async create(name) {
        const segment = await real.create(name);
        return {
          ...segment,
          append: (parts) =>
            broken ? Promise.reject(new Error("no space left on device")) : segment.append(parts),
        };
      },
    }),
  });
  await store.accept([delivery("a")]);
  broken = false;
  await store.accept([delivery("b")]);
  // Those in the database first, whatever else waits.
  expect(guids(await store.unrouted(9))).toEqual(["a"]);
  await store.route("a", [lost]);
  expect(guids(await store.unrouted(9))).toEqual(["b"]);
});

test("what is too much for the memory is read from the file again; a file that was routed goes", async () => {
  const { start, files } = given();
  const store = await start({ segmentBytesMax: 1_000, memoryBytesMax: 700 });
  for (const guid of ["a", "b", "c", "d"]) await store.accept([long(guid)]);
  expect(files()).toHaveLength(2);
  expect(await store.unrouted(9)).toEqual(["a", "b", "c", "d"].map(long));
  for (const guid of ["a", "b"]) await store.route(guid, []);
  expect(files()).toHaveLength(1);
});

test("a control plane that was taken over answers for nothing more", async () => {
  const { start } = given();
  const older = await start();
  await older.accept([delivery("a")]);
  const newer = await start();
  await expect(older.accept([delivery("b")])).rejects.toThrow(Fenced);
  await expect(older.route("a", [lost])).rejects.toThrow(Fenced);
  expect(guids(await newer.unrouted(9))).toEqual(["a"]);
});

test("a file that is none of ours is left alone", async () => {
  const { start, directory, files } = given();
  writeFileSync(join(directory, "notes.txt"), "not ours");
  const store = await start();
  expect(await store.unrouted(9)).toEqual([]);
  expect(files()).toEqual(["notes.txt"]);
});

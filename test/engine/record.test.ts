/**
 * The record of an attempt on its way in. Property: however the bytes are cut, however entries and output
 * interleave, and wherever we are restarted, the inbox and the transcript are the same.
 */
import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AgentDriver, Finding } from "../../src/agents/driver.ts";
import { AttemptRecord } from "../../src/engine/record.ts";
import type { JournalEntry, JournalLine } from "../../src/protocol/journal.ts";
import type { LiveAttempt, Store } from "../../src/store/port.ts";
import { openTranscripts, type Transcripts } from "../../src/store/transcripts.ts";
import { Play } from "../domain/play.ts";
import { openStore, put, settled, VirtualClock } from "./world.ts";

/** Each line is a finding of its own; it counts lines, so a line seen twice or never shows. */
const counting: AgentDriver<number> = {
  name: "script",
  launch: () => ({ command: [], env: {}, inherit: [], files: [] }),
  initial: () => 0,
  reduce: (count, line) => ({ state: count + 1, findings: findings(count + 1, line) }),
};

function findings(count: number, line: string): Finding[] {
  if (line.startsWith("say")) return [{ kind: "text", text: line }];
  if (line === "") return [];
  return [
    { kind: "message-taken", id: `${count}:${line}`, how: "turn" },
    { kind: "turn-ended", failure: null },
  ];
}

const redact = (line: Uint8Array): Uint8Array =>
  Buffer.from(Buffer.from(line).toString("latin1").replaceAll("secret", "******"), "latin1");

const SHA = "a".repeat(40);
const exited = (outBytes: number): JournalEntry => ({
  kind: "exited",
  code: 0,
  signal: null,
  cause: "itself",
  outBytes,
  errBytes: 0,
});

const WAIT_MS = 20_000;

type Ended = "closed" | "unknown" | "behind" | Error;

class World implements AsyncDisposable {
  readonly store: Store;
  readonly transcripts: Transcripts;
  readonly live: LiveAttempt;
  readonly ended: Ended[] = [];
  readonly #remove: () => void;

  constructor(store: Store, directory: string, live: LiveAttempt, remove: () => void) {
    this.store = store;
    this.transcripts = openTranscripts(directory);
    this.live = live;
    this.#remove = remove;
  }

  static async open(): Promise<World> {
    const directory = mkdtempDisposableSync(join(tmpdir(), "orcha-record-"));
    const store = await openStore(new VirtualClock());
    const play = new Play().label();
    await put(store, play.it);
    await put(store, play.claim().it);
    const [live] = await store.liveAttempts();
    if (live === undefined) throw new Error("no attempt");
    return new World(store, directory.path, live, () => directory.remove());
  }

  /** Opens it where it stands, as after a restart. */
  async record(): Promise<AttemptRecord> {
    const { session, attempt } = this.live;
    const cursor = await this.store.cursor(session, attempt);
    const done = this.transcript("out").subarray(0, cursor.out).toString();
    return new AttemptRecord({
      live: { ...this.live, cursor },
      driver: counting,
      transcript: this.transcripts.open(session, attempt),
      before: done.split("\n").slice(0, -1),
      redact,
      store: this.store,
      clock: new VirtualClock(),
      onEnd: (how) => this.ended.push(how),
    });
  }

  /** Waits for disk and store; a disk that others write to may take seconds to sync. */
  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    const late = performance.now() + WAIT_MS;
    while (performance.now() < late) {
      if (await isSo()) return;
      await settled();
    }
    const cursor = await this.store.cursor(this.live.session, this.live.attempt);
    throw new Error(`it never became so; processed up to ${JSON.stringify(cursor)}`);
  }

  over(): Promise<void> {
    return this.until(() => this.ended.length > 0);
  }

  /** The record has been processed up to here. */
  processed(out: number, seq: number): Promise<void> {
    const { session, attempt } = this.live;
    return this.until(async () => {
      const cursor = await this.store.cursor(session, attempt);
      return cursor.out === out && cursor.seq === seq;
    });
  }

  transcript(stream: "out" | "err"): Buffer {
    const { session, attempt } = this.live;
    const place = { session, attempt, stream, from: 0, bytesMax: 1_000_000 };
    return Buffer.from(this.transcripts.read(place));
  }

  /** Everything that entered the inbox, in order. */
  async items(): Promise<unknown[]> {
    const found: unknown[] = [];
    for (let turns = 0; turns < 500; turns++) {
      const taken = await this.store.takeInbox({ now: 9e15, limit: 1, busy: new Set() });
      for (const { seq, key, event } of taken) {
        await this.store.buryInbox(seq, "read");
        found.push({ key, event });
      }
      if (taken.length === 0) break;
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    this.#remove();
  }
}

/** Feeds what the runner has, from where the record stands, in pieces of these sizes. */
function feed(
  record: AttemptRecord,
  out: Buffer,
  journal: readonly JournalLine[],
  sizes: readonly number[],
): void {
  let { out: at, seq } = record.position();
  for (const size of [...sizes, out.byteLength]) {
    const bytes = out.subarray(at, at + size);
    if (bytes.byteLength > 0) record.output("out", at, bytes);
    at += bytes.byteLength;
    // Entries may be early: some come before the output they stand after.
    for (const line of journal.slice(seq).filter(({ outAt }) => outAt <= at + (size % 3) * 4)) {
      if (line.seq !== seq + 1) continue;
      record.journal(line);
      seq = line.seq;
    }
  }
  for (const line of journal.slice(seq)) record.journal(line);
}

const Output = fc
  .array(fc.constantFrom("one\n", "two", "\n", "say hi\n", "my secret\n", "ü"), { maxLength: 14 })
  .map((parts) => Buffer.from(parts.join("")));
const Sizes = fc.array(fc.nat(7), { maxLength: 12 });

const lineAt = (seq: number, outAt: number, entry: JournalEntry): JournalLine => ({
  seq,
  outAt,
  at: 0,
  entry,
});

function journalOf(out: Buffer, at: readonly number[]): JournalLine[] {
  const places = at.map((one) => one % (out.byteLength + 1)).toSorted((a, b) => a - b);
  return [
    lineAt(1, 0, { kind: "prepared", path: "/p", base: SHA, head: SHA }),
    lineAt(2, 0, { kind: "spawned", pid: 1, bootId: "b" }),
    ...places.map((outAt, index) =>
      lineAt(index + 3, outAt, {
        kind: "tool-called",
        call: `c${index}`,
        tool: "list_sessions",
        arguments: {},
      }),
    ),
    lineAt(places.length + 3, out.byteLength, exited(out.byteLength)),
  ];
}

test("any chunks, any interleaving, any restart: the same items and the same transcript", async () => {
  await fc.assert(
    fc.asyncProperty(
      Output,
      fc.array(fc.nat(60), { maxLength: 4 }),
      Sizes,
      fc.nat(60),
      fc.nat(9),
      async (out, at, sizes, stop, some) => {
        const journal = journalOf(out, at);
        await using straight = await World.open();
        const whole = await straight.record();
        feed(whole, out, journal, []);
        await straight.over();
        await whole.close();

        await using broken = await World.open();
        const first = await broken.record();
        const part = out.subarray(0, stop);
        feed(
          first,
          part,
          journal
            .filter((line) => line.outAt <= stop && line.entry.kind !== "exited")
            .slice(0, some),
          sizes,
        );
        await (some % 2 === 0 ? settled() : first.close());
        if (some % 2 === 0) await first.close();
        const second = await broken.record();
        feed(second, out, journal, sizes);
        await broken.over();
        await second.close();

        expect(broken.transcript("out")).toEqual(straight.transcript("out"));
        expect(broken.transcript("out").byteLength).toBe(out.byteLength);
        expect(broken.transcript("out").toString()).not.toContain("secret");
        const [one, two] = [await straight.items(), await broken.items()];
        expect(new Map(two.map((item) => [JSON.stringify(item), 1]))).toEqual(
          new Map(one.map((item) => [JSON.stringify(item), 1])),
        );
        expect(two).toHaveLength(one.length);
        expect([straight.ended, broken.ended]).toEqual([["closed"], ["closed"]]);
      },
    ),
    { numRuns: 25 },
  );
}, 60_000);

test("puts an entry after the lines that end at or before it", async () => {
  await using world = await World.open();
  const record = await world.record();
  const out = Buffer.from("one\ntwo\n");
  const entry = { kind: "tool-called", call: "c", tool: "list_sessions", arguments: {} } as const;
  record.journal({ seq: 1, outAt: 4, at: 0, entry });
  record.output("out", 0, out);
  await world.processed(8, 1);
  const kinds = (await world.items()).map(
    (item) => JSON.stringify(item).match(/"kind":"([a-z-]+)"/u)?.[1],
  );
  expect(kinds).toEqual([
    "message-delivered",
    "turn-ended",
    "tool-called",
    "message-delivered",
    "turn-ended",
  ]);
  await record.close();
});

test("keeps a tail that came without newline at the end, and finds nothing in it", async () => {
  await using world = await World.open();
  const record = await world.record();
  record.output("out", 0, Buffer.from("one\nhalf a secret"));
  record.output("err", 0, Buffer.from("broken pipe"));
  expect(record.position()).toEqual({ out: 17, err: 11, seq: 0 });
  record.journal({ seq: 1, outAt: 17, at: 0, entry: exited(17) });
  await world.over();
  expect(world.transcript("out").toString()).toBe("one\nhalf a ******");
  expect(world.transcript("err").toString()).toBe("broken pipe");
  expect(world.ended).toEqual(["closed"]);
  expect(await world.items()).toHaveLength(3);
  expect(await world.store.liveAttempts()).toEqual([]);
  await record.close();
});

test("shows the last thing said", async () => {
  await using world = await World.open();
  const record = await world.record();
  record.output("out", 0, Buffer.from(`say one\nsay ${"x".repeat(300)}\n`));
  await world.processed(313, 0);
  const activity = await world.store.activity(world.live.session);
  expect(activity?.text).toBe(`say ${"x".repeat(196)}`);
  expect(await world.items()).toEqual([]);
  await record.close();
});

test.for([
  [
    "output that leaves a gap",
    (record: AttemptRecord) => record.output("out", 5, Buffer.from("x")),
    "out came at 5, expected 0",
  ],
  [
    "an entry that leaves a gap",
    (record: AttemptRecord) => record.journal({ seq: 2, outAt: 0, at: 0, entry: exited(0) }),
    "entry 2 came after 0",
  ],
] as const)("%s ends it, to be taken up again", async ([, act, message]) => {
  await using world = await World.open();
  const record = await world.record();
  act(record);
  expect(world.ended).toMatchObject([{ message }]);
  record.output("out", 0, Buffer.from("late\n"));
  record.refused("behind");
  await settled();
  expect(world.ended).toHaveLength(1);
  expect(world.transcript("out").toString()).toBe("");
  await record.close();
});

test("what the store could not take is not acknowledged, and comes again", async () => {
  await using world = await World.open();
  const real = { ...world.store };
  Object.assign(world.store, { advance: () => Promise.reject(new Error("disk full")) });
  const record = await world.record();
  record.output("out", 0, Buffer.from("one\n"));
  await world.over();
  expect(world.ended).toMatchObject([{ message: "disk full" }]);
  await record.close();
  Object.assign(world.store, real);
  const again = await world.record();
  expect(again.position()).toEqual({ out: 0, err: 0, seq: 0 });
  again.output("out", 0, Buffer.from("one\n"));
  await world.processed(4, 0);
  expect(world.transcript("out").toString()).toBe("one\n");
  expect(await world.items()).toHaveLength(2);
  await again.close();
});

test("says when the runner cannot go on with it", async () => {
  await using world = await World.open();
  const record = await world.record();
  record.refused("unknown");
  expect(world.ended).toEqual(["unknown"]);
  await record.close();
});

describe("entries", () => {
  const of: readonly (readonly [JournalEntry, string | null])[] = [
    [{ kind: "prepared", path: "/p", base: SHA, head: SHA }, "attempt-prepared"],
    [{ kind: "prepare-failed", stage: "fetch", reason: "r", retry: true }, "attempt-unstartable"],
    [{ kind: "setup-ran", command: "c", code: 0, output: "" }, null],
    [{ kind: "spawned", pid: 1, bootId: "b" }, "attempt-spawned"],
    [{ kind: "input-stored", id: "m", offset: 0, length: 1 }, null],
    [{ kind: "tool-called", call: "c", tool: "list_sessions", arguments: {} }, "tool-called"],
    [{ kind: "tool-called", call: "c", tool: "report_result", arguments: {} }, "tool-misused"],
    [{ kind: "tool-answered", call: "c", outcome: "parked" }, "call-settled"],
    [exited(0), "attempt-exited"],
  ];
  test.for(of)("%o is %s", async ([entry, kind]) => {
    await using world = await World.open();
    const record = await world.record();
    record.journal({ seq: 1, outAt: 0, at: 0, entry });
    await world.processed(0, 1);
    expect(await world.items()).toMatchObject(
      kind === null ? [] : [{ key: `${world.live.session}:1:journal:1`, event: { kind } }],
    );
    await record.close();
  });
});

import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { script } from "../../src/agents/script.ts";
import { Follow } from "../../src/engine/follow.ts";
import type { Position, RecordSink, Records } from "../../src/engine/ports.ts";
import { emitted } from "../../src/domain/step.ts";
import type { Store } from "../../src/store/port.ts";
import { openTranscripts } from "../../src/store/transcripts.ts";
import { Play } from "../domain/play.ts";
import { effects } from "../store/examples.ts";
import { openLog, openStore, put, settled, VirtualClock } from "./world.ts";

type Answer = Awaited<ReturnType<Records["attach"]>>;

/** A runner that answers as told and hands out its sinks. */
class TestRecords implements Records {
  readonly attached: Position[] = [];
  readonly detached: string[] = [];
  answer: Answer | Error = "attached";
  sink: RecordSink | null = null;

  async attach(_: string, from: Position, sink: RecordSink): Promise<Answer> {
    this.attached.push(from);
    this.sink = sink;
    if (this.answer instanceof Error) throw this.answer;
    return this.answer;
  }

  async detach(_: string, session: string, attempt: number): Promise<void> {
    this.detached.push(`${session}/${attempt}`);
  }
}

async function given({
  pending = false,
  agent = "script",
  wrap = (store: Store): Store => store,
} = {}) {
  const directory = mkdtempDisposableSync(join(tmpdir(), "orcha-follow-"));
  const clock = new VirtualClock();
  const store = wrap(await openStore(clock));
  const play = new Play().label();
  await put(store, play.it);
  const claimed = play.claim().it;
  const start = { ...effects["start-attempt"], session: play.session().id };
  await put(store, claimed, pending ? [emitted(start, "start")] : []);
  const records = new TestRecords();
  const log = openLog();
  const follow = new Follow({
    store,
    records,
    transcripts: openTranscripts(directory.path),
    clock,
    log,
    driver: (name) => (name === agent ? script : undefined),
    redact: (line) => line,
  });
  const close = async (): Promise<void> => {
    await follow.close();
    await store.close();
    directory.remove();
  };
  const events = async (): Promise<unknown[]> => {
    const taken = await store.takeInbox({ now: 9e15, limit: 9, busy: new Set() });
    return taken.map(({ event }) => event);
  };
  const key = `${play.session().id}/1`;
  return { store, play, clock, records, log, follow, events, key, [Symbol.asyncDispose]: close };
}

/** Waits for disk and store; gives up after very many turns of the event loop. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let turns = 0; turns < 5000; turns++) {
    if (await isSo()) return;
    await settled();
  }
  throw new Error("it never became so");
}

const exit = {
  seq: 1,
  outAt: 0,
  at: 0,
  entry: { kind: "exited", code: 0, signal: null, cause: "itself", outBytes: 0, errBytes: 0 },
} as const;

test("an attempt is attached once, from the start, and let go when its end was read", async () => {
  await using at = await given();
  await at.follow.once();
  await at.follow.once();
  await settled();
  expect(at.records.attached).toEqual([
    { session: at.play.session().id, attempt: 1, out: 0, err: 0, seq: 0 },
  ]);
  at.records.sink?.journal(exit);
  await until(async () => (await at.store.liveAttempts()).length === 0);
  await until(() => at.records.detached.length > 0);
  expect(at.records.detached).toEqual([at.key]);
  await at.follow.once();
  await settled();
  expect(at.records.attached).toHaveLength(1);
});

test("a runner that does not know it while its start is on its way is asked again", async () => {
  await using at = await given({ pending: true });
  at.records.answer = "unknown";
  await at.follow.once();
  await until(() => at.clock.next !== null);
  const waits: (number | null)[] = [];
  for (let tries = 2; tries < 6; tries++) {
    waits.push(at.clock.next);
    at.clock.move(at.clock.next ?? 0);
    await until(() => at.records.attached.length === tries && at.clock.next !== null);
  }
  expect(waits).toEqual([50, 100, 200, 400]);
  expect(await at.events()).toEqual([]);
  at.records.answer = "attached";
  at.clock.move(10_000);
  await until(() => at.records.attached.length === 6);
  expect(await at.store.liveAttempts()).toHaveLength(1);
});

test.for(["unknown", "behind"] as const)(
  "a runner that answers %s has lost it: that is its end",
  async (answer) => {
    await using at = await given();
    at.records.answer = answer;
    await at.follow.once();
    await until(async () => (await at.store.liveAttempts()).length === 0);
    expect(await at.events()).toMatchObject([
      { kind: "attempt-exited", attempt: 1, code: null, cause: "keeper-lost" },
    ]);
    expect(at.log.lines).toMatchObject([{ message: "attempt lost by its runner" }]);
  },
);

test("also when it says so later", async () => {
  await using at = await given();
  await at.follow.once();
  await settled();
  at.records.sink?.refused("behind");
  await until(async () => (await at.store.liveAttempts()).length === 0);
  expect(await at.events()).toMatchObject([{ cause: "keeper-lost" }]);
});

test("a runner that cannot be reached is tried again, from where the record stands", async () => {
  await using at = await given();
  await at.follow.once();
  await settled();
  const line = Buffer.from('{"type":"taken","uuid":"m"}\n');
  at.records.sink?.output("out", 0, line);
  const { id } = at.play.session();
  await until(async () => (await at.store.cursor(id, 1)).out === line.byteLength);
  at.records.sink?.output("out", 999, line);
  await until(() => at.clock.next !== null);
  at.records.answer = new Error("no route");
  at.clock.move(50);
  await until(() => at.records.attached.length === 2 && at.clock.next !== null);
  at.records.answer = "attached";
  at.clock.move(100);
  await until(() => at.records.attached.length === 3);
  expect(at.records.attached.at(-1)).toMatchObject({ out: line.byteLength });
  expect(at.log.lines.map(({ fields }) => fields)).toMatchObject([
    { error: `out came at 999, expected ${line.byteLength}` },
    { error: "no route" },
  ]);
});

test("a store that is away when an attempt is lost: said again when it is back", async () => {
  let away = true;
  await using at = await given({
    wrap: (store) => ({
      ...store,
      advance: (advance) =>
        away ? Promise.reject(new Error("disk full")) : store.advance(advance),
    }),
  });
  at.records.answer = "behind";
  await at.follow.once();
  await until(() => at.clock.next !== null);
  expect(await at.store.liveAttempts()).toHaveLength(1);
  away = false;
  at.clock.move(5000);
  await until(async () => (await at.store.liveAttempts()).length === 0);
  expect(await at.events()).toMatchObject([{ cause: "keeper-lost" }]);
});

test("also when the runner said so later", async () => {
  let away = true;
  await using at = await given({
    wrap: (store) => ({
      ...store,
      advance: (advance) =>
        away ? Promise.reject(new Error("disk full")) : store.advance(advance),
    }),
  });
  await at.follow.once();
  await settled();
  at.records.sink?.refused("behind");
  await until(() => at.clock.next !== null);
  away = false;
  at.records.answer = "behind";
  at.clock.move(5000);
  await until(async () => (await at.store.liveAttempts()).length === 0);
  expect(await at.events()).toMatchObject([{ cause: "keeper-lost" }]);
});

test("an agent that has no driver any more is said, and tried again", async () => {
  await using at = await given({ agent: "another" });
  await at.follow.once();
  await until(() => at.clock.next !== null);
  expect(at.log.lines).toMatchObject([{ fields: { error: 'no driver for agent "script"' } }]);
});

test("closing detaches everything and asks no more", async () => {
  const at = await given();
  await at.follow.once();
  await settled();
  await at.follow.close();
  expect(at.records.detached).toEqual([at.key]);
  await at.follow.once();
  await settled();
  expect(at.records.attached).toHaveLength(1);
  await at[Symbol.asyncDispose]();
});

test("closing while it is being opened leaves nothing open", async () => {
  const at = await given();
  await at.follow.once();
  await at.follow.close();
  await settled();
  expect(at.records.attached).toEqual([]);
  await at[Symbol.asyncDispose]();
});

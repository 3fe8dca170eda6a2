import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { openDrain, type Drain } from "../../src/engine/drain.ts";
import { PortError } from "../../src/engine/ports.ts";
import { StoreUnavailable } from "../../src/inbox/port.ts";
import type { Store } from "../../src/store/port.ts";
import { published, started } from "../domain/begin.ts";
import { ann, ISSUE, repository, rules } from "../domain/cast.ts";
import { urlOf } from "../domain/kinds.ts";
import { Play } from "../domain/play.ts";
import { events } from "../store/examples.ts";
import {
  enter,
  issue,
  openLog,
  openStore,
  put,
  settled,
  TestForge,
  VirtualClock,
} from "./world.ts";

const derive = (cause: string) => (name: string) =>
  createHash("sha256").update(`${cause}|${name}`).digest("hex");

interface Given extends AsyncDisposable {
  readonly store: Store;
  readonly clock: VirtualClock;
  readonly forge: TestForge;
  readonly log: ReturnType<typeof openLog>;
  readonly drain: Drain;
  /** Handles what is due; the number taken up. */
  round(): Promise<number>;
}

async function given(wrap: (store: Store) => Store = (store) => store): Promise<Given> {
  const clock = new VirtualClock();
  const store = await openStore(clock);
  const forge = new TestForge();
  const log = openLog();
  const drain = openDrain({ store: wrap(store), forge, clock, log, rules, derive });
  const round = async (): Promise<number> => {
    const taken = await drain.once();
    await drain.idle();
    return taken;
  };
  return { store, clock, forge, log, drain, round, [Symbol.asyncDispose]: () => store.close() };
}

const comment = (number: number) => ({ ...events["comment-created"], number }) as const;
const wanted = {
  issue: {
    id: 900,
    number: ISSUE,
    title: "t",
    body: "b",
    open: true,
    labels: ["objective"],
    url: urlOf(ISSUE),
  },
  permission: "write",
  config: new Play().config,
} as const;

test("an event becomes the new state, and the effects with it", async () => {
  await using at = await given();
  at.forge.reading = () => wanted;
  await enter(at.store, "label", events["issue-changed"]);
  expect(await at.round()).toBe(1);
  const loaded = await at.store.load(issue, repository);
  expect(loaded?.objective).toMatchObject({ startedBy: ann, revision: 1 });
  expect(await at.store.outbox({ state: "pending", limit: 9 })).toHaveLength(2);
  expect(await at.round()).toBe(0);
});

test("nothing is asked of GitHub about issues that are none of ours", async () => {
  await using at = await given();
  await enter(at.store, "comment", comment(ISSUE));
  await enter(at.store, "edit", { ...events["issue-changed"], cause: "edited", labels: [] });
  await at.round();
  await at.round();
  expect(at.forge.reads).toBe(0);
  expect(await at.store.counts()).toEqual({ "inbox.done": 2 });
});

test("nor about an objective that is over", async () => {
  await using at = await given();
  await put(at.store, started().close().exited().it);
  await enter(at.store, "comment", comment(ISSUE));
  await enter(at.store, "closed", { ...events["issue-changed"], cause: "closed", labels: [] });
  await at.round();
  await at.round();
  expect(at.forge.reads).toBe(0);
  expect((await at.store.load(issue, repository))?.objective.state.kind).toBe("canceled");
});

test("a failed read waits, holds only its own lane, and waits longer each time", async () => {
  await using at = await given();
  at.forge.reading = () => {
    throw new PortError("unavailable", "GitHub is away");
  };
  await enter(at.store, "label", events["issue-changed"]);
  await enter(at.store, "later", comment(ISSUE));
  await enter(at.store, "other", comment(13), { kind: "issue", number: 13 });
  expect(await at.round()).toBe(2);
  expect(await at.store.counts()).toEqual({ "inbox.done": 1, "inbox.pending": 2 });
  expect(await at.round()).toBe(0);
  const waits: number[] = [];
  for (let tries = 0; tries < 4; tries++) {
    const due = (await at.store.nextDue(at.clock.now())) ?? 0;
    waits.push(due - at.clock.now());
    at.clock.move(due - at.clock.now());
    expect(await at.round()).toBe(1);
  }
  expect(waits).toEqual([500, 1000, 2000, 4000]);
  expect(at.log.lines.filter(({ message }) => message === "event waits")).toHaveLength(5);
  at.forge.reading = () => wanted;
  at.clock.move(60_000);
  await at.round();
  await at.round();
  expect(await at.store.counts()).toMatchObject({ "inbox.done": 3 });
});

test("it waits as long as GitHub says", async () => {
  await using at = await given();
  at.forge.reading = () => {
    throw new PortError("rate-limited", "slow down", { retryAfterMs: 7777 });
  };
  await enter(at.store, "label", events["issue-changed"]);
  await at.round();
  expect(await at.store.nextDue(at.clock.now())).toBe(at.clock.now() + 7777);
});

test("an outage is waited for, however long it takes", async () => {
  await using at = await given();
  at.forge.reading = () => {
    throw new PortError("unavailable", "GitHub is away");
  };
  await enter(at.store, "label", events["issue-changed"]);
  for (let tries = 0; tries < 50; tries++) {
    expect(await at.round()).toBe(1);
    at.clock.move(10 * 60_000);
  }
  expect(await at.store.counts()).toEqual({ "inbox.pending": 1 });
});

test("what is closed to us twelve times is buried and its lane goes on", async () => {
  await using at = await given();
  at.forge.reading = () => {
    throw new PortError("denied", "not for us");
  };
  await enter(at.store, "label", events["issue-changed"]);
  await enter(at.store, "next", comment(ISSUE));
  for (let tries = 0; tries < 12; tries++) {
    await at.round();
    at.clock.move(10 * 60_000);
  }
  expect(await at.store.counts()).toMatchObject({ "inbox.dead": 1, "inbox.pending": 1 });
  await at.round();
  expect(await at.store.counts()).toEqual({ "inbox.dead": 1, "inbox.done": 1 });
});

test("a store that is away says nothing about the event: it is tried again", async () => {
  let away = true;
  await using at = await given((store) => ({
    ...store,
    commit: (commit) =>
      away ? Promise.reject(new StoreUnavailable("disk full")) : store.commit(commit),
  }));
  await enter(at.store, "comment", comment(ISSUE));
  await at.drain.once();
  await settled();
  expect(await at.drain.once()).toBe(0);
  expect(await at.store.counts()).toEqual({ "inbox.pending": 1 });
  away = false;
  at.clock.move(1000);
  await at.drain.idle();
  await at.round();
  expect(await at.store.counts()).toEqual({ "inbox.done": 1 });
});

test("a slow read holds up its own lane only", async () => {
  await using at = await given();
  const slow = Promise.withResolvers<typeof wanted>();
  at.forge.reading = () => slow.promise;
  await enter(at.store, "label", events["issue-changed"]);
  await enter(at.store, "other", comment(13), { kind: "issue", number: 13 });
  expect(await at.drain.once()).toBe(2);
  await settled();
  expect(await at.store.counts()).toEqual({ "inbox.done": 1, "inbox.pending": 1 });
  await enter(at.store, "label again", events["issue-changed"]);
  expect(await at.drain.once()).toBe(0);
  slow.resolve(wanted);
  await at.drain.idle();
  expect(await at.round()).toBe(1);
});

test("a poisoned event is buried at once, with its reason, and its lane goes on", async () => {
  await using at = await given();
  at.forge.reading = () => {
    throw new TypeError("cannot read properties of undefined");
  };
  await enter(at.store, "poison", events["issue-changed"]);
  await enter(at.store, "next", comment(ISSUE));
  await at.round();
  expect(at.log.lines.filter(({ level }) => level === "error")).toMatchObject([
    { message: "event buried", fields: { error: "cannot read properties of undefined" } },
  ]);
  await at.round();
  expect(await at.store.counts()).toEqual({ "inbox.dead": 1, "inbox.done": 1 });
});

test("whoever lost a race for the objective looks again", async () => {
  let conflicts = 3;
  await using at = await given((store) => ({
    ...store,
    commit: async (commit) => (conflicts-- > 0 ? false : store.commit(commit)),
  }));
  at.forge.reading = () => wanted;
  await enter(at.store, "label", events["issue-changed"]);
  await at.round();
  expect(at.forge.reads).toBe(4);
  expect(await at.store.load(issue, repository)).not.toBeNull();
});

test("but not for ever", async () => {
  await using at = await given((store) => ({ ...store, commit: async () => false }));
  await enter(at.store, "comment", comment(ISSUE));
  await at.round();
  expect(await at.store.counts()).toEqual({ "inbox.dead": 1 });
  expect(at.log.lines.at(-1)?.fields).toMatchObject({
    error: "comment lost 10 races for its objective",
  });
});

test("an event of a pull request we do not know yet finds its objective by the branch", async () => {
  await using at = await given();
  const play = published();
  const [pull] = play.it.pullRequests;
  if (pull === undefined) throw new Error("nothing published");
  await put(at.store, { ...play.it, pullRequests: [{ ...pull, number: null, state: "pushed" }] });
  at.forge.branch = pull.branch;
  const subject = { kind: "pull-request", number: 31 } as const;
  await enter(at.store, "closed", { ...events["pull-request-changed"], number: 31 }, subject);
  await at.round();
  expect(at.forge.branches).toBe(1);
  const audit = await at.store.audit(play.it.id, 1);
  expect(audit[0]?.event).toContain("pull-request-changed");
});

test("or nobody", async () => {
  await using at = await given();
  await enter(at.store, "x", events["pull-request-changed"], { kind: "pull-request", number: 99 });
  await at.round();
  expect(await at.store.counts()).toEqual({ "inbox.done": 1 });
});

/** The pace of looking: a model of GitHub's lists in memory, a clock moved by hand, the real store. */
import { expect, test } from "vitest";
import type { Repository } from "../../src/domain/repository.ts";
import { PortError } from "../../src/engine/ports.ts";
import type { Pressure } from "../../src/inbox/port.ts";
import { openRounds, type RoundsOptions } from "../../src/inbox/rounds.ts";
import type { FoundComment, FoundIssue, Survey } from "../../src/inbox/survey.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { ann, ISSUE, repository as home } from "../domain/cast.ts";
import { Play } from "../domain/play.ts";
import { published } from "../domain/begin.ts";
import { handClock } from "../github/clock.ts";

const MINUTE_MS = 60_000;
const EVERY_MS = 3 * MINUTE_MS;
const START = Date.UTC(2026, 0, 5, 12);
const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** GitHub as its lists are; `asked` has one entry for every list of issues that was read. */
function model(clock: { now(): number }) {
  const github = {
    repositories: [home] as readonly Repository[],
    issues: [] as FoundIssue[],
    comments: [] as FoundComment[],
    reviews: [] as Awaited<ReturnType<Survey["reviews"]>>[number][],
    states: new Map<number, "merged" | "open" | "closed" | "draft">(),
    budget: { share: 1, pausedMs: 0 },
    down: false,
    asked: [] as { readonly id: number; readonly since: number | null; readonly at: number }[],
  };
  const PAGE = 100;
  const listed = <T extends { readonly updatedAt: number }>(
    all: readonly T[],
    { since, page }: { readonly since: number | null; readonly page: number },
  ) => {
    const found = all
      .filter(({ updatedAt }) => updatedAt >= (since ?? 0))
      .toSorted((a, b) => a.updatedAt - b.updatedAt);
    const entries = found.slice((page - 1) * PAGE, page * PAGE);
    return { entries, serverTime: clock.now(), more: page * PAGE < found.length };
  };
  const survey: Survey = {
    async repositories() {
      if (github.down) throw new PortError("unavailable", "down");
      return github.repositories;
    },
    label: async () => "objective",
    async issues({ id }, request) {
      github.asked.push({ id, since: request.since, at: clock.now() });
      if (github.down) throw new PortError("unavailable", "down");
      return listed(github.issues, request);
    },
    comments: async (_, request) => listed(github.comments, request),
    reviewComments: async (_, request) => listed([], request),
    reviews: async () => github.reviews,
    labelledBy: async (_, { number, updatedAt }) => ({ event: number, at: updatedAt, actor: ann }),
    issue: async () => ({ open: true, labels: ["objective"] }),
    pullStates: async () => github.states,
    budget: () => github.budget,
  };
  return { github, survey };
}

async function open(
  given: Partial<RoundsOptions> = {},
  before: (at: Open) => Promise<void> = async () => undefined,
) {
  const stack = new AsyncDisposableStack();
  const clock = handClock(START);
  const store = stack.use(await openSqlite(":memory:", clock));
  const { github, survey } = model(clock);
  await before({ clock, store, github });
  const rounds = openRounds({
    survey,
    store,
    clock,
    log: quiet,
    pressure: () => "ok",
    everyMs: EVERY_MS,
    fullEveryMs: 60 * MINUTE_MS,
    ...given,
  });
  stack.defer(() => rounds.close());
  await settled();
  return {
    clock,
    store,
    github,
    rounds,
    async pass(minutes: number) {
      for (let steps = 0; steps < minutes * 6; steps += 1) {
        clock.advance(MINUTE_MS / 6);
        await settled();
      }
    },
    /** Kinds of what entered, in order. */
    async entered(): Promise<readonly string[]> {
      const found: string[] = [];
      for (let round = 0; round < 4_000; round += 1) {
        const items = await store.takeInbox({ now: clock.now(), limit: 500, busy: new Set() });
        if (items.length === 0) break;
        for (const item of items) {
          found.push(item.event.kind);
          await store.buryInbox(item.seq, "seen");
        }
      }
      return found;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

interface Open {
  readonly clock: ReturnType<typeof handClock>;
  readonly store: Awaited<ReturnType<typeof openSqlite>>;
  readonly github: ReturnType<typeof model>["github"];
}

/** Everything here resolves by microtasks. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 400; turns += 1) await Promise.resolve();
}

/** Stores an objective as it is in this play. */
async function keep({ store }: Open, play: Play): Promise<void> {
  const event = { kind: "access-lost", reason: "only to commit with" } as const;
  const subject = { kind: "issue", number: ISSUE } as const;
  await store.enqueue([{ key: "given", repository: home, subject, event }], 1);
  const [item] = await store.takeInbox({ now: START, limit: 1, busy: new Set() });
  if (item === undefined) throw new Error("nothing to commit with");
  const rest = { effects: [], timers: [], notes: [], facts: {} };
  await store.commit({ item, now: 1, before: null, objective: play.it, ...rest });
}

const issue = (number: number, updatedAt: number): FoundIssue => ({
  id: 900 + number,
  number,
  title: "t",
  body: "b",
  url: "u",
  open: true,
  author: ann,
  updatedAt,
});

const comment = (id: number, at: number): FoundComment => ({
  id,
  number: ISSUE,
  on: "issue",
  author: ann,
  body: `comment ${id}`,
  url: "u",
  createdAt: at,
  updatedAt: at,
});

test("at the start everything, then what changed every few minutes, everything again after an hour", async () => {
  await using at = await open();
  const full = () => at.github.asked.filter(({ since }) => since === null).length;
  expect(at.github.asked).toEqual([{ id: home.id, since: null, at: START }]);
  await at.pass(59);
  expect(at.github.asked.length).toBeGreaterThan(59 / 4);
  expect(at.github.asked.length).toBeLessThan(59 / 2);
  expect(full()).toBe(1);
  await at.pass(8);
  expect(full()).toBe(2);
  // Ten minutes of overlap, in steps, so that the same address answers 304.
  for (const { since, at: time } of at.github.asked.slice(1, 10)) {
    expect(time - (since ?? time)).toBeGreaterThanOrEqual(10 * MINUTE_MS);
    expect((since ?? 1) % (10 * MINUTE_MS)).toBe(0);
  }
});

test("each repository has a pace of its own, the same every time", async () => {
  const repositories = Array.from({ length: 5 }, (_, index) => ({ ...home, id: 70 + index }));
  const run = async (): Promise<readonly number[]> => {
    await using at = await open(
      {},
      async ({ github }) => void (github.repositories = repositories),
    );
    await at.pass(5);
    const second = (id: number) => at.github.asked.filter((one) => one.id === id)[1]?.at ?? 0;
    return repositories.map(({ id }) => second(id) - START);
  };
  const waits = await run();
  expect(new Set(waits).size).toBe(5);
  for (const waitMs of waits) {
    expect(waitMs).toBeGreaterThanOrEqual((EVERY_MS * 2) / 3);
    expect(waitMs).toBeLessThanOrEqual((EVERY_MS * 4) / 3 + MINUTE_MS / 6);
  }
  expect(await run()).toEqual(waits);
});

test("labels nobody works on enter once; more than one look takes are read soon after each other", async () => {
  await using at = await open({}, async ({ github }) => {
    github.issues = Array.from({ length: 120 }, (_, index) => issue(index + 1, START - MINUTE_MS));
  });
  await at.pass(1);
  expect(await at.entered()).toHaveLength(120);
  await at.pass(70);
  expect(await at.entered()).toEqual([]);
});

test("a long list of comments is taken up where the last look stopped, and nothing twice", async () => {
  await using at = await open({}, async (world) => {
    await keep(world, new Play().label());
    world.github.issues = [issue(ISSUE, START - MINUTE_MS)];
    world.github.comments = Array.from({ length: 2_500 }, (_, index) =>
      comment(index + 1, START - MINUTE_MS + Math.floor(index / 50) * 1_000),
    );
  });
  await at.pass(1);
  const entered = await at.entered();
  expect(entered).toHaveLength(2_500);
  expect(new Set(entered)).toEqual(new Set(["comment-created"]));
});

test("a merged pull request and a review without inline comments are found", async () => {
  await using at = await open({}, async (world) => {
    await keep(world, published());
    world.github.issues = [issue(ISSUE, START - MINUTE_MS)];
    world.github.states = new Map([[31, "merged"]]);
    world.github.reviews = [{ id: 5, pullRequest: 31, author: ann, at: START }];
  });
  expect(await at.entered()).toEqual(["review-submitted", "pull-request-changed"]);
  await at.pass(10);
  expect(await at.entered(), "looked at once, until something of ours changes").toEqual([]);
});

test("a repository that the App cannot see any more ends its objectives", async () => {
  await using at = await open({}, async (world) => {
    await keep(world, new Play().label());
    world.github.repositories = [];
  });
  expect(await at.entered()).toEqual(["access-lost"]);
  await at.pass(180);
  expect(await at.entered()).toEqual([]);
  expect(at.github.asked).toEqual([]);
});

test("GitHub is down: asked again, more and more rarely, and a list that failed takes nothing away", async () => {
  await using at = await open({}, async (world) => {
    await keep(world, new Play().label());
    world.github.down = true;
    world.github.issues = [issue(ISSUE + 1, START)];
  });
  await at.pass(60);
  expect(await at.entered()).toEqual([]);
  at.github.down = false;
  await at.pass(16);
  expect(await at.entered()).toEqual(["issue-changed"]);
});

test("a short budget makes looks rarer, a pause and full queues stop them", async () => {
  let room: ReturnType<Pressure> = "ok";
  await using at = await open({ pressure: () => room });
  const looks = async (minutes: number): Promise<number> => {
    const before = at.github.asked.length;
    await at.pass(minutes);
    return at.github.asked.length - before;
  };
  const usual = await looks(40);
  at.github.budget = { share: 0.2, pausedMs: 0 };
  await looks(16);
  expect(await looks(40)).toBeLessThanOrEqual(usual / 3);
  at.github.budget = { share: 1, pausedMs: 10 * MINUTE_MS };
  await looks(16);
  expect(await looks(40)).toBe(0);
  at.github.budget = { share: 1, pausedMs: 0 };
  room = "high";
  await looks(16);
  expect(await looks(40)).toBe(0);
});

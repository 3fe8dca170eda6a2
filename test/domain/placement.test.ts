/** On which machine a session goes, who comes first, and why one waits. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GATE_LIMITS, type Sample } from "../../src/domain/gates.ts";
import { objectiveId } from "../../src/domain/id.ts";
import { classOf, reasonOf, reasonWords } from "../../src/domain/reason.ts";
import type { RunnerSnapshot } from "../../src/domain/runner.ts";
import { candidates, schedule, type Candidate, type Snapshot } from "../../src/domain/schedule.ts";
import { spawn, started } from "./begin.ts";
import { Play } from "./play.ts";
import { runner as runnerWith, waiting } from "./queue.ts";

const runner = (name: string, change: Partial<RunnerSnapshot> = {}): RunnerSnapshot =>
  runnerWith(name, 2, change);
const quiet: Sample = { load: 0, cores: 4, freeBytes: 50e9, mirrors: [] };
const given = (change: Partial<Snapshot> = {}): Snapshot => ({
  runners: [runner("a"), runner("b")],
  queue: [waiting("s")],
  busy: new Map(),
  ...change,
});
const samples = (of: Readonly<Record<string, Partial<Sample>>>): ReadonlyMap<string, Sample> =>
  new Map(Object.entries(of).map(([name, sample]) => [name, Object.assign({}, quiet, sample)]));
const where = (change: Partial<Snapshot>): string | undefined => schedule(given(change))[0]?.runner;

describe("the machine that suits best", () => {
  test("has room, the repository's mirror, and little to do", () => {
    const queue = [waiting("s", { mirror: "acme__shop" })];
    expect(where({ runners: [runner("a", { taken: [0] }), runner("b")] })).toBe("b");
    expect(where({ queue, samples: samples({ a: {}, b: { mirrors: ["acme__shop"] } }) })).toBe("b");
    expect(where({ samples: samples({ a: { load: 4 }, b: { load: 1 } }) })).toBe("b");
  });

  test("is none that is busy or full, unless the session is bound to it; what is not known keeps nobody out", () => {
    const busy = { a: { load: 6 }, b: { freeBytes: 9e9 } };
    expect(where({ samples: samples(busy) })).toBeUndefined();
    expect(where({ samples: samples(busy), queue: [waiting("s", { pin: "a" })] })).toBe("a");
    expect(where({ samples: samples({ a: { load: 6 } }) })).toBe("b");
    const limits = { ...GATE_LIMITS, loadPerCoreMax: 9, sessionsMax: null };
    expect(where({ samples: samples({ a: { load: 6 }, b: { freeBytes: 1 } }), limits })).toBe("a");
  });

  test("has all the labels that are asked for", () => {
    const runners = [runner("a", { labels: ["gpu"] }), runner("b", { labels: ["gpu", "big"] })];
    expect(where({ runners, queue: [waiting("s", { labels: ["big", "gpu"] })] })).toBe("b");
    expect(where({ runners, queue: [waiting("s", { labels: ["arm"] })] })).toBeUndefined();
  });
});

describe("limits", () => {
  test("of a repository and of everything", () => {
    const queue = ["s", "t", "u"].map((id, n) =>
      waiting(id, { objective: objectiveId(id), repository: n < 2 ? 1 : 2, sessionsMax: 1 }),
    );
    const claimed = (change: Partial<Snapshot>) =>
      schedule(given({ queue, ...change })).map(({ session }) => session);
    expect(claimed({})).toEqual(["s", "u"]);
    expect(claimed({ repositories: new Map([[1, 1]]) })).toEqual(["u"]);
    const busy = new Map([["other", { sessions: 3, workers: 0 }]]);
    expect(claimed({ busy, limits: { ...GATE_LIMITS, sessionsMax: 4 } })).toEqual(["s"]);
  });

  test("one objective with a hundred workers starves nobody: nobody gets a second before everybody's first", () => {
    const crowds = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(crowds, fc.integer({ min: 1, max: 40 }), (sizes, slots) => {
        const queue = sizes.flatMap((size, one) =>
          Array.from({ length: size }, (_, n) =>
            waiting(`${one}-${n}`, {
              objective: objectiveId(`o${one}`),
              since: n,
              workersMax: 100,
            }),
          ),
        );
        const claims = schedule(given({ queue, runners: [runner("a", { slots })] }));
        const got = sizes.map(
          (_, one) => claims.filter(({ session }) => session.startsWith(`${one}-`)).length,
        );
        // Whoever could have had more has at most one less than anybody else.
        const most = Math.max(...got);
        const hungry = got.filter((count, one) => count < (sizes[one] ?? 0));
        expect(hungry.filter((count) => most - count > 1)).toEqual([]);
        expect(claims).toHaveLength(Math.min(slots, queue.length));
      }),
      { numRuns: 60 },
    );
  });
});

const labelled = (...labels: readonly string[]): Play => {
  const play = new Play();
  play.issue.labels = ["objective", ...labels];
  return play.reopen();
};
const rank = (play: Play): number | undefined => candidates(play.it)[0]?.rank;
const load = (value: number): ReadonlyMap<string, Sample> =>
  samples({ a: { load: value }, b: { load: value } });

describe("what issues, repositories and managers ask for", () => {
  test("runner:NAME binds all sessions; the manager may bind one elsewhere", () => {
    const play = labelled("runner:lab").start("manager", "lab");
    play.call("manager", spawn("api"));
    play.call("manager", spawn("gpu", { runner: "gpu-box" }));
    expect(play.it.sessions.map(({ pin }) => pin)).toEqual(["lab", "lab", "gpu-box"]);
  });

  test("priority goes before who waits longest, and managers before priority", () => {
    expect(rank(labelled("priority:high"))).toBeLessThan(rank(labelled()) ?? 0);
    expect(rank(labelled("priority:low"))).toBeGreaterThan(rank(labelled()) ?? 0);
    expect(rank(labelled("priority:low"))).toBeLessThan(1);
  });

  test("labels of the repository, or of the manager's argument instead", () => {
    const play = new Play();
    const { config } = play.config;
    play.config = { ...play.config, config: { ...config, runner: { labels: ["linux"] } } };
    play.label();
    expect(candidates(play.it)).toMatchObject([{ labels: ["linux"] }]);
    play.start().call("manager", spawn("api", { runnerLabels: ["gpu"] }));
    expect(candidates(play.it)).toMatchObject([{ labels: ["gpu"] }]);
  });
});

describe("why one waits", () => {
  const since = Date.UTC(2026, 0, 5, 14, 5);
  const full = [runner("a", { taken: [0, 1] }), runner("b", { slots: 1, taken: [0] })];
  const cases: readonly (readonly [string, Partial<Snapshot>, Partial<Candidate>?])[] = [
    ["no runner is registered (orcha runner add NAME ssh://user@host)", { runners: [] }],
    ["all 3 slots are taken", { runners: full }],
    ["the one slot is taken on b", { runners: full }, { pin: "b" }],
    ["no runner has the labels gpu", {}, { labels: ["gpu"] }],
    ["runner a is draining", { runners: [runner("a", { state: "draining" })] }, { pin: "a" }],
    ["runner a is untrusted", { runners: [runner("a", { state: "untrusted" })] }],
    [
      "runner a is lost since 2026-01-05 14:05 UTC",
      { runners: [runner("a", { reach: "lost", since }), runner("b")] },
      { pin: "a" },
    ],
    ["runner c is not registered", {}, { pin: "c" }],
    [
      "this objective has its limit of 1 session at a time",
      { busy: new Map([["one", { sessions: 1, workers: 1 }]]) },
      { workersMax: 1 },
    ],
    [
      "this repository has its limit of 2 sessions at a time",
      { repositories: new Map([[1, 2]]) },
      { repository: 1, sessionsMax: 2 },
    ],
    [
      "at most 1 session at a time",
      {
        busy: new Map([["two", { sessions: 1, workers: 0 }]]),
        limits: { ...GATE_LIMITS, sessionsMax: 1 },
      },
    ],
    [
      "every free machine is busy (load 2.0 per core on a)",
      { samples: samples({ a: { load: 8 }, b: { load: 8 } }) },
    ],
    [
      "every free machine is short of disk space (a)",
      { samples: samples({ a: { freeBytes: 1 }, b: { load: 8 } }) },
    ],
  ];

  test.for(cases)("%s", ([text, snapshot, candidate = {}]) => {
    const one = waiting("s", candidate);
    const now = given({ ...snapshot, queue: [one] });
    const reason = reasonOf(one, now);
    expect(reason && reasonWords(reason)).toBe(text);
    expect(schedule(now)).toEqual([]);
  });
});

describe("a reason", () => {
  test("nobody who would be placed waits for anything", () => {
    expect(reasonOf(waiting("s"), given())).toBeNull();
    expect(schedule(given())).toHaveLength(1);
  });

  test("a load that moves is no other reason", () => {
    const [low, high] = [8, 12].map((value) =>
      reasonOf(waiting("s"), given({ samples: load(value) })),
    );
    expect(low && classOf(low)).toBe("gate load");
    expect(high && classOf(high)).toBe("gate load");
  });

  test("is told once, stands in its status, and is over when it has a slot", () => {
    const play = started();
    play.call("manager", spawn("api"));
    const reason = { kind: "slots", slots: 2, runner: null } as const;
    const { id } = play.session("api");
    play.send({ kind: "wait-reason", session: id, reason });
    expect(play.effects("update-status")).toHaveLength(1);
    expect(play.session("api").waits).toEqual({ reason, since: play.now });
    play.claim("api", "box", 1);
    expect(play.session("api").waits).toBeNull();
    play.send({ kind: "wait-reason", session: id, reason });
    expect(play.session("api").waits).toBeNull();
  });
});

test("reasons are of one class when they need no new word", () => {
  const all: Parameters<typeof classOf>[0][] = [
    { kind: "no-runner" },
    { kind: "gate", gate: "load", runner: "a", load: 2 },
    { kind: "gate", gate: "disk", runner: "a", load: 2 },
    { kind: "labels", labels: ["gpu"] },
    { kind: "runner", runner: "a", is: "draining" },
    { kind: "slots", slots: 2, runner: null },
    { kind: "slots", slots: 2, runner: "a" },
    { kind: "limit", of: "all", most: 3 },
  ];
  expect(new Set(all.map(classOf)).size).toBe(all.length);
  expect(classOf(all[1] ?? { kind: "no-runner" })).toBe("gate load");
});

test("the first of two that suit alike is taken, and the better one whatever its place", () => {
  expect(where({ runners: [runner("a"), runner("b", { taken: [0] })] })).toBe("a");
  expect(where({ runners: [runner("a"), runner("b")] })).toBe("a");
});

test("nothing keeps one from a machine it is bound to and that has room; one that is away is said without a time when none is known", () => {
  expect(reasonOf(waiting("s", { pin: "a" }), given())).toBeNull();
  const away = given({ runners: [runner("a", { reach: "lost" })] });
  expect(reasonOf(waiting("s"), away)).toEqual({ kind: "runner", runner: "a", is: "lost" });
  const either = given({ runners: [runner("a", { state: "draining" }), runner("b")] });
  expect(reasonOf(waiting("s"), either)).toBeNull();
  const limits = { ...GATE_LIMITS, sessionsMax: null };
  const busy = given({ samples: samples({ a: { load: 8 }, b: { load: 8 } }), limits });
  expect(reasonOf(waiting("s"), busy)).toMatchObject({ kind: "gate", runner: "a" });
});

test("a runner's label that comes later counts from then on, and none any more when it goes", () => {
  const play = started();
  const relabelled = (...labels: readonly string[]): unknown => {
    play.issue.labels = ["objective", ...labels];
    play.edit(play.issue.title, play.issue.body);
    return play.it.placement;
  };
  expect(relabelled("runner:lab", "priority:low")).toEqual({ runner: "lab", priority: "low" });
  expect(relabelled()).toEqual({ runner: null, priority: "normal" });
  expect(candidates(play.it)).toEqual([]);
});

test("what a repository allows of its sessions goes along with each", () => {
  const play = new Play();
  play.config = {
    ...play.config,
    config: { ...play.config.config, limits: { workers: 8, sessions: 3 } },
  };
  play.label();
  expect(candidates(play.it)).toMatchObject([{ sessionsMax: 3 }]);
});

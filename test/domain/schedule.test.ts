import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { objectiveId } from "../../src/domain/id.ts";
import { candidates, schedule, type Candidate } from "../../src/domain/schedule.ts";
import { askHuman, published, report, spawn, started, withWorker } from "./begin.ts";
import { runner, waiting } from "./queue.ts";

const idle = new Map<string, { sessions: number; workers: number }>();
const order = (queue: readonly Candidate[], runners = [runner("box", 9)], busy = idle): string =>
  schedule({ runners, queue, busy })
    .map(({ session }) => session)
    .join(" ");

describe("whose turn it is", () => {
  test("managers, answers, reviews, messages, new workers", () => {
    const play = started();
    for (const title of ["new", "asks", "gets"]) play.call("manager", spawn(title));
    play.start("asks").call("asks", askHuman("Which?"));
    play.park("asks");
    play.start("gets").call("gets", report());
    play.park("gets").comment("Redis").park();
    play.comment("go on");
    const rank = (title: string): number | undefined =>
      candidates(play.it).find(({ session }) => session === play.session(title).id)?.rank;
    expect([rank("manager"), rank("asks"), rank("new"), rank("gets")]).toEqual([
      0,
      1,
      4,
      undefined,
    ]);
    const review = published().commentPull(31, "hm");
    expect(candidates(review.it)).toMatchObject([{ rank: 2, pin: "box", worker: true }]);
  });

  test("within one class the objective with the least at work, then who waits longest", () => {
    const other = objectiveId("two");
    const queue = [
      waiting("late", { since: 2 }),
      waiting("early", { since: 1 }),
      waiting("theirs", { since: 3, objective: other }),
    ];
    expect(order(queue)).toBe("early theirs late");
    const busy = new Map([["one", { sessions: 3, workers: 2 }]]);
    expect(order(queue, [runner("box", 9)], busy)).toBe("theirs early late");
    expect(order([waiting("manager", { rank: 0, since: 9 }), ...queue])).toBe(
      "manager theirs early late",
    );
  });

  test("a worker over its objective's limit does not hold up others", () => {
    const queue = [
      waiting("a", { workersMax: 1 }),
      waiting("b", { workersMax: 1, since: 1 }),
      waiting("manager", { worker: false, rank: 5 }),
    ];
    expect(order(queue)).toBe("a manager");
  });

  test("a session that waits for another is no candidate until that has reported", () => {
    const play = withWorker();
    play.call("manager", spawn("docs", { dependsOn: ["api"] }));
    expect(candidates(play.it)).toEqual([]);
    play.call("api", report());
    expect(candidates(play.it)).toMatchObject([{ session: play.session("docs").id }]);
  });

  test("one asked for a runner before it ever ran", () => {
    const play = started();
    play.call("manager", spawn("api", { runner: "gpu" }));
    expect(candidates(play.it)).toMatchObject([{ pin: "gpu" }]);
  });
});

describe("where it runs", () => {
  test("on the roomiest runner, in a slot that is free", () => {
    const runners = [
      runner("small", 2),
      runner("big", 4, { taken: [0, 2] }),
      runner("full", 1, { taken: [0] }),
    ];
    const claims = schedule({
      runners,
      queue: [waiting("a"), waiting("b", { since: 1 })],
      busy: idle,
    });
    expect(claims).toEqual([
      { session: "a", runner: "small", slot: 0 },
      { session: "b", runner: "big", slot: 1 },
    ]);
  });

  test("where it is pinned or nowhere", () => {
    const queue = [waiting("a", { pin: "gone" }), waiting("b", { pin: "box", since: 1 })];
    expect(order(queue)).toBe("b");
  });

  test.for(["draining", "offline", "disabled"] as const)("never on one that is %s", (state) => {
    expect(order([waiting("a")], [runner("box", 2, { state })])).toBe("");
  });
});

test("no slot twice, no more than there are, and no one waits beside a slot it could have", () => {
  const Runner = fc.record({
    slots: fc.nat(4),
    online: fc.boolean(),
    taken: fc.uniqueArray(fc.nat(3)),
  });
  const Session = fc.record({
    rank: fc.nat(4),
    since: fc.nat(9),
    pin: fc.option(fc.nat(2)),
    of: fc.nat(3),
  });
  fc.assert(
    fc.property(
      fc.array(Runner, { maxLength: 3 }),
      fc.array(Session, { maxLength: 12 }),
      (boxes, sessions) => {
        const runners = boxes.map(({ slots, online, taken }, index) =>
          runner(`r${index}`, slots, { state: online ? "online" : "draining", taken }),
        );
        const queue = sessions.map(({ rank, since, pin, of }, index) =>
          waiting(`s${index}`, {
            rank,
            since,
            pin: pin === null ? null : `r${pin}`,
            objective: objectiveId(`o${of}`),
          }),
        );
        const claims = schedule({ runners, queue, busy: idle });
        const places = claims.map((claim) => `${claim.runner}/${claim.slot}`);
        expect(new Set(places).size).toBe(places.length);
        for (const { name, state, slots, taken } of runners) {
          const here = claims.filter((claim) => claim.runner === name);
          for (const { slot } of here) expect(taken.includes(slot) || slot >= slots).toBe(false);
          const free = state === "online" ? slots - taken.filter((slot) => slot < slots).length : 0;
          expect(here.length).toBeLessThanOrEqual(free);
          const left = queue.filter(
            ({ session }) => !claims.some((claim) => claim.session === session),
          );
          const wanted = left.some(({ pin }) => pin === null || pin === name);
          expect(here.length < free && wanted).toBe(false);
        }
      },
    ),
  );
});

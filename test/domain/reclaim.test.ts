/** Which checkout may go: every case in words, and that no work goes without a backup. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { publishedBy, reclaim, type Checkout } from "../../src/domain/reclaim.ts";
import { publish, published, report, spawn, started, withWorker } from "./begin.ts";
import { Play } from "./play.ts";

const DAY = 24 * 60 * 60_000;
const CLEAN = { head: "a".repeat(40), ahead: 0, dirty: false };
const AHEAD = { head: "b".repeat(40), ahead: 2, dirty: false };
const DIRTY = { head: "b".repeat(40), ahead: 1, dirty: true };

const checkoutOf = (play: Play, title: string, change: Partial<Checkout> = {}): Checkout => {
  const { id, workspace } = play.session(title);
  const path = workspace?.path ?? "none";
  return {
    path,
    session: id,
    ordinal: Number(path.split("/").at(-1)),
    busy: false,
    base: workspace?.base ?? null,
    evidence: null,
    trouble: null,
    ...change,
  };
};

const verdict = (play: Play, checkout: Checkout, afterMs = 2 * DAY, runner = "box"): string => {
  const context = { now: play.now + afterMs, keepMs: DAY, runner };
  const { kind, reason } = reclaim(checkout, play.objective, context);
  return `${kind}: ${reason}`;
};

const ended = (): Play => {
  const play = published().close();
  play.timer("closed");
  for (const { title, state } of play.it.sessions) if ("slot" in state) play.exited(title);
  return play;
};

test("an objective that has ended: nothing there goes at once, work is kept first, what cannot be told stays", () => {
  const play = ended();
  expect(play.it.state.kind).toBe("canceled");
  const of = (change: Partial<Checkout>, afterMs?: number): string =>
    verdict(play, checkoutOf(play, "api", change), afterMs);
  expect([
    of({}, DAY - 1),
    of({}),
    of({ evidence: CLEAN }),
    of({ evidence: AHEAD }),
    of({ evidence: DIRTY }),
    of({ trouble: "there is no commit" }),
    of({ busy: true, evidence: CLEAN }),
    of({ path: "acme__other/x/1", evidence: CLEAN }),
    of({ session: "ses_else", evidence: CLEAN }),
  ]).toMatchInlineSnapshot(`
    [
      "keep: the objective has ended (canceled); kept until 2026-01-06 14:05 UTC",
      "examine: the objective has ended (canceled)",
      "delete: the objective has ended (canceled), and nothing in it is only there",
      "back-up: the objective has ended (canceled); it has 2 unpublished commits",
      "back-up: the objective has ended (canceled); it has 1 unpublished commit and uncommitted changes",
      "keep: the objective has ended (canceled), but what is in it cannot be told: there is no commit",
      "keep: an agent works in it",
      "keep: it is not where this session's checkouts are: look into it, and remove it by hand",
      "keep: no session here is called so: look into it, and remove the directory by hand if nobody needs it",
    ]
  `);
});

test("while its objective lives: who may be woken keeps its checkout, who has a later one does not need the first", () => {
  const play = published();
  const api = (change: Partial<Checkout> = {}) => checkoutOf(play, "api", change);
  const first = { path: api().path, ordinal: api().ordinal };
  expect(verdict(play, api({ evidence: CLEAN }))).toMatchInlineSnapshot(
    `"keep: api may be woken, and goes on in it"`,
  );
  expect(verdict(play, api({ evidence: CLEAN }), 2 * DAY, "other")).toMatchInlineSnapshot(
    `"delete: api has a later checkout on box, and nothing in it is only there"`,
  );
  play.review(31);
  play.start("api");
  expect(api().path).not.toBe(first.path);
  expect(verdict(play, api({ evidence: CLEAN }))).toMatchInlineSnapshot(`"keep: api is at work"`);
  expect([
    verdict(play, api(first)),
    verdict(play, api({ ...first, evidence: CLEAN })),
    verdict(play, api({ ...first, evidence: AHEAD })),
  ]).toMatchInlineSnapshot(`
    [
      "examine: api has a later checkout",
      "delete: api has a later checkout, and nothing in it is only there",
      "keep: api has a later checkout, but this one has 2 unpublished commits: it goes when the session has ended",
    ]
  `);
  const waiting = withWorker();
  expect(verdict(waiting, checkoutOf(waiting, "manager", { evidence: CLEAN }))).toContain(
    "at work",
  );
});

test("a merged pull request ends its worker's checkout a day later, unless something is in it", () => {
  const play = published().pull(31, "merged");
  const of = (change: Partial<Checkout>, afterMs?: number): string =>
    verdict(play, checkoutOf(play, "api", change), afterMs);
  expect([of({}, 1), of({ evidence: CLEAN }), of({ evidence: DIRTY })]).toMatchInlineSnapshot(`
    [
      "keep: api has ended (succeeded); kept until 2026-01-06 14:05 UTC",
      "delete: api has ended (succeeded), and nothing in it is only there",
      "back-up: api has ended (succeeded); it has 1 unpublished commit and uncommitted changes",
    ]
  `);
});

test("who is needed still: a worker that ends just now, one that others build on, one whose commits are on their way", () => {
  const ending = withWorker().unlabel();
  expect(verdict(ending, checkoutOf(ending, "api", { evidence: CLEAN }))).toBe(
    "keep: api is at work",
  );
  const built = withWorker();
  built.call("manager", spawn("web", { dependsOn: ["api"] }));
  built.call("api", report());
  built.park("api").reads();
  built.call("manager", publish("api"));
  built.pushed("api").opened("api", 31);
  built.pull(31, "merged");
  expect(verdict(built, checkoutOf(built, "api", { evidence: CLEAN }))).toBe(
    "keep: web builds on it",
  );
  const pushing = withWorker();
  pushing.call("api", report());
  pushing.park("api").reads();
  pushing.call("manager", publish("api"));
  expect(verdict(pushing, checkoutOf(pushing, "api", { evidence: CLEAN }))).toBe(
    "keep: what api has committed is being published",
  );
});

test("one that is just being made belongs to who waits for it", () => {
  const play = published().review(31).claim("api", "other");
  const { id, checkouts } = play.session("api");
  const path = `acme__shop/${id}/${checkouts}`;
  const made = checkoutOf(play, "api", { path, ordinal: checkouts, evidence: CLEAN });
  expect(verdict(play, made, 2 * DAY, "other")).toBe("keep: api is at work");
  const first = started();
  first.call("manager", spawn("api"));
  first.claim("api");
  const begun = `acme__shop/${first.session("api").id}/1`;
  const half = checkoutOf(first, "api", { path: begun, ordinal: 1, evidence: CLEAN });
  expect(verdict(first, half)).toBe("keep: api is at work");
});

test("what is published is what was pushed last", () => {
  const play = published();
  expect(publishedBy(play.it, play.session("api").id)).toEqual(["c".repeat(40)]);
  expect(publishedBy(play.it, play.session().id)).toEqual([]);
  expect(publishedBy(play.it, "ses_else")).toEqual([]);
});

test("whatever is there and whenever: nothing goes without evidence, and no work without a backup", () => {
  const plays = [published(), ended(), published().pull(31, "merged"), withWorker()];
  const evidence = fc.option(
    fc.record({
      head: fc.constant("b".repeat(40)),
      ahead: fc.nat(3),
      dirty: fc.boolean(),
    }),
  );
  fc.assert(
    fc.property(
      fc.nat(plays.length - 1),
      fc.boolean(),
      fc.boolean(),
      evidence,
      fc.nat(3 * DAY),
      (index, manager, busy, found, afterMs) => {
        const play = plays[index] ?? new Play();
        const checkout = checkoutOf(
          play,
          manager ? "manager" : (play.it.sessions[1]?.title ?? ""),
          {
            busy,
            evidence: found,
          },
        );
        const { kind } = reclaim(checkout, play.objective, {
          now: play.now + afterMs,
          keepMs: DAY,
          runner: "box",
        });
        const work = found !== null && (found.ahead > 0 || found.dirty);
        const went = kind === "delete" || kind === "back-up";
        expect({ went: went && (found === null || busy || afterMs < DAY) }).toEqual({
          went: false,
        });
        expect(kind === "delete" && work).toBe(false);
        expect(kind === "back-up" && !work).toBe(false);
      },
    ),
  );
});

/** How far the default branch has gone since a worker's checkout was made. */
import { expect, test } from "vitest";
import { needs } from "../../src/domain/needs.ts";
import { statusWords } from "../../src/domain/render.ts";
import { published, withWorker } from "./begin.ts";
import type { Play } from "./play.ts";

const BASE = "a".repeat(40);
const timerOf = (play: Play): string => `behind:${play.session("api").id}:${BASE}:main`;
const fire = (play: Play, behind: number | null): Play =>
  play.send({ kind: "timer-fired", name: timerOf(play) }, { behind });
const words = (play: Play): string => statusWords(play.it, play.session("api"));

test("GitHub is asked once an hour, about workers only", () => {
  const play = withWorker();
  expect([...play.timers.keys()].filter((name) => name.startsWith("behind:"))).toEqual([
    timerOf(play),
  ]);
  expect(play.timers.get(timerOf(play))).toBe(play.now + 60 * 60_000);
  expect(needs({ kind: "timer-fired", name: timerOf(play) })).toEqual([
    { kind: "behind", base: BASE, branch: "main" },
  ]);
  expect(needs({ kind: "timer-fired", name: "summary" })).toEqual([]);
  play.timers.clear();
  expect(fire(play, 0).timers.has(timerOf(play))).toBe(true);
});

test("what is behind stands in the row, exact below ten and then in classes; within a class nothing is written", () => {
  const play = withWorker();
  const seen = [0, 1, 9, 10, 49, null, 50, 120, 700].map((count) => {
    fire(play, count);
    return [words(play), play.effects("update-status").length];
  });
  expect(seen).toMatchInlineSnapshot(`
    [
      [
        "running",
        0,
      ],
      [
        "running, 1 commit behind main",
        1,
      ],
      [
        "running, 9 commits behind main",
        1,
      ],
      [
        "running, 10+ commits behind main",
        1,
      ],
      [
        "running, 10+ commits behind main",
        0,
      ],
      [
        "running, 10+ commits behind main",
        0,
      ],
      [
        "running, 50+ commits behind main",
        1,
      ],
      [
        "running, 100+ commits behind main",
        1,
      ],
      [
        "running, 500+ commits behind main",
        1,
      ],
    ]
  `);
});

test("an older checkout's timer and one of a session that has ended mean nothing", () => {
  const play = withWorker();
  play.timers.clear();
  const name = `behind:${play.session("api").id}:${"b".repeat(40)}:main`;
  play.send({ kind: "timer-fired", name }, { behind: 3 });
  expect([words(play), play.timers.size]).toEqual(["running", 0]);
  fire(play, 3);
  expect(words(play)).toBe("running, 3 commits behind main");
  play.unlabel().exited("api");
  play.timers.clear();
  fire(play, 4);
  expect([words(play).includes("behind"), play.timers.size]).toEqual([false, 0]);
});

test("a new checkout is not behind, and a timer that says nothing asks nothing", () => {
  const play = published();
  fire(play, 3);
  expect(words(play)).toBe("reported, 3 commits behind main");
  play.review(31).start("api");
  expect(words(play)).toBe("running");
  expect(needs({ kind: "timer-fired", name: "behind:" })).toEqual([]);
  expect(needs({ kind: "timer-fired", name: "behind:x:y" })).toEqual([]);
});

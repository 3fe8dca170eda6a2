/** Comments of another installation of the App: told for a week, also by the next process. */
import { expect, test } from "vitest";
import { openForeign, recentOf } from "../../src/github/foreign.ts";
import { memorySuspects } from "../../src/github/heal.ts";

const DAY = 24 * 60 * 60_000;
const repository = { installation: 1, id: 2, owner: "acme", name: "shop" };
const url = (comment: number): string =>
  `https://github.test/acme/shop/issues/1#issuecomment-${comment}`;

async function given(store = memorySuspects(), from = Date.UTC(2026, 0, 1)) {
  const clock = { at: from };
  const told: string[] = [];
  const foreign = openForeign({
    store,
    now: () => clock.at,
    onFirst: (_, first) => told.push(first),
    onFailed: (error) => {
      throw error;
    },
  });
  // What an earlier process kept is read.
  for (let turns = 0; turns < 10; turns += 1) await Promise.resolve();
  return { clock, told, store, foreign };
}

test("each is told once, counted for a week, and remembered by the next process", async () => {
  const { clock, told, store, foreign } = await given();
  expect(foreign.recent()).toBeNull();
  foreign.saw(repository, url(1));
  foreign.saw(repository, url(1));
  clock.at += DAY;
  foreign.saw(repository, url(2));
  expect(told).toEqual([url(1)]);
  expect(foreign.recent()).toEqual({ count: 2, newest: url(2) });
  const next = await given(store, clock.at + 6 * DAY);
  next.foreign.saw(repository, url(1));
  expect(next.foreign.recent(), "seen before: no news").toEqual({ count: 1, newest: url(2) });
  expect(recentOf(await store.all(), clock.at)).toEqual({ count: 1, newest: url(2) });
  next.clock.at += DAY;
  expect(next.foreign.recent()).toBeNull();
});

test("a crowd of them is not kept", async () => {
  const { store, foreign } = await given();
  for (let comment = 0; comment < 500; comment += 1) foreign.saw(repository, url(comment));
  expect((await store.all()).size).toBe(100);
});

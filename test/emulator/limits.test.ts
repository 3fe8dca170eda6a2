/** Rate limits on a clock that the test moves, ETags, pages. */
import { expect, test } from "vitest";

import { createMeter, githubLimits, type Ticket } from "../../src/emulator/limits.ts";
import { failureOf, openShop, repo, shopName } from "./shop.ts";

const minuteMs = 60_000;

test("the primary limit runs out and comes back with the hour", async () => {
  await using shop = await openShop({ limits: { primaryPerHour: 3 } });
  const get = (): Promise<{ headers: Record<string, unknown> }> => shop.bot.rest.repos.get(repo);
  const seen: unknown[] = [];
  for (let index = 0; index < 3; index += 1)
    seen.push((await get()).headers["x-ratelimit-remaining"]);
  expect(seen).toEqual(["2", "1", "0"]);
  const answer = await failureOf(get());
  expect(answer.status).toBe(403);
  expect(answer.message).toContain("API rate limit exceeded");
  expect(Number(answer.headers["x-ratelimit-reset"]) * 1000).toBeGreaterThan(shop.world.nowMs());
  // Asking how much is left costs nothing.
  expect((await shop.bot.rest.rateLimit.get()).data.rate.remaining).toBe(0);
  shop.world.advance(61 * minuteMs);
  const fresh = shop.as(await shop.token());
  await fresh.rest.repos.get(repo);
  expect(shop.violations).toEqual([]);
});

test("an answer one has already costs nothing", async () => {
  await using shop = await openShop();
  shop.alice.openIssue(shopName, { title: "One" });
  const one = { ...repo, issue_number: 1 };
  const first = await shop.bot.rest.issues.get(one);
  const headers = { "if-none-match": first.headers.etag ?? "" };
  const second = await failureOf(shop.bot.rest.issues.get({ ...one, headers }));
  expect(second.status).toBe(304);
  const left = first.headers["x-ratelimit-remaining"];
  expect(second.headers["x-ratelimit-remaining"]).toBe(left);
  shop.alice.comment(shopName, 1, "News");
  expect((await shop.bot.rest.issues.get({ ...one, headers })).data.comments).toBe(1);
});

test("content is limited per minute and per hour, with retry-after", async () => {
  const limits = { contentPerMinute: 2, contentPerHour: 3, secondaryStatus: 429 } as const;
  await using shop = await openShop({ limits });
  const create = (): Promise<unknown> => shop.bot.rest.issues.create({ ...repo, title: "x" });
  for (let index = 0; index < 4; index += 1) await shop.token();
  await create();
  await create();
  const answer = await failureOf(create());
  expect(answer.status).toBe(429);
  expect(answer.headers["retry-after"]).toBe("60");
  expect(shop.world.issues(shopName)).toHaveLength(2);
  shop.world.advance(minuteMs);
  // The refused request was counted as well: the hour is full now.
  expect((await failureOf(create())).status).toBe(429);
  await shop.bot.rest.issues.listForRepo(repo);
});

test("points: a read is one, a write five", async () => {
  await using shop = await openShop({ limits: { pointsPerMinute: 7 } });
  await shop.bot.rest.issues.create({ ...repo, title: "x" });
  await shop.bot.rest.issues.listForRepo(repo);
  await shop.bot.rest.issues.listForRepo(repo);
  const answer = await failureOf(shop.bot.rest.issues.listForRepo(repo));
  expect([answer.status, answer.message.includes("secondary rate limit")]).toEqual([403, true]);
});

test("only so many requests at once", () => {
  const meter = createMeter({ ...githubLimits, concurrent: 2 }, () => 0);
  const enter = (): Ticket =>
    meter.enter(
      { kind: "anonymous" },
      { method: "GET", kind: "rest", content: false, counted: true },
    );
  const first = enter();
  enter();
  expect(enter).toThrow("secondary rate limit");
  first.end();
  expect(enter).not.toThrow("secondary rate limit");
});

test("lists come in pages that name the next", async () => {
  await using shop = await openShop();
  for (let index = 1; index <= 5; index += 1) shop.alice.openIssue(shopName, { title: `${index}` });
  const page = await shop.bot.rest.issues.listForRepo({ ...repo, per_page: 2, page: 2 });
  expect(page.data.map(({ number }) => number)).toEqual([3, 2]);
  for (const rel of ["prev", "next", "last", "first"]) {
    expect(page.headers.link).toContain(`rel="${rel}"`);
  }
  const all = await shop.bot.paginate(shop.bot.rest.issues.listForRepo, { ...repo, per_page: 2 });
  expect(all).toHaveLength(5);
});

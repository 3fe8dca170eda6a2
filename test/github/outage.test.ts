/** GitHub is down, or says that it is too much: what waits, what is not asked, and that no try is used up. */
import { expect, test } from "vitest";
import type { Text } from "../../src/domain/text.ts";
import { openBreaker } from "../../src/github/breaker.ts";
import type { Fetch } from "../../src/github/client.ts";
import { Limits } from "../../src/github/limits.ts";
import { openPacing } from "../../src/github/pacing.ts";
import { handClock } from "./clock.ts";
import { attempt, connect, openShopWorld, SHOP, type ShopWorld } from "./world.ts";

const text = (words: string): Text => [
  { kind: "paragraph", inlines: [{ kind: "text", text: words }] },
];

const comment = (shop: ShopWorld, number: number) =>
  ({
    kind: "post-comment",
    repository: shop.repository,
    number,
    purpose: "notice",
    question: null,
    text: text("hello"),
  }) as const;

const openIssue = (shop: ShopWorld): number =>
  shop.world.as("alice").openIssue(SHOP, { title: "Rate limits" }).number;

/** The real network, counted, and cut when told. */
function network(): { readonly fetch: Fetch; calls: number; up: boolean } {
  const state = {
    calls: 0,
    up: true,
    async fetch(...[input, init]: Parameters<Fetch>): Promise<Response> {
      state.calls += 1;
      if (!state.up) throw new TypeError("fetch failed", { cause: new Error("cut") });
      return globalThis.fetch(input, init);
    },
  };
  return state;
}

test("an hour without GitHub: a small question now and then, every try kept, all of it done afterwards", async () => {
  await using shop = await openShopWorld();
  const number = openIssue(shop);
  const clock = handClock();
  const net = network();
  let probes = 0;
  const breaker = openBreaker({
    clock,
    probe: async () => {
      probes += 1;
      await net.fetch(`${shop.url}/api/v3/rate_limit`);
    },
  });
  const { forge } = connect(shop.url, shop.app, { clock, breaker }, net.fetch);
  await forge.read(shop.repository, [{ kind: "issue", number }]);
  net.up = false;
  // Cut while it was written: nobody knows. These tries count.
  for (let tries = 1; tries <= 5; tries += 1)
    await forge.perform(comment(shop, number), attempt(`cut ${tries}`));
  const { calls } = net;
  for (let minutes = 0; minutes < 60; minutes += 1) {
    expect(await forge.perform(comment(shop, number), attempt("k"))).toMatchObject({
      kind: "later",
      afterMs: 16_000,
    });
    await expect(forge.read(shop.repository, [{ kind: "issue", number }])).rejects.toMatchObject({
      kind: "unavailable",
    });
    for (let quarters = 0; quarters < 4; quarters += 1) {
      clock.advance(15_000);
      for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
    }
  }
  expect(probes).toBe(240);
  expect(net.calls - calls, "nothing but the question").toBe(probes);
  net.up = true;
  clock.advance(15_000);
  await expect.poll(() => breaker.waitMs()).toBeNull();
  expect(await forge.perform(comment(shop, number), attempt("k"))).toMatchObject({ kind: "done" });
  expect(shop.world.comments(SHOP, number)).toHaveLength(1);
  breaker.close();
  forge.close();
});

test.for([
  ["429 without a wait", 429, {}],
  ["403 with a wait", 403, { "retry-after": "60" }],
] as const)(
  "%s: not one call until it is over, and a longer pause the next time",
  async ([, code, headers]) => {
    await using shop = await openShopWorld();
    const number = openIssue(shop);
    const clock = handClock();
    const net = network();
    const pacing = openPacing({ limits: Limits.parse({ writeGapMs: 0 }), clock });
    const options = { clock, pacing, patienceMs: 0 };
    const { forge } = connect(shop.url, shop.app, options, net.fetch);
    const message = "You have exceeded a secondary rate limit.";
    for (const pauseMs of [60_000, 120_000]) {
      shop.world.faults.add({
        match: { method: "POST", path: /\/comments$/u },
        kind: "status",
        status: code,
        message,
        headers,
        when: "before",
      });
      const limited = await forge.perform(comment(shop, number), attempt("k"));
      expect(limited).toMatchObject({ kind: "later", afterMs: 60_000 });
      const { calls } = net;
      for (let seconds = 0; seconds < pauseMs / 1_000 - 1; seconds += 1) {
        clock.advance(1_000);
        const waits = await forge.perform(comment(shop, number), attempt("k"));
        expect(waits.kind).toBe("later");
        const { share: _, pausedMs } = pacing.budget(shop.repository.installation);
        expect(pausedMs).toBeGreaterThan(0);
      }
      expect(net.calls, "calls while limited").toBe(calls);
      clock.advance(1_000);
    }
    expect(await forge.perform(comment(shop, number), attempt("k"))).toMatchObject({
      kind: "done",
    });
    forge.close();
  },
);

test("our clock may be set by a day, either way: a token is used for as long as it lives", async () => {
  await using shop = await openShopWorld();
  const number = openIssue(shop);
  const clock = handClock();
  let elapsed = 0;
  const minted: string[] = [];
  const watching: Fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.pathname.endsWith("/access_tokens")) minted.push(url.pathname);
    return globalThis.fetch(input, init);
  };
  const { forge, secrets } = connect(shop.url, shop.app, { clock }, watching, () => elapsed);
  const read = () => forge.read(shop.repository, [{ kind: "issue", number }]);
  await read();
  const known = secrets.values().length;
  for (const jumpMs of [24, -48, 24].map((hours) => hours * 60 * 60_000)) {
    clock.advance(jumpMs);
    await read();
  }
  expect(minted).toHaveLength(1);
  expect(secrets.values(), "and is kept out of every text").toHaveLength(known);
  elapsed += 56 * 60_000;
  await read();
  expect(minted).toHaveLength(2);
  forge.close();
});

test("while our queues are full a status waits, and nothing else", async () => {
  await using shop = await openShopWorld({ forge: { hasRoom: () => false } });
  const number = openIssue(shop);
  const status = { kind: "update-status", repository: shop.repository, number } as const;
  expect(await shop.forge.perform({ ...status, text: text("x") }, attempt("s"))).toMatchObject({
    kind: "later",
    reason: "the queues are full",
  });
  expect((await shop.forge.perform(comment(shop, number), attempt("k"))).kind).toBe("done");
});

/** What lists that lag let through: found later, also by the next process; the oldest copy stays. */
import { expect, test } from "vitest";
import { questionId, sessionId } from "../../src/domain/id.ts";
import type { Text } from "../../src/domain/text.ts";
import type { Found } from "../../src/github/find-comments.ts";
import { memorySuspects, openHealing, type Suspect } from "../../src/github/heal.ts";
import { isForeign, markerOf, renderingIn } from "../../src/github/marker.ts";
import { handClock } from "./clock.ts";
import { attempt, connect, MARKER_SECRET, openShopWorld, SHOP, type ShopWorld } from "./world.ts";

const text = (words: string): Text => [
  { kind: "paragraph", inlines: [{ kind: "text", text: words }] },
];

const openIssue = (shop: ShopWorld): number =>
  shop.world.as("alice").openIssue(SHOP, { title: "Rate limits", body: "please" }).number;

const bodies = (shop: ShopWorld, number: number): readonly string[] =>
  shop.world.comments(SHOP, number).map(({ body }) => body);

const status = (shop: ShopWorld, number: number, words: string, rev: number) =>
  ({ kind: "update-status", repository: shop.repository, number, text: text(words), rev }) as const;

test("a double that a lagging list let through is removed by the next process", async () => {
  const suspects = memorySuspects();
  const healed: [Suspect, Found][] = [];
  // Timers of the first process never fire: it dies before.
  const first = handClock();
  await using shop = await openShopWorld({
    emulator: { listLag: () => 60_000 },
    forge: { suspects, clock: first, timings: { lookAgainMs: 0 } },
  });
  const number = openIssue(shop);
  const question = questionId("que_1");
  const ask = {
    kind: "post-comment",
    repository: shop.repository,
    number,
    purpose: "question",
    question,
    text: text("Which?"),
  } as const;
  shop.world.faults.add({
    match: { method: "POST", path: /\/comments$/u },
    kind: "drop",
    when: "after",
  });
  expect((await shop.forge.perform(ask, attempt("k", 1))).kind).toBe("unknown");
  expect((await shop.forge.perform(ask, attempt("k", 2))).kind).toBe("done");
  expect(bodies(shop, number), "lists did not show the first").toHaveLength(2);
  expect((await suspects.all()).size).toBe(1);
  shop.forge.close();
  shop.world.advance(120_000);
  const { forge } = connect(shop.url, shop.app, {
    suspects,
    onHealed: async (suspect, kept) => void healed.push([suspect, kept]),
  });
  await shop.world.waitFor((world) => world.comments(SHOP, number).length === 1, { what: "one" });
  await expect.poll(async () => (await suspects.all()).size).toBe(0);
  const [left] = shop.world.comments(SHOP, number);
  expect(healed).toMatchObject([[{ kind: "comment", question, number }, { id: left?.id }]]);
  forge.close();
});

test.for([1, 2])(
  "of two status comments the older stays, and says what the newer said, made by try %i",
  async (tries) => {
    await using shop = await openShopWorld({
      emulator: { listLag: () => 60_000 },
      forge: { clock: handClock(), timings: { lookAgainMs: 0 } },
    });
    const number = openIssue(shop);
    const suspects = memorySuspects();
    const { forge: late } = connect(shop.url, shop.app, { suspects });
    await shop.forge.perform(status(shop, number, "one", 1), attempt("a"));
    // The id was not recorded, and lists do not show it yet.
    await late.perform(status(shop, number, "two", 2), attempt("b", tries));
    const [older] = shop.world.comments(SHOP, number);
    shop.world.advance(120_000);
    late.close();
    const { forge } = connect(shop.url, shop.app, { suspects });
    await shop.world.waitFor((world) => world.comments(SHOP, number).length === 1, { what: "one" });
    const [left] = shop.world.comments(SHOP, number);
    expect(left?.id).toBe(older?.id);
    expect(left?.body).toMatch(/^two\n/u);
    forge.close();
  },
);

test("a reply in a review's thread that stands twice is removed, too", async () => {
  const suspects = memorySuspects();
  await using shop = await openShopWorld();
  const { world } = shop;
  await world.as("alice").push(SHOP, "topic", { files: { "a.txt": "a\n" }, message: "a" });
  const pull = await world.as("alice").openPull(SHOP, { title: "t", head: "topic", base: "main" });
  const { number } = pull.issue;
  const comments = [{ path: "a.txt", line: 1, body: "why?" }];
  await world.as("bob").review(SHOP, number, { event: "COMMENT", comments });
  const thread = world.reviewThreads(SHOP, number)[0]?.comments[0]?.id ?? 0;
  const reply = {
    kind: "reply-to-review",
    repository: shop.repository,
    number: 1,
    pullRequest: number,
    thread,
    text: text("Because."),
  } as const;
  await shop.forge.perform(reply, attempt("re"));
  await shop.forge.perform(reply, attempt("re"));
  const seen: string[] = [];
  const { forge } = connect(shop.url, shop.app, {
    suspects,
    onForeign: (_, url) => seen.push(url),
  });
  const { forge: other } = connect(shop.url, shop.app, {
    markerSecret: new Uint8Array(32).fill(9),
  });
  await other.perform({ ...reply, text: text("Theirs.") }, attempt("re"));
  other.close();
  expect((await forge.perform(reply, attempt("re", 2))).kind).toBe("done");
  expect(seen, "another installation's").toEqual([expect.stringContaining("#discussion_r")]);
  await world.waitFor((now) => now.reviewThreads(SHOP, number)[0]?.comments.length === 3, {
    what: "one reply of ours",
  });
  forge.close();
});

test("an older rendering never takes the place of a newer one, whoever sends it late", async () => {
  await using shop = await openShopWorld({ forge: { epoch: 2 } });
  const number = openIssue(shop);
  const first = await shop.forge.perform(status(shop, number, "two", 2), attempt("s2"));
  const known = first.kind === "done" ? (first.artifact ?? null) : null;
  // Not confirmed, and performed again after a newer one.
  await shop.forge.perform(status(shop, number, "one", 1), attempt("s1", 2, known));
  await shop.forge.perform(status(shop, number, "one", 1), attempt("s1", 2));
  expect(bodies(shop, number)).toEqual([expect.stringMatching(/^two\n/u)]);
  // A control plane that was replaced.
  const { forge: before } = connect(shop.url, shop.app, { epoch: 1 });
  await before.perform(status(shop, number, "nine", 9), attempt("s9", 2, known));
  expect(bodies(shop, number)).toEqual([expect.stringMatching(/^two\n/u)]);
  const { forge: after } = connect(shop.url, shop.app, { epoch: 3 });
  await after.perform(status(shop, number, "restored", 1), attempt("s1", 2, known));
  expect(bodies(shop, number)).toEqual([expect.stringMatching(/^restored\n/u)]);
  for (const forge of [before, after]) forge.close();
});

test("a number that somebody wrote into our comment does not count", async () => {
  await using shop = await openShopWorld({ forge: { epoch: 1 } });
  const number = openIssue(shop);
  await shop.forge.perform(status(shop, number, "one", 1), attempt("s1"));
  const [comment] = shop.world.comments(SHOP, number);
  const key = `status:${shop.repository.id}#${number}`;
  const body = comment?.body ?? "";
  expect(renderingIn(body, key, MARKER_SECRET)).toEqual([1, 1]);
  const forged = body.replace("orcha:rev 1.1", "orcha:rev 9.9");
  expect(renderingIn(forged, key, MARKER_SECRET)).toBeNull();
  expect(renderingIn(body, "status:1#1", MARKER_SECRET)).toBeNull();
});

test("the same status is not written again", async () => {
  await using shop = await openShopWorld();
  const number = openIssue(shop);
  await shop.forge.perform(status(shop, number, "one", 1), attempt("s1"));
  const before = shop.world.comments(SHOP, number)[0]?.updatedAtMs;
  shop.world.advance(10_000);
  await shop.forge.perform(status(shop, number, "one", 1), attempt("s1", 2));
  expect(shop.world.comments(SHOP, number)[0]?.updatedAtMs).toBe(before);
});

test("a marker of our App that another installation made is never adopted, and noticed", async () => {
  const seen: string[] = [];
  await using shop = await openShopWorld({ forge: { onForeign: (_, url) => seen.push(url) } });
  const number = openIssue(shop);
  const { forge: other } = connect(shop.url, shop.app, {
    markerSecret: new Uint8Array(32).fill(9),
  });
  await other.perform(status(shop, number, "theirs", 1), attempt("s1"));
  expect(seen).toEqual([]);
  await shop.forge.perform(status(shop, number, "ours", 1), attempt("s1"));
  expect(bodies(shop, number)).toEqual([
    expect.stringMatching(/^theirs\n/u),
    expect.stringMatching(/^ours\n/u),
  ]);
  expect(seen).toEqual([expect.stringContaining(`/issues/${number}#issuecomment-`)]);
  expect(isForeign(`x\n\n${markerOf("k", MARKER_SECRET)}`, MARKER_SECRET)).toBe(false);
  expect(isForeign("no marker", MARKER_SECRET)).toBe(false);
  other.close();
});

test("a pull request that GitHub has and does not list yet is waited for, not refused", async () => {
  await using shop = await openShopWorld({
    emulator: { listLag: () => 60_000 },
    forge: { timings: { lookAgainMs: 0 } },
  });
  const { world, repository } = shop;
  const head = "orcha/1-x-abcdef";
  await world.as("alice").push(SHOP, head, { files: { "a.txt": "a\n" }, message: "a" });
  const open = {
    kind: "open-pull-request",
    repository,
    number: 1,
    session: sessionId("s1"),
    head,
    base: "main",
    title: "t",
    text: text("x"),
    draft: false,
  } as const;
  world.faults.add({ match: { method: "POST", path: /\/pulls$/u }, kind: "drop", when: "after" });
  expect((await shop.forge.perform(open, attempt("p", 1))).kind).toBe("unknown");
  expect((await shop.forge.perform(open, attempt("p", 2))).kind).toBe("unknown");
  world.advance(120_000);
  expect((await shop.forge.perform(open, attempt("p", 3))).kind).toBe("done");
  expect(world.pulls(SHOP)).toHaveLength(1);
});

test("healing that fails is tried again, more and more rarely, until it is done", async () => {
  const clock = handClock(0);
  const store = memorySuspects();
  const failures: unknown[] = [];
  let tries = 0;
  const healing = openHealing({
    clock,
    store,
    healMs: 30_000,
    heal: async () => {
      tries += 1;
      if (tries < 4) throw new Error("GitHub is away");
    },
    onFailed: (error) => failures.push(error),
  });
  const repository = { installation: 1, id: 2, owner: "acme", name: "shop" };
  await healing.suspect({ kind: "reply", repository, pullRequest: 1, key: "k" });
  for (let seconds = 0; seconds < 300; seconds += 10) {
    clock.advance(10_000);
    for (let turns = 0; turns < 10; turns += 1) await Promise.resolve();
  }
  expect(tries).toBe(4);
  expect(failures).toHaveLength(3);
  expect((await store.all()).size).toBe(0);
  expect(clock.pending).toBe(0);
});

import { expect, test } from "vitest";
import { questionId, sessionId } from "../../src/domain/id.ts";
import type { Text } from "../../src/domain/text.ts";
import type { EffectOutcome } from "../../src/engine/ports.ts";
import { markerOf } from "../../src/github/marker.ts";
import { MARKER_SECRET, SHOP, attempt, openShopWorld, type ShopWorld } from "./world.ts";

const text = (words: string): Text => [
  { kind: "paragraph", inlines: [{ kind: "text", text: words }] },
];

const openIssue = (shop: ShopWorld): number =>
  shop.world.as("alice").openIssue(SHOP, { title: "Rate limits", body: "please" }).number;

const bodies = (shop: ShopWorld, number: number): readonly string[] =>
  shop.world.comments(SHOP, number).map(({ body }) => body);

const comment = (shop: ShopWorld, number: number, words = "hello") =>
  ({
    kind: "post-comment",
    repository: shop.repository,
    number,
    purpose: "notice",
    question: null,
    text: text(words),
  }) as const;

test("a question is posted with its marker and tells where it stands", async () => {
  await using shop = await openShopWorld();
  const number = openIssue(shop);
  const question = questionId("q1");
  const outcome = await shop.forge.perform(
    { ...comment(shop, number, "Which one?"), purpose: "question", question },
    attempt("k1"),
  );
  const [posted] = shop.world.comments(SHOP, number);
  expect(posted?.body).toBe(`Which one?\n\n${markerOf("k1", MARKER_SECRET)}`);
  expect(outcome).toEqual({
    kind: "done",
    artifact: String(posted?.id),
    events: [{ kind: "question-posted", question, comment: posted?.id, url: expect.any(String) }],
  });
});

test.for([
  { fault: { kind: "drop", when: "after" } as const, first: "unknown" },
  { fault: { kind: "status", status: 502, when: "after" } as const, first: "unknown" },
  { fault: { kind: "status", status: 500, when: "before" } as const, first: "unknown" },
  { fault: { kind: "drop", when: "before" } as const, first: "unknown" },
])(
  "a comment whose answer was lost is there once after the next try: %o",
  async ({ fault, first }) => {
    await using shop = await openShopWorld();
    const number = openIssue(shop);
    shop.world.faults.add({
      match: { method: "POST", path: /\/issues\/\d+\/comments$/u },
      ...fault,
    });
    const outcome = await shop.forge.perform(comment(shop, number), attempt("k1", 1));
    expect(outcome.kind).toBe(first);
    expect(shop.world.faults.hits).toBe(1);
    const again = await shop.forge.perform(comment(shop, number), attempt("k1", 2));
    expect(again.kind).toBe("done");
    expect(bodies(shop, number)).toHaveLength(1);
  },
);

test("a marker that somebody else posted, or that is quoted, is not taken for ours", async () => {
  await using shop = await openShopWorld();
  const number = openIssue(shop);
  const marker = markerOf("k1", MARKER_SECRET);
  shop.world.as("alice").comment(SHOP, number, `copied\n\n${marker}`);
  const outcome = await shop.forge.perform(comment(shop, number), attempt("k1", 2));
  expect(outcome.kind).toBe("done");
  expect(bodies(shop, number)).toEqual([`copied\n\n${marker}`, `hello\n\n${marker}`]);
});

test("a double that a lagging list let through is removed, the older one stays", async () => {
  await using shop = await openShopWorld();
  const number = openIssue(shop);
  // What is left when the second try looked and did not find the first one's comment yet.
  await shop.forge.perform(comment(shop, number), attempt("k1", 1));
  await shop.forge.perform(comment(shop, number), attempt("k1", 1));
  const [first] = shop.world.comments(SHOP, number);
  const outcome = await shop.forge.perform(comment(shop, number), attempt("k1", 2));
  expect(outcome).toMatchObject({ kind: "done", artifact: String(first?.id) });
  const healed = await shop.world.waitFor(
    (world) => world.comments(SHOP, number).length === 1 && world.comments(SHOP, number),
    { what: "one comment" },
  );
  expect(healed.map(({ id }) => id)).toEqual([first?.id]);
});

test("one status comment is edited in place, and comes back when it was deleted", async () => {
  await using shop = await openShopWorld();
  const number = openIssue(shop);
  const status = (words: string) =>
    ({ kind: "update-status", repository: shop.repository, number, text: text(words) }) as const;
  const first = await shop.forge.perform(status("one"), attempt("s1"));
  const known = artifactOf(first);
  await shop.forge.perform(status("two"), attempt("s2", 1, known));
  expect(bodies(shop, number)).toEqual([expect.stringMatching(/^two\n/u)]);
  // Its id was lost, with a restored backup for instance: it is found by its marker.
  const found = await shop.forge.perform(status("three"), attempt("s3", 1, null));
  expect(artifactOf(found)).toBe(known);
  expect(bodies(shop, number)).toEqual([expect.stringMatching(/^three\n/u)]);
  shop.world.as("alice").deleteComment(SHOP, Number(known));
  const anew = await shop.forge.perform(status("four"), attempt("s4", 1, known));
  expect(artifactOf(anew)).not.toBe(known);
  expect(bodies(shop, number)).toEqual([expect.stringMatching(/^four\n/u)]);
});

test("reactions and closing are what they are however often they are performed", async () => {
  await using shop = await openShopWorld();
  const number = openIssue(shop);
  const { repository } = shop;
  const eyes = { kind: "react", repository, number, content: "eyes" } as const;
  for (const tries of [1, 2])
    expect(
      await shop.forge.perform({ ...eyes, target: { kind: "issue", number } }, attempt("r", tries)),
    ).toEqual({ kind: "done" });
  expect(shop.world.reactions(shop.world.issue(SHOP, number))).toHaveLength(1);
  const gone = { ...eyes, target: { kind: "comment", id: 999_999 } } as const;
  expect(await shop.forge.perform(gone, attempt("r2"))).toEqual({ kind: "done" });
  await shop.forge.perform({ kind: "close-issue", repository, number }, attempt("c"));
  expect(shop.world.issue(SHOP, number).state).toBe("closed");
});

const session = sessionId("s1");

async function withBranch(shop: ShopWorld, branch = "orcha/1-x-abcdef"): Promise<string> {
  await shop.world.as("alice").push(SHOP, branch, { files: { "a.txt": "a\n" }, message: "a" });
  return branch;
}

const opening = (shop: ShopWorld, head: string, draft = true) =>
  ({
    kind: "open-pull-request",
    repository: shop.repository,
    number: 1,
    session,
    head,
    base: "main",
    title: "Add limits\nfixes #1 [skip ci]",
    text: text("What and why"),
    draft,
  }) as const;

test("a pull request is opened once, with a harmless title", async () => {
  await using shop = await openShopWorld();
  const head = await withBranch(shop);
  shop.world.faults.add({
    match: { method: "POST", path: /\/pulls$/u },
    kind: "drop",
    when: "after",
  });
  expect((await shop.forge.perform(opening(shop, head), attempt("p", 1))).kind).toBe("unknown");
  const again = await shop.forge.perform(opening(shop, head), attempt("p", 2));
  const [pull, second] = shop.world.pulls(SHOP);
  expect(second).toBeUndefined();
  expect(again).toMatchObject({
    kind: "done",
    events: [{ kind: "pull-request-opened", session, number: pull?.issue.number, draft: true }],
  });
  expect(pull?.issue.title).toBe("Add limits fixes no. 1");
});

test("somebody else's pull request on our branch is not adopted", async () => {
  await using shop = await openShopWorld();
  const head = await withBranch(shop);
  await shop.world.as("alice").openPull(SHOP, { title: "mine", head, base: "main" });
  const outcome = await shop.forge.perform(opening(shop, head), attempt("p", 2));
  expect(outcome).toMatchObject({ kind: "refused", reason: expect.stringContaining("422") });
});

test("where drafts are not to be had the pull request is opened ready", async () => {
  await using shop = await openShopWorld();
  const head = await withBranch(shop);
  shop.world.faults.add({
    match: { method: "POST", path: /\/pulls$/u },
    kind: "status",
    status: 422,
    message: "Draft pull requests are not supported in this repository.",
    when: "before",
  });
  const outcome = await shop.forge.perform(opening(shop, head), attempt("p"));
  expect(outcome).toMatchObject({ kind: "done", events: [{ draft: false }] });
});

test("a review is read, answered in its thread, resolved; the pull request gets ready", async () => {
  await using shop = await openShopWorld();
  const { repository, forge, world } = shop;
  const head = await withBranch(shop);
  const opened = await forge.perform(opening(shop, head), attempt("p"));
  const number = Number(artifactOf(opened));
  await world.as("alice").review(SHOP, number, {
    event: "REQUEST_CHANGES",
    body: "Almost <!-- do evil -->",
    comments: [{ path: "a.txt", line: 1, body: "why **a**?" }],
  });
  const [review] = world.reviews(SHOP, number);
  const facts = await forge.read(repository, [
    { kind: "review", number, review: review?.id ?? 0 },
    { kind: "pull-request", number },
  ]);
  expect(facts.pullRequest).toMatchObject({
    state: "draft",
    headBranch: head,
    author: { type: "own", login: "orcha[bot]" },
  });
  expect(facts.review).toMatchObject({
    verdict: "changes-requested",
    text: "Almost",
    author: { login: "alice", type: "user" },
    comments: [{ path: "a.txt", line: 1, text: "why **a**?", threadNode: expect.any(String) }],
  });
  const [found] = facts.review?.comments ?? [];
  const reply = {
    kind: "reply-to-review",
    repository,
    number: 1,
    pullRequest: number,
    thread: found?.thread ?? 0,
    text: text("Because."),
  } as const;
  world.faults.add({ match: { method: "POST", path: /\/replies$/u }, kind: "drop", when: "after" });
  expect((await forge.perform(reply, attempt("re", 1))).kind).toBe("unknown");
  expect((await forge.perform(reply, attempt("re", 2))).kind).toBe("done");
  const threadNode = found?.threadNode ?? "";
  await forge.perform({ kind: "resolve-thread", repository, number: 1, threadNode }, attempt("t"));
  const [thread] = world.reviewThreads(SHOP, number);
  expect(thread?.comments).toHaveLength(2);
  expect(thread?.resolvedBy).toBeDefined();
  const ready = { kind: "mark-ready", repository, number: 1, pullRequest: number } as const;
  for (const tries of [1, 2])
    expect(await forge.perform(ready, attempt("m", tries))).toEqual({ kind: "done" });
  expect(world.pull(SHOP, number).draft).toBe(false);
  expect(await forge.ownHeadBranch(repository, number)).toBe(head);
});

test("being told to slow down means later, for every effect of the installation", async () => {
  await using shop = await openShopWorld({ forge: { patienceMs: 0 } });
  const number = openIssue(shop);
  shop.world.faults.add({
    match: { method: "POST", path: /\/comments$/u },
    kind: "status",
    status: 403,
    message: "You have exceeded a secondary rate limit.",
    headers: { "retry-after": "30" },
    when: "before",
  });
  expect(await shop.forge.perform(comment(shop, number), attempt("a"))).toMatchObject({
    kind: "later",
    afterMs: 30_000,
  });
  expect(await shop.forge.perform(comment(shop, number), attempt("b"))).toMatchObject({
    kind: "later",
    reason: expect.stringContaining("our own pace"),
  });
  expect(bodies(shop, number)).toEqual([]);
});

const artifactOf = (outcome: EffectOutcome): string =>
  (outcome.kind === "done" ? outcome.artifact : null) ?? "";

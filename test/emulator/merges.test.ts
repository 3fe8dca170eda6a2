/** Merging for real: three methods, conflicts, stale heads, what is closed by it; reviews and where their lines go. */
import { afterAll, beforeAll, expect, test } from "vitest";

import { failureOf, openShop, repo, shopName, type Shop } from "./shop.ts";

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(() => shop.emulator.close());

async function open(branch: string, files: Record<string, string>, body = ""): Promise<number> {
  await shop.alice.push(shopName, branch, { files, message: `Change ${branch}` });
  const wanted = { title: `PR ${branch}`, head: branch, base: "main", body };
  return (await shop.alice.openPull(shopName, wanted)).issue.number;
}

function history(): Promise<string[]> {
  return shop.bot.rest.repos
    .listCommits(repo)
    .then(({ data }) => data.map(({ commit }) => commit.message.split("\n")[0] ?? ""));
}

test("merge, squash and rebase leave the history that GitHub leaves", async () => {
  const merge = await open("m", { "m.txt": "m\n" });
  await shop.alice.merge(shopName, merge);
  expect((await history())[0]).toBe(`Merge pull request #${merge} from acme/m`);
  const squash = await open("s", { "s.txt": "1\n" });
  await shop.alice.push(shopName, "s", { files: { "s.txt": "2\n" }, message: "More" });
  await shop.bot.rest.pulls.merge({ ...repo, pull_number: squash, merge_method: "squash" });
  expect((await history())[0]).toBe(`PR s (#${squash})`);
  const rebase = await open("r", { "r.txt": "1\n" });
  await shop.alice.push(shopName, "r", { files: { "r.txt": "2\n" }, message: "Second" });
  await shop.alice.push(shopName, "main", { files: { "x.txt": "x\n" }, message: "Aside" });
  await shop.alice.merge(shopName, rebase, { method: "rebase" });
  expect((await history()).slice(0, 3)).toEqual(["Second", "Change r", "Aside"]);
  expect(shop.world.pull(shopName, rebase)).toMatchObject({ mergedBy: { login: "alice" } });
});

test("conflicts, drafts and stale heads are not merged", async () => {
  const { pulls } = shop.bot.rest;
  const number = await open("c", { "src/cart.js": "one\nTWO\nthree\nfour\nfive\n" });
  const one = { ...repo, pull_number: number };
  const stale = await failureOf(pulls.merge({ ...one, sha: "0".repeat(40) }));
  expect([stale.status, stale.message]).toEqual([
    409,
    expect.stringContaining("Head branch was modified"),
  ]);
  shop.alice.setDraft(shopName, number, true);
  expect((await failureOf(pulls.merge(one))).status).toBe(405);
  shop.alice.setDraft(shopName, number, false);
  const files = { "src/cart.js": "one\nzwei\nthree\nfour\nfive\n" };
  await shop.alice.push(shopName, "main", { files, message: "Clash" });
  const { data } = await pulls.get(one);
  expect(data).toMatchObject({ mergeable: false, mergeable_state: "dirty" });
  expect((await failureOf(pulls.merge(one))).status).toBe(405);
  expect((await failureOf(pulls.updateBranch(one))).status).toBe(422);
  await shop.alice.closePull(shopName, number);
  expect((await failureOf(pulls.merge(one))).status).toBe(405);
});

test("merging closes what it says it closes, only into the default branch", async () => {
  const issue = shop.alice.openIssue(shopName, { title: "Bug" }).number;
  const part = shop.alice.openIssue(shopName, { title: "Larger" }).number;
  await shop.alice.push(shopName, "release", { files: { v: "1" }, message: "Release" });
  await shop.alice.push(shopName, "side", { files: { side: "1" }, message: "Side" });
  const side = { title: "Side", head: "side", base: "release", body: `Closes #${issue}` };
  const other = await shop.alice.openPull(shopName, side);
  await shop.alice.merge(shopName, other.issue.number);
  expect(shop.world.issue(shopName, issue).state).toBe("open");
  const number = await open("fix", { fix: "1" }, `Fixes #${issue}. Part of #${part}.`);
  await shop.alice.merge(shopName, number, { method: "squash" });
  expect(shop.world.issue(shopName, issue)).toMatchObject({
    state: "closed",
    stateReason: "completed",
    closedBy: { login: "alice" },
  });
  expect(shop.world.issue(shopName, part).state).toBe("open");
});

test("a branch that fell behind is updated from its base", async () => {
  const number = await open("behind", { behind: "1" });
  await shop.alice.push(shopName, "main", { files: { later: "1" }, message: "Later" });
  expect(shop.world.pull(shopName, number).stats).toMatchObject({ behind: true, commits: 1 });
  const one = { ...repo, pull_number: number };
  const wrong = { ...one, expected_head_sha: "0".repeat(40) };
  expect((await failureOf(shop.bot.rest.pulls.updateBranch(wrong))).status).toBe(422);
  await shop.bot.rest.pulls.updateBranch(one);
  expect(shop.world.pull(shopName, number).stats).toMatchObject({ behind: false, commits: 2 });
});

test("a pull request needs commits, and there is one per branch", async () => {
  const { pulls } = shop.bot.rest;
  await open("twice", { twice: "1" });
  const again = { ...repo, title: "Again", head: "twice", base: "main" };
  const second = await failureOf(pulls.create(again));
  expect([second.status, second.message]).toEqual([
    422,
    expect.stringContaining("A pull request already exists for acme:twice"),
  ]);
  const { object } = (await shop.bot.rest.git.getRef({ ...repo, ref: "heads/main" })).data;
  await shop.bot.rest.git.createRef({ ...repo, ref: "refs/heads/same", sha: object.sha });
  const empty = await failureOf(pulls.create({ ...again, head: "same" }));
  expect(empty.message).toContain("No commits between main and same");
  const missing = await failureOf(pulls.create({ ...again, head: "nowhere" }));
  expect(missing.message).toContain('"field":"head"');
});

test("review comments sit on lines of the diff and move with them", async () => {
  const number = await open("lines", { "lines.txt": "a\nb\nc\n" });
  const review = (line: number): Promise<unknown> =>
    shop.bob.review(shopName, number, {
      event: "COMMENT",
      comments: [{ path: "lines.txt", line, body: "?" }],
    });
  await review(2);
  await review(3);
  await expect(review(9)).rejects.toThrow("Validation Failed");
  await expect(
    shop.alice.review(shopName, number, { event: "APPROVE", body: "I like me" }),
  ).rejects.toThrow("Unprocessable");
  const files = { "lines.txt": "zero\na\nB\nc\n" };
  await shop.alice.push(shopName, "lines", { files, message: "Move" });
  const threads = shop.world.reviewThreads(shopName, number);
  expect(threads.map(({ line, outdated }) => [line, outdated])).toEqual([
    [undefined, true],
    [4, false],
  ]);
  const [first] = threads[0]?.comments ?? [];
  const reply = shop.alice.replyToReviewComment(shopName, number, first?.id ?? 0, "Done");
  const nested = { ...repo, pull_number: number, comment_id: reply.id, body: "Thanks" };
  expect((await failureOf(shop.bot.rest.pulls.createReplyForReviewComment(nested))).status).toBe(
    422,
  );
  expect(shop.violations).toEqual([]);
});

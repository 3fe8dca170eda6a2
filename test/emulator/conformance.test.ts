/**
 * Goal: every operation and webhook of the trimmed description is served, and everything served fits GitHub's schemas.
 * Method: call each once or more with a real client, then compare what was seen with what is described.
 */
import { createServer } from "node:http";
import { once } from "node:events";
import { readFileSync } from "node:fs";

import { afterAll, beforeAll, expect, test } from "vitest";

import { failureOf, openShop, repo, shopName, type Shop } from "./shop.ts";

let shop: Shop;
const sink = createServer((request, response) => {
  request.resume();
  response.end();
});

beforeAll(async () => {
  sink.listen(0, "127.0.0.1");
  await once(sink, "listening");
  const address = sink.address();
  const port = typeof address === "object" ? address?.port : undefined;
  shop = await openShop({ webhookUrl: `http://127.0.0.1:${port}/hook` });
});

afterAll(async () => {
  await shop.emulator.close();
  sink.close();
});

test("what an App does as itself", async () => {
  const { asApp, world, installation } = shop;
  const { apps, users } = { apps: asApp.rest.apps, users: shop.bot.rest.users };
  const { data: self } = await apps.getAuthenticated();
  expect(self?.slug).toBe("orcha");
  await apps.listInstallations();
  await apps.getInstallation({ installation_id: installation.id });
  await apps.getRepoInstallation(repo);
  world.createUser("carol");
  world.install(shop.app, { account: "carol" });
  await apps.getUserInstallation({ username: "carol" });
  await apps.getWebhookConfigForApp();
  await world.idle();
  const { data: deliveries } = await apps.listWebhookDeliveries({ per_page: 1 });
  const id = deliveries[0]?.id ?? 0;
  const { data: delivery } = await apps.getWebhookDelivery({ delivery_id: id });
  expect(delivery.event).toBe("installation");
  await apps.redeliverWebhookDelivery({ delivery_id: id });
  await world.idle();
  const { data: config } = await apps.getWebhookConfigForApp();
  // Octokit takes a parameter named `url` for the address of the request itself, so it travels as data.
  await asApp.request("PATCH /app/hook/config", { data: { url: config.url } });
  await users.getByUsername({ username: "alice" });
  const token = await shop.token({ repositories: ["shop"], permissions: { issues: "read" } });
  await shop.as(token).rest.apps.listReposAccessibleToInstallation();
  await shop.as(token).rest.apps.revokeInstallationAccessToken();
  await shop.as(shop.alice.account.token).rest.users.getAuthenticated();
  await shop.bot.rest.rateLimit.get();
  expect(shop.violations).toEqual([]);
});

test("issues, comments, labels, reactions", async () => {
  const { issues, reactions } = shop.bot.rest;
  const created = await issues.create({ ...repo, title: "Slow", body: "It is", labels: ["bug"] });
  const one = { ...repo, issue_number: created.data.number };
  await issues.listForRepo({ ...repo, state: "all", labels: "bug", sort: "updated" });
  await issues.get(one);
  await issues.update({ ...one, title: "Very slow", state: "closed", state_reason: "not_planned" });
  await issues.update({ ...one, state: "open" });
  const comment = await issues.createComment({ ...one, body: "Looking" });
  const its = { ...repo, comment_id: comment.data.id };
  await issues.listComments(one);
  await issues.listCommentsForRepo(repo);
  await issues.getComment(its);
  await issues.updateComment({ ...its, body: "Looked" });
  await issues.createLabel({ ...repo, name: "help wanted", color: "00ff00", description: "!" });
  await issues.listLabelsForRepo(repo);
  await issues.getLabel({ ...repo, name: "help wanted" });
  await issues.addLabels({ ...one, labels: ["help wanted", "new"] });
  await issues.setLabels({ ...one, labels: ["help wanted", "bug"] });
  await issues.listLabelsOnIssue(one);
  await issues.removeLabel({ ...one, name: "help wanted" });
  await issues.removeAllLabels(one);
  await issues.updateLabel({ ...repo, name: "help wanted", new_name: "help", color: "00ff01" });
  await issues.deleteLabel({ ...repo, name: "help" });
  await issues.addAssignees({ ...one, assignees: ["alice"] });
  await issues.removeAssignees({ ...one, assignees: ["alice"] });
  const onIssue = await reactions.createForIssue({ ...one, content: "eyes" });
  const again = await reactions.createForIssue({ ...one, content: "eyes" });
  expect([onIssue.status, again.status]).toEqual([201, 200]);
  await reactions.listForIssue(one);
  await reactions.deleteForIssue({ ...one, reaction_id: onIssue.data.id });
  const onComment = await reactions.createForIssueComment({ ...its, content: "+1" });
  await reactions.listForIssueComment(its);
  await reactions.deleteForIssueComment({ ...its, reaction_id: onComment.data.id });
  await issues.deleteComment(its);
  const { data: events } = await issues.listEvents(one);
  const told = events.map(({ event }) => event);
  expect(new Set(told)).toEqual(
    new Set(["labeled", "unlabeled", "assigned", "unassigned", "renamed", "closed", "reopened"]),
  );
  expect(told[0]).toBe("labeled");
  const second = await issues.listEvents({ ...one, per_page: 1, page: 2 });
  expect(second.data).toEqual([events[1]]);
  expect(second.headers.link).toContain(`page=${events.length}>; rel="last"`);
  const gone = shop.alice.openIssue(shopName, { title: "A mistake" });
  shop.alice.deleteIssue(shopName, gone.number);
  const answer = await failureOf(issues.get({ ...repo, issue_number: gone.number }));
  expect(answer.status).toBe(410);
  expect(shop.violations).toEqual([]);
});

test("repositories, refs, commits, files", async () => {
  const { repos, git } = shop.bot.rest;
  await shop.alice.push(shopName, "topic", { files: { "a.txt": "a\n" }, message: "Add a" });
  const { data } = await repos.get(repo);
  await shop.bot.request("GET /repositories/{id}", { id: data.id });
  const permission = await repos.getCollaboratorPermissionLevel({ ...repo, username: "alice" });
  expect(permission.data.role_name).toBe("admin");
  await repos.getContent({ ...repo, path: "src/cart.js" });
  await repos.getContent({ ...repo, path: "src", ref: "topic" });
  await repos.getContent({ ...repo, path: "" });
  await repos.listBranches(repo);
  const branch = await repos.getBranch({ ...repo, branch: "topic" });
  const { sha } = branch.data.commit;
  await git.getRef({ ...repo, ref: "heads/topic" });
  await git.listMatchingRefs({ ...repo, ref: "heads/to" });
  await git.createRef({ ...repo, ref: "refs/heads/a/b", sha });
  await git.deleteRef({ ...repo, ref: "heads/a/b" });
  await repos.listCommits({ ...repo, sha: "topic" });
  await repos.getCommit({ ...repo, ref: "topic" });
  const compared = await repos.compareCommitsWithBasehead({ ...repo, basehead: "main...topic" });
  expect(compared.data).toMatchObject({ status: "ahead", ahead_by: 1 });
  await repos.createCommitStatus({ ...repo, sha, state: "success", context: "ci" });
  const { data: status } = await repos.getCombinedStatusForRef({ ...repo, ref: sha });
  expect(status.state).toBe("success");
  expect(shop.violations).toEqual([]);
});

async function openWork(): Promise<{ one: typeof repo & { pull_number: number }; sha: string }> {
  const { pulls } = shop.bot.rest;
  const edited = "one\n2\nthree\nfour\nfive\n";
  await shop.alice.push(shopName, "work", { files: { "src/cart.js": edited }, message: "Two" });
  const opened = await pulls.create({
    ...repo,
    title: "Two",
    head: "work",
    base: "main",
    body: "Part of #1",
    draft: true,
  });
  return { one: { ...repo, pull_number: opened.data.number }, sha: opened.data.head.sha };
}

test("pull requests and reviews", async () => {
  const { pulls, reactions, issues } = shop.bot.rest;
  const { one, sha } = await openWork();
  const reader = shop.as(shop.bob.account.token).rest;
  await pulls.list({ ...repo, state: "open", head: "acme:work" });
  await pulls.get(one);
  await pulls.update({ ...one, title: "Number two", body: "Part of #1." });
  await issues.addLabels({ ...repo, issue_number: one.pull_number, labels: ["ready"] });
  await issues.removeLabel({ ...repo, issue_number: one.pull_number, name: "ready" });
  await issues.addAssignees({ ...repo, issue_number: one.pull_number, assignees: ["alice"] });
  await issues.removeAssignees({ ...repo, issue_number: one.pull_number, assignees: ["alice"] });
  await pulls.listFiles(one);
  await pulls.listCommits(one);
  await pulls.requestReviewers({ ...one, reviewers: ["alice", "bob"] });
  await pulls.listRequestedReviewers(one);
  await pulls.removeRequestedReviewers({ ...one, reviewers: ["alice"] });
  const comments = [{ path: "src/cart.js", line: 2, side: "RIGHT", body: "Why?" }];
  const review = await reader.pulls.createReview({
    ...one,
    event: "REQUEST_CHANGES",
    body: "Hm",
    comments,
  });
  const its = { ...one, review_id: review.data.id };
  await pulls.listReviews(one);
  await pulls.getReview(its);
  await reader.pulls.updateReview({ ...its, body: "Hmm" });
  const { data: found } = await pulls.listCommentsForReview(its);
  const comment = { ...repo, comment_id: found[0]?.id ?? 0 };
  await pulls.createReplyForReviewComment({ ...one, ...comment, body: "Because" });
  const single = await pulls.createReviewComment({
    ...one,
    body: "And this",
    commit_id: sha,
    path: "src/cart.js",
    line: 3,
    side: "RIGHT",
  });
  await pulls.updateReviewComment({ ...repo, comment_id: single.data.id, body: "And that" });
  await pulls.deleteReviewComment({ ...repo, comment_id: single.data.id });
  await pulls.listReviewComments(one);
  await pulls.listReviewCommentsForRepo(repo);
  await pulls.getReviewComment(comment);
  const reaction = await reactions.createForPullRequestReviewComment({
    ...comment,
    content: "heart",
  });
  await reactions.listForPullRequestReviewComment(comment);
  await reactions.deleteForPullRequestComment({ ...comment, reaction_id: reaction.data.id });
  shop.alice.resolveThread(shopName, one.pull_number, comment.comment_id);
  shop.alice.resolveThread(shopName, one.pull_number, comment.comment_id, false);
  await pulls.dismissReview({ ...its, message: "Done" });
  await shop.alice.push(shopName, "main", { files: { "b.txt": "b\n" }, message: "Add b" });
  await pulls.updateBranch(one);
  await shop.alice.closePull(shopName, one.pull_number);
  await shop.alice.reopenPull(shopName, one.pull_number);
  shop.alice.setDraft(shopName, one.pull_number, false);
  shop.alice.setDraft(shopName, one.pull_number, true);
  shop.alice.setDraft(shopName, one.pull_number, false);
  const merged = await pulls.merge({ ...one, merge_method: "squash" });
  expect(merged.data.merged).toBe(true);
  await pulls.checkIfMerged(one);
  const { data: events } = await issues.listEvents({ ...repo, issue_number: one.pull_number });
  expect(events.slice(-2).map(({ event }) => event)).toEqual(["merged", "closed"]);
  expect(shop.violations).toEqual([]);
});

test("checks", async () => {
  const { checks } = shop.bot.rest;
  const sha = await shop.alice.push(shopName, "main", { files: { c: "c\n" }, message: "Add c" });
  const run = await checks.create({ ...repo, name: "tests", head_sha: sha });
  const check = { ...repo, check_run_id: run.data.id };
  await checks.update({
    ...check,
    status: "completed",
    conclusion: "success",
    output: { title: "Fine", summary: "All fine" },
    actions: [{ label: "Again", description: "Run again", identifier: "again" }],
  });
  await checks.get(check);
  await checks.listForRef({ ...repo, ref: sha });
  shop.alice.requestCheck(shopName, run.data.id);
  shop.alice.requestCheck(shopName, run.data.id, "again");
  shop.alice.requestSuite(shopName, run.data.check_suite?.id ?? 0);
  expect(shop.violations).toEqual([]);
});

test("installations come and go", async () => {
  const { world, app } = shop;
  await world.createRepository({ owner: "dave-inc", name: "one", files: { a: "a" } });
  await world.createRepository({ owner: "dave-inc", name: "two", files: { a: "a" } });
  const { id } = world.install(app, { account: "dave-inc", repositories: ["dave-inc/one"] });
  world.select(id, { add: ["dave-inc/two"] });
  world.select(id, { remove: ["dave-inc/two"] });
  world.suspend(id, true);
  world.suspend(id, false);
  world.uninstall(id);
  world.ping(app);
  await world.createRepository({ owner: "acme", name: "more", files: { a: "a" } });
  await world.idle();
  expect(shop.violations).toEqual([]);
});

test("an issue moves to another repository and leaves an address behind", async () => {
  const { world, alice, bob } = shop;
  const other = "acme/annex";
  const annex = { owner: "acme", repo: "annex" };
  await world.createRepository({ owner: "acme", name: "annex", files: { a: "a" } });
  expect(() => alice.transferIssue(shopName, 1, other)).toThrow("not accessible");
  world.setPermission(other, "alice", "admin");
  const { number } = alice.openIssue(shopName, { title: "Moves", labels: ["here", "both"] });
  alice.comment(shopName, number, "Said before");
  alice.openIssue(other, { title: "Was there", labels: ["both"] });
  const moved = alice.transferIssue(shopName, number, other);
  expect(moved.labels.map(({ name }) => name)).toEqual(["both"]);
  const { issues } = shop.bot.rest;
  const { data } = await issues.get({ ...repo, issue_number: number });
  expect(data).toMatchObject({ id: moved.id, number: moved.number, comments: 1 });
  expect(data.repository_url).toContain(other);
  const said = await issues.listComments({ ...annex, issue_number: moved.number });
  expect(said.data.map(({ body }) => body)).toEqual(["Said before"]);
  await issues.update({ ...repo, issue_number: number, title: "Moved" });
  expect(moved.title).toBe("Moved");
  const late = { ...repo, issue_number: number, body: "Too late" };
  expect((await failureOf(issues.createComment(late))).status).toBe(410);
  expect(() => bob.deleteRepository(other)).toThrow("not accessible");
  alice.deleteRepository(other);
  expect((await failureOf(shop.bot.rest.repos.get(annex))).status).toBe(404);
  await world.idle();
  expect(shop.violations).toEqual([]);
});

test("nothing described is left out", () => {
  const file = new URL("../fixtures/github/openapi.json", import.meta.url);
  const spec: Record<"paths" | "x-webhooks", Record<string, object>> = JSON.parse(
    readFileSync(file, "utf8"),
  );
  const called = new Set([...shop.seen].map((name) => name.split(" ").slice(0, 2).join(" ")));
  const operations = Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(operations.filter((name) => !called.has(name))).toEqual([]);
  const sent = new Set(
    [...shop.seen]
      .filter((name) => name.startsWith("webhook "))
      .map((name) => name.slice("webhook ".length).replaceAll(/[ _]/gu, "-")),
  );
  const missing = Object.keys(spec["x-webhooks"]).filter((name) => !sent.has(name));
  expect(missing).toEqual([]);
});

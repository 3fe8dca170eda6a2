/**
 * The emulated GitHub in this process: Octokit works with it, nothing in it waits for real time or draws real chance,
 * lists lag behind writes when asked for.
 */
import { createHash, createHmac, generateKeyPairSync, sign } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";

import { Octokit } from "@octokit/rest";
import { expect, test } from "vitest";

import { type InProcess, openInProcess, type Webhook } from "../../src/emulator/in-process.ts";
import type { Person } from "../../src/emulator/person.ts";
import type { AppHandle } from "../../src/emulator/world.ts";
import { failureOf, quiet, repo, shopName } from "./shop.ts";
import { collectViolations } from "./validate.ts";

const privateKey = generateKeyPairSync("rsa", { modulusLength: 1024 })
  .privateKey.export({ type: "pkcs1", format: "pem" })
  .toString();
const secret = "a secret of the tests";

interface Shop {
  readonly github: InProcess;
  readonly app: AppHandle;
  readonly alice: Person;
  readonly bot: Octokit;
  readonly webhooks: readonly Webhook[];
  readonly violations: readonly string[];
  /** Moves the time and lets happen what was planned until then. */
  readonly pass: (ms: number) => Promise<void>;
}

interface Options {
  readonly listLag?: () => number;
  readonly deliver?: (webhook: Webhook) => Promise<{ readonly statusCode: number }>;
}

async function open(options: Options = {}): Promise<Shop> {
  const { listLag, deliver = async () => ({ statusCode: 200 }) } = options;
  let now = Date.UTC(2026, 0, 1);
  let draws = 1;
  const planned = new Map<() => void, number>();
  const webhooks: Webhook[] = [];
  const { violations, onExchange } = collectViolations();
  const github = openInProcess({
    now: () => now,
    random: () => {
      draws = (draws * 48_271) % 2_147_483_647;
      return draws / 2_147_483_647;
    },
    schedule: (delayMs, work) => {
      const once = (): void => work();
      planned.set(once, now + delayMs);
      return () => planned.delete(once);
    },
    deliver: (webhook) => {
      webhooks.push(webhook);
      return deliver(webhook);
    },
    privateKey,
    onExchange,
    ...(listLag === undefined ? {} : { listLag }),
  });
  const { alice, app, token } = await furnish(github, now);
  const request = { fetch: github.fetch };
  return {
    github,
    app,
    alice,
    bot: new Octokit({ baseUrl: `${github.url}/api/v3`, request, auth: token, log: quiet }),
    webhooks,
    violations,
    async pass(ms) {
      now += ms;
      for (const [work, at] of planned) {
        if (at > now) continue;
        planned.delete(work);
        work();
      }
      await turn();
    },
  };
}

/** Alice, `acme/shop`, the app, and a token of its installation, minted as an app mints it. */
async function furnish(
  { world, url, fetch }: InProcess,
  nowMs: number,
): Promise<{ readonly alice: Person; readonly app: AppHandle; readonly token: string }> {
  world.createUser("alice");
  await world.createRepository({ owner: repo.owner, name: repo.repo, files: { "a.txt": "1\n" } });
  world.setPermission(shopName, "alice", "admin");
  const app = await world.createApp({
    slug: "orcha",
    webhookSecret: secret,
    permissions: { contents: "write", issues: "write", pull_requests: "write" },
    events: ["issues", "issue_comment", "pull_request", "push"],
  });
  const { id } = world.install(app, { account: repo.owner });
  const [iat, exp] = [nowMs / 1000 - 60, nowMs / 1000 + 540];
  const unsigned = `${encode({ alg: "RS256" })}.${encode({ iat, exp, iss: String(app.id) })}`;
  const signature = sign("RSA-SHA256", Buffer.from(unsigned), privateKey).toString("base64url");
  const answer = await fetch(`${url}/api/v3/app/installations/${id}/access_tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${unsigned}.${signature}` },
  });
  const token = /"token":"(ghs_[^"]+)"/u.exec(await answer.text())?.[1] ?? "";
  return { alice: world.as("alice"), app, token };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

test("a client works with it: issues, comments, pull requests, GraphQL, refusals", async () => {
  const { github, alice, bot, violations, webhooks } = await open();
  const { number } = alice.openIssue(shopName, { title: "Cart", labels: ["orcha"] });
  await bot.rest.issues.createComment({ ...repo, issue_number: number, body: "Hello" });
  await alice.push(shopName, "work", { files: { "a.txt": "2\n" }, message: "Two" });
  const wanted = { ...repo, title: "Two", head: "work", base: "main" };
  const { data: pull } = await bot.rest.pulls.create(wanted);
  expect(pull).toMatchObject({ commits: 1, additions: 1, deletions: 1, mergeable: true });
  await alice.review(shopName, pull.number, {
    event: "REQUEST_CHANGES",
    body: "No",
    comments: [{ path: "a.txt", line: 1, body: "Three?" }],
  });
  const query = `query { repository(owner: "acme", name: "shop") { pullRequest(number: ${pull.number}) {
    reviewThreads(first: 10) { nodes { path line } } } } }`;
  const found = await bot.graphql<unknown>(query, { baseUrl: `${github.url}/api` });
  expect(JSON.stringify(found)).toContain('{"path":"a.txt","line":1}');
  const missing = await failureOf(bot.rest.issues.get({ ...repo, issue_number: 99 }));
  expect(missing).toMatchObject({ status: 404, message: expect.stringContaining("Not Found") });
  const { headers } = await bot.rest.issues.get({ ...repo, issue_number: number });
  const known = { "if-none-match": headers.etag };
  const again = await failureOf(
    bot.rest.issues.get({ ...repo, issue_number: number, headers: known }),
  );
  expect(again.status).toBe(304);
  await alice.merge(shopName, pull.number, { method: "squash" });
  await github.world.idle();
  expect(webhooks.map(({ event, action }) => `${event} ${action}`)).toEqual(
    expect.arrayContaining(["issues labeled", "issue_comment created", "pull_request closed"]),
  );
  expect(violations).toEqual([]);
});

test("everything is over within one turn of the event loop, and the same every time", async () => {
  expect(await fingerprint()).toBe(await fingerprint());
});

/** A hash over all that comes out of a short story. */
async function fingerprint(): Promise<string> {
  const { github, alice, bot, webhooks, pass } = await open();
  const hash = createHash("sha256");
  const steps: (() => Promise<unknown>)[] = [
    async () => alice.openIssue(shopName, { title: "Cart" }),
    () => bot.rest.issues.createComment({ ...repo, issue_number: 1, body: "Hello" }),
    () => alice.push(shopName, "work", { files: { b: "1\n" }, message: "One" }),
    () => bot.rest.pulls.create({ ...repo, title: "One", head: "work", base: "main" }),
    () => alice.merge(shopName, 2, { method: "rebase" }),
    () => github.world.idle(),
  ];
  for (const step of steps) {
    const answer = await Promise.race([step(), turn("too late")]);
    expect(answer).not.toBe("too late");
    hash.update(JSON.stringify(shapeOf(answer)));
    await pass(1000);
  }
  for (const { guid, body, headers } of webhooks)
    hash.update(guid + body + JSON.stringify(headers));
  return hash.digest("hex");
}

/** What is worth comparing of an answer; things of the model point at each other in circles. */
function shapeOf(answer: unknown): unknown {
  return typeof answer === "object" && answer !== null && "headers" in answer ? answer : null;
}

test("webhooks are signed, come in order, and their fate is in the log", async () => {
  const fates: Record<string, () => Promise<{ readonly statusCode: number }>> = {
    opened: () => Promise.reject(new Error("no connection")),
    edited: () => new Promise(() => undefined),
    closed: async () => ({ statusCode: 500 }),
  };
  const shop = await open({
    deliver: ({ action = "" }) => fates[action]?.() ?? Promise.resolve({ statusCode: 200 }),
  });
  const { alice, webhooks, pass, github, app } = shop;
  const { number } = alice.openIssue(shopName, { title: "Cart" });
  alice.editIssue(shopName, number, { title: "Basket" });
  alice.closeIssue(shopName, number);
  await turn();
  // The one without an answer holds up the next one for a second, and counts as lost after ten.
  const seen = (): unknown => webhooks.map(({ action }) => action).slice(-3);
  expect(seen()).toEqual(["created", "opened", "edited"]);
  await pass(1000);
  expect(seen()).toEqual(["opened", "edited", "closed"]);
  await pass(9000);
  await github.world.idle();
  const codes = github.world.deliveries(app).map(({ statusCode }) => statusCode);
  expect(codes.slice(0, 3)).toEqual([500, 504, 502]);
  const last = webhooks.at(-1);
  const signature = createHmac("sha256", secret)
    .update(last?.body ?? "")
    .digest("hex");
  expect(last?.headers["x-hub-signature-256"]).toBe(`sha256=${signature}`);
  await github.close();
});

test("lists lag behind writes, single things do not", async () => {
  const lags = [0, 0, 5000];
  const { github, alice, bot, pass } = await open({ listLag: () => lags.shift() ?? 5000 });
  const { issues, pulls } = bot.rest;
  const { number } = alice.openIssue(shopName, { title: "Shown at once" });
  alice.comment(shopName, number, "Shown at once too");
  const late = await issues.createComment({ ...repo, issue_number: number, body: "Late" });
  alice.openIssue(shopName, { title: "Late" });
  await alice.push(shopName, "work", { files: { "a.txt": "2\n" }, message: "Two" });
  await alice.openPull(shopName, { title: "Late", head: "work", base: "main" });
  const pull = { ...repo, pull_number: 3 };
  const comments = [{ path: "a.txt", line: 1, body: "Late" }];
  await alice.review(shopName, 3, { event: "COMMENT", comments });
  const query = `query { repository(owner: "acme", name: "shop") {
    issue(number: 1) { comments(first: 9) { totalCount } }
    pullRequest(number: 3) { reviewThreads(first: 9) { totalCount } } } }`;
  const counts = async (): Promise<unknown[]> => [
    (await issues.listForRepo(repo)).data.length,
    (await issues.listComments({ ...repo, issue_number: number })).data.length,
    (await issues.listCommentsForRepo(repo)).data.length,
    (await pulls.list({ ...repo, head: "acme:work" })).data.length,
    (await pulls.listReviews(pull)).data.length,
    (await pulls.listReviewComments(pull)).data.length,
    (await pulls.listReviewCommentsForRepo(repo)).data.length,
    JSON.stringify(await bot.graphql(query, { baseUrl: `${github.url}/api` })).match(/\d+/gu),
  ];
  expect(await counts()).toEqual([1, 1, 1, 0, 0, 0, 0, ["1", "0"]]);
  expect((await issues.getComment({ ...repo, comment_id: late.data.id })).data.body).toBe("Late");
  expect((await pulls.get(pull)).data.title).toBe("Late");
  await pass(4999);
  expect(await counts()).toEqual([1, 1, 1, 0, 0, 0, 0, ["1", "0"]]);
  await pass(1);
  expect(await counts()).toEqual([3, 2, 2, 1, 1, 1, 1, ["2", "1"]]);
});

test("redirects are followed as over the network", async () => {
  const { github, alice, bot } = await open();
  await github.world.createRepository({ owner: "acme", name: "annex", files: { a: "a" } });
  github.world.setPermission("acme/annex", "alice", "admin");
  const { number } = alice.openIssue(shopName, { title: "Moves" });
  const moved = alice.transferIssue(shopName, number, "acme/annex");
  const { data, url } = await bot.rest.issues.get({ ...repo, issue_number: number });
  expect(data.id).toBe(moved.id);
  expect(url).toMatch(/\/repositories\/\d+\/issues\/1$/u);
});

test("faults are served here too", async () => {
  const { github, bot, pass } = await open();
  const match = { path: /\/issues$/u };
  const { faults } = github.world;
  faults.add({ match, kind: "status", status: 502, when: "before" });
  faults.add({ match, kind: "drop", when: "after" });
  const create = (): Promise<unknown> => bot.rest.issues.create({ ...repo, title: "One" });
  expect((await failureOf(create())).status).toBe(502);
  expect(github.world.issues(shopName)).toEqual([]);
  await expect(create()).rejects.toThrow("other side closed");
  expect(github.world.issues(shopName)).toHaveLength(1);
  faults.add({ match, kind: "delay", ms: 3000 });
  const slow = create();
  await pass(0);
  await pass(2999);
  expect(github.world.issues(shopName)).toHaveLength(1);
  await pass(1);
  await slow;
});

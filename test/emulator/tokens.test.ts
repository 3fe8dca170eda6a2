/** Who may do what: App JWTs, installation tokens with their scope and age, personal tokens, strangers. */
import { generateKeyPairSync } from "node:crypto";

import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, expect, test } from "vitest";

import { failureOf, openShop, quiet, repo, shopName, type Shop } from "./shop.ts";

const hourMs = 3_600_000;
let shop: Shop;

beforeAll(async () => {
  shop = await openShop({ private: true });
  await shop.world.createRepository({ owner: "acme", name: "other", private: true });
  await shop.world.createRepository({ owner: "acme", name: "open", files: { a: "a" } });
  shop.alice.openIssue(shopName, { title: "One" });
});

afterAll(() => shop.emulator.close());

test("a JWT signed by another key is not taken", async () => {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const auth = { appId: shop.app.id, privateKey };
  const liar = new Octokit({
    baseUrl: `${shop.url}/api/v3`,
    authStrategy: createAppAuth,
    auth,
    log: quiet,
  });
  const answer = await failureOf(liar.rest.apps.getAuthenticated());
  expect(answer.status).toBe(401);
});

test("a token has its shape, and 40 characters if asked for", async () => {
  expect(await shop.token()).toMatch(/^ghs_\d+_\w+\.\w+\.\w+$/u);
  await using old = await openShop({ tokenFormat: "short" });
  expect(await old.token()).toMatch(/^ghs_\w{36}$/u);
});

test("a narrow token is told what would have been enough", async () => {
  const token = await shop.token({ permissions: { contents: "read" } });
  const wanted = { ...repo, issue_number: 1, body: "Hi" };
  const answer = await failureOf(shop.as(token).rest.issues.createComment(wanted));
  expect(answer.status).toBe(403);
  expect(answer.message).toContain("Resource not accessible by integration");
  expect(answer.headers["x-accepted-github-permissions"]).toBe("issues=read");
  const reader = await shop.token({ permissions: { issues: "read" } });
  const second = await failureOf(shop.as(reader).rest.issues.createComment(wanted));
  expect(second.headers["x-accepted-github-permissions"]).toBe("issues=write");
});

test("a token for one repository does not see another private one", async () => {
  const client = shop.as(await shop.token({ repositories: ["other"] })).rest;
  expect((await failureOf(client.repos.get(repo))).status).toBe(404);
  expect((await client.repos.get({ ...repo, repo: "other" })).status).toBe(200);
  const visible = await client.apps.listReposAccessibleToInstallation();
  expect(visible.data.total_count).toBe(1);
});

test("more than was granted, and what is not there, cannot be asked for", async () => {
  const much = shop.token({ permissions: { administration: "write" } });
  expect((await failureOf(much)).status).toBe(422);
  expect((await failureOf(shop.token({ repositories: ["nothing"] }))).status).toBe(422);
});

test("a token ends after an hour, when revoked, and with its installation", async () => {
  const token = await shop.token();
  const get = (): Promise<unknown> => shop.as(token).rest.repos.get(repo);
  await get();
  shop.world.suspend(shop.installation.id, true);
  expect((await failureOf(get())).status).toBe(403);
  shop.world.suspend(shop.installation.id, false);
  await get();
  shop.world.advance(hourMs);
  expect((await failureOf(get())).status).toBe(401);
  const revoked = shop.as(await shop.token());
  await revoked.rest.apps.revokeInstallationAccessToken();
  expect((await failureOf(revoked.rest.repos.get(repo))).status).toBe(401);
});

test("people are held to their role", async () => {
  const bob = shop.as(shop.bob.account.token).rest;
  await bob.issues.createComment({ ...repo, issue_number: 1, body: "Me too" });
  const label = { ...repo, issue_number: 1, labels: ["objective"] };
  expect((await failureOf(bob.issues.addLabels(label))).status).toBe(403);
  expect(() => shop.bob.label(shopName, 1, "objective")).toThrow("not accessible");
  const alice = shop.as(shop.alice.account.token).rest;
  expect((await alice.issues.addLabels(label)).status).toBe(200);
});

test("permission of a person: role and the coarser word", async () => {
  const bot = shop.as(await shop.token()).rest;
  const of = async (username: string): Promise<unknown> => {
    const { data } = await bot.repos.getCollaboratorPermissionLevel({ ...repo, username });
    return [data.permission, data.role_name];
  };
  shop.world.setPermission(shopName, "bob", "triage");
  expect(await of("alice")).toEqual(["admin", "admin"]);
  expect(await of("bob")).toEqual(["read", "triage"]);
  shop.world.setPermission(shopName, "bob", "maintain");
  expect(await of("bob")).toEqual(["write", "maintain"]);
  shop.world.createUser("mallory");
  expect(await of("mallory")).toEqual(["none", "none"]);
});

test("strangers see public things only and write nothing", async () => {
  const nobody = new Octokit({ baseUrl: `${shop.url}/api/v3`, log: quiet }).rest;
  expect((await failureOf(nobody.repos.get(repo))).status).toBe(404);
  expect((await nobody.repos.get({ ...repo, repo: "open" })).status).toBe(200);
  const issue = nobody.issues.create({ ...repo, repo: "open", title: "Spam" });
  expect((await failureOf(issue)).status).toBe(401);
  expect((await failureOf(shop.as("ghp_wrong").rest.repos.get(repo))).status).toBe(401);
});

test("bodies over 65 536 characters are refused in GitHub's words", async () => {
  const bot = shop.as(await shop.token()).rest;
  const longest = "x".repeat(65_536);
  const one = { ...repo, issue_number: 1 };
  await bot.issues.createComment({ ...one, body: longest });
  const answer = await failureOf(bot.issues.createComment({ ...one, body: `${longest}x` }));
  expect(answer.status).toBe(422);
  expect(answer.message).toContain("Body is too long (maximum is 65536 characters)");
  expect((await failureOf(bot.issues.createComment({ ...one, body: " " }))).status).toBe(422);
});

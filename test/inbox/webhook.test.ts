/** Payloads to domain events: a closed mapping; everything GitHub ever sent goes through without a throw. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { SUBSCRIBED_EVENTS, parseWebhook } from "../../src/inbox/webhook.ts";
import { PERMISSIONS } from "../../src/github/permissions.ts";

const own = { appId: 42, botId: 99 };
const alice = { id: 5, login: "alice", type: "User" };
const envelope = {
  installation: { id: 1 },
  repository: { id: 2, name: "shop", owner: { login: "acme" } },
  sender: alice,
};
const updated_at = "2026-01-05T14:05:00Z";
const at = Date.UTC(2026, 0, 5, 14, 5);
const issue = {
  id: 9,
  number: 7,
  title: "T",
  body: "B <!-- x -->",
  html_url: "https://g/7",
  updated_at,
};
const comment = { id: 11, body: "hi", html_url: "https://g/7#11", user: alice, updated_at };

const repository = { installation: 1, id: 2, owner: "acme", name: "shop" };
const actor = { id: 5, login: "alice", type: "user" };

test.for([
  ["opened", ["objective", "bug"]],
  ["labeled", ["bug"]],
  ["unlabeled", []],
  ["edited", []],
  ["closed", []],
  ["reopened", ["objective", "bug"]],
  ["deleted", []],
  ["transferred", []],
] as const)(
  "issues.%s means: look at the issue; its sender answers for the labels %s",
  ([action, labels]) => {
    const labelled = { ...issue, labels: [{ name: "objective" }, { name: "bug" }] };
    const payload = { ...envelope, action, issue: labelled, label: { name: "bug" } };
    expect(parseWebhook("issues", payload, own)).toEqual([
      {
        repository,
        subject: { kind: "issue", number: 7 },
        event: {
          kind: "issue-changed",
          cause: action,
          number: 7,
          actor,
          labels,
          snapshot: { id: 9, title: "T", body: "B", url: "https://g/7" },
          at,
        },
      },
    ]);
  },
);

test.for([
  ["created", "comment-created", undefined, "issue", "comment:2:11"],
  ["edited", "comment-edited", undefined, "issue", `comment:2:11:${at}`],
  ["created", "comment-created", { url: "x" }, "pull-request", "comment:2:11"],
] as const)("issue_comment.%s", ([action, kind, pull, on, key]) => {
  const payload = { ...envelope, action, issue: { ...issue, pull_request: pull }, comment };
  expect(parseWebhook("issue_comment", payload, own)).toEqual([
    {
      repository,
      subject: { kind: on, number: 7 },
      event: { kind, number: 7, on, comment: 11, actor, text: "hi", url: "https://g/7#11" },
      key,
    },
  ]);
});

test.for([
  ["closed", "closed"],
  ["reopened", "reopened"],
  ["synchronize", "synchronize"],
  ["ready_for_review", "ready"],
  ["converted_to_draft", "draft"],
] as const)("pull_request.%s", ([action, cause]) => {
  const payload = { ...envelope, action, pull_request: { number: 8 } };
  expect(parseWebhook("pull_request", payload, own)).toEqual([
    {
      repository,
      subject: { kind: "pull-request", number: 8 },
      event: { kind: "pull-request-changed", cause, number: 8, actor },
    },
  ]);
});

test("pull_request_review.submitted", () => {
  const review = { id: 3, user: alice };
  const payload = { ...envelope, action: "submitted", pull_request: { number: 8 }, review };
  expect(parseWebhook("pull_request_review", payload, own)).toMatchObject([
    {
      subject: { kind: "pull-request", number: 8 },
      event: { review: 3, actor },
      key: "review:2:3",
    },
  ]);
});

test("times that GitHub does not tell are not guessed, and an edit without one has no key of its own", () => {
  const { updated_at: _, ...timeless } = comment;
  const edited = { ...envelope, action: "edited", issue, comment: timeless };
  expect(parseWebhook("issue_comment", edited, own)[0]).not.toHaveProperty("key");
  const labeled = { ...envelope, action: "labeled", issue: { ...issue, updated_at: "soon" } };
  expect(parseWebhook("issues", labeled, own)[0]?.event).not.toHaveProperty("at");
});

test.for([
  ["installation", { action: "deleted", repositories: [{ id: 2, full_name: "acme/shop" }] }],
  ["installation", { action: "suspend", repositories: [{ id: 2, full_name: "acme/shop" }] }],
  [
    "installation_repositories",
    { action: "removed", repositories_removed: [{ id: 2, full_name: "acme/shop" }] },
  ],
  ["repository", { action: "deleted" }],
  ["repository", { action: "transferred" }],
] as const)("%s: access is lost", ([name, payload]) => {
  expect(parseWebhook(name, { ...envelope, ...payload }, own)).toMatchObject([
    { repository, subject: { kind: "repository" }, event: { kind: "access-lost" } },
  ]);
});

test.for([
  ["our bot", { id: 99, login: "orcha[bot]", type: "Bot" }, "own"],
  ["another bot", { id: 98, login: "x[bot]", type: "Bot" }, "bot"],
  ["a user with our bot's name", { id: 6, login: "orcha[bot]", type: "User" }, "user"],
  ["a user whose id is our bot's", { id: 99, login: "x", type: "User" }, "user"],
  ["an organization", { id: 7, login: "acme", type: "Organization" }, "bot"],
] as const)("who did it: %s", ([, sender, type]) => {
  const [routed] = parseWebhook("issues", { ...envelope, action: "labeled", issue, sender }, own);
  expect(routed?.event).toMatchObject({ actor: { id: sender.id, type } });
});

test("what our App wrote causes nothing, also before its bot's id is known, whoever edits it", () => {
  const bot = { id: 99, login: "orcha[bot]", type: "Bot" };
  const written = { ...comment, user: bot, performed_via_github_app: { id: 42 } };
  const created = { ...envelope, action: "created", issue, comment: written, sender: bot };
  const unknown = { appId: 42, botId: undefined };
  expect(parseWebhook("issue_comment", created, unknown)).toEqual([]);
  const plain = { ...comment, user: bot };
  expect(parseWebhook("issue_comment", { ...created, comment: plain }, own)).toEqual([]);
  const edited = { ...created, action: "edited", sender: alice };
  expect(parseWebhook("issue_comment", edited, unknown)).toEqual([]);
});

test("an edit of a person's comment speaks for the editor", () => {
  const bob = { id: 6, login: "bob", type: "User" };
  const edited = { ...envelope, action: "edited", issue, comment, sender: bob };
  expect(parseWebhook("issue_comment", edited, own)).toMatchObject([
    { event: { actor: { id: 6, login: "bob", type: "user" } } },
  ]);
});

test.for([
  ["issues", { action: "assigned" }],
  ["issue_comment", { action: "deleted" }],
  ["pull_request", { action: "labeled" }],
  ["pull_request", { action: "__proto__" }],
  ["pull_request_review", { action: "edited" }],
  ["repository", { action: "renamed" }],
  ["push", {}],
  ["ping", {}],
  ["issues", null],
  ["issues", { action: 5 }],
] as const)("not for us: %s %j", ([name, payload]) => {
  expect(parseWebhook(name, payload, own)).toEqual([]);
});

test("a payload without what GitHub promises is refused, not guessed", () => {
  const payload = { ...envelope, action: "labeled", issue: { ...issue, number: "7" } };
  expect(() => parseWebhook("issues", payload, own)).toThrow("number");
});

const Examples = z.array(
  z.object({ name: z.string(), examples: z.array(z.record(z.string(), z.unknown())) }),
);

test("every payload GitHub published goes through without a throw", () => {
  const file = createRequire(import.meta.url).resolve("@octokit/webhooks-examples");
  const events = Examples.parse(JSON.parse(readFileSync(file, "utf8")));
  let seen = 0;
  const kinds = new Set<string>();
  for (const { name, examples: payloads } of events)
    for (const payload of payloads) {
      const routed = parseWebhook(name, { installation: { id: 1 }, ...payload }, own);
      for (const { event } of routed) kinds.add(event.kind);
      seen += 1;
    }
  expect(seen).toBeGreaterThan(300);
  expect([...kinds].toSorted()).toEqual([
    "access-lost",
    "comment-created",
    "comment-edited",
    "issue-changed",
    "pull-request-changed",
    "review-submitted",
  ]);
});

const Manifest = z.object({
  default_permissions: z.record(z.string(), z.string()),
  default_events: z.array(z.string()),
});

test("app.yml asks for exactly what the code uses", () => {
  const manifest = Manifest.parse(parse(readFileSync("app.yml", "utf8")));
  const used: Record<string, string> = { metadata: "read" };
  for (const set of Object.values(PERMISSIONS))
    for (const [name, level] of Object.entries(set)) if (used[name] !== "write") used[name] = level;
  expect(manifest.default_permissions).toEqual(used);
  expect(manifest.default_events).toEqual([...SUBSCRIBED_EVENTS]);
});

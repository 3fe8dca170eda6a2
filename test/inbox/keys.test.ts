/** One thing on GitHub enters once, whoever tells of it and however often. */
import { expect, test } from "vitest";
import { parseWebhook } from "../../src/inbox/webhook.ts";
import { openSqlite } from "../../src/store/sqlite.ts";

const own = { appId: 42, botId: 99 };
const alice = { id: 5, login: "alice", type: "User" };
const envelope = {
  installation: { id: 1 },
  repository: { id: 2, name: "shop", owner: { login: "acme" } },
  sender: alice,
};
const issue = { id: 9, number: 7, title: "T", body: "B", html_url: "u" };

test.for([
  {
    name: "issue_comment",
    payload: {
      action: "created",
      issue,
      comment: { id: 11, body: "x", html_url: "u", user: alice },
    },
    items: 1,
  },
  {
    name: "pull_request_review",
    payload: {
      action: "submitted",
      pull_request: { number: 8 },
      review: { id: 3, user: alice },
    },
    items: 1,
  },
  // Only means "look now": looking twice is harmless, and each may see something else.
  { name: "issues", payload: { action: "closed", issue }, items: 2 },
])(
  "$name in two deliveries and found by a sweep: $items items",
  async ({ name, payload, items }) => {
    const clock = { now: () => 1 };
    await using store = await openSqlite(":memory:", clock);
    const routed = parseWebhook(name, { ...envelope, ...payload }, own);
    await store.route("a", routed);
    await store.route("b", routed);
    const found = routed.flatMap(({ key, repository, subject, event }) =>
      key === undefined || subject.kind === "repository"
        ? []
        : [{ key, repository, subject, event }],
    );
    await store.enqueue(found, 2);
    const taken: string[] = [];
    for (let round = 0; round < 5; round += 1)
      for (const item of await store.takeInbox({ now: 3, limit: 10, busy: new Set() })) {
        taken.push(item.key);
        await store.buryInbox(item.seq, "seen");
      }
    expect(taken).toHaveLength(items);
  },
);

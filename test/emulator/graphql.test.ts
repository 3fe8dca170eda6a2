/** GraphQL: threads, draft state, hidden comments, and the permissions and limits GitHub puts on them. */
import { afterAll, beforeAll, expect, test } from "vitest";

import type { Pull } from "../../src/emulator/model.ts";
import { failureOf, openShop, repo, shopName, type Shop } from "./shop.ts";

let shop: Shop;
let pull: Pull;

beforeAll(async () => {
  shop = await openShop();
  const files = { "src/cart.js": "one\n2\nthree\n" };
  await shop.alice.push(shopName, "work", { files, message: "Two" });
  const wanted = { title: "Two", head: "work", base: "main", draft: true };
  pull = await shop.alice.openPull(shopName, wanted);
  for (const line of [1, 2]) {
    const comments = [{ path: "src/cart.js", line, body: `Line ${line}?` }];
    await shop.bob.review(shopName, 1, { event: "COMMENT", comments });
  }
});

afterAll(() => shop.emulator.close());

const threadsQuery = `query($owner: String!, $repo: String!, $after: String) {
  repository(owner: $owner, name: $repo) { pullRequest(number: 1) { id isDraft
    reviewThreads(first: 1, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { id isResolved isOutdated path line
        comments(first: 10) { nodes { id databaseId body author { login } } } } } } }
}`;

interface Threads {
  repository: {
    pullRequest: {
      id: string;
      isDraft: boolean;
      reviewThreads: {
        pageInfo: { hasNextPage: boolean; endCursor: string };
        nodes: { id: string; line: number; comments: { nodes: { databaseId: number }[] } }[];
      };
    };
  };
}

test("threads come page by page with the REST ids of their comments", async () => {
  const first = await shop.bot.graphql<Threads>(threadsQuery, repo);
  const { pageInfo, nodes } = first.repository.pullRequest.reviewThreads;
  expect(nodes).toMatchObject([{ line: 1, isResolved: false, path: "src/cart.js" }]);
  expect(pageInfo.hasNextPage).toBe(true);
  const second = await shop.bot.graphql<Threads>(threadsQuery, {
    ...repo,
    after: pageInfo.endCursor,
  });
  const { reviewThreads } = second.repository.pullRequest;
  expect(reviewThreads.pageInfo.hasNextPage).toBe(false);
  const id = reviewThreads.nodes[0]?.comments.nodes[0]?.databaseId ?? 0;
  const { data } = await shop.bot.rest.pulls.getReviewComment({ ...repo, comment_id: id });
  expect(data).toMatchObject({ body: "Line 2?", line: 2 });
});

const reviewsQuery = `query($owner: String!, $repo: String!) {
  repository(owner: $owner, name: $repo) { pullRequest(number: 1) {
    first: reviews(first: 1) { totalCount nodes { databaseId state submittedAt author { login } } }
    none: reviews(last: 5, states: [APPROVED]) { nodes { databaseId } }
    hers: reviews(last: 5, author: "bob") { totalCount } } } }`;

test("reviews come with their REST ids, by state and by author", async () => {
  const { data } = await shop.bot.rest.pulls.listReviews({ ...repo, pull_number: 1 });
  const answer = await shop.bot.graphql(reviewsQuery, repo);
  const review = { databaseId: data[0]?.id, state: "COMMENTED", author: { login: "bob" } };
  expect(answer).toMatchObject({
    repository: {
      pullRequest: {
        first: { totalCount: 2, nodes: [{ ...review, submittedAt: data[0]?.submitted_at }] },
        none: { nodes: [] },
        hers: { totalCount: 2 },
      },
    },
  });
});

test("an issue says who changed its text last; its title is no text", async () => {
  const { number } = shop.alice.openIssue(shopName, { title: "Slow", body: "It is" });
  const query = `query($owner: String!, $repo: String!, $number: Int!) {
    repository(owner: $owner, name: $repo) { issue(number: $number) {
      lastEditedAt editor { kind: __typename login ... on User { databaseId } } } } }`;
  const ask = () => shop.bot.graphql(query, { ...repo, number });
  shop.alice.editIssue(shopName, number, { title: "Very slow" });
  expect(await ask()).toEqual({ repository: { issue: { lastEditedAt: null, editor: null } } });
  shop.world.setPermission(shopName, "bob", "write");
  shop.bob.editIssue(shopName, number, { body: "It is indeed" });
  shop.world.setPermission(shopName, "bob", "read");
  const { id } = shop.bob.account;
  expect(await ask()).toMatchObject({
    repository: {
      issue: {
        lastEditedAt: expect.stringMatching(/Z$/u),
        editor: { kind: "User", login: "bob", databaseId: id },
      },
    },
  });
});

const resolve = `mutation($id: ID!) { resolveReviewThread(input: { threadId: $id }) { thread { isResolved } } }`;

test("resolving needs contents:write besides pull_requests:write", async () => {
  const id = pull.threads[0]?.nodeId;
  const narrow = await shop.token({ permissions: { pull_requests: "write" } });
  const refused = await failureOf(shop.as(narrow).graphql(resolve, { id }).catch(withStatus));
  expect(refused.message).toContain("Resource not accessible by integration");
  expect(pull.threads[0]?.resolvedBy).toBeUndefined();
  const wide = await shop.token({ permissions: { pull_requests: "write", contents: "write" } });
  const done = await shop.as(wide).graphql(resolve, { id });
  expect(done).toEqual({ resolveReviewThread: { thread: { isResolved: true } } });
  expect(pull.threads[0]?.resolvedBy?.login).toBe("orcha[bot]");
});

test("a draft is marked ready and back", async () => {
  const ready = `mutation($id: ID!) { markPullRequestReadyForReview(input: { pullRequestId: $id }) { pullRequest { isDraft } } }`;
  const narrow = await shop.token({ permissions: { pull_requests: "write" } });
  await expect(shop.as(narrow).graphql(ready, { id: pull.nodeId })).rejects.toThrow("accessible");
  await shop.bot.graphql(ready, { id: pull.nodeId });
  expect(pull.draft).toBe(false);
  const back = `mutation($id: ID!) { convertPullRequestToDraft(input: { pullRequestId: $id }) { pullRequest { isDraft } } }`;
  await shop.bot.graphql(back, { id: pull.nodeId });
  expect(pull.draft).toBe(true);
});

test("a comment is hidden", async () => {
  const comment = shop.bob.comment(shopName, 1, "Spam");
  const hide = `mutation($id: ID!) { minimizeComment(input: { subjectId: $id, classifier: OFF_TOPIC }) {
    minimizedComment { isMinimized minimizedReason } } }`;
  const done = await shop.bot.graphql(hide, { id: comment.nodeId });
  expect(done).toEqual({
    minimizeComment: { minimizedComment: { isMinimized: true, minimizedReason: "off-topic" } },
  });
});

test("unknown fields, lists without a size, strangers and missing things are refused", async () => {
  const { graphql } = shop.bot;
  await expect(graphql("{ viewer { shoeSize } }")).rejects.toThrow('Cannot query field "shoeSize"');
  const unsized = `{ repository(owner: "acme", name: "shop") { pullRequest(number: 1) {
    reviewThreads { totalCount } } } }`;
  await expect(graphql(unsized)).rejects.toThrow("You must provide a `first` or `last`");
  await expect(
    graphql(`
      {
        node(id: "nothing") {
          id
        }
      }
    `),
  ).rejects.toThrow("Could not resolve");
  await expect(graphql("{ viewer {")).rejects.toThrow("Syntax Error");
  const anonymous = await fetch(`${shop.url}/api/graphql`, {
    method: "POST",
    body: JSON.stringify({ query: "{ viewer { login } }" }),
  });
  expect(anonymous.status).toBe(401);
});

test("nothing broke GitHub's descriptions", () => {
  expect(shop.violations).toEqual([]);
});

/** GraphQL failures come with status 200; the helper wants one. */
function withStatus(error: unknown): never {
  throw Object.assign(error instanceof Error ? error : new Error(String(error)), { status: 200 });
}

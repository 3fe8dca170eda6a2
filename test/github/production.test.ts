/** github.com itself cannot be reached from tests: what would be sent there is caught on its way out. */
import nock from "nock";
import { afterEach, beforeEach, expect, test } from "vitest";
import { realClock } from "../../src/compose/clock.ts";
import { openClient, openEtagCache, type Client } from "../../src/github/client.ts";

beforeEach(() => nock.disableNetConnect());
afterEach(() => {
  nock.cleanAll();
  nock.enableNetConnect();
});

const client = (): Client =>
  openClient(
    {
      baseUrl: "https://api.github.com",
      timeoutMs: 1_000,
      clock: realClock,
      etags: openEtagCache(),
    },
    { get: () => Promise.resolve("ghs_token"), renew: () => Promise.resolve("ghs_next") },
  );

test("a request to github.com carries the token, the pinned API version and our name", async () => {
  const scope = nock("https://api.github.com", {
    reqheaders: {
      authorization: "Bearer ghs_token",
      "x-github-api-version": "2022-11-28",
      "user-agent": /^orcha/u,
    },
  })
    .get("/repos/acme/shop")
    .reply(200, { id: 1 });
  const { status } = await client().request("GET /repos/{owner}/{repo}", {
    owner: "acme",
    repo: "shop",
  });
  expect(status).toBe(200);
  expect(scope.isDone()).toBe(true);
});

test("a write whose answer was a 502 is not sent again", async () => {
  let sent = 0;
  nock("https://api.github.com")
    .post("/repos/acme/shop/issues/1/comments")
    .times(5)
    .reply(() => {
      sent += 1;
      return [502, "bad gateway"];
    });
  const route = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
  const call = client().request(route, {
    owner: "acme",
    repo: "shop",
    issue_number: 1,
    body: "hello",
  });
  await expect(call).rejects.toMatchObject({ status: 502 });
  expect(sent).toBe(1);
});

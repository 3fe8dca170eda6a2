/** The check against GitHub's description must notice what is wrong; a check that accepts everything proves nothing. */
import { expect, test } from "vitest";

import type { Exchange } from "../../src/emulator/exchange.ts";
import { openShop, repo, shopName } from "./shop.ts";
import { openValidator } from "./validate.ts";

test("a missing field, a wrong type, a wrong status and an unknown webhook are noticed", async () => {
  const exchanges: Exchange[] = [];
  await using shop = await openShop({ onExchange: (exchange) => void exchanges.push(exchange) });
  shop.app.setWebhookUrl("http://127.0.0.1:1/");
  shop.alice.openIssue(shopName, { title: "One" });
  await shop.bot.rest.issues.get({ ...repo, issue_number: 1 });
  const get = exchanges.find((exchange) => exchange.kind === "rest" && exchange.method === "GET");
  const hook = exchanges.find((exchange) => exchange.kind === "webhook");
  if (get?.kind !== "rest" || hook?.kind !== "webhook") throw new Error("nothing was exchanged");
  const validator = openValidator();
  expect(exchanges.flatMap((exchange) => validator.check(exchange))).toEqual([]);

  const { id: _, ...withoutId } = { ...asObject(get.responseBody), id: 1 };
  expect(validator.check({ ...get, responseBody: withoutId })).toEqual([
    expect.stringContaining("must have required property 'id'"),
  ]);
  const wrong = { ...asObject(get.responseBody), html_url: "not a url" };
  expect(validator.check({ ...get, responseBody: wrong })).toEqual([
    expect.stringContaining('/html_url must match format "uri"'),
  ]);
  expect(validator.check({ ...get, status: 202 })).toEqual([
    expect.stringContaining("GitHub never answers 202"),
  ]);
  expect(validator.check({ ...get, route: "/repos/{owner}/nothing" })).toHaveLength(1);
  expect(validator.check({ ...hook, action: "exploded" })).toHaveLength(1);
  const payload = { ...asObject(hook.payload), sender: { login: "alice" } };
  expect(validator.check({ ...hook, payload }).length).toBeGreaterThan(0);
  const post: Exchange = {
    ...get,
    method: "POST",
    route: "/repos/{owner}/{repo}/issues",
    status: 201,
    requestBody: { body: 1 },
  };
  expect(validator.check(post).some((error) => error.includes("request"))).toBe(true);
});

function asObject(value: unknown): object {
  if (typeof value === "object" && value !== null) return value;
  throw new TypeError("expected an object");
}

/** Webhooks: signed bytes, subscriptions, the log and sending again, and every fault that can befall them. */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";

import { afterEach, beforeEach, expect, test } from "vitest";

import { failureOf, openShop, repo, shopName, type Shop } from "./shop.ts";

interface Received {
  readonly event: string;
  readonly guid: string;
  readonly signature: string;
  readonly body: string;
}

const dayMs = 86_400_000;
let shop: Shop;
let server: Server;
let received: Received[];
let status: number;

beforeEach(async () => {
  received = [];
  status = 202;
  server = createServer((request, response) => {
    void (async () => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      const { headers } = request;
      received.push({
        event: String(headers["x-github-event"]),
        guid: String(headers["x-github-delivery"]),
        signature: String(headers["x-hub-signature-256"]),
        body,
      });
      response.writeHead(status).end("noted");
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  shop = await openShop({ webhookUrl: `http://127.0.0.1:${port}/hook` });
  await shop.world.idle();
  received = [];
});

afterEach(async () => {
  await shop.emulator.close();
  server.close();
  if (shop.violations.length > 0) throw new Error(shop.violations.join("\n"));
});

const events = (): string[] => received.map(({ event, body }) => `${event} ${actionOf(body)}`);

test("come in order, signed over their bytes, with installation and sender", async () => {
  shop.alice.openIssue(shopName, { title: "Grüße 🎉 </script>", labels: ["objective"] });
  await shop.world.idle();
  expect(events()).toEqual(["label created", "issues opened", "issues labeled"]);
  for (const { body, signature } of received) {
    const hmac = createHmac("sha256", "a secret of the tests").update(body).digest("hex");
    expect(signature).toBe(`sha256=${hmac}`);
    expect(JSON.parse(body)).toMatchObject({
      installation: { id: shop.installation.id },
      sender: { login: "alice" },
      repository: { full_name: shopName },
    });
  }
  expect(new Set(received.map(({ guid }) => guid)).size).toBe(3);
});

test("the bot's own writes are announced as the bot's", async () => {
  shop.alice.openIssue(shopName, { title: "One" });
  await shop.bot.rest.issues.createComment({ ...repo, issue_number: 1, body: "Hello" });
  await shop.world.idle();
  const { body = "{}" } = received.at(-1) ?? {};
  expect(JSON.parse(body)).toMatchObject({
    action: "created",
    sender: { login: "orcha[bot]", type: "Bot" },
    comment: { performed_via_github_app: { slug: "orcha" } },
  });
});

test("a failed delivery stands in the log and can be sent again under its GUID", async () => {
  status = 500;
  shop.alice.openIssue(shopName, { title: "Lost" });
  await shop.world.idle();
  const { apps } = shop.asApp.rest;
  const { data } = await apps.listWebhookDeliveries({ status: "failure" });
  expect(data).toMatchObject([{ event: "issues", action: "opened", status_code: 500 }]);
  const failed = data[0];
  status = 200;
  await apps.redeliverWebhookDelivery({ delivery_id: failed?.id ?? 0 });
  await shop.world.idle();
  expect(received.map(({ guid }) => guid)).toEqual([failed?.guid, failed?.guid]);
  const log = await apps.listWebhookDeliveries({ per_page: 1 });
  expect(log.data).toMatchObject([{ redelivery: true, status: "OK", guid: failed?.guid }]);
  expect(log.headers.link).toContain('rel="next"');
});

test("the log gives payloads back for three days", async () => {
  shop.alice.openIssue(shopName, { title: "Kept" });
  await shop.world.idle();
  const [delivery] = shop.world.deliveries(shop.app);
  const id = { delivery_id: delivery?.id ?? 0 };
  const { data } = await shop.asApp.rest.apps.getWebhookDelivery(id);
  expect(data.request.payload).toMatchObject({ issue: { title: "Kept" } });
  shop.world.advance(3 * dayMs + 1);
  expect(shop.world.deliveries(shop.app)).toEqual([]);
});

test("an unreachable receiver fails and disturbs nobody", async () => {
  shop.app.setWebhookUrl("http://127.0.0.1:1/");
  shop.alice.openIssue(shopName, { title: "Unheard" });
  await shop.world.idle();
  const [delivery] = shop.world.deliveries(shop.app);
  expect(delivery).toMatchObject({ status: "failed to connect", statusCode: 502 });
});

test("faults: lost, doubled, held back, reordered", async () => {
  const { faults } = shop.world;
  const open = (title: string): unknown => shop.alice.openIssue(shopName, { title });
  const titles = (): string[] => received.map(({ body }) => titleOf(body));
  faults.add({ match: { event: "issues.opened" }, kind: "lose" });
  open("lost");
  open("kept");
  await shop.world.idle();
  expect(titles()).toEqual(["kept"]);
  expect(faults.hits).toBe(1);

  faults.add({ match: { event: "issues" }, kind: "duplicate", times: 2 });
  open("thrice");
  await shop.world.idle();
  expect(titles()).toEqual(["kept", "thrice", "thrice", "thrice"]);
  expect(new Set(received.slice(1).map(({ guid }) => guid)).size).toBe(1);

  received = [];
  const held = faults.add({ match: { event: "issues" }, kind: "delay" });
  open("first");
  open("second");
  await shop.world.idle();
  expect(titles()).toEqual(["second"]);
  held.release();
  await shop.world.waitFor(() => received.length === 2, { what: "the held delivery" });

  received = [];
  faults.add({ match: { event: "issues" }, kind: "reorder", size: 3 });
  for (const title of ["a", "b", "c", "d"]) open(title);
  await shop.world.idle();
  expect(titles()).toEqual(["c", "b", "a", "d"]);
});

test("faults: status and dropped connection, before and after the write", async () => {
  const { faults } = shop.world;
  shop.alice.openIssue(shopName, { title: "One" });
  const path = /\/issues\/1\/comments$/u;
  const write = (): Promise<unknown> =>
    shop.bot.rest.issues.createComment({ ...repo, issue_number: 1, body: "x" });
  const count = (): number => shop.world.comments(shopName, 1).length;
  const match = { method: "POST", path };
  faults.add({ match, kind: "status", status: 502, when: "before" });
  expect((await failureOf(write())).status).toBe(502);
  expect(count()).toBe(0);
  faults.add({ match, kind: "status", status: 502, when: "after" });
  expect((await failureOf(write())).status).toBe(502);
  expect(count()).toBe(1);
  faults.add({ match, kind: "drop", when: "before" });
  expect((await failureOf(write())).status).toBe(500);
  expect(count()).toBe(1);
  faults.add({ match, kind: "drop", when: "after" });
  expect((await failureOf(write())).status).toBe(500);
  expect(count()).toBe(2);
  const slow = faults.add({ match, kind: "delay" });
  const waiting = write();
  await shop.world.waitFor(() => slow.hits === 1, { what: "the delayed request" });
  expect(count()).toBe(2);
  slow.release();
  await waiting;
  expect(count()).toBe(3);
  faults.add({ match, kind: "status", status: 500, when: "before" });
  faults.clear();
  await write();
  expect(faults.hits).toBe(5);
});

test("waiting in vain says for what", async () => {
  const { world } = shop;
  const waiting = world.waitFor(() => false, { what: "a miracle", timeoutMs: 5 });
  await expect(waiting).rejects.toThrow("waited 5 ms in vain for a miracle");
});

function actionOf(body: string): string {
  const { action }: { action?: string } = JSON.parse(body);
  return action ?? "";
}

function titleOf(body: string): string {
  const { issue }: { issue: { title: string } } = JSON.parse(body);
  return issue.title;
}

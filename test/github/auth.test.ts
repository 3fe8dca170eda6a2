/** Tokens: one repository, named permissions, kept, renewed, revoked; conditional requests. */
import { createServer, type RequestListener } from "node:http";
import { once } from "node:events";
import { expect, test } from "vitest";
import { realClock } from "../../src/compose/clock.ts";
import { openClient, openEtagCache } from "../../src/github/client.ts";
import { PERMISSIONS } from "../../src/github/permissions.ts";
import { connect, openShopWorld, SHOP, type ShopWorld } from "./world.ts";
import { handClock } from "./clock.ts";
import type { Exchange } from "../../src/emulator/exchange.ts";

const MINUTE_MS = 60_000;

async function openWatched(options: Parameters<typeof openShopWorld>[0] = {}) {
  const exchanges: Exchange[] = [];
  const shop = await openShopWorld({
    ...options,
    emulator: { ...options.emulator, onExchange: (exchange) => exchanges.push(exchange) },
  });
  const minted = (): number =>
    exchanges.filter(
      (exchange) =>
        exchange.kind === "rest" &&
        exchange.path.endsWith("/access_tokens") &&
        exchange.status === 201,
    ).length;
  return { shop, minted, [Symbol.asyncDispose]: () => shop[Symbol.asyncDispose]() };
}

const readIssue = (shop: ShopWorld, number: number) =>
  shop.forge.read(shop.repository, [{ kind: "issue", number }]);

test("one token per repository and permission set, kept until shortly before it ends", async () => {
  let offset = 0;
  const clock = handClock();
  await using watched = await openWatched({
    emulator: { now: () => clock.now() + offset },
    forge: { clock },
  });
  const { shop, minted } = watched;
  const { number } = shop.world.as("alice").openIssue(SHOP, { title: "T" });
  await Promise.all([readIssue(shop, number), readIssue(shop, number), readIssue(shop, number)]);
  expect(minted()).toBe(1);
  clock.advance(54 * MINUTE_MS);
  await readIssue(shop, number);
  expect(minted()).toBe(1);
  clock.advance(2 * MINUTE_MS);
  await readIssue(shop, number);
  expect(minted()).toBe(2);
  // GitHub's clock runs an hour ahead of ours: its refusals tell its time, and all goes well.
  offset = 61 * MINUTE_MS;
  await readIssue(shop, number);
  expect(minted()).toBe(3);
});

test("tokens can do what their set says and nothing else, in this repository only", async () => {
  await using shop = await openShopWorld();
  await shop.world.createRepository({ owner: "acme", name: "secret", private: true });
  const { token } = await shop.auth.mintOnce(shop.repository, "clone");
  const get = (path: string): Promise<number> =>
    fetch(`${shop.url}/api/v3${path}`, { headers: { authorization: `Bearer ${token}` } }).then(
      ({ status }) => status,
    );
  expect(await get("/repos/acme/shop/contents/README.md")).toBe(200);
  expect(await get("/repos/acme/shop/issues")).toBe(403);
  expect(await get("/repos/acme/secret/contents/README.md")).toBe(404);
  expect(Object.keys(PERMISSIONS.clone)).toEqual(["contents"]);
});

test("every token is known to the redactors, and a revoked one is worthless", async () => {
  await using shop = await openShopWorld();
  const minted = await shop.auth.mintOnce(shop.repository, "push");
  expect(shop.secrets.values()).toContain(minted.token);
  expect(shop.secrets.values()).toContain(shop.app.privateKey);
  await minted.revoke();
  const answer = await fetch(`${shop.url}/api/v3/repos/acme/shop`, {
    headers: { authorization: `Bearer ${minted.token}` },
  });
  expect(answer.status).toBe(401);
  await minted.revoke(); // again is harmless
});

test("unchanged answers are asked for by ETag and come from memory, per address", async () => {
  const asked: (string | undefined)[] = [];
  let version = 1;
  await using server = await serve((request, response) => {
    asked.push(request.headers["if-none-match"]);
    const etag = `W/"${version}"`;
    const fresh = request.headers["if-none-match"] === etag;
    response.writeHead(fresh ? 304 : 200, { etag, "content-type": "application/json" });
    response.end(fresh ? "" : JSON.stringify({ path: request.url, version }));
  });
  const tokens = { get: async () => "t", renew: async () => "t" };
  const client = openClient(
    { baseUrl: server.url, timeoutMs: 2_000, clock: realClock, etags: openEtagCache(2) },
    tokens,
  );
  const get = async (name: string): Promise<unknown> =>
    (await client.request("GET /{name}", { name })).data;
  expect(await get("a")).toEqual({ path: "/a", version: 1 });
  expect(await get("a")).toEqual({ path: "/a", version: 1 });
  expect(await get("b")).toEqual({ path: "/b", version: 1 });
  version = 2;
  expect(await get("a")).toEqual({ path: "/a", version: 2 });
  expect(asked).toEqual([undefined, 'W/"1"', undefined, 'W/"1"']);
  await get("c");
  await get("b"); // forgotten: only two are kept
  expect(asked.slice(4)).toEqual([undefined, undefined]);
});

async function serve(
  listener: RequestListener,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

test("who we are is learnt once; a key of another App is noticed", async () => {
  await using shop = await openShopWorld();
  expect(shop.auth.ownNow()).toEqual({ appId: shop.app.id, botId: undefined });
  expect(await shop.auth.own(shop.repository)).toEqual({
    appId: shop.app.id,
    slug: "orcha",
    botId: shop.app.botUser.id,
    botLogin: "orcha[bot]",
  });
  expect(shop.auth.ownNow().botId).toBe(shop.app.botUser.id);
  const wrong = connect(shop.url, { id: shop.app.id + 1, privateKey: shop.app.privateKey });
  await expect(wrong.auth.own(shop.repository)).rejects.toMatchObject({ name: "PortError" });
});

test("an installation that is gone, and a GitHub that is away, are told apart", async () => {
  await using shop = await openShopWorld();
  const away = connect("http://127.0.0.1:9", shop.app);
  await expect(away.auth.mintOnce(shop.repository, "clone")).rejects.toMatchObject({
    kind: "unavailable",
    message: expect.stringContaining("acme/shop"),
  });
  shop.world.uninstall(shop.repository.installation);
  await expect(shop.auth.mintOnce(shop.repository, "clone")).rejects.toMatchObject({
    kind: "gone",
  });
});

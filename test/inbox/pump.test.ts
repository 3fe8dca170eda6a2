/** From stored delivery through Probot to routed events. */
import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { openProbot, orchaApp } from "../../src/app.ts";
import { StoreUnavailable } from "../../src/inbox/port.ts";
import { openPump, type Pump } from "../../src/inbox/pump.ts";
import { memoryInbox, type MemoryInbox } from "./memory.ts";

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});

async function openLine(inbox: MemoryInbox, rejected: string[] = []): Promise<Pump> {
  const probot = openProbot({
    appId: 1,
    privateKey,
    webhookSecret: "secret",
    baseUrl: "http://127.0.0.1:9/api/v3",
  });
  await probot.load(
    orchaApp(
      (guid, events) => inbox.route(guid, events),
      () => ({ appId: 1 }),
    ),
  );
  return openPump({
    inbox,
    batch: 2,
    receive: ({ id, name, payload }) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what comes in is what is tested
      probot.receive({ id, name, payload } as Parameters<typeof probot.receive>[0]),
    onRejected: ({ guid }) => rejected.push(guid),
  });
}

const labeled = JSON.stringify({
  action: "labeled",
  installation: { id: 1 },
  repository: { id: 2, name: "shop", owner: { login: "acme" } },
  sender: { id: 5, login: "alice", type: "User" },
  issue: { id: 9, number: 7, title: "T", body: null, html_url: "u" },
});

const delivery = (guid: string, body: string, name = "issues") => ({
  guid,
  name,
  body,
  receivedAt: 0,
});

test("everything that waits is routed in order; what is not for us is routed as nothing", async () => {
  const inbox = memoryInbox();
  const pump = await openLine(inbox);
  await inbox.accept([
    delivery("a", labeled),
    delivery("b", "{}", "ping"),
    delivery("c", labeled),
    delivery("d", '{"action":"assigned"}'),
    delivery("e", labeled),
  ]);
  expect(await pump.drain()).toBe(5);
  expect([...inbox.routed].map(([guid, events]) => [guid, events.length])).toEqual([
    ["a", 1],
    ["b", 0],
    ["c", 1],
    ["d", 0],
    ["e", 1],
  ]);
  expect(await pump.drain()).toBe(0);
});

test("a delivery that makes no sense is set aside, the next one is routed", async () => {
  const inbox = memoryInbox();
  const rejected: string[] = [];
  const pump = await openLine(inbox, rejected);
  await inbox.accept([
    delivery("bad", JSON.stringify({ action: "labeled" })),
    delivery("worse", "[1"),
    delivery("good", labeled),
  ]);
  await pump.drain();
  expect(rejected).toEqual(["bad", "worse"]);
  expect(inbox.rejected.get("bad")).toContain("installation");
  expect([...inbox.routed.keys()]).toEqual(["good"]);
});

test("a store that is away keeps every delivery, however often it is tried", async () => {
  const inbox = memoryInbox();
  const pump = await openLine(inbox);
  await inbox.accept([delivery("a", labeled)]);
  inbox.gate = async () => {
    throw new StoreUnavailable("the disk is full");
  };
  for (let tries = 0; tries < 20; tries += 1)
    await expect(pump.drain()).rejects.toThrow("the disk is full");
  expect(inbox.rejected.size).toBe(0);
  inbox.gate = null;
  expect(await pump.drain()).toBe(1);
  expect([...inbox.routed.keys()]).toEqual(["a"]);
});

test("a delivery that the store will never take is set aside", async () => {
  const inbox = memoryInbox();
  const pump = await openLine(inbox);
  await inbox.accept([delivery("b", labeled)]);
  inbox.gate = async () => {
    throw new Error("constraint");
  };
  await pump.drain();
  expect([...inbox.rejected.keys()]).toEqual(["b"]);
});

test("drains follow one another", async () => {
  const inbox = memoryInbox();
  const pump = await openLine(inbox);
  await inbox.accept([delivery("a", labeled), delivery("b", labeled), delivery("c", labeled)]);
  expect(await Promise.all([pump.drain(), pump.drain()])).toEqual([3, 0]);
});

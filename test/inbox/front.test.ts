/** The webhook's front door over real sockets: F1, F2, F3 of security.md. */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import type { Clock } from "../../src/engine/ports.ts";
import { openGroupCommit } from "../../src/inbox/group.ts";
import { openFront, type Front, type FrontOptions } from "../../src/inbox/front.ts";
import { memoryInbox, type MemoryInbox } from "./memory.ts";

const SECRET = "the webhook's secret";
const PATH = "/api/github/webhooks";

interface Door extends AsyncDisposable {
  readonly front: Front;
  readonly inbox: MemoryInbox;
  readonly refused: string[];
}

const realClock: Clock = {
  now: () => 1_000,
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

async function openDoor(options: Partial<FrontOptions> = {}): Promise<Door> {
  const inbox = memoryInbox();
  const refused: string[] = [];
  const front = await openFront({
    port: 0,
    host: "127.0.0.1",
    path: PATH,
    secrets: [SECRET],
    inbox,
    clock: realClock,
    onRefused: (status) => refused.push(String(status)),
    ...options,
  });
  return { front, inbox, refused, [Symbol.asyncDispose]: () => front.close() };
}

const sign = (body: string | Buffer, secret = SECRET): string =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

let counter = 0;
const guid = (): string => `00000000-0000-0000-0000-${String((counter += 1)).padStart(12, "0")}`;

async function post(
  { front }: Door,
  body: string | Buffer,
  headers: Readonly<Record<string, string | null>> = {},
  path = PATH,
): Promise<number> {
  const all: Record<string, string | null> = {
    "content-type": "application/json",
    "x-github-delivery": guid(),
    "x-github-event": "issues",
    "x-hub-signature-256": sign(body),
    ...headers,
  };
  const sent = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null);
  const response = await fetch(`${front.url}${path}`, {
    method: "POST",
    headers: Object.fromEntries(sent),
    body: new Uint8Array(Buffer.from(body)),
  });
  await response.arrayBuffer();
  return response.status;
}

test("while there is no room webhooks are asked to come again, and nothing is stored", async () => {
  let room: "ok" | "high" | "full" = "full";
  await using door = await openDoor({ pressure: () => room });
  expect(await post(door, "{}")).toBe(503);
  expect(door.inbox.stored).toEqual([]);
  room = "high";
  expect(await post(door, "{}")).toBe(202);
});

const health: FrontOptions["extra"] = (request, response) => {
  if (request.url !== "/health") return false;
  response.end("well");
  return true;
};

test("where no webhook is taken its path is like any other, and no secret is needed", async () => {
  await using door = await openDoor({ path: null, secrets: [], extra: health });
  expect(await post(door, "{}")).toBe(404);
  expect(await (await fetch(`${door.front.url}/health`)).text()).toBe("well");
  expect(door.inbox.stored).toEqual([]);
});

test("a signed delivery is on disk before it is answered, byte for byte", async () => {
  await using door = await openDoor();
  const release = Promise.withResolvers<void>();
  door.inbox.gate = () => release.promise;
  const body = '{"a":"\\u003c",  "b": 1.0, "c": 9007199254740993}';
  let answered = false;
  const posting = post(door, body, {
    "x-github-delivery": "ABCDEF01-0000-0000-0000-000000000000",
  }).then((status) => {
    answered = true;
    return status;
  });
  while (door.inbox.groups.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(answered).toBe(false);
  release.resolve();
  expect(await posting).toBe(202);
  expect(door.inbox.stored).toEqual([
    { guid: "abcdef01-0000-0000-0000-000000000000", name: "issues", body, receivedAt: 1_000 },
  ]);
});

test("deliveries that arrive during a transaction share the next one", async () => {
  const inbox = memoryInbox();
  const release = Promise.withResolvers<void>();
  inbox.gate = () => release.promise;
  const group = openGroupCommit(inbox, 50);
  const deliveries = Array.from({ length: 120 }, make);
  const accepted = deliveries.map((delivery) => group.accept(delivery));
  release.resolve();
  await Promise.all(accepted);
  await group.idle();
  // The first went alone, the rest as many at a time as fit.
  expect(inbox.groups).toEqual([1, 50, 50, 19]);
  expect(inbox.stored).toEqual(deliveries);
});

const make = () => ({ guid: guid(), name: "issues", body: "{}", receivedAt: 0 });

test("a transaction that fails fails only those in it", async () => {
  const inbox = memoryInbox();
  const gates = [
    async () => {
      throw new Error("the disk is full");
    },
    async () => undefined,
  ];
  inbox.gate = () => gates.shift()?.() ?? Promise.resolve();
  const group = openGroupCommit(inbox);
  const outcomes = await Promise.allSettled([group.accept(make()), group.accept(make())]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
});

test("a store that fails means 503 and nothing accepted; afterwards it goes on", async () => {
  const errors: unknown[] = [];
  await using door = await openDoor({ onError: (error) => errors.push(error) });
  door.inbox.gate = async () => {
    throw new Error("the disk is full");
  };
  expect(await post(door, "{}")).toBe(503);
  expect(errors).toHaveLength(1);
  door.inbox.gate = null;
  expect(await post(door, "{}")).toBe(202);
});

test.for([
  ["forged", { "x-hub-signature-256": `sha256=${"0".repeat(64)}` }, 401],
  ["truncated", { "x-hub-signature-256": sign("{}").slice(0, -1) }, 401],
  ["empty", { "x-hub-signature-256": "" }, 401],
  ["missing", { "x-hub-signature-256": null }, 401],
  ["sha1", { "x-hub-signature-256": `sha1=${"0".repeat(40)}` }, 401],
  ["upper case", { "x-hub-signature-256": sign("{}").toUpperCase() }, 401],
  ["other secret", { "x-hub-signature-256": sign("{}", "other") }, 401],
  ["no id", { "x-github-delivery": null }, 400],
  ["path as id", { "x-github-delivery": "../../etc/passwd" }, 400],
  ["long id", { "x-github-delivery": "a".repeat(10_000) }, 400],
  ["no event", { "x-github-event": null }, 400],
  ["odd event", { "x-github-event": "__proto__/x" }, 400],
  ["form", { "content-type": "application/x-www-form-urlencoded" }, 415],
  ["no type", { "content-type": null }, 415],
] as const)("refused, and nothing stored: %s", async ([, headers, status]) => {
  await using door = await openDoor();
  expect(await post(door, "{}", headers)).toBe(status);
  expect(door.inbox.stored).toEqual([]);
  expect(door.inbox.groups).toEqual([]);
});

test.for(["", "[]", "null", '"x"', "{", '{"a":1}x', Buffer.from([0x7b, 0xff, 0x7d])])(
  "a signed body that is no JSON object is refused: %s",
  async (body) => {
    await using door = await openDoor();
    expect(await post(door, body)).toBe(400);
    expect(door.inbox.groups).toEqual([]);
  },
);

test("a body changed on the way does not fit its signature", async () => {
  await using door = await openDoor();
  expect(await post(door, '{"a":2}', { "x-hub-signature-256": sign('{"a":1}') })).toBe(401);
});

test("two secrets are accepted while one is changed", async () => {
  await using door = await openDoor({ secrets: ["new secret", SECRET] });
  expect(await post(door, "{}", { "x-hub-signature-256": sign("{}", "new secret") })).toBe(202);
  expect(await post(door, "{}")).toBe(202);
});

test("no secret, no server", async () => {
  await expect(openDoor({ secrets: [] })).rejects.toThrow("WEBHOOK_SECRET");
  await expect(openDoor({ secrets: [""] })).rejects.toThrow("WEBHOOK_SECRET");
});

test("other methods and paths are not the webhook's", async () => {
  await using door = await openDoor({
    extra(request, response) {
      if (request.url !== "/health") return false;
      response.end("ok");
      return true;
    },
  });
  expect((await fetch(`${door.front.url}${PATH}`)).status).toBe(405);
  expect(await post(door, "{}", {}, "/other")).toBe(404);
  expect(await (await fetch(`${door.front.url}/health`)).text()).toBe("ok");
  expect(await post(door, "{}", {}, `${PATH}?x=1`)).toBe(202);
});

test("26 MB are refused by their announced length, without reading them", async () => {
  await using door = await openDoor();
  using raw = await dial(door, { "content-length": String(26 * 1024 * 1024) });
  expect(await raw.status()).toBe(413);
});

test("a body that grows past the limit is refused while it is read", async () => {
  await using door = await openDoor({ limits: { bodyBytesMax: 100_000 } });
  using raw = await dial(door, { "transfer-encoding": "chunked" });
  raw.socket.write(`${(200_000).toString(16)}\r\n${"x".repeat(200_000)}`);
  expect(await raw.status()).toBe(413);
  expect(await post(door, "{}")).toBe(202);
});

test("bodies being read share a budget", async () => {
  await using door = await openDoor({ limits: { bytesInFlightMax: 150_000 } });
  using first = await dial(door, { "content-length": "200000" });
  first.socket.write("x".repeat(100_000));
  using second = await dial(door, { "content-length": "200000" });
  second.socket.write("x".repeat(100_000));
  expect(await Promise.race([first.status(), second.status()])).toBe(503);
});

test("a body that does not come is given up", async () => {
  await using door = await openDoor({ limits: { bodyTimeoutMs: 50 } });
  using raw = await dial(door, { "content-length": "10" });
  raw.socket.write("{");
  expect(await raw.status()).toBe(408);
  expect(door.refused).toEqual(["408"]);
});

test("a sender that hangs up in the middle leaves nothing behind", async () => {
  await using door = await openDoor();
  const raw = await dial(door, { "content-length": "10" });
  raw.socket.write("{");
  raw.socket.destroy();
  while (door.refused.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(door.inbox.groups).toEqual([]);
  expect(await post(door, "{}")).toBe(202);
});

test("closing lets what is being stored finish", async () => {
  const door = await openDoor();
  const release = Promise.withResolvers<void>();
  door.inbox.gate = () => release.promise;
  const posting = post(door, "{}");
  while (door.inbox.groups.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const closing = door.front.close();
  release.resolve();
  await closing;
  // The answer may or may not get out any more; the delivery is stored either way.
  await posting.catch(() => undefined);
  expect(door.inbox.stored).toHaveLength(1);
});

interface Raw extends Disposable {
  readonly socket: Socket;
  status(): Promise<number>;
}

/** A request of which only the head is sent. */
async function dial(door: Door, headers: Readonly<Record<string, string>>): Promise<Raw> {
  const socket = connect(door.front.port, "127.0.0.1");
  socket.on("error", () => undefined); // a reset after the answer is how refusing looks from here
  await once(socket, "connect");
  const lines = {
    host: "127.0.0.1",
    "content-type": "application/json",
    "x-github-delivery": guid(),
    "x-github-event": "issues",
    "x-hub-signature-256": sign(""),
    ...headers,
  };
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST ${PATH} HTTP/1.1\r\n${head.join("")}\r\n`);
  return {
    socket,
    async status() {
      const [chunk]: unknown[] = await once(socket, "data");
      return Number(String(chunk).split(" ")[1]);
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

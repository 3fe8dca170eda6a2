/**
 * Goal: the proxy of the chaos does every harm it says, and none that it does not: what arrives is a beginning of what was
 * sent, and once it is healed everything arrives.
 * Method: an echo behind it, many short connections, all kinds of harm by a seed.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { expect, test } from "vitest";
import { openRandom } from "../sim/random.ts";
import { openProxy } from "./proxy.ts";

const SENT = Buffer.from("0123456789abcdef".repeat(500));
const PATIENCE_MS = 1_000;
const CONNECTIONS = 120;

async function openEcho() {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // Cut off in the middle, as is meant.
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address
  return { server, port: (server.address() as AddressInfo).port };
}

/** What comes back before the connection ends, or patience does. */
async function talk(port: number): Promise<Buffer> {
  const socket: Socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const back: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => back.push(chunk));
  const ended = new Promise<void>((resolve) => {
    for (const end of ["end", "close", "error"]) socket.once(end, () => resolve());
    socket.setTimeout(PATIENCE_MS, () => resolve());
  });
  socket.end(SENT);
  await ended;
  socket.destroy();
  return Buffer.concat(back);
}

test("harm of every kind, bytes in order, and everything once it is healed", async () => {
  const { server, port } = await openEcho();
  const harms = new Set<string>();
  let share = 1;
  const proxy = await openProxy({
    random: openRandom("proxy"),
    target: () => port,
    share: () => share,
    onHarm: (harm) => harms.add(harm),
  });
  const answers = await Promise.all(Array.from({ length: CONNECTIONS }, () => talk(proxy.port)));
  for (const answer of answers)
    expect(SENT.subarray(0, answer.length).equals(answer), "a beginning of it").toBe(true);
  expect(answers.some(({ length }) => length === SENT.length)).toBe(true);
  expect(answers.some(({ length }) => length < SENT.length)).toBe(true);
  expect([...harms].toSorted((a, b) => a.localeCompare(b))).toEqual([
    "delay",
    "drop",
    "half-open",
    "reset",
    "slice",
  ]);
  share = 0;
  proxy.blackhole(60_000);
  const waits = talk(proxy.port);
  expect(await waits, "swallowed").toHaveLength(0);
  proxy.heal();
  expect((await talk(proxy.port)).equals(SENT)).toBe(true);
  await proxy.close();
  server.close();
});

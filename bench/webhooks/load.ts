/**
 * Posts signed webhooks over raw sockets, so that the sender costs little of the machine both have to share. Takes
 * orders as JSON lines, answers each with one. Bodies and signatures are made before the clock runs.
 */
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { quantile } from "../measure.ts";
import { SECRET, type Order, type Outcome } from "./order.ts";

const PATH = "/api/github/webhooks";
/** Bodies that differ; every request has a GUID of its own anyway. */
const BODIES = 512;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the package's own shape; its types are for `import` of another file
const examples = createRequire(import.meta.url)("@octokit/webhooks-examples") as readonly {
  readonly name: string;
  readonly examples: readonly { readonly action?: string }[];
}[];

/** Everything of a request but its GUID. */
interface Prepared {
  readonly head: string;
  readonly body: string;
}

function prepare(port: number): readonly Prepared[] {
  const example = examples
    .find(({ name }) => name === "issues")
    ?.examples.find(({ action }) => action === "labeled");
  if (example === undefined) throw new Error("there is no example of issues.labeled");
  return Array.from({ length: BODIES }, (_, index) => {
    const body = JSON.stringify({ ...example, bench: index });
    const signature = createHmac("sha256", SECRET).update(body).digest("hex");
    const head = [
      `POST ${PATH} HTTP/1.1`,
      `host: 127.0.0.1:${port}`,
      "content-type: application/json",
      "user-agent: GitHub-Hookshot/bench",
      "x-github-event: issues",
      `x-hub-signature-256: sha256=${signature}`,
      `content-length: ${Buffer.byteLength(body)}`,
      "x-github-delivery: ",
    ].join("\r\n");
    return { head, body };
  });
}

/** One connection, one request at a time. */
class Sender {
  readonly #socket: Socket;
  #answered: ((status: number) => void) | null = null;
  #text = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#take(chunk.toString("latin1")));
    socket.on("error", () => this.#settle(0));
    socket.on("close", () => this.#settle(0));
  }

  static async open(port: number): Promise<Sender> {
    const socket = createConnection(port, "127.0.0.1");
    await once(socket, "connect");
    return new Sender(socket);
  }

  /** The status; 0 = the connection broke. */
  send({ head, body }: Prepared): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#answered = resolve;
    this.#socket.write(`${head}${randomUUID()}\r\n\r\n${body}`);
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#text += text;
    const end = this.#text.indexOf("\r\n\r\n");
    if (end === -1) return;
    const head = this.#text.slice(0, end).toLowerCase();
    const rest = this.#text.length - end - 4;
    const length = /content-length: (?<bytes>\d+)/u.exec(head)?.groups?.["bytes"];
    const whole = length === undefined ? this.#text.endsWith("0\r\n\r\n") : rest >= Number(length);
    if (!whole) return;
    this.#text = "";
    this.#settle(Number(head.slice(9, 12)));
  }

  #settle(status: number): void {
    const answered = this.#answered;
    this.#answered = null;
    answered?.(status);
  }
}

/** As many as will go through, on all connections at once. */
async function flood({ port, connections, durationMs }: Order): Promise<Outcome> {
  const requests = prepare(port);
  const senders = await Promise.all(Array.from({ length: connections }, () => Sender.open(port)));
  const latencies: number[] = [];
  const failed: number[] = [];
  let next = 0;
  const began = performance.now();
  const until = began + durationMs;
  await Promise.all(
    senders.map(async (sender) => {
      for (let at = performance.now(); at < until; at = performance.now()) {
        const request = requests[next++ % BODIES];
        const status = request === undefined ? 0 : await sender.send(request);
        if (status < 200 || status > 299) failed.push(status);
        latencies.push(performance.now() - at);
        if (status === 0) return;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  for (const sender of senders) sender.close();
  return outcomeOf(latencies, failed, seconds);
}

/** One every so often, whether the last was answered or not; the time counts from when it was due. */
async function steady({ port, connections, durationMs, perSecond }: Order): Promise<Outcome> {
  const requests = prepare(port);
  const free = await Promise.all(Array.from({ length: connections }, () => Sender.open(port)));
  const latencies: number[] = [];
  const flying: Promise<void>[] = [];
  const failed: number[] = [];
  const total = Math.floor((durationMs * perSecond) / 1000);
  const began = performance.now();
  for (let index = 0; index < total; index++) {
    const due = began + (index * 1000) / perSecond;
    const waitMs = due - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const sender = free.shift();
    const request = requests[index % BODIES];
    if (sender === undefined || request === undefined) {
      failed.push(0);
      continue;
    }
    flying.push(
      (async () => {
        const status = await sender.send(request);
        if (status < 200 || status > 299) failed.push(status);
        latencies.push(performance.now() - due);
        free.push(sender);
      })(),
    );
  }
  await Promise.all(flying);
  const seconds = (performance.now() - began) / 1000;
  for (const sender of free) sender.close();
  return outcomeOf(latencies, failed, seconds);
}

const outcomeOf = (
  latencies: readonly number[],
  failed: readonly number[],
  seconds: number,
): Outcome => ({
  perSecond: latencies.length / seconds,
  p50Ms: quantile(latencies, 0.5),
  p99Ms: quantile(latencies, 0.99),
  failed: failed.length,
  statuses: [...new Set(failed)],
});

async function main(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own parent wrote it
    const order = JSON.parse(line) as Order;
    const outcome = order.perSecond > 0 ? await steady(order) : await flood(order);
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
  }
}

await main();

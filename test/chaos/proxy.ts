/**
 * A TCP proxy that does harm: it delays, cuts, resets, halves, slices and swallows, both directions, by chance from a
 * seed. It knows nothing of what goes through it. What it did is counted, by kind.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../sim/random.ts";

/** What happens to one connection. Both ends see the end of a `drop` in order; a `reset` is a RST. */
const HARMS = ["delay", "drop", "reset", "half-open", "slice"] as const;
export type Harm = (typeof HARMS)[number] | "blackhole";

export interface ProxyOptions {
  readonly random: Random;
  /** Port on this machine; asked for at every connection. */
  readonly target: () => number;
  /** Share of the connections that something happens to, 0 to 1; asked for at every connection. */
  readonly share: () => number;
  readonly onHarm: (harm: Harm) => void;
}

export interface Proxy {
  readonly port: number;
  /** For so long nothing comes through, in either direction; nobody is told. */
  blackhole(ms: number): void;
  /** Ends the harm that is under way: who hangs is cut off, so that nothing waits for ever. */
  heal(): void;
  close(): Promise<void>;
}

/** A harm strikes somewhere in the first bytes: most answers are short. */
const STRIKES_BYTES_MAX = 6_000;
const DELAY_MS_MAX = 400;
/** Longer than a request may take, shorter than anybody's patience. */
const HALF_OPEN_MS = 6_000;
const SILENCE_LOOK_MS = 50;
const SLICED_BYTES_MAX = 300;
const SLICE_BYTES_MAX = 7;

export async function openProxy(options: ProxyOptions): Promise<Proxy> {
  const open = new Set<Line>();
  const state: State = { silentUntil: 0, open };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({
      port: options.target(),
      host: "127.0.0.1",
      allowHalfOpen: true,
      noDelay: true,
    });
    void carry(options, state, { client, upstream });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const heal = (): void => {
    state.silentUntil = 0;
    for (const line of open) if (line.halved) cut(line);
  };
  return {
    port: portOf(server),
    blackhole(ms) {
      options.onHarm("blackhole");
      state.silentUntil = Date.now() + ms;
    },
    heal,
    async close() {
      for (const line of open) cut(line);
      server.close();
      await once(server, "close");
    },
  };
}

interface State {
  silentUntil: number;
  readonly open: Set<Line>;
}

interface Line {
  readonly client: Socket;
  readonly upstream: Socket;
  halved?: boolean;
}

type Direction = "there" | "back";

interface Plan {
  readonly harm: (typeof HARMS)[number];
  readonly direction: Direction;
  /** After so many bytes in that direction. */
  readonly at: number;
}

async function carry(options: ProxyOptions, state: State, line: Line): Promise<void> {
  const { random, share } = options;
  const plan: Plan | null = random.chance(share())
    ? {
        harm: random.pick(HARMS),
        direction: random.chance(0.4) ? "there" : "back",
        at: Math.floor(random.next() ** 2 * STRIKES_BYTES_MAX),
      }
    : null;
  state.open.add(line);
  for (const socket of [line.client, line.upstream]) socket.on("error", () => cut(line));
  const pump = (direction: Direction): Promise<void> =>
    carryOne(options, state, line, direction, plan?.direction === direction ? plan : null);
  try {
    await Promise.all([pump("there"), pump("back")]);
  } catch {
    // One end is gone in the middle: so is the other.
    cut(line);
  } finally {
    state.open.delete(line);
  }
}

async function carryOne(
  options: ProxyOptions,
  state: State,
  line: Line,
  direction: Direction,
  plan: Plan | null,
): Promise<void> {
  const [from, to] =
    direction === "there" ? [line.client, line.upstream] : [line.upstream, line.client];
  let carried = 0;
  let struck = false;
  for await (const chunk of from as AsyncIterable<Buffer>) {
    await untilHeard(state, to);
    const strikes = plan !== null && !struck && carried + chunk.length > plan.at;
    carried += chunk.length;
    if (!strikes) {
      await send(to, chunk);
      continue;
    }
    struck = true;
    options.onHarm(plan.harm);
    const before = chunk.subarray(0, Math.max(0, plan.at - (carried - chunk.length)));
    if (!(await strike(options.random, line, to, { harm: plan.harm, chunk, before }))) return;
  }
  to.end();
}

/** Ends with the silence, or with the connection. */
async function untilHeard(state: State, to: Socket): Promise<void> {
  for (let leftMs = 1; leftMs > 0 && !to.destroyed;) {
    leftMs = state.silentUntil - Date.now();
    if (leftMs > 0) await delay(Math.min(leftMs, SILENCE_LOOK_MS));
  }
}

/** False: nothing more is carried in this direction. */
async function strike(
  random: Random,
  line: Line,
  to: Socket,
  what: { readonly harm: Plan["harm"]; readonly chunk: Buffer; readonly before: Buffer },
): Promise<boolean> {
  const { harm, chunk, before } = what;
  switch (harm) {
    case "delay":
      await delay(random.int(20, DELAY_MS_MAX));
      await send(to, chunk);
      return true;
    case "slice":
      await slice(random, to, chunk);
      return true;
    case "drop":
      await send(to, before);
      cut(line);
      return false;
    case "reset":
      line.client.resetAndDestroy();
      line.upstream.resetAndDestroy();
      return false;
    case "half-open": {
      // The one side believes that it was heard.
      line.halved = true;
      await Promise.race([delay(HALF_OPEN_MS), once(line.client, "close")]);
      cut(line);
      return false;
    }
  }
}

async function slice(random: Random, to: Socket, chunk: Buffer): Promise<void> {
  let at = 0;
  while (at < Math.min(chunk.length, SLICED_BYTES_MAX)) {
    const end = at + random.int(1, SLICE_BYTES_MAX);
    await send(to, chunk.subarray(at, end));
    await delay(1);
    at = end;
  }
  await send(to, chunk.subarray(at));
}

async function send(to: Socket, bytes: Buffer): Promise<void> {
  if (to.destroyed) throw new Error("the other end is gone");
  if (bytes.length > 0 && !to.write(bytes))
    await Promise.race([once(to, "drain"), once(to, "close")]);
}

function cut({ client, upstream }: Line): void {
  client.destroy();
  upstream.destroy();
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return address.port;
}

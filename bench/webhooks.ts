/**
 * Acknowledgements of webhooks: our front, which has every delivery on disk before it answers, beside a stock Probot
 * app with an empty handler, which has nothing. Real HTTP, signatures checked, 50 connections kept alive; server and
 * sender are processes of their own.
 */
import { join } from "node:path";
import { syncsPerSecond } from "./machine.ts";
import { interleaved, median, pick, ratios, short, spreadOf, type Scale } from "./measure.ts";
import { freePort, listening, openDirectory, startProgram, type Program } from "./programs.ts";
import type { Figure } from "./table.ts";
import type { Order, Outcome } from "./webhooks/order.ts";

const CONNECTIONS = 50;
const STEADY_PER_SECOND = 100;
const P99_MS_MAX = 50;
const BODY_BYTES = 12 * 1024;

export async function webhooks(scale: Scale): Promise<readonly Figure[]> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(openDirectory());
  const sender = stack.use(startSender());
  const start = async (file: string, more: (port: number) => string[], quiet: boolean) => {
    const port = await freePort();
    stack.use(startProgram(file, more(port), { quiet }));
    await listening(port);
    return port;
  };
  const database = join(directory.path, "orcha.db");
  const front = await start("webhooks/front.ts", (port) => [String(port), database], true);
  const probot = (how: string) => start("webhooks/probot.ts", (port) => [String(port), how], true);
  const ports = { front, middleware: await probot("middleware"), server: await probot("server") };
  const flood = (port: number, durationMs: number) => async () =>
    (await sender.order({ port, connections: CONNECTIONS, durationMs, perSecond: 0 })).perSecond;
  for (const port of Object.values(ports)) await flood(port, pick(scale, 2_000, 100))();
  const roundMs = pick(scale, 3_000, 200);
  const values = await interleaved(pick(scale, 7, 1), {
    front: flood(ports.front, roundMs),
    middleware: flood(ports.middleware, roundMs),
    server: flood(ports.server, roundMs),
    syncs: async () => syncsPerSecond(directory.path, BODY_BYTES, pick(scale, 400, 20)),
  });
  const steady = await sender.order({
    port: ports.front,
    connections: CONNECTIONS,
    durationMs: pick(scale, 20_000, 500),
    perSecond: STEADY_PER_SECOND,
  });
  return [...floodFigures(values), steadyFigure(steady, values.syncs)];
}

type Values = Readonly<Record<"front" | "middleware" | "server" | "syncs", readonly number[]>>;

function floodFigures({ front, middleware, server, syncs }: Values): readonly Figure[] {
  const figure = (against: string, values: readonly number[], aim: Figure["aim"]): Figure => ({
    what: "webhooks acknowledged, on disk before the answer",
    ours: `${short(median(front))} /s`,
    against: `${against}: ${short(median(values))} /s`,
    ratio: median(ratios(front, values)),
    spread: spreadOf(ratios(front, values)),
    aim,
  });
  return [
    figure("Probot as middleware, nothing stored", middleware, { least: 1 }),
    figure("Probot's own server, nothing stored", server, { least: 1.5 }),
    figure("this disk's syncs of one body each", syncs, null),
  ];
}

const steadyFigure = ({ p50Ms, p99Ms, failed }: Outcome, syncs: readonly number[]): Figure => ({
  what: `time to the answer at ${STEADY_PER_SECOND} webhooks/s, 99th of 100 (median)`,
  ours: `${short(p99Ms)} ms (${short(p50Ms)} ms)${failed === 0 ? "" : `, ${failed} failed`}`,
  against: `one sync: ${short(1000 / median(syncs))} ms`,
  ratio: null,
  spread: "",
  aim: { limit: `≤ ${P99_MS_MAX} ms`, held: p99Ms <= P99_MS_MAX && failed === 0 },
});

interface Sender extends AsyncDisposable {
  /** Throws when anything was not acknowledged. */
  order(order: Order): Promise<Outcome>;
}

function startSender(): Sender {
  const program: Program = startProgram("webhooks/load.ts", []);
  return {
    async order(order) {
      program.say(JSON.stringify(order));
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own program wrote it
      const outcome = JSON.parse(await program.line()) as Outcome;
      if (outcome.failed > 0)
        throw new Error(
          `${outcome.failed} webhooks were not acknowledged on port ${order.port} but answered with ${outcome.statuses.join(", ")}`,
        );
      return outcome;
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

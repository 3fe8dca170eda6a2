/**
 * Recorded lines of real agents through their drivers, against JSON.parse alone of the same lines: what understanding a
 * line costs beside reading it.
 */
import { driverNamed } from "../src/agents/registry.ts";
import type { AgentDriver } from "../src/agents/driver.ts";
import { asOurs, linesOf, recorded, recordingsOf } from "../test/agents/recordings.ts";
import { interleaved, median, pick, ratios, short, spreadOf, type Scale } from "./measure.ts";
import type { Figure } from "./table.ts";

/** Driver → the recordings that it reads, by the beginning of their names. */
const READS: Readonly<Record<string, string>> = {
  claude: "claude-",
  codex: "codex-appserver",
  gemini: "acp-gemini",
  opencode: "acp-opencode",
};

const AIM = { least: 0.4 };

export async function decoders(scale: Scale): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const [name, prefix] of Object.entries(READS)) {
    const driver = driverNamed(name);
    if (driver === undefined) throw new Error(`there is no driver ${name}`);
    figures.push(await compared(driver, streamsOf(prefix), scale));
  }
  return figures;
}

type Streams = readonly (readonly string[])[];

const streamsOf = (prefix: string): Streams =>
  recordingsOf(prefix).map((name) =>
    prefix.startsWith("acp-") ? asOurs(name) : linesOf(recorded(name)),
  );

async function compared(driver: AgentDriver, streams: Streams, scale: Scale): Promise<Figure> {
  const lines = streams.reduce((sum, stream) => sum + stream.length, 0);
  const passes = Math.ceil(pick(scale, 40_000, 200) / lines);
  const perSecond = (read: (stream: readonly string[]) => void): number => {
    const began = performance.now();
    for (let pass = 0; pass < passes; pass++) for (const stream of streams) read(stream);
    return (1000 * passes * lines) / (performance.now() - began);
  };
  const { ours, parse } = await interleaved(pick(scale, 9, 1), {
    ours: async () => perSecond((stream) => reduceAll(driver, stream)),
    parse: async () => perSecond(parseAll),
  });
  return {
    what: `lines through the driver of ${driver.name}`,
    ours: `${short(median(ours))} lines/s`,
    against: `JSON.parse alone: ${short(median(parse))} lines/s`,
    ratio: median(ratios(ours, parse)),
    spread: spreadOf(ours),
    aim: AIM,
  };
}

/** From the start each time: a driver forgets nothing, and would find nothing new in what it knows. */
function reduceAll(driver: AgentDriver, stream: readonly string[]): void {
  let state = driver.initial();
  for (const line of stream) ({ state } = driver.reduce(state, line));
}

function parseAll(stream: readonly string[]): void {
  for (const line of stream) if (line.startsWith("{")) JSON.parse(line);
}

/**
 * From the start of a real agent program to its first event, which is that its conversation is open: started as a session
 * starts it, through the agent host, and started by hand and spoken to without one. Programs that are not installed are
 * left out (`npm ci --prefix test/agents --ignore-scripts` installs them). Nothing is said to them, so no provider is
 * asked; their addresses lead nowhere.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { PLAIN } from "../src/agents/catalog.ts";
import type { Launch } from "../src/agents/driver.ts";
import { driverNamed } from "../src/agents/registry.ts";
import type { Opening } from "../src/dialects/dialect.ts";
import { parseNote, type Note } from "../src/dialects/note.ts";
import { dialectNamed } from "../src/dialects/registry.ts";
import { serveTools } from "../runners/program/tools.ts";
import { ensureProgram } from "../src/fleet/program.ts";
import { commandOf, type ProgramName } from "../test/agents/real/programs.ts";
import {
  interleaved,
  median,
  pick,
  ratios,
  short,
  spreadOf,
  timed,
  type Scale,
} from "./measure.ts";
import { openDirectory } from "./programs.ts";
import type { Figure } from "./table.ts";

const PROGRAMS: readonly ProgramName[] = ["claude", "codex", "gemini", "opencode"];
/** The slowest seen needs ten seconds on a busy machine. */
const READY_MS_MAX = 60_000;

const SOCKET = "tools.sock";
const NONE = { call: () => Promise.reject(new Error("there are no tools")) };

/** Enough of a login that they start; nobody listens there. */
const NOWHERE = {
  ANTHROPIC_API_KEY: "none",
  ANTHROPIC_BASE_URL: "http://127.0.0.1:9",
  OPENAI_API_KEY: "none",
  GEMINI_API_KEY: "none",
  GOOGLE_GEMINI_BASE_URL: "http://127.0.0.1:9",
};

export async function agentStart(scale: Scale): Promise<readonly Figure[]> {
  using directory = openDirectory();
  const { directory: program } = await ensureProgram({ dataDir: directory.path });
  const figures: Figure[] = [];
  for (const name of PROGRAMS) {
    const command = commandOf(name);
    const driver = driverNamed(name);
    if (command === null || driver === undefined) continue;
    const settings = { ...PLAIN, driver: name, command };
    let attempt = 0;
    const start = (how: typeof hosted) => async (): Promise<number> => {
      attempt += 1;
      const place = placeOf(directory.path);
      const spec = { session: "ses_1", attempt, role: "worker", conversation: null } as const;
      const launch = filled(driver.launch({ ...spec, settings }), { ...place, program });
      // One of them does not begin before its tools are there.
      const tools = await serveTools({ path: join(place.state, SOCKET), tools: [], calls: NONE });
      try {
        return await timed(() => how(launch, place));
      } finally {
        await tools.close();
      }
    };
    const values = await interleaved(pick(scale, 5, 1), {
      ours: start(hosted),
      byHand: start(byHand),
    });
    figures.push(figureOf(name, values.ours, values.byHand));
  }
  return figures;
}

function figureOf(name: string, ours: readonly number[], theirs: readonly number[]): Figure {
  const each = ratios(ours, theirs);
  const added = median(ours.map((value, round) => value - (theirs[round] ?? Number.NaN)));
  return {
    what: `start of ${name} to its first event (${short(added)} ms of it ours)`,
    ours: `${short(median(ours))} ms`,
    against: `by hand: ${short(median(theirs))} ms`,
    ratio: median(each),
    spread: spreadOf(each),
    aim: null,
  };
}

interface Place {
  readonly state: string;
  readonly workspace: string;
  readonly home: string;
}

function placeOf(parent: string): Place {
  const top = mkdtempSync(join(parent, "agent-"));
  const place = { state: join(top, "s"), workspace: join(top, "w"), home: join(top, "h") };
  for (const path of Object.values(place)) mkdirSync(path);
  return place;
}

/** As the runner fills it in, with files written. */
function filled(launch: Launch, place: Place & { readonly program: string }): Launch {
  const values: Readonly<Record<string, string>> = {
    ...place,
    node: process.execPath,
    relay: join(place.program, "relay.mjs"),
    socket: join(place.state, SOCKET),
  };
  const fill = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/gu, (all, name: string) => values[name] ?? all);
  for (const { path, content } of launch.files) {
    const file = join(place.state, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, fill(content));
  }
  const env = Object.fromEntries(
    Object.entries(launch.env).map(([name, value]) => [name, fill(value)]),
  );
  return { ...launch, command: launch.command.map(fill), env };
}

const spawned = ({ env }: Launch, [file = "", ...args]: readonly string[], place: Place) =>
  spawn(file, args, {
    cwd: place.workspace,
    env: { PATH: process.env["PATH"], HOME: place.home, ...NOWHERE, ...env },
    stdio: ["pipe", "pipe", "ignore"],
  });

/** Until the host says that the conversation is open. */
async function hosted(launch: Launch, place: Place): Promise<void> {
  const child = spawned(launch, launch.command, place);
  await ready(child, (line) => {
    const note = parseNote(line);
    return note === null ? [] : [note];
  });
}

/** The same words to the same program, without a process in between. */
async function byHand(launch: Launch, place: Place): Promise<void> {
  const [, , name = "", file = "", , ...command] = launch.command;
  const dialect = dialectNamed(name);
  if (dialect === undefined) throw new TypeError(`no dialect ${name}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written above
  const opening = JSON.parse(readFileSync(file, "utf8")) as Opening;
  const child = spawned(launch, command, place);
  const say = (lines: readonly string[]): void => {
    for (const line of lines) child.stdin.write(`${line}\n`);
  };
  let step = dialect.open(opening);
  say(step.write);
  await ready(child, (line) => {
    step = dialect.line(step.state, line);
    say(step.write);
    return step.notes;
  });
}

/** Ends the program when a line of it says so. */
async function ready(
  child: ReturnType<typeof spawned>,
  hear: (line: string) => readonly Note[],
): Promise<void> {
  const timer = setTimeout(() => child.kill("SIGKILL"), READY_MS_MAX);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      for (const note of hear(line)) {
        if (note.kind === "ready") return;
        if (note.kind === "failed") throw new Error(note.reason);
      }
    }
    throw new Error(`it ended without a word (${child.exitCode ?? child.signalCode})`);
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
  }
}

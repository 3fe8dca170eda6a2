/**
 * An agent's output on its way in: agent → file → daemon → link → redaction → transcript on disk → driver → database,
 * until its end was processed; beside it the same program piped into a process that splits the lines. Once with an
 * agent that writes each event, and once with `cat` of the same bytes, where no agent takes time.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { script } from "../src/agents/script.ts";
import { realChance } from "../src/compose/chance.ts";
import { realClock as clock } from "../src/compose/clock.ts";
import { objectiveId, sessionId } from "../src/domain/id.ts";
import { AttemptRecord } from "../src/engine/record.ts";
import { openRedactor } from "../src/markdown/redact.ts";
import type { Store } from "../src/store/port.ts";
import { openSqlite } from "../src/store/sqlite.ts";
import { openTranscripts, type TranscriptFiles } from "../src/store/transcripts.ts";
import { repository } from "../test/domain/cast.ts";
import { RunnerWorld } from "../test/runners/world.ts";
import { startAgent } from "./agents.ts";
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

const AIM = { least: 0.3 };
/** As many as a control plane knows: App key, webhook secret, tokens of ten installations. */
const SECRETS = Array.from({ length: 12 }, (_, index) => `ghs_${index}${"x9Kq".repeat(9)}`);

interface Setting {
  readonly runner: RunnerWorld;
  readonly store: Store;
  readonly transcripts: TranscriptFiles;
}

export async function output(scale: Scale): Promise<readonly Figure[]> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(openDirectory());
  const runner = stack.use(await RunnerWorld.open());
  const store = stack.use(await openSqlite(join(directory.path, "orcha.db"), clock, realChance));
  const transcripts = openTranscripts(join(directory.path, "transcripts"));
  const setting = { runner, store, transcripts };
  const events = pick(scale, 200_000, 500);
  const recorded = join(directory.path, "recorded");
  await run("sh", ["-c", 'exec "$0" "$@" > "$FILE"', ...agent(events)], recorded);
  const { size } = statSync(recorded);
  const values = await interleaved(pick(scale, 5, 1), {
    ours: () => throughAll(setting, agent(events)),
    pipe: () => timed(() => piped(agent(events), "split", events)),
    parsed: () => timed(() => piped(agent(events), "parse", events)),
    ourCat: () => throughAll(setting, ["cat", recorded]),
    catPipe: () => timed(() => piped(["cat", recorded], "split", events)),
    catParsed: () => timed(() => piped(["cat", recorded], "parse", events)),
  });
  const figure = (
    what: string,
    against: string,
    [ours, theirs]: readonly (readonly number[])[],
    aim: Figure["aim"],
  ): Figure => ({
    what,
    ours: rate(events, size, median(ours ?? [])),
    against: `${against}: ${rate(events, size, median(theirs ?? []))}`,
    ratio: median(ratios(theirs ?? [], ours ?? [])),
    spread: spreadOf(ours ?? []),
    aim,
  });
  const { ours, pipe, parsed, ourCat, catPipe, catParsed } = values;
  return [
    figure("agent's events into transcript and database", "agent | split lines", [ours, pipe], AIM),
    figure("the same", "agent | parse lines", [ours, parsed], AIM),
    figure("the same bytes from cat", "cat | split lines", [ourCat, catPipe], null),
    figure("the same bytes from cat", "cat | parse lines", [ourCat, catParsed], null),
  ];
}

const agent = (events: number): readonly string[] => [
  process.execPath,
  join(import.meta.dirname, "output/agent.ts"),
  String(events),
];

const rate = (events: number, bytes: number, ms: number): string =>
  `${short((1000 * events) / ms)} events/s, ${short(bytes / 1000 / ms)} MB/s`;

async function run(command: string, args: readonly string[], file: string): Promise<void> {
  const child = spawn(command, args, { env: { ...process.env, FILE: file }, stdio: "inherit" });
  const [code]: unknown[] = await once(child, "exit");
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}`);
}

async function piped(command: readonly string[], how: string, events: number): Promise<void> {
  const [program = "", ...args] = command;
  const reader = spawn(process.execPath, [join(import.meta.dirname, "output/reader.ts"), how], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  // The reader's end itself, so that nothing of ours stands between them.
  const writer = spawn(program, args, { stdio: ["ignore", reader.stdin, "inherit"] });
  reader.stdin.destroy();
  let said = "";
  reader.stdout.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
  await Promise.all([once(writer, "exit"), once(reader, "close")]);
  if (Number(said) !== events) throw new Error(`${said.trim()} of ${events} lines came through`);
}

/** Ms from the request to start until the end was processed. */
async function throughAll(
  { runner, store, transcripts }: Setting,
  command: readonly string[],
): Promise<number> {
  const session = runner.session();
  const redactor = openRedactor(() => SECRETS);
  const ended = Promise.withResolvers<unknown>();
  const spec = runner.plain(session, command);
  const began = performance.now();
  const record = new AttemptRecord({
    live: {
      session: sessionId(session),
      attempt: 1,
      objective: objectiveId("obj"),
      repository,
      agent: "script",
      role: "worker",
      runner: "here",
      cursor: { out: 0, err: 0, seq: 0 },
    },
    driver: script,
    transcript: transcripts.open(session, 1),
    before: [],
    redact: (line) => redactor.line(line),
    store,
    clock,
    onEnd: ended.resolve,
  });
  await startAgent(runner.link, spec);
  await runner.link.attach(
    { session, attempt: 1 },
    {
      position: () => record.position(),
      output: (stream, at, bytes) => record.output(stream, at, bytes),
      journal: (line) => record.journal(line),
      refused: () => ended.resolve("refused"),
    },
  );
  const how = await ended.promise;
  const ms = performance.now() - began;
  if (how !== "closed") throw new Error(`the record ended: ${String(how)}`);
  await runner.link.detach({ session, attempt: 1 });
  await record.close();
  return ms;
}

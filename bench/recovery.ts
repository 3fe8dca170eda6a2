/**
 * `kill -9` of the control plane, and how long until it serves again and follows all of 200 live sessions. The runner
 * program is real and so are the processes; to have 200 at once each agent is a `cat`, started over the link, and the
 * rows that the rules would have written are put into the database while nobody serves. Each agent's output grows while
 * nobody listens: a session counts as followed when its transcript has that line.
 */
import { appendFileSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { realClock } from "../src/compose/clock.ts";
import { objectiveId, sessionId } from "../src/domain/id.ts";
import type { Objective, Session } from "../src/domain/objective.ts";
import { openLink, type Link } from "../src/fleet/link.ts";
import { openLocal } from "../src/fleet/local.ts";
import { databaseOver } from "../src/store/database.ts";
import { storeObjective } from "../src/store/objective-table.ts";
import { peekIdentity } from "../src/store/sqlite.ts";
import { spawn, started } from "../test/domain/begin.ts";
import { startAgent } from "./agents.ts";
import { createRepository, openHub, PERSON, REPOSITORY, until, type Hub } from "./hub.ts";
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
import { openDirectory, startProgram } from "./programs.ts";
import { serve, type Serving } from "./serve.ts";
import type { Figure } from "./table.ts";

const RUNNER = "local";

export async function recovery(scale: Scale): Promise<readonly Figure[]> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(openDirectory());
  const count = pick(scale, 200, 3);
  const hub = stack.use(await openHub({ from: createRepository(directory.path, 1) }));
  const serving = stack.use(await serve(hub, { directory: directory.path, slots: count }));
  await until("the runner's daemon", () => sizeOf(join(directory.path, "run", "daemon.log")) >= 0);
  await serving.kill();
  const objective = objectiveOf(hub, count);
  await putIntoDatabase(serving, objective);
  await startAgents(serving, objective);
  const followed: number[] = [];
  const values = await interleaved(pick(scale, 7, 1), {
    serving: async () => {
      const { servesMs, followsMs } = await again(serving, objective);
      followed.push(followsMs);
      return servesMs;
    },
    bare: () => bare(directory.path),
  });
  const figure = (what: string, ours: readonly number[]): Figure => ({
    what,
    ours: `${short(median(ours))} ms`,
    against: `Node, SQLite open, connect: ${short(median(values.bare))} ms`,
    ratio: median(ratios(ours, values.bare)),
    spread: spreadOf(ours),
    aim: null,
  });
  return [
    figure("kill -9 → serving again", values.serving),
    figure(`kill -9 → all of ${count} live sessions followed again`, followed),
  ];
}

export const sizeOf = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.size ?? -1;

/** One issue, so many sessions at work. */
export function objectiveOf({ emulator: { world }, installation }: Hub, count: number): Objective {
  const hands = world.as(PERSON);
  const { number } = hands.openIssue(REPOSITORY, { title: "Many at once", body: "Please." });
  hands.label(REPOSITORY, number, "objective");
  const play = started();
  play.call("manager", spawn("one"));
  const { it } = play;
  const [manager] = it.sessions;
  const sessions = Array.from({ length: count }, (_, slot): Session => ({
    ...manager,
    id: sessionId(`ses_bench_${slot}`),
    role: slot === 0 ? "manager" : "worker",
    title: slot === 0 ? "manager" : `worker ${slot}`,
    runner: RUNNER,
    attempt: 1,
    mailbox: [],
    state: { kind: "running", since: Date.now(), runner: RUNNER, slot },
  }));
  const [first, ...others] = sessions;
  if (first === undefined) throw new Error("no session was asked for");
  const { id } = world.repository(REPOSITORY);
  const [owner = "", name = ""] = REPOSITORY.split("/");
  return {
    ...it,
    id: objectiveId("obj_bench"),
    repository: { installation, id, owner, name },
    issue: { ...it.issue, id: world.issue(REPOSITORY, number).id, number },
    startedAt: Date.now(),
    sessions: [first, ...others],
    questions: [],
    pullRequests: [],
  };
}

export async function putIntoDatabase({ directory }: Serving, objective: Objective): Promise<void> {
  const db = await databaseOver(new Database(join(directory, "data", "orcha.db")));
  try {
    db.transaction(() => {
      storeObjective(db, null, objective, Date.now());
      for (const { id, state } of objective.sessions)
        if ("slot" in state)
          db.run(
            db.build.insertInto("slot").values({
              runner: state.runner,
              slot: state.slot,
              session_id: id,
              objective_id: objective.id,
              claimed_at: Date.now(),
            }),
          );
    });
  } finally {
    db.close();
  }
}

export async function startAgents({ directory }: Serving, objective: Objective): Promise<void> {
  const program = join(directory, "data", "program");
  const [version = ""] = readdirSync(program);
  const link: Link = openLink({
    transport: openLocal({
      name: RUNNER,
      workRoot: join(directory, "work"),
      runtimeDir: join(directory, "run"),
      programDir: join(program, version),
    }),
    hello: { ...(await peekIdentity(join(directory, "data", "orcha.db"))), plane: "bench" },
    clock: realClock,
  });
  try {
    for (const { id } of objective.sessions) {
      const path = `bench/${id}/1`;
      mkdirSync(join(directory, "work", path), { recursive: true });
      await startAgent(link, {
        session: id,
        attempt: 1,
        workspace: { kind: "reuse", path, base: "0".repeat(40) },
        agent: { command: ["cat"], env: {}, inherit: [], files: [] },
        input: [],
        tools: [],
      });
    }
  } finally {
    await link.close();
  }
}

/** What an agent would have said meanwhile. */
const WORD = '{"type":"text","text":"still here"}\n';

async function again(
  serving: Serving,
  { sessions }: Objective,
): Promise<{ readonly servesMs: number; readonly followsMs: number }> {
  const { directory } = serving;
  await serving.kill();
  const lengths = sessions.map(({ id }) => {
    const out = join(directory, "work", "sessions", id, "1", "out");
    appendFileSync(out, WORD);
    return { transcript: join(directory, "data", "transcripts", id, "1.out"), size: sizeOf(out) };
  });
  const began = performance.now();
  const starting = serving.startAgain();
  await until("all transcripts", () =>
    lengths.every(({ transcript, size }) => sizeOf(transcript) === size),
  );
  const followsMs = performance.now() - began;
  return { servesMs: await starting, followsMs };
}

function bare(directory: string): Promise<number> {
  return timed(async () => {
    await using program = startProgram("recovery/bare.ts", [
      join(directory, "data", "orcha.db"),
      join(directory, "run", "runner.sock"),
    ]);
    await program.line();
  });
}

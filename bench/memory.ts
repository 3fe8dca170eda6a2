/**
 * Resident memory per session: of the control plane and of the runner's daemon with many live sessions, what keeps
 * each agent, and of the control plane with many that are parked, which have no process at all.
 */
import { join } from "node:path";
import type { Objective, Session } from "../src/domain/objective.ts";
import { pids, readProc } from "./agents.ts";
import { createRepository, openHub, until, type Hub } from "./hub.ts";
import { pick, short, type Scale } from "./measure.ts";
import { openDirectory } from "./programs.ts";
import { objectiveOf, putIntoDatabase, sizeOf, startAgents } from "./recovery.ts";
import { serve, type Serving } from "./serve.ts";
import type { Figure } from "./table.ts";

/** What the garbage collector has not come to yet is no session's: so much has to be quiet before it counts. */
const QUIET_LOOKS = 20;

export async function memory(scale: Scale): Promise<readonly Figure[]> {
  const live = await measure(pick(scale, 200, 2), (hub, count) => objectiveOf(hub, count), true);
  const parked = await measure(
    pick(scale, 2_000, 2),
    (hub, count) => parkedOf(objectiveOf(hub, count)),
    false,
  );
  return [
    figure(
      "memory of the control plane per live session",
      live.server.with - live.server.without,
      live.count,
      `without any: ${mib(live.server.without)}`,
    ),
    figure(
      "memory of the runner's daemon per live session",
      live.daemon.with - live.daemon.without,
      live.count,
      `without any: ${mib(live.daemon.without)}`,
    ),
    figure(
      "private memory of what keeps an agent (sh, tail)",
      live.keepers,
      live.count,
      "one Node process: 10 MiB and more",
    ),
    figure(
      "memory of the control plane per parked session",
      parked.server.with - parked.server.without,
      parked.count,
      `without any: ${mib(parked.server.without)}`,
    ),
  ];
}

const figure = (what: string, bytes: number, count: number, against: string): Figure => ({
  what,
  ours: `${short(bytes / 1024 / count)} KiB`,
  against,
  ratio: null,
  spread: `${count} of them`,
  aim: null,
});
const mib = (bytes: number): string => `${short(bytes / 1024 ** 2)} MiB`;

/** Their turns are over; nothing of them runs. */
const parkedOf = (objective: Objective): Objective => {
  const [first, ...others] = objective.sessions.map((session): Session => ({
    ...session,
    state: { kind: "waiting_user", since: Date.now() },
  }));
  return first === undefined ? objective : { ...objective, sessions: [first, ...others] };
};

interface Measured {
  readonly count: number;
  readonly server: { readonly without: number; readonly with: number };
  readonly daemon: { readonly without: number; readonly with: number };
  readonly keepers: number;
}

async function measure(
  count: number,
  make: (hub: Hub, count: number) => Objective,
  agents: boolean,
): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(openDirectory());
  const hub = stack.use(await openHub({ from: createRepository(directory.path, 1) }));
  const serving = stack.use(
    await serve(hub, { directory: directory.path, slots: agents ? count : 4 }),
  );
  await until("the runner's daemon", () => sizeOf(join(directory.path, "run", "daemon.log")) >= 0);
  const without = await both(serving);
  await serving.kill();
  const objective = make(hub, count);
  await putIntoDatabase(serving, objective);
  if (agents) await startAgents(serving, objective);
  await serving.startAgain();
  if (agents)
    await until("all transcripts", () =>
      objective.sessions.every(
        ({ id }) => sizeOf(join(directory.path, "data", "transcripts", id, "1.out")) >= 0,
      ),
    );
  const having = await both(serving);
  return {
    count,
    server: { without: without.server, with: having.server },
    daemon: { without: without.daemon, with: having.daemon },
    keepers: keepersOf(directory.path),
  };
}

async function both({ directory }: Serving): Promise<{ server: number; daemon: number }> {
  const server = (): number => sum(processes(directory, "orcha.mjs serve").map(residentOf));
  const daemon = (): number => sum(processes(directory, "orcha-runner").map(residentOf));
  let lowest = { server: server(), daemon: daemon() };
  for (let look = 0; look < QUIET_LOOKS; look++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    lowest = {
      server: Math.min(lowest.server, server()),
      daemon: Math.min(lowest.daemon, daemon()),
    };
  }
  return lowest;
}

/** Shells and tails below the work root; the agents themselves are their own business. */
const keepersOf = (directory: string): number =>
  sum(
    processes(directory, "")
      .filter((pid) => /^(?:\S*\/)?(?:sh|tail)\0/u.test(readProc(pid, "cmdline")))
      .map(privateOf),
  );

function processes(directory: string, what: string): readonly string[] {
  return pids().filter((pid) => {
    const command = readProc(pid, "cmdline").replaceAll("\0", " ");
    return command.includes(what) && (command + readProc(pid, "environ")).includes(directory);
  });
}

const residentOf = (pid: string): number =>
  kib(readProc(pid, "status"), /VmRSS:\s+(?<kib>\d+) kB/u);
const privateOf = (pid: string): number => {
  const rollup = readProc(pid, "smaps_rollup");
  return (
    kib(rollup, /Private_Dirty:\s+(?<kib>\d+) kB/u) +
    kib(rollup, /Private_Clean:\s+(?<kib>\d+) kB/u)
  );
};

const kib = (text: string, pattern: RegExp): number =>
  Number(pattern.exec(text)?.groups?.["kib"] ?? 0) * 1024;

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** Who does the harm: one loop that kills processes of the run and silences the network, by chance from the seed. */
import type { Random } from "../sim/random.ts";
import { kill, processesIn, type FoundProcess, type ProcessKind } from "./processes.ts";
import type { Proxy } from "./proxy.ts";
import type { Server } from "./server.ts";

export type KillKind =
  | "kill -9 serve"
  | "SIGTERM serve"
  | "kill -9 daemon"
  | "kill -9 keeper"
  | "kill -9 agent"
  | "kill -9 relay"
  | "kill -9 feed"
  | "kill -9 git"
  | "kill -9 group"
  | "kill -9 serve's group"
  | "kill -9 serve at a write"
  | "kill -9 of an SSH connection"
  | "kill -9 of sshd and all its connections"
  | "blackhole";

export interface OperatorOptions {
  readonly random: Random;
  readonly directory: string;
  readonly server: Server;
  readonly proxies: readonly Proxy[];
  /** What else can happen. */
  readonly more: readonly Act[];
  readonly onKill: (kind: KillKind) => void;
  /** Mean pause between two of them, ms. */
  readonly everyMs: number;
}

export interface Operators {
  /** Called when the App has just written something: the best moment to kill it. */
  onWrite(): void;
  stop(): Promise<void>;
}

export type Act = readonly [
  kind: Exclude<KillKind, "kill -9 serve at a write">,
  weight: number,
  /** False: there was nobody to harm. */
  act: (parts: OperatorOptions, killed: Set<string>) => boolean,
];

/** Agents that die again and again are given up by the product, so each session is harmed once in this way. */
const ofAttempts =
  (...kinds: readonly ProcessKind[]) =>
  ({ random, directory }: OperatorOptions, killed: Set<string>): boolean =>
    killOne(random, directory, killed, (one) => kinds.includes(one.kind));

const ACTS: readonly Act[] = [
  ["kill -9 serve", 6, (parts) => mayEnd(parts) && parts.server.end("SIGKILL")],
  [
    "kill -9 serve's group",
    2,
    (parts) => mayEnd(parts) && parts.server.end("SIGKILL", { group: true }),
  ],
  ["SIGTERM serve", 2, (parts) => mayEnd(parts) && parts.server.end("SIGTERM")],
  ["kill -9 daemon", 5, ofAttempts("daemon")],
  ["kill -9 keeper", 2, ofAttempts("keeper")],
  ["kill -9 agent", 3, ofAttempts("agent")],
  ["kill -9 relay", 2, ofAttempts("relay")],
  ["kill -9 feed", 1, ofAttempts("feed")],
  ["kill -9 git", 5, ofAttempts("git")],
  ["kill -9 group", 3, killGroup],
  [
    "blackhole",
    2,
    ({ random, proxies }) => {
      proxies[random.int(0, proxies.length - 1)]?.blackhole(random.int(200, 2_500));
      return true;
    },
  ],
];

/** Killed before it does anything, it would do nothing at all: that is left to one in five. */
const mayEnd = ({ random, server }: OperatorOptions): boolean =>
  Date.now() - server.upSince() > SETTLED_IN_MS || random.chance(0.2);

const SETTLED_IN_MS = 2_000;
const KILL_AT_WRITE = 0.015;

export function openOperators(options: OperatorOptions): Operators {
  const { random, everyMs, onKill } = options;
  const killed = new Set<string>();
  const stopping = new AbortController();
  const acts = [...ACTS, ...options.more];
  const total = acts.reduce((sum, [, weight]) => sum + weight, 0);
  const act = (): void => {
    let drawn = random.int(1, total);
    for (const [kind, weight, harm] of acts) {
      drawn -= weight;
      if (drawn > 0) continue;
      if (harm(options, killed)) onKill(kind);
      return;
    }
  };
  const ended = (async () => {
    while (!stopping.signal.aborted) {
      await pause(-Math.log(1 - random.next()) * everyMs, stopping.signal);
      if (!stopping.signal.aborted) act();
    }
  })();
  return {
    onWrite() {
      if (stopping.signal.aborted || !random.chance(KILL_AT_WRITE)) return;
      if (options.server.end("SIGKILL")) onKill("kill -9 serve at a write");
    },
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

function killOne(
  random: Random,
  directory: string,
  killed: Set<string>,
  wanted: (one: FoundProcess) => boolean,
): boolean {
  const found = processesIn(directory).filter(
    (one) => wanted(one) && !(one.session !== null && killed.has(one.session)),
  );
  const one = found[random.int(0, Math.max(0, found.length - 1))];
  if (one === undefined) return false;
  if (one.session !== null) killed.add(one.session);
  return kill(one.pid, "SIGKILL");
}

/** A whole process group of the runner's: an agent with its children, a keeper with its feed, the daemon with its gits. */
function killGroup({ random, directory }: OperatorOptions, killed: Set<string>): boolean {
  const leaders = processesIn(directory).filter(
    ({ pid, group, kind, session }) =>
      pid === group && kind !== "serve" && !(session !== null && killed.has(session)),
  );
  const one = leaders[random.int(0, Math.max(0, leaders.length - 1))];
  if (one === undefined) return false;
  if (one.session !== null) killed.add(one.session);
  return kill(-one.group, "SIGKILL");
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

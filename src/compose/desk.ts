/** What an operator does with runners: register, look at, drain, disable, remove, run something there. */
import type { Config } from "../config.ts";
import { placeText } from "../fleet/ssh/address.ts";
import { SshError } from "../fleet/ssh/errors.ts";
import type { Link } from "../fleet/link.ts";
import { ListReply, type DoctorCheck } from "../protocol/requests.ts";
import type { RunnerRow, Store } from "../store/port.ts";
import { agentsOn, type AgentsAnswer } from "./agents.ts";
import { realClock } from "./clock.ts";
import { DeskError, placesOf, refuseInvalid, type NewMachine, type SeenKey } from "./enroll.ts";
import { LOCAL, put, type Roster } from "./roster.ts";
import { DOCTOR_MS_MAX, examineLink } from "./runner.ts";

export type Added =
  | {
      readonly kind: "added";
      readonly state: RunnerRow["state"];
      readonly checks: readonly DoctorCheck[];
    }
  /** A person has to say first whether these are the keys of the machines that are meant. */
  | { readonly kind: "unknown-key"; readonly keys: readonly SeenKey[] };

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunnerView extends RunnerRow {
  readonly link: Link["state"] | "none";
  readonly linkProblem: string | null;
  /** Node, git, user and program as the machine said at the latest connection. */
  readonly machine: NonNullable<Link["hello"]>["runner"] | null;
  readonly sessions: readonly string[];
}

export interface Desk {
  add(machine: NewMachine): Promise<Added>;
  list(): Promise<readonly RunnerView[]>;
  examine(name: string): Promise<readonly DoctorCheck[]>;
  /** Which agents every machine has. */
  agents(): Promise<AgentsAnswer>;
  /**
   * Online only when every required check passes; else it stays as it was. A machine that is untrusted needs a person who
   * vouches for its new key.
   */
  online(name: string, accept: readonly string[]): Promise<Added>;
  /** Moves nothing, takes nothing. */
  drain(name: string): Promise<void>;
  /** Takes nothing, and its processes are stopped. Resolves with what was stopped. */
  disable(name: string): Promise<readonly string[]>;
  remove(name: string): Promise<void>;
  /** Runs a program there, without a shell. */
  execute(name: string, argv: readonly string[]): Promise<Ran>;
}

export interface DeskOptions {
  readonly config: Config;
  readonly store: Store;
  readonly roster: Roster;
  /** Agents may run as the user that runs us. */
  readonly local: boolean;
}

/** Uploading the program over a slow line. */
const CONNECT_MS_MAX = 120_000;
const STOP_MS_MAX = 30_000;

export function openDesk(options: DeskOptions): Desk {
  const { store, roster } = options;
  return {
    add: (machine) => addMachine(options, machine),
    async list() {
      const rows = await store.runners();
      return Promise.all(rows.map((row) => viewOf(options, row)));
    },
    async examine(name) {
      const row = await rowOf(options, name);
      return examine(options, row, await connected(roster, name));
    },
    agents: () => agentsOn(options.config, roster.links),
    async online(name, accept) {
      const row = await rowOf(options, name);
      const pinned = row.state === "untrusted" ? await pinAnew(options, row, accept) : null;
      return pinned ?? admit(options, row, await connected(roster, name));
    },
    drain: async (name) => void (await put(store, await rowOf(options, name), "draining")),
    async disable(name) {
      await put(store, await rowOf(options, name), "disabled");
      return stopAll(roster.links.get(name));
    },
    async remove(name) {
      await rowOf(options, name);
      const sessions = await store.sessionsOn(name);
      if (sessions.length > 0 || !(await store.removeRunner(name)))
        throw new DeskError(
          "busy",
          `${sessions.length} sessions are on ${name} (${sessions.slice(0, 5).join(", ")}): drain it and wait, or cancel them`,
        );
      await roster.close(name);
    },
    async execute(name, argv) {
      await rowOf(options, name);
      const ssh = roster.ssh(name);
      if (ssh === undefined)
        throw new DeskError("invalid", `${name} is this machine: run it in a shell of your own`);
      try {
        const { code, stdout, stderr } = await ssh.execute(argv);
        return { code, stdout: stdout.toString("utf8"), stderr: stderr.toString("utf8") };
      } catch (error) {
        throw error instanceof SshError ? new DeskError("failed", error.message) : error;
      }
    },
  };
}

async function rowOf({ store }: DeskOptions, name: string): Promise<RunnerRow> {
  const row = (await store.runners()).find((one) => one.name === name);
  if (row === undefined)
    throw new DeskError("unknown", `there is no runner ${name}; orcha runner list shows them`);
  return row;
}

async function examine(
  { config }: DeskOptions,
  { kind }: RunnerRow,
  link: Link,
): Promise<readonly DoctorCheck[]> {
  const upstream = kind === "local" ? {} : { upstream: config.github.webUrl };
  const { checks } = await examineLink(link, { now: realClock.now(), ...upstream });
  return checks;
}

/** Online only when nothing required fails. */
async function admit(options: DeskOptions, row: RunnerRow, link: Link): Promise<Added> {
  const checks = await examine(options, row, link);
  const failed = checks.filter(({ ok, required }) => required && !ok).map(({ name }) => name);
  const state = failed.length === 0 ? "online" : row.state === "untrusted" ? "offline" : row.state;
  const problem = failed.length === 0 ? null : `failed: ${failed.join(", ")}`;
  await put(options.store, row, state, problem);
  return { kind: "added", state, checks };
}

/** Its key has changed: a person vouches for the new one, or nothing is sent. null = pinned. */
async function pinAnew(
  { config, store, roster }: DeskOptions,
  row: RunnerRow,
  accept: readonly string[],
): Promise<Added | null> {
  const { address } = row;
  if (address === null) throw new DeskError("failed", `${row.name} has no address`);
  const { identity, jump, via = "library", workRoot } = address;
  const whereabouts = { target: placeText(address), identity, jump, via, workRoot, accept };
  const found = await placesOf(whereabouts, config.sshAgent);
  if (found.unknown.length > 0) return { kind: "unknown-key", keys: found.unknown };
  const { name, kind, slots } = row;
  await store.putRunner({
    name,
    kind,
    slots,
    state: "offline",
    problem: null,
    ...found.registered,
  });
  await roster.open({ ...row, ...found.registered });
  return null;
}

async function addMachine(options: DeskOptions, machine: NewMachine): Promise<Added> {
  const { config, store, roster, local } = options;
  const { name, target, slots, labels } = machine;
  refuseInvalid(machine);
  if ((await store.runners()).some((row) => row.name === name))
    throw new DeskError("taken", `there is a runner ${name} already`);
  const begin = { name, slots, labels, state: "offline", problem: null } as const;
  if (target === "local") {
    if (!local || name !== LOCAL)
      throw new DeskError(
        "invalid",
        `the runner on this machine is called ${LOCAL} and needs serve --unsafe-local`,
      );
    await store.putRunner({ ...begin, kind: "local" });
  } else {
    const found = await placesOf(machine, config.sshAgent);
    if (found.unknown.length > 0) return { kind: "unknown-key", keys: found.unknown };
    await store.putRunner({ ...begin, kind: "ssh", ...found.registered });
  }
  const row = await rowOf(options, name);
  try {
    await roster.open(row);
    return await admit(options, row, await connected(roster, name));
  } catch (error) {
    // Nothing ran there yet: better none than one that never worked.
    await roster.close(name);
    await store.removeRunner(name);
    throw error;
  }
}

async function connected(roster: Roster, name: string): Promise<Link> {
  const link = roster.links.get(name);
  if (link === undefined) throw new DeskError("failed", `nobody talks to ${name}`);
  try {
    await link.connected(AbortSignal.timeout(CONNECT_MS_MAX));
    return link;
  } catch (error) {
    const why = link.problem ?? (error instanceof Error ? error.message : "unknown failure");
    throw new DeskError("failed", `${name}: ${why}`);
  }
}

async function stopAll(link: Link | undefined): Promise<readonly string[]> {
  if (link?.state !== "connected") return [];
  const { reply } = await link.request({ op: "list" }, { timeoutMs: DOCTOR_MS_MAX });
  if (!reply.ok) throw new DeskError("failed", reply.reason);
  const running = ListReply.parse(reply.value).attempts.filter(({ finished }) => !finished);
  for (const { session, attempt } of running)
    await link.request(
      { op: "stop", session, attempt, graceMs: STOP_MS_MAX },
      { timeoutMs: 2 * STOP_MS_MAX },
    );
  return running.map(({ session }) => session);
}

async function viewOf({ store, roster }: DeskOptions, row: RunnerRow): Promise<RunnerView> {
  const link = roster.links.get(row.name);
  return {
    ...row,
    link: link?.state ?? "none",
    linkProblem: link?.problem ?? null,
    machine: link?.hello?.runner ?? null,
    sessions: await store.sessionsOn(row.name),
  };
}

/** What an operator does with runners: register, look at, drain, disable, remove, run something there. */
import type { Config } from "../config.ts";
import { parsePlace, placeText, type SshPlace } from "../fleet/address.ts";
import { SshError } from "../fleet/ssh/errors.ts";
import { readHostKey } from "../fleet/ssh/ssh.ts";
import type { Link } from "../fleet/link.ts";
import { DoctorReply, ListReply, type DoctorCheck } from "../protocol/requests.ts";
import type { RunnerRow, Store } from "../store/port.ts";
import { realClock } from "./clock.ts";
import { LOCAL, type Roster } from "./roster.ts";

export interface NewMachine {
  readonly name: string;
  /** `ssh://user@host[:port]`, or `local`. */
  readonly target: string;
  readonly slots: number;
  readonly labels: readonly string[];
  readonly workRoot: string | null;
  readonly identity: string | null;
  readonly jump: string | null;
  /** Fingerprints of host keys that a person has compared. */
  readonly accept: readonly string[];
}

export interface SeenKey {
  readonly place: string;
  readonly type: string;
  readonly fingerprint: string;
}

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
  /** Online only when every required check passes; else it stays as it was. */
  online(name: string): Promise<Added>;
  /** Moves nothing, takes nothing. */
  drain(name: string): Promise<void>;
  /** Takes nothing, and its processes are stopped. Resolves with what was stopped. */
  disable(name: string): Promise<readonly string[]>;
  remove(name: string): Promise<void>;
  /** Runs a program there, without a shell. */
  execute(name: string, argv: readonly string[]): Promise<Ran>;
}

/** What was asked cannot be done, and why. */
export class DeskError extends Error {
  override readonly name = "DeskError";
  readonly kind: "invalid" | "unknown" | "taken" | "busy" | "failed";
  constructor(kind: DeskError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
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
const DOCTOR_MS_MAX = 30_000;
const STOP_MS_MAX = 30_000;
const NAME = /^[a-z0-9][a-z0-9-]{0,30}$/u;
const LABEL = /^[a-z0-9][a-z0-9._:-]{0,62}$/u;
const SLOTS_MAX = 1000;

export function openDesk(options: DeskOptions): Desk {
  const { config, store, roster } = options;
  const rowOf = async (name: string): Promise<RunnerRow> => {
    const row = (await store.runners()).find((one) => one.name === name);
    if (row === undefined)
      throw new DeskError("unknown", `there is no runner ${name}; orcha runner list shows them`);
    return row;
  };
  const say = async (
    row: RunnerRow,
    state: RunnerRow["state"],
    problem: string | null = null,
  ): Promise<void> => {
    const { name, kind, slots } = row;
    await store.putRunner({ name, kind, slots, state, problem });
  };
  const examine = (row: RunnerRow, link: Link): Promise<readonly DoctorCheck[]> =>
    examineMachine(link, row.kind === "local" ? null : config.github.webUrl);
  const admit = async (row: RunnerRow, link: Link): Promise<Added> => {
    const checks = await examine(row, link);
    const failed = checks.filter(({ ok, required }) => required && !ok);
    const state = failed.length === 0 ? "online" : row.state;
    const problem =
      failed.length === 0 ? null : `failed: ${failed.map(({ name }) => name).join(", ")}`;
    await say(row, state, problem);
    return { kind: "added", state, checks };
  };
  return {
    add: (machine) => addMachine(options, machine, admit),
    async list() {
      const rows = await store.runners();
      return Promise.all(rows.map((row) => viewOf(options, row)));
    },
    async examine(name) {
      const row = await rowOf(name);
      return examine(row, await connected(roster, name));
    },
    async online(name) {
      const row = await rowOf(name);
      if (row.state === "untrusted")
        throw new DeskError(
          "invalid",
          `${name} is untrusted: ${row.problem ?? "its host key changed"}; if the machine was installed anew, remove it and add it again`,
        );
      return admit(row, await connected(roster, name));
    },
    drain: async (name) => say(await rowOf(name), "draining"),
    async disable(name) {
      await say(await rowOf(name), "disabled");
      return stopAll(roster.links.get(name));
    },
    async remove(name) {
      await rowOf(name);
      const sessions = await store.sessionsOn(name);
      if (sessions.length > 0 || !(await store.removeRunner(name)))
        throw new DeskError(
          "busy",
          `${sessions.length} sessions are on ${name} (${sessions.slice(0, 5).join(", ")}): drain it and wait, or cancel them`,
        );
      await roster.close(name);
    },
    async execute(name, argv) {
      await rowOf(name);
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

async function addMachine(
  { config, store, roster, local }: DeskOptions,
  machine: NewMachine,
  admit: (row: RunnerRow, link: Link) => Promise<Added>,
): Promise<Added> {
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
  const row = (await store.runners()).find((one) => one.name === name);
  if (row === undefined) throw new DeskError("failed", `${name} was removed meanwhile`);
  try {
    await roster.open(row);
    return await admit(row, await connected(roster, name));
  } catch (error) {
    // Nothing ran there yet: better none than one that never worked.
    await roster.close(name);
    await store.removeRunner(name);
    throw error;
  }
}

function refuseInvalid({ name, slots, labels, workRoot }: NewMachine): void {
  if (!NAME.test(name))
    throw new DeskError(
      "invalid",
      `${JSON.stringify(name)} is no name for a runner: up to 31 of a-z, 0-9 and -`,
    );
  if (!Number.isInteger(slots) || slots < 1 || slots > SLOTS_MAX)
    throw new DeskError("invalid", `slots must be a whole number from 1 to ${SLOTS_MAX}`);
  const label = labels.find((one) => !LABEL.test(one));
  if (label !== undefined)
    throw new DeskError("invalid", `${JSON.stringify(label)} is no label: a-z, 0-9, . _ : and -`);
  if (workRoot !== null && !/^(?:\/|~\/)[^\0\n]{1,400}$/u.test(workRoot))
    throw new DeskError(
      "invalid",
      `the work root ${JSON.stringify(workRoot)} is no path beginning with / or ~/`,
    );
}

interface Places {
  readonly unknown: readonly SeenKey[];
  readonly registered: Pick<RunnerRow, "address" | "hostKey">;
}

/** Asks the machines for their keys; nothing else is sent before a person has accepted them. */
async function placesOf(machine: NewMachine, agentSocket: string | null): Promise<Places> {
  const { target, jump, identity, workRoot, accept } = machine;
  const place = placeOf(target);
  const over = jump === null ? null : placeOf(jump);
  const unknown: SeenKey[] = [];
  const keyOf = async (of: SshPlace, through: SshPlace | null, pinned: string | null) => {
    const { text, type, fingerprint } = await readHostKey({
      address: { ...of, identity, jump: through === null ? null : placeText(through) },
      jumpHostKey: pinned,
      clock: realClock,
      ...(agentSocket === null ? {} : { agentSocket }),
    }).catch((error: unknown) => {
      throw error instanceof SshError ? new DeskError("failed", error.message) : error;
    });
    if (accept.includes(fingerprint)) return text;
    unknown.push({ place: placeText(of), type, fingerprint });
    return null;
  };
  const jumpHostKey = over === null ? null : await keyOf(over, null, null);
  // What is behind a machine that nobody vouches for is not asked for.
  const hostKey =
    over !== null && jumpHostKey === null ? null : await keyOf(place, over, jumpHostKey);
  const jumpText = over === null ? null : placeText(over);
  return {
    unknown,
    registered: { hostKey, address: { ...place, identity, jump: jumpText, jumpHostKey, workRoot } },
  };
}

function placeOf(text: string): SshPlace {
  const parsed = parsePlace(text);
  if (!parsed.ok) throw new DeskError("invalid", parsed.reason);
  return parsed.place;
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

async function examineMachine(
  link: Link,
  upstream: string | null,
): Promise<readonly DoctorCheck[]> {
  const request = {
    op: "doctor",
    now: realClock.now(),
    ...(upstream === null ? {} : { upstream }),
  } as const;
  const { reply } = await link.request(request, { timeoutMs: DOCTOR_MS_MAX });
  if (!reply.ok) throw new DeskError("failed", reply.reason);
  return DoctorReply.parse(reply.value).checks;
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

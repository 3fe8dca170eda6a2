/**
 * Is this machine fit to run sessions? One report: every check names what it found and what to do about it. Nothing
 * is installed, changed or logged in here, and no agent is asked anything that costs.
 *
 * All checks run side by side, each with a limit of its own: a program that hangs costs its own check and no other.
 */
import { homedir, userInfo } from "node:os";
import process from "node:process";
import type { DoctorCheck, Request } from "../../src/protocol/requests.ts";
import { agentChecks } from "./doctor/agents.ts";
import { type Machine, type Named, limited } from "./doctor/check.ts";
import { clockCheck } from "./doctor/clock.ts";
import { diskCheck, workRootCheck } from "./doctor/disk.ts";
import { isolationChecks } from "./doctor/isolation.ts";
import { lingerCheck } from "./doctor/linger.ts";
import { gitCheck, nodeCheck, procCheck, toolChecks } from "./doctor/system.ts";
import { tmuxCheck } from "./doctor/tmux.ts";
import { upstreamChecks } from "./doctor/upstream.ts";
import type { Layout } from "./layout.ts";

export type Asked = Omit<Extract<Request, { op: "doctor" }>, "op">;

/** A big program on a cold disk takes seconds to say its version. With what is around it: below ten seconds. */
const CHECK_MS_MAX = 8_000;

/** Resolves within ten seconds, whatever hangs; the order of the checks is always the same. Never throws. */
export async function examine(
  { workRoot, runtimeDir }: Layout,
  asked: Asked = {},
  overrides: Partial<Machine> = {},
): Promise<DoctorCheck[]> {
  const machine = { ...thisMachine(), workRoot, runtimeDir, ...overrides };
  const agents = agentChecks(machine, asked.agents);
  const checks = asked.only === "agents" ? agents : [...ownChecks(machine, asked), ...agents];
  return Promise.all(checks.map((check) => limited(check, machine.limitMs)));
}

function ownChecks(machine: Machine, asked: Asked): readonly Named[] {
  return [
    gitCheck(machine),
    nodeCheck(),
    ...toolChecks(machine),
    procCheck(),
    workRootCheck(machine),
    diskCheck(machine),
    ...(asked.now === undefined ? [] : [clockCheck(machine.now, asked.now)]),
    lingerCheck(machine),
    ...upstreamChecks(machine, asked.upstream),
    ...isolationChecks(machine),
    tmuxCheck(machine),
  ];
}

function thisMachine(): Omit<Machine, "workRoot" | "runtimeDir"> {
  return {
    env: process.env,
    home: process.env["HOME"] ?? homedir(),
    user: userInfo().username,
    now: Date.now(),
    limitMs: CHECK_MS_MAX,
    systemdMark: "/run/systemd/system",
  };
}

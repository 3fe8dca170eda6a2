/** Which of the configured agents each machine has, by what the machine says of itself. */
import { openCatalog, type Agent } from "../agents/catalog.ts";
import type { Config } from "../config.ts";
import type { Link } from "../fleet/link.ts";
import type { DoctorCheck, Request } from "../protocol/requests.ts";
import { examineLink } from "./runner.ts";

export interface AgentOnRunner {
  readonly runner: string;
  readonly agent: string;
  readonly driver: string;
  /** It can be used there as far as the machine can tell without asking its provider. */
  readonly ok: boolean;
  /** Version and login, or what is wrong. */
  readonly found: string;
  /** What to do about it; empty = nothing. */
  readonly fix: string;
}

export interface AgentsAnswer {
  readonly agents: readonly AgentOnRunner[];
  /** Machines that could not be asked. */
  readonly silent: readonly { readonly runner: string; readonly reason: string }[];
}

/** The protocol's limit for one question. */
const ASKED_MAX = 16;

/** Asks all machines side by side. */
export async function agentsOn(
  config: Config,
  links: ReadonlyMap<string, Link>,
): Promise<AgentsAnswer> {
  const catalog = openCatalog(config.agents);
  const named = catalog.names.map((name) => ({ name, agent: catalog.named(name) }));
  const answers = await Promise.all(
    [...links].map(([runner, link]) => onRunner(runner, link, named)),
  );
  return {
    agents: answers.flatMap(({ agents }) => agents),
    silent: answers.flatMap(({ silent }) => silent),
  };
}

type Named = readonly { readonly name: string; readonly agent: Agent | undefined }[];

async function onRunner(runner: string, link: Link, named: Named): Promise<AgentsAnswer> {
  const programs = named.flatMap(({ name, agent }) => programOf(name, agent));
  if (link.state !== "connected") {
    const reason = link.problem ?? "it is not connected";
    return { agents: [], silent: [{ runner, reason }] };
  }
  try {
    const { checks } = await examineLink(link, {
      only: "agents",
      agents: programs.slice(0, ASKED_MAX),
    });
    return { agents: named.flatMap((one) => viewOf(runner, one, checks)), silent: [] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown failure";
    return { agents: [], silent: [{ runner, reason }] };
  }
}

type Asked = NonNullable<Extract<Request, { op: "doctor" }>["agents"]>[number];

/** The script agent comes with the runner program; there is nothing to look for. */
function programOf(name: string, agent: Agent | undefined): readonly Asked[] {
  if (agent === undefined || agent.settings.driver === "script") return [];
  const { command, driver, env } = agent.settings;
  return [{ name, command: command[0] ?? driver, kind: driver, given: Object.keys(env) }];
}

function viewOf(
  runner: string,
  { name, agent }: Named[number],
  checks: readonly DoctorCheck[],
): readonly AgentOnRunner[] {
  if (agent === undefined) return [];
  const { driver } = agent.settings;
  if (driver === "script")
    return [{ runner, agent: name, driver, ok: true, found: "comes with the runner", fix: "" }];
  const check = checks.find((one) => one.name === `agent ${name}`);
  if (check === undefined) return [];
  const { ok, found, fix } = check;
  return [{ runner, agent: name, driver, ok, found, fix }];
}

/** The agents by name: those that are there without any configuration, and what the configuration adds or changes. */
import type { AgentDriver, AgentSettings } from "./driver.ts";
import { driverNamed, driverNames } from "./registry.ts";

export interface Agent {
  readonly driver: AgentDriver;
  readonly settings: AgentSettings;
}

export interface Catalog {
  /** Undefined = there is no such agent. */
  named(name: string): Agent | undefined;
  readonly names: readonly string[];
  /** All of them, as the rules know them. */
  readonly facts: readonly AgentFact[];
}

/** See src/domain/brief.ts. */
interface AgentFact {
  readonly name: string;
  readonly next: string | null;
  readonly prompt: string | null;
  readonly bound?: boolean;
}

export const PLAIN: Omit<AgentSettings, "driver"> = {
  command: [],
  inherit: [],
  env: {},
  profile: "full",
  model: null,
  servers: {},
};

/** `configured` by name; a name without a driver of its own must name one. */
export function openCatalog(configured: Readonly<Record<string, AgentSettings>> = {}): Catalog {
  const agents = new Map<string, Agent>();
  const add = (name: string, settings: AgentSettings): void => {
    const driver = driverNamed(settings.driver);
    if (driver !== undefined) agents.set(name, { driver, settings });
  };
  for (const name of driverNames) add(name, { ...PLAIN, driver: name });
  for (const [name, settings] of Object.entries(configured)) add(name, settings);
  const facts = [...agents].map(([name, { driver, settings }]): AgentFact => {
    const { next = null, prompt = null } = settings;
    return { name, next, prompt, bound: driver.bound ?? false };
  });
  return { named: (name) => agents.get(name), names: [...agents.keys()], facts };
}

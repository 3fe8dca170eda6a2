/** Agents by name, as one record: `agents` in the configuration file. What is not named there is as the driver has it. */
import * as z from "zod";
import { driverNames } from "../agents/registry.ts";

/** Ours stand in what every agent gets; theirs may not take their place. */
const Variable = z.string().regex(/^(?!ORCHA_)[A-Za-z_][A-Za-z0-9_]*$/u);
const Text = z.string().min(1).max(4_096);

const Name = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/u);

const Server = z.strictObject({
  command: Text,
  args: z.array(Text).max(64).default([]),
  env: z.record(Variable, z.string().max(4_096)).default({}),
});

const Agent = z.strictObject({
  driver: z.enum(driverNames),
  /** Program and arguments; empty = the driver's own. */
  command: z.array(Text).max(64).default([]),
  /** Variables of the runner that the agent may have. */
  inherit: z.array(Variable).max(64).default([]),
  env: z.record(Variable, z.string().max(4_096)).default({}),
  profile: z.enum(["read-only", "edit", "edit+network", "full"]).default("full"),
  model: Text.nullable().default(null),
  servers: z.record(z.string().regex(/^(?!orcha$)[a-z][a-z0-9_-]{0,31}$/u), Server).default({}),
  /** The agent that takes over when this one has hit its provider's limit. */
  next: Name.nullable().default(null),
  /** File with what is said to it after the text of its role. */
  prompt: Text.nullable().default(null),
});

export const Agents = z.record(Name, Agent);

/** What is wrong with who follows whom; null = nothing. */
export function chainProblem(agents: z.infer<typeof Agents>): string | null {
  const known = new Set([...driverNames, ...Object.keys(agents)]);
  for (const [name, { next }] of Object.entries(agents)) {
    if (next !== null && !known.has(next))
      return `agents.${name}.next is ${JSON.stringify(next)}, but must be one of: ${[...known].toSorted().join(", ")}`;
    const passed = new Set([name]);
    for (let at = next; at !== null; at = agents[at]?.next ?? null) {
      if (passed.has(at)) return `agents.${name}.next leads back to ${JSON.stringify(at)}`;
      passed.add(at);
    }
  }
  return null;
}

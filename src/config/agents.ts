/** Agents by name, as one record: `agents` in the configuration file. What is not named there is as the driver has it. */
import * as z from "zod";
import { driverNames } from "../agents/registry.ts";

/** Ours stand in what every agent gets; theirs may not take their place. */
const Variable = z.string().regex(/^(?!ORCHA_)[A-Za-z_][A-Za-z0-9_]*$/u);
const Text = z.string().min(1).max(4_096);

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
});

export const Agents = z.record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/u), Agent);

/** The drivers by name, as the configuration names them. */
import { acp } from "./acp-programs.ts";
import { codex } from "./codex.ts";
import type { AgentDriver } from "./driver.ts";
import { script } from "./script.ts";

const drivers: Readonly<Record<string, AgentDriver>> = {
  [script.name]: script,
  [codex.name]: codex,
  [acp.name]: acp,
};

export const driverNames: readonly string[] = Object.keys(drivers);

export function driverNamed(name: string): AgentDriver | undefined {
  return Object.hasOwn(drivers, name) ? drivers[name] : undefined;
}

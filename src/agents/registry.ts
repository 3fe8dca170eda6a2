/** The drivers by name, as the configuration names them. */
import { claude } from "./claude.ts";
import type { AgentDriver } from "./driver.ts";
import { script } from "./script.ts";

const drivers: Readonly<Record<string, AgentDriver>> = {
  [script.name]: script,
  [claude.name]: claude,
};

export const driverNames: readonly string[] = Object.keys(drivers);

export function driverNamed(name: string): AgentDriver | undefined {
  return Object.hasOwn(drivers, name) ? drivers[name] : undefined;
}

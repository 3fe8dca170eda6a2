/** The drivers by name, as the configuration names them. */
import { anyProgram } from "./acp-any.ts";
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import type { AgentDriver } from "./driver.ts";
import { gemini } from "./gemini.ts";
import { opencode } from "./opencode.ts";
import { script } from "./script.ts";

const drivers: Readonly<Record<string, AgentDriver>> = {
  [script.name]: script,
  [claude.name]: claude,
  [codex.name]: codex,
  [gemini.name]: gemini,
  [opencode.name]: opencode,
  [anyProgram.name]: anyProgram,
};

export const driverNames: readonly string[] = Object.keys(drivers);

export function driverNamed(name: string): AgentDriver | undefined {
  return Object.hasOwn(drivers, name) ? drivers[name] : undefined;
}

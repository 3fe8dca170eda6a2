/** Recorded streams of real programs (fixtures), and what a driver makes of them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentDriver, Finding } from "../../src/agents/driver.ts";

const folder = join(import.meta.dirname, "fixtures");

export const recordingsOf = (prefix: string): readonly string[] =>
  readdirSync(folder).filter((name) => name.startsWith(prefix) && name.endsWith(".ndjson"));

export const recorded = (name: string): string => readFileSync(join(folder, name), "utf8");

export const linesOf = (text: string): readonly string[] =>
  text.split("\n").filter((line) => line !== "");

/**
 * Lines of an ACP recording as they are under our host: its requests had numbers where ours have names, and the notes
 * around what is told again are missing.
 */
export function asOurs(name: string): readonly string[] {
  const lines = linesOf(recorded(name)).map((line) => {
    const value: unknown = JSON.parse(line);
    const isEnd = typeof value === "object" && value !== null && "id" in value && "result" in value;
    return isEnd && line.includes('"stopReason"')
      ? JSON.stringify({ ...value, id: `prompt:${String(value.id)}` })
      : line;
  });
  if (!name.includes("-load")) return lines;
  const told = lines.findIndex((line) =>
    line.includes(name.includes("gemini") ? "available_commands_update" : '"id":2,'),
  );
  return [
    ...lines.slice(0, 1),
    replay(true),
    ...lines.slice(1, told + 1),
    replay(false),
    ...lines.slice(told + 1),
  ];
}

const replay = (on: boolean): string => `{"orcha":${JSON.stringify({ kind: "replay", on })}}`;

export function findingsOf(driver: AgentDriver, lines: readonly string[]): readonly Finding[] {
  let state = driver.initial();
  return lines.flatMap((line) => {
    const { state: next, findings } = driver.reduce(state, line);
    state = next;
    return findings;
  });
}

/** One line each, short enough to be read. */
export const shown = (findings: readonly Finding[]): string =>
  findings.map((finding) => `${JSON.stringify(finding).slice(0, 300)}\n`).join("");

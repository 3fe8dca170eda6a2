/**
 * Where the real agent programs are: the platform packages' own binaries, so that no install script has to have run.
 * Looked for in test/agents/node_modules (`npm ci --prefix test/agents --ignore-scripts`), else in the directory that
 * ORCHA_TEST_AGENTS names. Without them the tests of this directory are skipped.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export type ProgramName = "claude" | "codex" | "gemini" | "opencode";

const OS = `${process.platform}-${process.arch}`;

/** Below node_modules; the Gemini CLI is a script for Node. */
const PATHS: Readonly<Record<ProgramName, readonly string[]>> = {
  claude: [`@anthropic-ai/claude-code-${OS}/claude`],
  codex: [
    `@openai/codex-${OS}/vendor/x86_64-unknown-linux-musl/bin/codex`,
    `@openai/codex-${OS}/vendor/aarch64-unknown-linux-musl/bin/codex`,
  ],
  gemini: ["@google/gemini-cli/bundle/gemini.js"],
  opencode: [`opencode-${OS}/bin/opencode`],
};

const ROOTS: readonly string[] = [
  fileURLToPath(new URL("../node_modules", import.meta.url)),
  ...(process.env["ORCHA_TEST_AGENTS"] === undefined ? [] : [process.env["ORCHA_TEST_AGENTS"]]),
];

/** Program and first arguments; null = it is not installed. */
export function commandOf(name: ProgramName): readonly string[] | null {
  const paths = ROOTS.flatMap((root) => PATHS[name].map((path) => join(root, path)));
  const found = paths.find((path) => existsSync(path));
  if (found === undefined) return null;
  return found.endsWith(".js") ? [process.execPath, found] : [found];
}

/** Arguments that give a program a network namespace of its own. */
export const UNSHARE: readonly string[] =
  process.getuid?.() === 0 ? ["--net"] : ["--map-root-user", "--net"];

let alone: boolean | undefined;

/** Whether such a namespace can be made here. */
function canBeAlone(): boolean {
  alone ??=
    spawnSync("unshare", [...UNSHARE, "ip", "link", "set", "lo", "up"], { stdio: "ignore" })
      .status === 0;
  return alone;
}

/** Whether stories with this program are skipped. */
export const isMissing = (name: ProgramName): boolean => commandOf(name) === null || !canBeAlone();

/** One line for the head of a test run. */
export function describePrograms(): string {
  const names = ["claude", "codex", "gemini", "opencode"] as const;
  const missing = names.filter((name) => commandOf(name) === null);
  const found = names.filter((name) => !missing.includes(name));
  const skipped =
    missing.length === 0
      ? ""
      : `; skipped: stories of ${missing.join(", ")} (npm ci --prefix test/agents --ignore-scripts)`;
  const where =
    found.length === 0 || canBeAlone() ? "" : "; all skipped: no network namespaces here";
  return `agent programs: ${found.join(", ") || "none"}${skipped}${where}`;
}

/**
 * The import rules of ARCHITECTURE.md as one table. A file belongs to the row with the longest path that fits; it
 * may import files of its own row and what the row lists: rows, files, `node:` modules or npm packages by name.
 * Type imports count too.
 */
import { expect, test } from "vitest";
import { importsOf, programFiles } from "./sources.ts";

const fs = ["node:fs", "node:path"] as const;

const layers: Readonly<Record<string, readonly string[]>> = {
  // The core: no I/O, no clock, no randomness.
  "src/lib": [],
  "src/domain": ["src/lib"],
  "src/agents": ["src/dialects", "src/lib", "node:crypto", "zod/mini"],
  "src/dialects": ["zod/mini"],
  // Contract between two programs.
  "src/protocol": ["zod/mini"],
  "src/tools": ["src/domain", "zod"],
  "src/markdown": [
    "src/domain",
    "mdast",
    "mdast-util-from-markdown",
    "mdast-util-gfm",
    "mdast-util-to-markdown",
    "micromark-extension-gfm",
  ],
  // Ports. They never import adapters.
  "src/engine/ports.ts": ["src/domain", "src/protocol"],
  "src/inbox/port.ts": ["src/domain"],
  // identity.ts for one type: what an installation is.
  "src/store/port.ts": [
    "src/domain",
    "src/inbox/port.ts",
    "src/store/identity.ts",
    "src/store/presence-port.ts",
  ],
  "src/store/presence-port.ts": ["src/domain"],
  "src/fleet/transport.ts": ["node:stream"],
  // The shell over ports: no node:, no npm.
  "src/engine": [
    "src/agents",
    "src/domain",
    "src/engine/ports.ts",
    "src/inbox/port.ts",
    "src/lib",
    "src/protocol",
    "src/store/port.ts",
    "src/store/transcripts.ts",
    "src/tools",
  ],
  // Adapters: one outside world each.
  "src/inbox": [
    "src/domain",
    "src/engine/ports.ts",
    "src/inbox/port.ts",
    "src/markdown",
    "node:crypto",
    "node:events",
    "node:http",
    "smee-client",
    "zod",
  ],
  "src/app.ts": ["src/inbox", "src/inbox/port.ts", "probot"],
  "src/store": [
    "src/domain",
    "src/store/presence-port.ts",
    "src/inbox/port.ts",
    "src/store/port.ts",
    ...fs,
    "node:crypto",
    "node:util",
    "node:zlib",
    "better-sqlite3",
    "zod",
    "kysely",
    "kysely/migration",
  ],
  // Keeping a server running. It knows nothing of objectives.
  "src/ops": [
    "src/engine/ports.ts",
    "src/inbox/port.ts",
    "src/store/port.ts",
    ...fs,
    "node:crypto",
    "node:http",
    "node:perf_hooks",
    "@opentelemetry/api",
    "@opentelemetry/exporter-prometheus",
    "@opentelemetry/sdk-metrics",
  ],
  "src/github": [
    "src/domain",
    "src/engine/ports.ts",
    // The ports of delivery log and lists stand beside what uses them.
    "src/inbox/survey.ts",
    "src/inbox/sweep.ts",
    "src/inbox/webhook.ts",
    "src/lib",
    "src/markdown",
    "node:child_process",
    "node:crypto",
    "node:fs/promises",
    "node:path",
    "node:stream/promises",
    "@octokit/core",
    "yaml",
    "zod",
  ],
  "src/fleet": [
    "src/agents",
    "src/domain",
    "src/engine/ports.ts",
    "src/fleet/transport.ts",
    "src/lib",
    "src/protocol",
    "src/tools",
    ...fs,
    "node:child_process",
    "node:crypto",
    "node:net",
    "node:os",
    "node:process",
    "node:stream",
    "node:url",
    "esbuild",
    "ssh2",
  ],
  // What runners have on their disks, and what is kept of it.
  "src/workspaces": [
    "src/domain",
    "src/engine/ports.ts",
    "src/fleet",
    "src/github",
    "src/protocol",
    "src/store/port.ts",
    ...fs,
  ],
  // A shell for a person; the commands run it.
  "src/fleet/shell.ts": [
    "src/fleet",
    "src/lib",
    ...fs,
    "node:child_process",
    "node:os",
    "node:process",
  ],
  "src/config": ["src/agents", "src/domain", ...fs, "node:os", "zod"],
  "src/config.ts": [
    "src/agents",
    "src/config",
    "src/domain",
    "src/github",
    "node:fs",
    "node:path",
    "zod",
  ],
  // A GitHub in memory. It shares nothing with us: not even our mistakes.
  "src/emulator": ["node:", "graphql"],
  // What the composition root puts together; the simulation puts the same together over other ports.
  "src/compose": [
    "src/agents",
    "src/app.ts",
    "src/config.ts",
    "src/domain",
    "src/engine",
    "src/engine/ports.ts",
    "src/fleet",
    "src/fleet/shell.ts",
    "src/fleet/transport.ts",
    "src/github",
    "src/inbox",
    "src/markdown",
    "src/ops",
    "src/protocol",
    "src/store",
    "src/store/port.ts",
    "src/workspaces",
    ...fs,
    "node:crypto",
    "node:process",
    "@octokit/webhooks",
    "pino",
  ],
  // The composition root knows every adapter; only the commands know it.
  "src/compose.ts": [
    "src/compose",
    "src/config.ts",
    "src/fleet",
    "src/github",
    "src/inbox",
    "src/ops",
    "src/protocol",
    "src/store",
    "src/store/port.ts",
    ...fs,
    "pino",
  ],
  "src/demo": [
    "src/compose.ts",
    "src/config.ts",
    "src/domain",
    "src/emulator",
    "src/inbox",
    "node:",
    "pino",
  ],
  "src/cli": [
    "src/agents",
    "src/compose",
    "src/compose.ts",
    "src/config.ts",
    "src/demo",
    "src/domain",
    "src/fleet/shell.ts",
    "src/github/permissions.ts",
    "src/github/push/bundle.ts",
    "src/inbox/body.ts",
    "src/inbox/webhook.ts",
    "src/lib",
    "src/protocol",
    "src/store",
    "src/store/port.ts",
    "node:",
    "commander",
    "execa",
    "pino",
    "zod",
  ],
  "src/main.ts": ["src/cli", "node:process"],
  // Programs on the runner's machine.
  "runners/program": [
    "src/lib",
    "src/protocol",
    "node:",
    "zod/mini",
    "@modelcontextprotocol/server",
  ],
  "runners/relay": ["node:"],
  "runners/agent-host": ["src/dialects", "node:", "zod/mini"],
  "runners/script-agent": ["node:", "zod/mini", "@modelcontextprotocol/client"],
};

const layerOf = (file: string): string | undefined =>
  Object.keys(layers)
    .filter((layer) => file === layer || file.startsWith(`${layer}/`))
    .toSorted((a, b) => b.length - a.length)[0];

/** Whether a row's entry covers an import: itself, everything of `node:`, a package's own parts. */
function covers(entry: string, name: string): boolean {
  if (entry === name || entry === layerOf(name)) return true;
  if (entry === "node:") return name.startsWith("node:") && !NEVER.has(name);
  return entry.startsWith("@modelcontextprotocol/") && name.startsWith(`${entry}/`);
}

/** Not in a program that runs for people. */
const NEVER = new Set(["node:test", "node:inspector"]);

/** Imports inside the demo's template texts are another project's; a path of ours that is not there fails the type check. */
const real = (name: string): boolean =>
  !/^(?:src|runners)\//u.test(name) || programFiles.includes(name);
const inText = (file: string, name: string): boolean =>
  file.startsWith("src/demo/") && ["node:test", "node:assert/strict"].includes(name);

function forbidden(file: string, imports: readonly string[]): readonly string[] {
  const own = layerOf(file) ?? "";
  return imports
    .filter((name) => real(name) && !inText(file, name))
    .filter((name) => layerOf(name) !== own)
    .filter((name) => !(layers[own] ?? []).some((entry) => covers(entry, name)));
}

test("every file has a row, and every row has a file", () => {
  expect(programFiles.filter((file) => layerOf(file) === undefined)).toEqual([]);
  expect(new Set(programFiles.map(layerOf))).toEqual(new Set(Object.keys(layers)));
});

test("every file imports only what its row allows", () => {
  const found = programFiles.flatMap((file) =>
    forbidden(file, importsOf(file)).map((name) => `${file} imports ${name}`),
  );
  expect(found).toEqual([]);
});

test("no row reaches itself", () => {
  const visit = (layer: string, path: readonly string[]): void => {
    expect(path, [...path, layer].join(" → ")).not.toContain(layer);
    for (const next of layers[layer] ?? [])
      if (layers[next] !== undefined) visit(next, [...path, layer]);
  };
  for (const layer of Object.keys(layers)) visit(layer, []);
});

const importers = (target: string): readonly string[] =>
  programFiles.filter((file) => importsOf(file).includes(target));

test("nobody imports the entry, and only commands and the demo the composition root", () => {
  expect(importers("src/main.ts")).toEqual([]);
  expect(importers("src/compose.ts").filter((file) => !/^src\/(?:cli|demo)\//u.test(file))).toEqual(
    [],
  );
});

test("the rules bite", () => {
  expect(
    forbidden("src/domain/x.ts", ["node:fs", "src/store/port.ts", "src/lib/backoff.ts"]),
  ).toEqual(["node:fs", "src/store/port.ts"]);
  expect(forbidden("src/agents/x.ts", ["zod", "zod/mini"])).toEqual(["zod"]);
  expect(forbidden("src/emulator/x.ts", ["src/lib/backoff.ts", "node:http"])).toEqual([
    "src/lib/backoff.ts",
  ]);
  expect(forbidden("src/engine/ports.ts", ["src/github/forge.ts"])).toEqual([
    "src/github/forge.ts",
  ]);
  expect(
    importsOf("src/a/b.ts", 'import {\n  x,\n} from "../lib/x.ts";\nawait import("esbuild")'),
  ).toEqual(["src/lib/x.ts", "esbuild"]);
});

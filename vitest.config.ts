import process from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Rules and adapters in one process: fast, many at a time. */
const unit =
  "test/{agents,app,arch,cli,config,domain,engine,github,inbox,lib,markdown,ops,protocol,store,tools}/**/*.test.ts";

/** What takes longest begins first: otherwise one worker ends with a minute of chaos that nobody shares. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- a sequencer's own method
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const found = LONG.findIndex((part) => moduleId.includes(part));
  return found === -1 ? LONG.length : found;
}

const LONG = [
  "/test/agents/real/",
  "/test/chaos/chaos.",
  "/test/sim/crash",
  "/test/sim/",
  "/test/e2e/",
];

// Hundreds of programs are started from source; what they are compiled to is kept. Coverage is less exact with it.
if (!process.argv.includes("--coverage"))
  process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(
    new URL("node_modules/.cache/tests", import.meta.url),
  );

// Inline projects inherit this root config (vitest 5).
export default defineConfig({
  test: {
    restoreMocks: true,
    globalSetup: "test/system-parts.ts",
    // Twice the cores of a small machine: half of the tests wait for processes and sockets.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    coverage: {
      include: ["src/domain/**/*.ts"],
      thresholds: { "src/domain/**": { 100: true } },
    },
    projects: [
      // They share a process, and what is loaded in it: loading it for each file took a third of their time.
      {
        test: {
          name: "unit",
          include: [unit],
          exclude: ["test/agents/real/**", "test/agents/node_modules/**"],
          testTimeout: 20_000,
          isolate: false,
        },
      },
      {
        test: {
          name: "process",
          include: ["test/{chaos,emulator,fleet,git,runners,workspaces,e2e}/**/*.test.ts"],
          pool: "forks",
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      // The real agent programs (test/agents/package.json): 200 to 600 MB each, so few at a time.
      {
        test: {
          name: "agents",
          include: ["test/agents/real/**/*.test.ts"],
          pool: "forks",
          testTimeout: 180_000,
          hookTimeout: 60_000,
          maxConcurrency: 2,
          // Programs that are not ours, on a machine that is busy with everything else; the report names what was tried twice.
          retry: 1,
        },
      },
      // Virtual time: what is long there is a loop without end.
      {
        test: {
          name: "sim",
          include: ["test/sim/**/*.test.ts"],
          testTimeout: 120_000,
          // Each planted bug is hunted in a process of its own.
          maxConcurrency: 2,
        },
      },
    ],
  },
});

import { defineConfig } from "vitest/config";

/** Rules and adapters in one process: fast, many at a time. */
const unit =
  "test/{agents,app,arch,cli,config,domain,engine,github,inbox,lib,markdown,ops,protocol,store,tools}/**/*.test.ts";

// Inline projects inherit this root config (vitest 5).
export default defineConfig({
  test: {
    restoreMocks: true,
    // The default leaves one of two cores idle.
    maxWorkers: 2,
    coverage: {
      include: ["src/domain/**/*.ts"],
      thresholds: { "src/domain/**": { 100: true } },
    },
    projects: [
      { test: { name: "unit", include: [unit] } },
      {
        test: {
          name: "process",
          include: ["test/{bench,chaos,emulator,fleet,git,runners,e2e}/**/*.test.ts"],
          pool: "forks",
          testTimeout: 60_000,
          hookTimeout: 60_000,
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

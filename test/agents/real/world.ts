/** The world of the end-to-end tests (test/world.ts) in which all agents are one real program, each in a network namespace of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { PROJECT_FILES } from "../../../src/demo/project.ts";
import { openWorld, type TestWorld, type WorldOptions } from "../../world.ts";
import { startModel, type ModelServer } from "../model/server.ts";
import type { ProgramName } from "./programs.ts";
import { settingOf } from "./setting.ts";

export interface AgentWorld extends AsyncDisposable {
  readonly world: TestWorld;
  readonly model: ModelServer;
}

/** OpenCode alone needs ten seconds to begin on a busy machine. */
const WAIT_MS = 60_000;

export async function openAgentWorld(
  name: ProgramName,
  options: WorldOptions & { readonly env?: Readonly<Record<string, string>> } = {},
): Promise<AgentWorld> {
  const directory = mkdtempSync(join(tmpdir(), "orcha-agents-"));
  const socket = join(directory, "model.sock");
  const model = await startModel(socket);
  const { settings } = settingOf(name, { directory, socket });
  const { env, ...rest } = options;
  const world = await openWorld({
    files: { ...PROJECT_FILES, ".github/orcha.yml": `agent: ${name}\n` },
    waitMs: WAIT_MS,
    ...rest,
    agents: { [name]: { ...settings, env: { ...settings.env, ...env } } },
  });
  return {
    world,
    model,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await model[Symbol.asyncDispose]();
      if (process.env["ORCHA_TEST_KEEP"] === undefined)
        rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Who and what every play of the rules is about. */
import { readPrompts } from "../../src/config/prompts.ts";
import type { Actor } from "../../src/domain/people.ts";
import type { Repository } from "../../src/domain/repository.ts";
import type { Rules } from "../../src/domain/step.ts";

export const repository: Repository = { installation: 1, id: 7, owner: "acme", name: "shop" };
export const ann: Actor = { id: 1, login: "ann", type: "user" };
export const bob: Actor = { id: 2, login: "bob", type: "user" };
export const mallory: Actor = { id: 3, login: "mallory", type: "user" };
export const bot: Actor = { id: 4, login: "ci[bot]", type: "bot" };
export const own: Actor = { id: 5, login: "orcha[bot]", type: "own" };

export const rules: Rules = {
  workerFailuresMax: 3,
  managerFailuresMax: 4,
  stopGraceMs: 5000,
  askWaitMs: 0,
  summaryWaitMs: 300_000,
  turnMaxMs: 4 * 60 * 60_000,
  retryWaitMs: 30_000,
  limitWaitMs: 5 * 60_000,
  unsafeNotice: null,
  prompts: readPrompts(),
  agents: [{ name: "script", next: null, prompt: null }],
};

export const ISSUE = 12;

import { expect, test, vi } from "vitest";
import { OBJECTIVE_BODY, OBJECTIVE_TITLE } from "../../../src/demo/objective.ts";
import type { Pull } from "../../../src/emulator/model.ts";
import { REPO, type TestWorld } from "../../world.ts";
import { isMissing, type ProgramName } from "./programs.ts";
import { openAgentWorld, type AgentWorld } from "./world.ts";

const readyPull = (world: TestWorld, title: string): Pull | undefined =>
  world.github.pulls(REPO).find((pull) => pull.issue.title === title && !pull.draft);

/** The story of the demo, told by real programs: nothing in the control plane or on the runner knows that there is no model. */
async function story({ world, model }: AgentWorld): Promise<void> {
  const { ann } = world;

  const issue = world.openIssue(OBJECTIVE_TITLE, OBJECTIVE_BODY);
  world.label(issue);
  expect(await world.nextComment(issue)).toContain(
    "How many requests per minute may one client make?",
  );
  await world.status(issue, "Waiting for you");
  world.comment(issue, "100");

  const limiter = await world.until("the limiter's pull request", () =>
    readyPull(world, "Limit requests per client"),
  );
  const errors = await world.until("the other pull request", () =>
    readyPull(world, "Tell refused clients when to come back"),
  );
  expect(limiter.issue.body).toContain("100 requests per client");

  const { number } = limiter.issue;
  await review(world, number);
  await ann.merge(REPO, number);
  await ann.merge(REPO, errors.issue.number);
  expect(await world.nextComment(issue)).toContain("All endpoints are limited per client");
  await world.status(issue, "Done at");
  // The manager's last words are on their way still.
  await vi.waitFor(
    async () => {
      for (const { transcript, recorded } of await world.records())
        expect(transcript).toBe(recorded);
    },
    { timeout: 30_000, interval: 200 },
  );
  expect(model.strays).toEqual([]);
}

/** The follow-up is made in another checkout, by the same conversation where the program can, else by a new one with a brief. */
async function review(world: TestWorld, number: number): Promise<void> {
  await world.ann.review(REPO, number, {
    event: "REQUEST_CHANGES",
    body: "Nearly.",
    comments: [{ path: "src/limiter.js", line: 3, body: "Please make the window configurable." }],
  });
  const thread = await world.until("the thread to be answered and resolved", () =>
    world.github
      .reviewThreads(REPO, number)
      .find(({ resolvedBy, comments }) => resolvedBy !== undefined && comments.length === 2),
  );
  expect(thread.comments[1]?.body).toContain("RATE_WINDOW_MS");
}

/** A failure says what the model said last. */
async function told(opened: AgentWorld): Promise<void> {
  try {
    await story(opened);
  } catch (error) {
    opened.world.ignoreComments();
    const said = opened.model.requests.slice(-10).map(({ move }) => JSON.stringify(move));
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error([reason, ...opened.model.strays, ...said].join("\n"), { cause: error });
  }
}

const NAMES: Readonly<Record<ProgramName, string>> = {
  claude: "Claude Code",
  codex: "Codex",
  gemini: "Gemini CLI",
  opencode: "OpenCode",
};

for (const name of ["claude", "codex", "gemini", "opencode"] as const)
  test.skipIf(isMissing(name))(`the demo's story with ${NAMES[name]}`, async () => {
    await using opened = await openAgentWorld(name);
    await expect(told(opened)).resolves.toBeUndefined();
  });

/**
 * Goal: webhooks are only a hint. Method: the demo's story on a machine that nobody can reach, without a webhook and
 * without its secret, and with a webhook of which nothing arrives and nothing is logged as failed.
 */
import { expect, test } from "vitest";
import { OBJECTIVE_BODY, OBJECTIVE_TITLE } from "../../src/demo/objective.ts";
import { PROJECT_FILES } from "../../src/demo/project.ts";
import { REPO, type TestWorld } from "../world.ts";
import { openDeafWorld } from "./deaf.ts";

test("with pull the whole story happens without any webhook", { timeout: 120_000 }, async () => {
  await using world = await openDeafWorld({ ingest: "pull", files: PROJECT_FILES });
  const { ann, github } = world;
  const issue = world.openIssue(OBJECTIVE_TITLE, OBJECTIVE_BODY);
  world.label(issue);
  expect(await world.nextComment(issue)).toContain("How many requests per minute");
  world.comment(issue, "100");
  const limiter = await readyPull(world, "Limit requests per client");
  const errors = await readyPull(world, "Tell refused clients when to come back");
  await ann.review(REPO, limiter, {
    event: "REQUEST_CHANGES",
    body: "Nearly.",
    comments: [{ path: "src/limiter.js", line: 3, body: "Please make the window configurable." }],
  });
  const thread = await world.until("the thread to be answered and resolved", () =>
    github
      .reviewThreads(REPO, limiter)
      .find(({ resolvedBy, comments }) => resolvedBy !== undefined && comments.length === 2),
  );
  expect(thread.comments[1]?.body).toContain("RATE_WINDOW_MS");
  await ann.merge(REPO, limiter);
  await ann.merge(REPO, errors);
  expect(await world.nextComment(issue)).toContain("All endpoints are limited per client");
  await world.until("the issue to be closed", () => github.issue(REPO, issue).state === "closed");
  await world.status(issue, "Done at");
  expect(world.statuses(issue)).toHaveLength(1);
  expect(await world.objectives()).toHaveLength(1);
  expect(github.deliveries(world.app), "nothing was sent").toEqual([]);
});

const readyPull = async (world: TestWorld, title: string): Promise<number> =>
  (
    await world.until(title, () =>
      world.github.pulls(REPO).find((pull) => pull.issue.title === title && !pull.draft),
    )
  ).issue.number;

const waiting = {
  manager: [{ tool: "ask_human", args: { question: "Go on?" } }, { wait: "answered" }],
};

test.for([
  ["closed", (world: TestWorld, issue: number) => world.ann.closeIssue(REPO, issue)],
  ["unlabelled", (world: TestWorld, issue: number) => world.unlabel(issue)],
  ["deleted", (world: TestWorld, issue: number) => world.ann.deleteIssue(REPO, issue)],
] as const)("an issue that is %s ends the work on it, though nobody told", async ([, end]) => {
  await using world = await openDeafWorld({ ingest: "pull" });
  const issue = world.objective(waiting);
  await world.nextComment(issue);
  end(world, issue);
  // Looks find it, whatever GitHub's pages change meanwhile.
  const over = async (): Promise<boolean> =>
    (await world.objectives()).every(({ state }) => state.kind === "canceled");
  await expect.poll(over, { timeout: 20_000 }).toBe(true);
});

test("what GitHub says it delivered, and nobody got, happens all the same", async () => {
  await using world = await openDeafWorld({ ingest: "push" });
  // The delivery log says that all went well.
  world.github.faults.add({ kind: "lose", match: { event: "*", count: Infinity } });
  const issue = world.objective({
    manager: [
      { tool: "ask_human", args: { question: "Go on?" } },
      { wait: "answered" },
      { tool: "finish_objective", args: { summary: "went on" } },
    ],
  });
  expect(await world.nextComment(issue)).toContain("Go on?");
  world.comment(issue, "yes");
  expect(await world.nextComment(issue)).toContain("went on");
  expect(await world.objectives()).toHaveLength(1);
});

test("a stranger's label starts nothing, and is answered once, however often we look", async () => {
  await using world = await openDeafWorld({ ingest: "pull" });
  world.github.setPermission(REPO, "mallory", "triage");
  const issue = world.openIssue("Please", "do it");
  world.label(issue, world.mallory);
  expect(await world.nextComment(issue)).toContain("mallory");
  world.label(world.openIssue("Another", "for the time it takes"), world.ann);
  await world.until("the other one to begin", () => world.statuses(issue + 1).length > 0);
  expect(world.statuses(issue)).toEqual([]);
});

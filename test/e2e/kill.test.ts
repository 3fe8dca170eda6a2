/**
 * Goal: `kill -9` of the control plane loses nothing and doubles nothing, whatever it was doing.
 * Method: the demo's story with the real server in its own process, killed once in every phase, mostly in the very
 * moment in which GitHub has stored what it asked for and has not answered yet.
 */
import { expect, test } from "vitest";
import { OBJECTIVE_BODY, OBJECTIVE_TITLE } from "../../src/demo/objective.ts";
import { PROJECT_FILES } from "../../src/demo/project.ts";
import { openWorld, REPO, type TestWorld } from "../world.ts";

/** Kills the server at the moment something becomes true, and starts it again. */
async function killWhen(world: TestWorld, what: string, look: () => unknown): Promise<void> {
  await world.until(what, () => {
    if (look() !== true) return false;
    world.kill();
    return true;
  });
  // While it was down GitHub's webhooks went nowhere; what was missed is asked for at the start.
  await world.startAgain();
}

test("the server is killed in every phase of the story", { timeout: 180_000 }, async () => {
  await using world = await openWorld({ files: PROJECT_FILES, process: true });
  const { ann, github } = world;
  const pulls = () => github.pulls(REPO);
  const comments = (issue: number) => github.comments(REPO, issue);

  const issue = world.openIssue(OBJECTIVE_TITLE, OBJECTIVE_BODY);
  world.label(issue);
  await killWhen(world, "👀", () => github.issue(REPO, issue).reactions.size > 0);
  await killWhen(world, "the status comment", () => world.statuses(issue).length > 0);
  await killWhen(world, "two workers in the status", () =>
    world.statuses(issue)[0]?.includes("errors"),
  );
  await killWhen(world, "the question", () =>
    comments(issue).some(({ body }) => body.includes("How many requests per minute")),
  );
  expect(await world.nextComment(issue)).toContain("How many requests");

  const answer = world.comment(issue, "100");
  await killWhen(world, "the answer's reaction", () =>
    comments(issue).some(({ id, reactions }) => id === answer && reactions.size > 0),
  );
  await killWhen(world, "a pushed branch", () =>
    [...github.repository(REPO).refs.keys()].some((ref) => ref.includes("orcha/")),
  );
  await killWhen(world, "a pull request", () => pulls().length === 1);
  await killWhen(world, "the second pull request", () => pulls().length === 2);
  await world.until("both to be ready", () => pulls().every(({ draft }) => !draft));

  const limiter = pulls().find(({ issue: { title } }) => title === "Limit requests per client");
  if (limiter === undefined) throw new Error("no pull request of the limiter");
  const { number } = limiter.issue;
  await ann.push(REPO, limiter.headRef, {
    message: "Mine",
    files: { "LIMITS.md": "See src/limiter.js.\n" },
  });
  await ann.review(REPO, number, {
    event: "REQUEST_CHANGES",
    body: "Nearly.",
    comments: [{ path: "src/limiter.js", line: 3, body: "Please make the window configurable." }],
  });
  const before = github.pull(REPO, number).headSha;
  await killWhen(world, "the follow-up's push", () => github.pull(REPO, number).headSha !== before);
  await killWhen(
    world,
    "the reply in the thread",
    () => github.reviewThreads(REPO, number)[0]?.comments.length === 2,
  );
  await world.until(
    "the thread to be resolved",
    () => github.reviewThreads(REPO, number)[0]?.resolvedBy !== undefined,
  );

  await ann.merge(REPO, number);
  for (const pull of pulls().filter(({ issue: { title } }) => title.startsWith("Tell")))
    await ann.merge(REPO, pull.issue.number);
  await killWhen(world, "the summary", () =>
    comments(issue).some(({ body }) => body.includes("All endpoints are limited")),
  );
  await world.until("the issue to be closed", () => github.issue(REPO, issue).state === "closed");
  await world.status(issue, "Done at");

  expect(await world.nextComment(issue)).toContain("All endpoints are limited per client");
  expect(world.statuses(issue), "one status comment").toHaveLength(1);
  expect(pulls(), "two pull requests").toHaveLength(2);
  expect(github.reviewThreads(REPO, number)[0]?.comments, "one reply").toHaveLength(2);
  const [objective, ...others] = await world.objectives();
  expect(others, "one objective").toEqual([]);
  // The brief, the answer unless it came while the limiter still ran, the review: nothing else started an agent.
  const attempts = new Map(objective?.sessions.map(({ title, attempt }) => [title, attempt]));
  expect(attempts.get("limiter")).toBeLessThanOrEqual(3);
  expect(attempts.get("errors")).toBe(1);
  for (const { transcript, recorded } of await world.records()) expect(transcript).toBe(recorded);
});

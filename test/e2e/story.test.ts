import { expect, test } from "vitest";
import { OBJECTIVE_BODY, OBJECTIVE_TITLE } from "../../src/demo/objective.ts";
import { PROJECT_FILES } from "../../src/demo/project.ts";
import type { Pull } from "../../src/emulator/model.ts";
import { openWorld, REPO, type TestWorld } from "../world.ts";

const eyes = (world: TestWorld, issue: number): boolean =>
  [...world.github.issue(REPO, issue).reactions.values()].some(({ content }) => content === "eyes");

const readyPull = (world: TestWorld, title: string): Pull | undefined =>
  world.github.pulls(REPO).find((pull) => pull.issue.title === title && !pull.draft);

/** The main job, in the words of the people who use it. */
test("a labelled issue becomes two merged pull requests", async () => {
  await using world = await openWorld({ files: PROJECT_FILES });
  const { ann, github } = world;

  const issue = world.openIssue(OBJECTIVE_TITLE, OBJECTIVE_BODY);
  world.label(issue);
  await world.until("👀", () => eyes(world, issue));

  expect(await world.nextComment(issue)).toContain(
    "How many requests per minute may one client make?",
  );
  await world.status(issue, "Waiting for you");
  const answer = world.comment(issue, "100");
  await world.until("the answer to be acknowledged", () =>
    github.comments(REPO, issue).some(({ id, reactions }) => id === answer && reactions.size === 1),
  );

  const limiter = await world.until("the limiter's pull request", () =>
    readyPull(world, "Limit requests per client"),
  );
  const errors = await world.until("the other pull request", () =>
    readyPull(world, "Tell refused clients when to come back"),
  );
  expect(limiter.issue.body).toContain(`Part of #${issue}`);
  expect(limiter.issue.body).toContain("`npm test` passed");

  const { number } = limiter.issue;
  const theirs = await ann.push(REPO, limiter.headRef, {
    message: "Mention the limit",
    files: { "LIMITS.md": "See src/limiter.js.\n" },
  });
  await ann.review(REPO, number, {
    event: "REQUEST_CHANGES",
    body: "Nearly.",
    comments: [{ path: "src/limiter.js", line: 3, body: "Please make the window configurable." }],
  });
  const thread = await world.until("the thread to be answered and resolved", () =>
    github
      .reviewThreads(REPO, number)
      .find(({ resolvedBy, comments }) => resolvedBy !== undefined && comments.length === 2),
  );
  expect(thread.comments[1]?.body).toContain("RATE_WINDOW_MS");
  expect(github.pull(REPO, number).headSha, "the follow-up is on top of ann's commit").not.toBe(
    theirs,
  );

  await ann.merge(REPO, number);
  await ann.merge(REPO, errors.issue.number);
  expect(await world.nextComment(issue)).toContain("All endpoints are limited per client");
  await world.until("the issue to be closed", () => github.issue(REPO, issue).state === "closed");
  await world.status(issue, "Done at");
  expect(world.statuses(issue)).toHaveLength(1);
  for (const { transcript, recorded } of await world.records()) expect(transcript).toBe(recorded);
});

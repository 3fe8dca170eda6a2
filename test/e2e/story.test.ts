import { expect, test } from "vitest";
import { OBJECTIVE_BODY, OBJECTIVE_TITLE } from "../../src/demo/objective.ts";
import { PROJECT_FILES } from "../../src/demo/project.ts";
import { openWorld, REPO } from "../world.ts";

/** The main job, in the words of the people who use it. */
test("a labelled issue becomes two merged pull requests", async () => {
  await using world = await openWorld({ files: PROJECT_FILES });
  const { ann, emulator } = world;
  const github = emulator.world;

  const issue = world.openIssue(OBJECTIVE_TITLE, OBJECTIVE_BODY);
  world.label(issue);
  await world.until("👀", () =>
    [...github.issue(REPO, issue).reactions.values()].some(({ content }) => content === "eyes"),
  );

  expect(await world.nextComment(issue)).toContain(
    "How many requests per minute may one client make?",
  );
  await world.status(issue, "Waiting for you");
  world.comment(issue, "100");

  const limiter = await world.until("the limiter's pull request, ready", () =>
    github
      .pulls(REPO)
      .find((pull) => pull.issue.title === "Limit requests per client" && !pull.draft),
  );
  await world.until("both pull requests", () => github.pulls(REPO).length === 2);
  expect(limiter.issue.body).toContain(`Part of #${issue}`);

  const number = limiter.issue.number;
  await ann.push(REPO, limiter.headRef, {
    message: "Mention the limit",
    files: { "LIMITS.md": "See src/limiter.js.\n" },
  });
  await ann.review(REPO, number, {
    event: "REQUEST_CHANGES",
    body: "Nearly.",
    comments: [{ path: "src/limiter.js", line: 3, body: "Please make the window configurable." }],
  });
  await world.until("the thread to be answered and resolved", () => {
    const [thread] = github.reviewThreads(REPO, number);
    return thread?.resolvedBy !== undefined && thread.comments.length === 2;
  });

  for (const pull of github.pulls(REPO)) await ann.merge(REPO, pull.issue.number);
  expect(await world.nextComment(issue)).toContain("All endpoints are limited per client");
  await world.until("the issue to be closed", () => github.issue(REPO, issue).state === "closed");
  await world.status(issue, "Done at");
});

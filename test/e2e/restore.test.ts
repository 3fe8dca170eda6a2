/**
 * Goal: a backup from before half of the work was done takes over on another machine, and nothing is done twice.
 * Method: the demo's story with the real server; a backup by its own command while it runs, the answer, both pull
 * requests, then the data directory is lost (transcripts too: the runner has them), the backup restored, and the story goes on.
 */
import { renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OBJECTIVE_BODY, OBJECTIVE_TITLE } from "../../src/demo/objective.ts";
import { PROJECT_FILES } from "../../src/demo/project.ts";
import { orcha } from "../cli/run.ts";
import { openWorld, REPO } from "../world.ts";

test("the data directory is lost, and an old backup restored", { timeout: 180_000 }, async () => {
  await using world = await openWorld({
    files: PROJECT_FILES,
    process: true,
    timings: { sweepEveryMs: 2_000 },
  });
  const { ann, directory, github } = world;
  const pulls = () => github.pulls(REPO);
  const run = async (...args: readonly string[]): Promise<string> => {
    const ran = await orcha(args, { directory });
    expect(ran.code, ran.stderr).toBe(0);
    return ran.stdout;
  };

  const issue = world.openIssue(OBJECTIVE_TITLE, OBJECTIVE_BODY);
  world.label(issue);
  await world.until("two workers in the status", () =>
    world.statuses(issue)[0]?.includes("errors"),
  );
  const file = join(directory, "backup.db");
  expect(await run("backup", file)).toContain("checked");

  expect(await world.nextComment(issue)).toContain("How many requests");
  world.comment(issue, "100");
  await world.until("both pull requests", () => pulls().length === 2);
  await world.until("both to be ready", () => pulls().every(({ draft }) => !draft));
  // Each start has a greater epoch: it is far above that of the backup.
  for (let starts = 0; starts < 3; starts++) await world.restart();
  const heads = pulls().map(({ headSha }) => headSha);
  await world.plane.close();
  renameSync(join(directory, "data"), join(directory, "lost"));
  expect(await run("restore", file)).toContain("it takes over the runners");
  await world.startAgain();

  for (const {
    issue: { number },
  } of pulls())
    await ann.merge(REPO, number);
  expect(await world.nextComment(issue)).toContain("All endpoints are limited per client");
  await world.until("the issue to be closed", () => github.issue(REPO, issue).state === "closed");
  await world.status(issue, "Done at");
  expect(world.statuses(issue), "one status comment").toHaveLength(1);
  expect(
    pulls().map(({ headSha }) => headSha),
    "nothing was pushed again",
  ).toEqual(heads);
  expect(pulls(), "two pull requests").toHaveLength(2);
  expect((await world.objectives()).length, "one objective").toBe(1);
  for (const { transcript, recorded } of await world.records()) expect(transcript).toBe(recorded);
});

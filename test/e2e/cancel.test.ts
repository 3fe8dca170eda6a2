import { expect, test } from "vitest";
import { openWorld, REPO, type TestWorld } from "../world.ts";

/** A manager that waits, and a worker with a child that would not end by itself. */
const busy = {
  manager: [{ tool: "spawn_session", args: { title: "busy", goal: "work" } }, { wait: "reported" }],
  workers: {
    busy: [
      { run: "(trap '' TERM; sleep 600) > /dev/null 2>&1 & echo started" },
      { tool: "report_progress", args: { text: "hanging on" } },
      { hang: true },
    ],
  },
};

async function noProcesses(world: TestWorld): Promise<void> {
  const [objective] = await world.objectives();
  await world.status(objective?.issue.number ?? 0, "Canceled");
  await world.until(
    "every session to have ended",
    () => !world.statuses(objective?.issue.number ?? 0)[0]?.includes("stopping"),
  );
  expect(await world.agents(), "processes that outlived their session").toEqual([]);
}

test.for([
  [
    "the issue is closed",
    (world: TestWorld, issue: number) => world.ann.closeIssue(REPO, issue, "not_planned"),
  ],
  ["the label is removed", (world: TestWorld, issue: number) => world.unlabel(issue)],
] as const)("%s: sessions are canceled, processes gone", async ([, end]) => {
  await using world = await openWorld({ private: true });
  const issue = world.objective(busy);
  await world.status(issue, "hanging on");
  expect((await world.agents()).length).toBeGreaterThan(0);
  end(world, issue);
  await noProcesses(world);
});

test("labelled again: the next revision, the same status comment", async () => {
  await using world = await openWorld();
  const issue = world.objective({
    manager: [{ tool: "report_nothing", args: {}, expectError: true }, { hang: true }],
  });
  await world.status(issue, "running");
  world.unlabel(issue);
  await world.status(issue, "Canceled");
  world.label(issue);
  await world.status(issue, "running");
  expect(
    (await world.objectives()).map(({ revision, state }) => `${revision} ${state.kind}`).toSorted(),
  ).toEqual(["1 canceled", "2 active"]);
  expect(world.statuses(issue)).toHaveLength(1);
  world.ann.closeIssue(REPO, issue);
  await noProcesses(world);
});

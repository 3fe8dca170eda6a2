import { expect, test } from "vitest";
import { openWorld, REPO } from "../world.ts";

const asking = {
  manager: [
    { tool: "ask_human", args: { question: "Go on?" } },
    { wait: "answered" },
    { tool: "finish_objective", args: { summary: "went on" } },
  ],
};

test("every webhook three times, and the label on and off five times: one objective, one manager", async () => {
  await using world = await openWorld();
  world.github.faults.add({ kind: "duplicate", times: 2, match: { event: "*", count: 10_000 } });
  const issue = world.objective(asking);
  for (let times = 0; times < 5; times++) {
    world.unlabel(issue);
    world.label(issue);
  }
  await world.github.idle();
  await world.status(issue, "Waiting for you");
  const objectives = await world.objectives();
  const live = objectives.filter(({ state }) => state.kind === "active");
  expect(live).toHaveLength(1);
  expect(live[0]?.sessions.map(({ role }) => role)).toEqual(["manager"]);
  expect(world.statuses(issue), "one status comment").toHaveLength(1);
  world.ignoreComments();
  const open = live[0]?.questions.find(({ state }) => state.kind === "open");
  world.comment(issue, `${open?.number ?? 0}: yes`);
  await world.until(
    "the issue to be closed",
    () => world.github.issue(REPO, issue).state === "closed",
  );
});

test("deliveries in the wrong order lead to the same", async () => {
  await using world = await openWorld();
  world.github.faults.add({ kind: "reorder", size: 3, match: { event: "issues", count: 3 } });
  const issue = world.objective(asking);
  world.ann.editIssue(REPO, issue, { title: "A better title" });
  expect(await world.nextComment(issue)).toContain("Go on?");
  expect(await world.objectives()).toHaveLength(1);
  world.comment(issue, "yes");
  expect(await world.nextComment(issue)).toContain("went on");
});

test("an answer that GitHub did not confirm is not said twice", async () => {
  await using world = await openWorld();
  world.github.faults.add({
    kind: "drop",
    when: "after",
    match: { method: "POST", path: /\/comments$/u, count: 2 },
  });
  const issue = world.objective(asking);
  expect(await world.nextComment(issue)).toContain("Go on?");
  world.comment(issue, "yes");
  expect(await world.nextComment(issue)).toContain("went on");
  expect(world.statuses(issue)).toHaveLength(1);
});

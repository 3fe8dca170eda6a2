/** Goal: ten objectives with three workers each on two slots: never more than two run, all finish. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openWorld, REPO } from "../world.ts";

const OBJECTIVES = 10;
const SLOTS = 2;

/** Each session writes a line when it begins to work and one when it stops, so the record tells how many worked at once. */
const steps = (log: string) => {
  const begin = { run: `echo begin >> ${log}` };
  const end = { run: `echo end >> ${log}` };
  const worker = [
    begin,
    { say: "working" },
    { tool: "report_result", args: { what: "done", why: "asked" } },
    end,
  ];
  return {
    manager: [
      begin,
      ...["a", "b", "c"].map((title) => ({ tool: "spawn_session", args: { title, goal: "work" } })),
      end,
      { waitAll: ['Worker "a" reported', 'Worker "b" reported', 'Worker "c" reported'] },
      { tool: "finish_objective", args: { summary: "all done" } },
    ],
    workers: { a: worker, b: worker, c: worker },
  };
};

test("ten objectives with three workers each on two slots", { timeout: 180_000 }, async () => {
  await using world = await openWorld({ slots: SLOTS });
  const log = join(world.directory, "work.log");
  const issues = Array.from({ length: OBJECTIVES }, (_, index) =>
    world.objective(steps(log), `Objective ${index + 1}`),
  );
  for (const issue of issues) {
    expect(await world.nextComment(issue)).toContain("all done");
    await world.until(
      `#${issue} to be closed`,
      () => world.github.issue(REPO, issue).state === "closed",
    );
  }
  let working = 0;
  const working_at = readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line) => (working += line === "begin" ? 1 : -1));
  expect(working_at).toHaveLength(OBJECTIVES * 4 * 2);
  expect(Math.max(...working_at)).toBeLessThanOrEqual(SLOTS);
  const objectives = await world.objectives();
  expect(objectives.map(({ state }) => state.kind)).toEqual(
    Array.from({ length: OBJECTIVES }, () => "succeeded"),
  );
});

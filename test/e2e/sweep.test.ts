import { expect, test } from "vitest";
import { openWorld } from "../world.ts";

test("what GitHub could not deliver while the server was down is asked for at the start", async () => {
  await using world = await openWorld({ process: true });
  world.kill();
  const issue = world.objective({
    manager: [{ tool: "finish_objective", args: { summary: "nothing missed" } }],
  });
  await world.github.idle();
  await world.startAgain();
  expect(await world.nextComment(issue)).toContain("nothing missed");
});

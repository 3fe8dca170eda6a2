/** Two servers on one database, in spite of the lock: the older one stops, says why, and writes nothing more. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { realChance } from "../../src/compose/chance.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { openWorld } from "../world.ts";

test("a server whose database was taken over ends with code 5", async () => {
  await using world = await openWorld({ process: true });
  const path = join(world.directory, "data", "orcha.db");
  const other = await openSqlite(path, { now: () => Date.now() }, realChance);
  const { epoch } = await other.identity();
  expect(await world.plane.exited).toBe(5);
  const issue = world.openIssue("Nobody hears of it", "x");
  world.label(issue);
  expect(await other.counts()).toEqual({});
  await other.close();
  await world.startAgain();
  expect(epoch).toBe(2);
});

/** A start for which GitHub gives no credential. */
import { expect, test } from "vitest";
import { PortError } from "../../src/engine/ports.ts";
import { openCatalog } from "../../src/agents/catalog.ts";
import { openFleet } from "../../src/fleet/fleet.ts";
import { effects } from "../store/examples.ts";
import { RunnerWorld } from "../runners/world.ts";

async function start(kind: PortError["kind"]) {
  await using world = await RunnerWorld.open();
  const fleet = openFleet({
    link: () => world.link,
    agent: (name) => openCatalog().named(name),
    cloneUrl: () => "https://github.test/acme/shop.git",
    credential: () => Promise.reject(new PortError(kind, "no token for acme/shop")),
  });
  return fleet.perform(effects["start-attempt"], { key: "start", number: 1, known: null });
}

test("the App is gone from the repository: the start is refused, not tried for ever", async () => {
  expect(await start("gone")).toEqual({ kind: "refused", reason: "no token for acme/shop" });
});

test.for(["unavailable", "denied", "rate-limited"] as const)(
  "what may pass is waited for: %s",
  async (kind) => {
    expect(await start(kind)).toMatchObject({ kind: "later" });
  },
);

/** Two control planes of one installation and a runner: the newer one wins, and who was restored takes over. */
import { expect, test } from "vitest";
import { openLink, type LinkOptions } from "../../src/fleet/link.ts";
import { clock, RunnerWorld, waitFor } from "../runners/world.ts";

const hello = (epoch: number, generation = "") => ({
  installation: "test",
  plane: "plane",
  epoch,
  generation,
});

const linkTo = (world: RunnerWorld, options: Omit<LinkOptions, "transport" | "clock">) =>
  openLink({ transport: world.transport, clock, ...options });

test("a restored control plane goes above the epoch the runner knows; the other one is fenced", async () => {
  await using world = await RunnerWorld.open();
  const old = linkTo(world, { hello: hello(7) });
  await old.connected();
  const asked: number[] = [];
  const restored = linkTo(world, {
    hello: hello(3, "two"),
    outbid: async (seen) => {
      asked.push(seen);
      return seen + 1;
    },
  });
  expect(await restored.connected()).toMatchObject({ epoch: 8 });
  expect(asked).toEqual([7]);
  await waitFor("the old one to be fenced", () => old.state === "fenced");
  expect(old.problem).toBe("epoch 7 is over: this runner has been greeted with 8");
  // A connection that is lost is made again with the new epoch.
  await restored.close();
  await old.close();
});

test("the same epoch of another generation is another control plane", async () => {
  await using world = await RunnerWorld.open();
  const restored = linkTo(world, { hello: hello(5, "two") });
  await restored.connected();
  const old = linkTo(world, { hello: hello(5, "one") });
  await expect(old.connected()).rejects.toThrow(
    "another control plane of this installation has epoch 5: this runner obeys that one",
  );
  const doctor = linkTo(world, { hello: { ...hello(5, "two"), plane: "doctor" } });
  await doctor.connected();
  expect(restored.state).toBe("connected");
  for (const link of [doctor, old, restored]) await link.close();
});

test("who is not taking over gives way, and two that both are do not go on for ever", async () => {
  await using world = await RunnerWorld.open();
  const newer = linkTo(world, { hello: hello(5) });
  await newer.connected();
  const giving = linkTo(world, { hello: hello(4), outbid: async () => null });
  await expect(giving.connected()).rejects.toMatchObject({ kind: "fenced" });
  let bids = 0;
  // Bids too little, as one does whose rival is quicker.
  const slow = linkTo(world, {
    hello: hello(1),
    outbid: async () => {
      bids += 1;
      return 2;
    },
  });
  await expect(slow.connected()).rejects.toMatchObject({ kind: "fenced" });
  expect(bids).toBe(3);
  for (const link of [slow, giving, newer]) await link.close();
});

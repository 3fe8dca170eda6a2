/** Pull requests that are merged, closed or gone: nothing is pushed to them, and what arrived before is seen. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PushGateOptions } from "../../src/github/push-gate.ts";
import { openShopWorld, SHOP, type ShopWorld } from "../github/world.ts";
import { away, BRANCH, openGate, type Gate } from "./gate.ts";

/** Where nothing arrives, one GitHub serves many tests. */
let shared: ShopWorld | null = null;
beforeAll(async () => {
  shared = await openShopWorld();
});
afterAll(async () => {
  await shared?.[Symbol.asyncDispose]();
});

const openRefusingGate = (): Promise<Gate> => openGate(shared);

const pullIs = (
  state: "merged" | "closed" | null,
  headSha: string,
): Pick<PushGateOptions, "pullRequest"> => ({
  pullRequest: async (_repository, number) => (state === null ? null : { number, state, headSha }),
});

test.for(["merged", "closed", null] as const)(
  "nothing is pushed to a pull request that is %s",
  async (state) => {
    await using gate = await openRefusingGate();
    await gate.checkout.commit({ "a.txt": "a\n" });
    expect(await gate.push({ pullRequest: 7 }, pullIs(state, gate.checkout.base))).toMatchObject({
      kind: "refused",
      events: [{ kind: "push-refused", code: "pull-request-gone" }],
    });
    expect(await gate.branch()).toBeNull();
  },
);

test.for(["merged", "closed"] as const)(
  "pushed, then we died, and the pull request was %s meanwhile: the next try sees its commit there",
  async (state) => {
    await using gate = await openGate();
    const first = await gate.checkout.commit({ "a.txt": "a\n" });
    await gate.push();
    const second = await gate.checkout.commit({ "b.txt": "b\n" });
    const known = { expected: first, pullRequest: 7 };
    await gate.push(known);
    const arrived = { kind: "done", events: [{ kind: "branch-pushed", sha: second, commits: 1 }] };
    expect(await gate.push(known, pullIs(state, second))).toMatchObject(arrived);
    // A person's commit came on top of it before the merge.
    const person = gate.shop.world.as("alice");
    const top = await person.push(SHOP, BRANCH, { files: { "c.txt": "c\n" }, message: "mine" });
    const onTop = { kind: "done", events: [{ kind: "branch-pushed", sha: top, commits: 2 }] };
    expect(await gate.push(known, pullIs(state, top))).toMatchObject(onTop);
    await gate.checkout.commit({ "d.txt": "d\n" });
    expect(await gate.push(known, pullIs(state, top))).toMatchObject({
      events: [{ code: "pull-request-gone", reason: `pull request #7 is ${state}` }],
    });
    expect(await gate.branch()).toBe(top);
  },
);

test("the pull request we never heard of was merged: it is found by its branch, and nothing is pushed", async () => {
  await using gate = await openRefusingGate();
  const head = await gate.checkout.commit({ "a.txt": "a\n" });
  const merged = { number: 7, state: "merged" as const, headSha: gate.checkout.base };
  const unheard = { pullRequest: null };
  expect(await gate.push(unheard, { pullRequestAt: async () => merged })).toMatchObject({
    events: [{ code: "pull-request-gone", reason: "pull request #7 is merged" }],
  });
  // Nor when it was our commit that was merged, and the branch deleted; but then it has arrived.
  const ours = { ...merged, headSha: head };
  expect(await gate.push(unheard, { pullRequestAt: async () => ours })).toMatchObject({
    events: [{ kind: "branch-pushed", sha: head }],
  });
  expect(await gate.branch()).toBeNull();
});

test("the pull request merged while the bundle was checked: nothing is pushed", async () => {
  await using gate = await openRefusingGate();
  await gate.checkout.commit({ "a.txt": "a\n" });
  const states = ["open", "merged"] as const;
  let asked = 0;
  const pullRequest = async (_repository: unknown, number: number) => {
    const state = states[asked++] ?? "merged";
    return { number, state, headSha: gate.checkout.base };
  };
  expect(await gate.push({ pullRequest: 7 }, { pullRequest })).toMatchObject({
    events: [{ code: "pull-request-gone" }],
  });
  expect(await gate.branch()).toBeNull();
});

test("the runner is away: what went out before is looked for later, what never did is refused", async () => {
  await using gate = await openRefusingGate();
  const options = { ...pullIs("merged", gate.checkout.base), exportBundle: away };
  expect(await gate.push({ pullRequest: 7 }, options)).toMatchObject({
    events: [{ code: "pull-request-gone" }],
  });
  expect(await gate.push({ pullRequest: 7 }, options, 2)).toMatchObject({ kind: "later" });
});

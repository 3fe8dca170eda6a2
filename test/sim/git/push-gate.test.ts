/**
 * The real push gate over the simulation's git: what it does with real git (test/git/push-gate.test.ts) it does here
 * too, through the emulator's own rules for pushes.
 */
import { expect, test } from "vitest";

import { makeBundle } from "./bundle.ts";
import { connectionFailed } from "./quarantine.ts";
import { BRANCH, commitOn, now, openRig, session, SHOP } from "./rig.ts";

const done = (sha: string | undefined, commits: number): object => ({
  kind: "done",
  events: [{ kind: "branch-pushed", session, sha, commits }],
});

const refused = (code: string): object => ({ kind: "refused", events: [{ code }] });

test("a first push, the same again, more commits: webhooks and the pull request follow", async () => {
  const gate = await openRig();
  const first = gate.commit({ "a.txt": "a\n" });
  expect(await gate.push()).toMatchObject(done(first, 1));
  expect(gate.branch()).toBe(first);
  expect(await gate.push({}, { tries: 2 })).toMatchObject(done(first, 1));
  const pull = await gate.alice.openPull(SHOP, { title: "A", head: BRANCH, base: "main" });
  gate.commit({ "b.txt": "b\n" });
  const third = gate.commit({ "a.txt": null });
  const known = { expected: first, pullRequest: pull.issue.number };
  expect(await gate.push(known)).toMatchObject(done(third, 2));
  expect(pull.headSha).toBe(third);
  await gate.github.world.idle();
  expect(gate.webhooks.map(({ event, action }) => `${event} ${action}`)).toEqual([
    "installation created",
    "push undefined",
    "pull_request opened",
    "push undefined",
    "pull_request synchronize",
  ]);
  const common = { at: now(), repository: SHOP, ref: `refs/heads/${BRANCH}` };
  expect(gate.pushes).toEqual([
    { ...common, sha: first, pull: null, forced: false, rooted: true },
    { ...common, sha: third, pull: "open", forced: false, rooted: true },
  ]);
});

test("people's commits are kept by a merge; a conflict names the file", async () => {
  const gate = await openRig();
  const first = gate.commit({ "a.txt": "a\n" });
  await gate.push();
  const human = { files: { "human.txt": "h\n" }, message: "mine" };
  const theirs = await gate.alice.push(SHOP, BRANCH, human);
  const second = gate.commit({ "b.txt": "b\n" });
  expect(await gate.push({ expected: first })).toMatchObject(done(gate.branch(), 3));
  const { git } = gate.github.world.repository(SHOP);
  const merge = await git.readCommit(gate.branch() ?? "");
  expect(merge).toMatchObject({ parents: [theirs, second], author: { name: "orcha[bot]" } });
  const paths = (await git.listTree(merge.sha, "")).map(({ path }) => path);
  expect(paths).toEqual(["README.md", "a.txt", "b.txt", "cart.js", "human.txt"]);
  await gate.alice.push(SHOP, BRANCH, { files: { "cart.js": "human\n" }, message: "mine" });
  gate.commit({ "cart.js": "agent\n" });
  expect(await gate.push({ expected: merge.sha })).toMatchObject({
    kind: "refused",
    events: [{ code: "moved", reason: expect.stringContaining('"cart.js"') }],
  });
});

test("a lost answer is looked for; a lost connection comes back later", async () => {
  const losses = ["after", "before"];
  const gate = await openRig({
    around: async (command, run) => {
      const loss = command === "push" ? losses.shift() : undefined;
      if (loss !== "before") {
        const result = await run();
        if (loss === undefined) return result;
      }
      return connectionFailed();
    },
  });
  const first = gate.commit({ "a.txt": "a\n" });
  expect(await gate.push()).toMatchObject(done(first, 1));
  const second = gate.commit({ "b.txt": "b\n" });
  expect(await gate.push({ expected: first })).toMatchObject({ kind: "later" });
  expect(gate.branch()).toBe(first);
  expect(await gate.push({ expected: first }, { tries: 2 })).toMatchObject(done(second, 1));
});

test("what must not be pushed is refused: merged, foreign, deleted, policy, unpushed base", async () => {
  const gate = await openRig();
  const foreign = { files: { z: "z\n" }, message: "mine" };
  const foreignHead = await gate.alice.push(SHOP, BRANCH, foreign);
  const head = gate.commit({ "a.txt": "a\n" });
  expect(await gate.push()).toMatchObject(refused("moved"));
  await gate.alice.deleteBranch(SHOP, BRANCH);
  expect(await gate.push({ expected: head })).toMatchObject(refused("moved"));
  const main = gate.github.world.repository(SHOP).refs.get("refs/heads/main") ?? "";
  const merged = { number: 1, state: "merged", headSha: main } as const;
  const pullRequest = async () => merged;
  expect(await gate.push({ pullRequest: 1 }, { pullRequest })).toMatchObject(
    refused("pull-request-gone"),
  );
  const there = async () => ({ ...merged, headSha: foreignHead });
  expect(await gate.push({ pullRequest: 1, expected: head }, { pullRequest: there })).toMatchObject(
    refused("pull-request-gone"),
  );
  const { objects } = gate;
  const bundle = makeBundle({ objects }, head, gate.commit({ "b.txt": "b\n" }));
  const unpushed = { ok: true, base: head, head: gate.commit({}), bundle } as const;
  expect(await gate.push({}, { exportBundle: async () => unpushed })).toMatchObject(
    refused("failed"),
  );
  gate.commit({ ".github/workflows/ci.yml": "on: push\n" });
  expect(await gate.push()).toMatchObject(refused("policy"));
  expect(gate.branch()).toBeUndefined();
  expect(gate.pushes).toEqual([]);
});

test("limits and broken bundles are seen; a token that may not write is refused", async () => {
  const gate = await openRig();
  gate.commit({ "a.txt": "a".repeat(5_000) });
  gate.commit({ "b.txt": "b\n", "c.txt": "c\n" });
  for (const limits of [{ commitsMax: 1 }, { filesMax: 2 }, { fileBytesMax: 4_000 }])
    expect(await gate.push({}, { limits })).toMatchObject({ events: [{ code: "policy" }] });
  const { objects } = gate;
  const base = gate.github.world.repository(SHOP).refs.get("refs/heads/main") ?? "";
  const head = gate.commit({ "d.txt": "d\n" });
  const whole = makeBundle({ objects }, base, head);
  for (const bundle of [Buffer.from("nonsense"), whole.subarray(0, whole.length - 9)])
    expect(
      await gate.push({}, { exportBundle: async () => ({ ok: true, base, head, bundle }) }),
    ).toMatchObject({ events: [{ code: "policy" }] });
  const shut = await openRig({ permissions: { contents: "read", pull_requests: "write" } });
  shut.commit({ "a.txt": "a\n" });
  expect((await shut.push()).kind).not.toBe("done");
  expect(shut.branch()).toBeUndefined();
});

test("going back to what an older commit held is no missing object", async () => {
  const gate = await openRig();
  const { objects } = gate;
  const newer = { files: { "cart.js": "new\n" }, message: "newer" };
  const base = await gate.alice.push(SHOP, "main", newer);
  const head = commitOn(objects, base, { "cart.js": "one\ntwo\n" });
  const whole = Buffer.from(makeBundle({ objects }, base, head)).toString();
  // As a thin pack may: the content is left out, because the base's history holds it.
  const thin = Buffer.from(whole.replace(/"blobs":\[.*\]/u, '"blobs":[]'));
  const exportBundle = async () => ({ ok: true, base, head, bundle: thin }) as const;
  expect(await gate.push({ base }, { exportBundle })).toMatchObject(done(head, 1));
});

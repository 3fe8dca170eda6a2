/** The push gate with real git against a real git server; hostile histories are made with git plumbing. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ExportBundle } from "../../src/github/push-gate.ts";
import { openShopWorld, SHOP, type ShopWorld } from "../github/world.ts";
import { away, BRANCH, openGate, session, type Gate } from "./gate.ts";

/** Where nothing arrives, one GitHub serves many tests. */
let shared: ShopWorld | null = null;
beforeAll(async () => {
  shared = await openShopWorld();
});
afterAll(async () => {
  await shared?.[Symbol.asyncDispose]();
});

const openRefusingGate = (): Promise<Gate> => openGate(shared);

test("new commits arrive on a new branch, and again is the same", async () => {
  await using gate = await openGate();
  const head = await gate.checkout.commit({ "a.txt": "a\n" });
  const event = { kind: "branch-pushed", session, sha: head, commits: 1 };
  expect(await gate.push()).toMatchObject({ kind: "done", events: [event] });
  expect(await gate.branch()).toBe(head);
  // The answer was lost: the second try sees that it is there.
  expect(await gate.push()).toMatchObject({ kind: "done", events: [event] });
  const second = await gate.checkout.commit({ "b.txt": "b\n" });
  expect(await gate.push({ expected: head })).toMatchObject({
    kind: "done",
    events: [{ kind: "branch-pushed", sha: second, commits: 1 }],
  });
  expect(await gate.branch()).toBe(second);
});

test("a push that failed on the way is looked for before it counts as failed", async () => {
  await using gate = await openGate();
  const head = await gate.checkout.commit({ "a.txt": "a\n" });
  gate.shop.world.faults.add({
    match: { method: "POST", path: /git-receive-pack$/u },
    kind: "drop",
    when: "after",
  });
  expect(await gate.push()).toMatchObject({ kind: "done" });
  expect(await gate.branch()).toBe(head);
});

test("people's commits on the branch are kept: forward when possible, else merged", async () => {
  await using gate = await openGate();
  const first = await gate.checkout.commit({ "a.txt": "a\n" });
  await gate.push();
  const human = await gate.shop.world
    .as("alice")
    .push(SHOP, BRANCH, { files: { "human.txt": "h\n" }, message: "mine" });
  const mine = await gate.checkout.commit({ "b.txt": "b\n" });
  const outcome = await gate.push({ expected: first });
  expect(outcome).toMatchObject({ kind: "done" });
  const merged = await gate.branch();
  expect(await gate.checkout.remoteParents(BRANCH)).toEqual([human, mine]);
  expect(await gate.checkout.remoteFiles(BRANCH)).toEqual(
    expect.arrayContaining(["a.txt", "b.txt", "human.txt"]),
  );
  expect(await gate.push({ expected: first })).toMatchObject({ events: [{ sha: merged }] });
});

test("a conflict with people's commits names the file and pushes nothing", async () => {
  await using gate = await openGate();
  const first = await gate.checkout.commit({ "a.txt": "a\n" });
  await gate.push();
  const human = await gate.shop.world
    .as("alice")
    .push(SHOP, BRANCH, { files: { "a.txt": "human\n" }, message: "mine" });
  await gate.checkout.commit({ "a.txt": "agent\n" });
  expect(await gate.push({ expected: first })).toMatchObject({
    kind: "refused",
    events: [{ kind: "push-refused", code: "moved", reason: expect.stringContaining('"a.txt"') }],
  });
  expect(await gate.branch()).toBe(human);
});

test("a foreign branch of the same name and a deleted branch are not touched", async () => {
  await using gate = await openGate();
  const foreign = await gate.shop.world
    .as("alice")
    .push(SHOP, BRANCH, { files: { "z.txt": "z\n" }, message: "mine" });
  const head = await gate.checkout.commit({ "a.txt": "a\n" });
  const moved = { kind: "refused", events: [{ code: "moved" }] };
  expect(await gate.push()).toMatchObject(moved);
  expect(await gate.branch()).toBe(foreign);
  await gate.shop.world.as("alice").deleteBranch(SHOP, BRANCH);
  expect(await gate.push({ expected: head })).toMatchObject(moved);
  expect(await gate.branch()).toBeNull();
});

test("nothing committed is said so", async () => {
  await using gate = await openRefusingGate();
  expect(await gate.push()).toMatchObject({
    kind: "refused",
    events: [{ code: "nothing-committed" }],
  });
});

test.for([
  { files: { ".github/workflows/ci.yml": "on: push\n" }, names: ".github/workflows/ci.yml" },
  { files: { ".GitHub/Workflows/ci.yml": "on: push\n" }, names: ".GitHub/Workflows/ci.yml" },
  { files: { ".claude/settings.json": "{}" }, names: ".claude/settings.json" },
  { files: { "packages/a/CLAUDE.md": "x" }, names: "packages/a/CLAUDE.md" },
  { files: { ".gitmodules": "[submodule]" }, names: ".gitmodules" },
  { files: { [String.raw`a\b.txt`]: "x" }, names: "backslash" },
])("policy refuses $names", async ({ files, names }) => {
  await using gate = await openRefusingGate();
  await gate.checkout.commit(files);
  expect(await gate.push()).toMatchObject({
    kind: "refused",
    events: [{ code: "policy", reason: expect.stringContaining(names) }],
  });
  expect(await gate.branch()).toBeNull();
});

test("what a commit added and the next one took away is still found", async () => {
  await using gate = await openRefusingGate();
  await gate.checkout.commit({ ".github/workflows/ci.yml": "on: push\n" });
  await gate.checkout.commit({ ".github/workflows/ci.yml": null, "a.txt": "a\n" });
  expect(await gate.push()).toMatchObject({ events: [{ code: "policy" }] });
});

test.for([
  { entry: "120000 blob", path: "a", content: "../../etc/passwd", why: "leads out" },
  { entry: "120000 blob", path: "a", content: "/etc/passwd", why: "leads out" },
  { entry: "120000 blob", path: "a", content: ".git/hooks", why: "leads out" },
  { entry: "160000 commit", path: "sub", content: null, why: "submodule" },
  { entry: "100644 blob", path: ".git/config", content: "x", why: "hasDotgit" },
  { entry: "100644 blob", path: ".GIT/config", content: "x", why: "hasDotgit" },
  { entry: "100644 blob", path: "git~1/config", content: "x", why: "hasDotgit" },
  { entry: "120000 blob", path: ".gitmodules", content: "x", why: "gitmodules" },
])("plumbing cannot smuggle in $entry $path to $content", async ({ entry, path, content, why }) => {
  await using gate = await openRefusingGate();
  await gate.checkout.commitEntry(entry, path, content);
  expect(await gate.push()).toMatchObject({
    kind: "refused",
    events: [{ code: "policy", reason: expect.stringContaining(why) }],
  });
  expect(await gate.branch()).toBeNull();
});

test("links inside the tree, odd names and executables are fine", async () => {
  await using gate = await openGate();
  await gate.checkout.commitEntry("120000 blob", "docs/link", "../README.md");
  const head = await gate.checkout.commit({ "$(id) `id`; x\n-rf": "x", "--upload-pack=x": "y" });
  expect(await gate.push()).toMatchObject({ kind: "done", events: [{ sha: head, commits: 2 }] });
});

test("a history that does not come from the base is refused, and so is a bundle that is none", async () => {
  await using gate = await openRefusingGate();
  await gate.checkout.commit({ "a.txt": "a\n" });
  const orphan = await gate.checkout.orphan();
  expect(
    await gate.push({}, { exportBundle: async () => ({ ok: true, ...orphan }) }),
  ).toMatchObject({
    events: [{ code: "policy", reason: expect.stringContaining("does not descend") }],
  });
  const good = await gate.checkout.export();
  const cut = { ...good, bundle: good.bundle.subarray(0, good.bundle.length - 30) };
  for (const bad of [{ ...good, bundle: Buffer.from("nonsense") }, cut])
    expect(await gate.push({}, { exportBundle: async () => ({ ok: true, ...bad }) })).toMatchObject(
      {
        kind: "refused",
        events: [{ code: "policy" }],
      },
    );
});

test("going back to what an older commit held is no missing object", async () => {
  await using gate = await openGate();
  const alice = gate.shop.world.as("alice");
  await alice.push(SHOP, "main", { files: { "src/cart.js": "new\n" }, message: "newer" });
  await using later = await openGate(gate.shop);
  expect(later.checkout.base).not.toBe(gate.checkout.base);
  const head = await later.checkout.commit({ "src/cart.js": "one\ntwo\nthree\n" });
  expect(await later.push()).toMatchObject({ kind: "done", events: [{ sha: head, commits: 1 }] });
  const whole = await later.checkout.export();
  const without = await later.checkout.exportWithout("one\ntwo\nthree\n");
  expect(without.bundle.length).toBeLessThan(whole.bundle.length);
  const exportBundle: ExportBundle = async () => ({ ok: true, ...without });
  const branch = "orcha/2-back-abcdef";
  expect(await later.push({ branch }, { exportBundle })).toMatchObject({ kind: "done" });
});

test("a base that GitHub does not have any more is said so", async () => {
  await using gate = await openRefusingGate();
  await gate.checkout.commit({ "a.txt": "a\n" });
  const exported = await gate.checkout.export();
  const other = { ...exported, base: "1".repeat(40) };
  expect(await gate.push({}, { exportBundle: async () => ({ ok: true, ...other }) })).toMatchObject(
    {
      kind: "refused",
      events: [{ code: "failed", reason: expect.stringContaining("is gone on GitHub") }],
    },
  );
});

test("limits on commits, files and sizes are kept", async () => {
  await using gate = await openGate();
  await gate.checkout.commit({ "a.txt": "a".repeat(5_000) });
  await gate.checkout.commit({ "b.txt": "b\n", "c.txt": "c\n" });
  for (const limits of [{ commitsMax: 1 }, { filesMax: 2 }, { fileBytesMax: 4_000 }])
    expect(await gate.push({}, { limits })).toMatchObject({ events: [{ code: "policy" }] });
  expect(await gate.push()).toMatchObject({ kind: "done" });
});

test.for([
  "main",
  "orcha/",
  "orcha/a..b",
  "orcha/--upload-pack=x",
  "orcha/a;id",
  "orcha/A",
  "orcha/x.lock",
])("only branches of ours are pushed: not %s", async (branch) => {
  await using gate = await openRefusingGate();
  await gate.checkout.commit({ "a.txt": "a\n" });
  expect(await gate.push({ branch })).toMatchObject({ events: [{ code: "policy" }] });
});

test("what passes by itself is tried later: runner and GitHub away, git missing", async () => {
  await using gate = await openGate();
  await gate.checkout.commit({ "a.txt": "a\n" });
  expect(await gate.push({}, { exportBundle: away })).toMatchObject({ kind: "later" });
  gate.shop.world.faults.add({
    match: { path: /info\/refs/u },
    kind: "status",
    status: 503,
    when: "before",
  });
  expect(await gate.push()).toMatchObject({ kind: "later" });
  const exported = await gate.checkout.export();
  const without = await withPath(gate.checkout.scratch, () =>
    gate.push({}, { exportBundle: async () => ({ ok: true, ...exported }) }),
  );
  expect(without).toMatchObject({ kind: "later", reason: expect.stringContaining("install git") });
});

test("no token is in arguments, environment or files, and all are revoked afterwards", async () => {
  await using gate = await openGate();
  await gate.checkout.commit({ "a.txt": "a\n" });
  const spy = await gate.checkout.spy();
  const path = `${spy.path}:${process.env["PATH"] ?? ""}`;
  const exported = await gate.checkout.export();
  const exportBundle: ExportBundle = async () => ({ ok: true, ...exported });
  const outcome = await withPath(path, () => gate.push({}, { exportBundle }));
  expect(outcome).toMatchObject({ kind: "done" });
  const seen = await spy.seen();
  expect(seen).toContain("--force-with-lease");
  expect(seen).toContain("GIT_TERMINAL_PROMPT=0");
  const tokens = gate.shop.secrets.values().filter((value) => value.startsWith("ghs_"));
  // One for the checkout of this test, one for facts, one for reading, one for pushing.
  expect(tokens).toHaveLength(4);
  for (const token of tokens) expect(seen.includes(token)).toBe(false);
  const answers = tokens.map(async (token) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${gate.shop.url}/api/v3/installation/repositories`, { headers })).status;
  });
  expect((await Promise.all(answers)).toSorted((a, b) => a - b)).toEqual([200, 200, 401, 401]);
});

async function withPath<T>(path: string, act: () => Promise<T>): Promise<T> {
  const before = process.env["PATH"];
  process.env["PATH"] = path;
  try {
    return await act();
  } finally {
    process.env["PATH"] = before;
  }
}

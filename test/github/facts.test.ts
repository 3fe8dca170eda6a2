/** What GitHub says now, as facts. */
import { expect, test } from "vitest";
import { DEFAULT_CONFIG } from "../../src/domain/repository.ts";
import { handClock } from "./clock.ts";
import { openShopWorld, SHOP, type ShopWorld } from "./world.ts";

const permission = async (shop: ShopWorld, login: string, id?: number) => {
  const actor = {
    id: id ?? shop.world.as(login).account.id,
    login,
    type: login.endsWith("[bot]") ? "bot" : "user",
  } as const;
  return (await shop.forge.read(shop.repository, [{ kind: "permission", actor }])).permission;
};

test("an issue as it is, with what a human sees of it; a missing one is null", async () => {
  await using shop = await openShopWorld();
  const alice = shop.world.as("alice");
  const { number } = alice.openIssue(SHOP, { title: "T\u202E", body: "B <!-- x -->\r\n" });
  alice.label(SHOP, number, "objective");
  const facts = await shop.forge.read(shop.repository, [{ kind: "issue", number }]);
  expect(facts.issue).toMatchObject({
    number,
    title: "T",
    body: "B",
    open: true,
    labels: ["objective"],
  });
  alice.closeIssue(SHOP, number);
  const closed = await shop.forge.read(shop.repository, [{ kind: "issue", number }]);
  expect(closed.issue?.open).toBe(false);
  const missing = await shop.forge.read(shop.repository, [
    { kind: "issue", number: 999 },
    { kind: "pull-request", number },
    { kind: "review", number: 999, review: 1 },
  ]);
  expect(missing).toEqual({ issue: null, pullRequest: null, review: null });
});

test.for(["none", "read", "triage", "write", "maintain", "admin"] as const)(
  "permission %s",
  async (role) => {
    await using shop = await openShopWorld();
    shop.world.setPermission(SHOP, "bob", role);
    expect(await permission(shop, "bob")).toBe(role);
  },
);

test("an answer about another id, a bot and a stranger are nobody", async () => {
  await using shop = await openShopWorld();
  expect(await permission(shop, "alice")).toBe("write");
  expect(await permission(shop, "alice", 123_456)).toBe("none");
  expect(await permission(shop, "orcha[bot]", 1)).toBe("none");
  expect(await permission(shop, "nobody-at-all", 5)).toBe("none");
  expect(await permission(shop, "../../users/alice", 5)).toBe("none");
});

test("a permission is believed for a minute at most", async () => {
  const clock = handClock();
  await using shop = await openShopWorld({
    forge: { clock },
    emulator: { now: () => clock.now() },
  });
  expect(await permission(shop, "alice")).toBe("write");
  shop.world.setPermission(SHOP, "alice", "read");
  clock.advance(59_000);
  expect(await permission(shop, "alice")).toBe("write");
  clock.advance(2_000);
  expect(await permission(shop, "alice")).toBe("read");
});

const config = async (shop: ShopWorld) =>
  (await shop.forge.read(shop.repository, [{ kind: "config" }])).config;

test("configuration: none, good, broken keeps the last good one, mended", async () => {
  await using shop = await openShopWorld();
  const write = (text: string | null) =>
    shop.world.as("alice").push(SHOP, "main", {
      files: { ".github/orcha.yml": text },
      message: "configure",
    });
  const preset = { config: DEFAULT_CONFIG, problem: null, defaultBranch: "main" };
  expect(await config(shop)).toEqual(preset);
  await write("limits:\n  workers: 3\n");
  const good = { ...DEFAULT_CONFIG, limits: { workers: 3 } };
  expect(await config(shop)).toEqual({ ...preset, config: good });
  await write("limits:\n  workers: lots\n");
  expect(await config(shop)).toEqual({
    config: good,
    defaultBranch: "main",
    problem: {
      sha: expect.stringMatching(/^[0-9a-f]{40}$/u),
      line: 2,
      message: '`limits.workers` is "lots", but must be a number',
    },
  });
  await write("label: task\n");
  expect(await config(shop)).toMatchObject({ config: { label: "task" }, problem: null });
  await write(null);
  expect(await config(shop)).toEqual(preset);
});

test("broken from the first: the defaults are in force", async () => {
  await using shop = await openShopWorld({ files: { ".github/orcha.yml": "label: [" } });
  expect(await config(shop)).toMatchObject({ config: DEFAULT_CONFIG, problem: { line: 1 } });
});

test("what is away is an error that says so, what is denied too", async () => {
  await using shop = await openShopWorld();
  shop.world.faults.add({
    match: { path: /\/issues\/1$/u },
    kind: "status",
    status: 503,
    when: "before",
  });
  const read = () => shop.forge.read(shop.repository, [{ kind: "issue", number: 1 }]);
  await expect(read()).rejects.toMatchObject({ name: "PortError", kind: "unavailable" });
  const { installation } = shop.repository;
  shop.world.select(installation, { remove: [SHOP] });
  await expect(config(shop)).rejects.toMatchObject({ name: "PortError" });
});

test("only our own pull requests have a head branch for us", async () => {
  await using shop = await openShopWorld();
  const alice = shop.world.as("alice");
  await alice.push(SHOP, "orcha/1-x-abcdef", { files: { "a.txt": "a" }, message: "a" });
  const pull = await alice.openPull(SHOP, { title: "x", head: "orcha/1-x-abcdef", base: "main" });
  expect(await shop.forge.ownHeadBranch(shop.repository, pull.issue.number)).toBeNull();
  expect(await shop.forge.ownHeadBranch(shop.repository, 999)).toBeNull();
});

test("how far a branch has gone since a commit; what GitHub cannot say holds nobody up", async () => {
  await using shop = await openShopWorld();
  const alice = shop.world.as("alice");
  const commit = (path: string) =>
    alice.push(SHOP, "main", { message: path, files: { [path]: "1\n" } });
  const base = await commit("a.txt");
  const behind = async (from: string) =>
    (await shop.forge.read(shop.repository, [{ kind: "behind", base: from, branch: "main" }]))
      .behind;
  expect(await behind(base)).toBe(0);
  for (const path of ["b.txt", "c.txt"]) await commit(path);
  expect(await behind(base)).toBe(2);
  expect(await behind("1".repeat(40))).toBeNull();
});

/** Real git against the emulator: clone, push, shallow and partial, many at once, refusals, what a push sets off. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { openShop, repo, shopName, type Shop } from "./shop.ts";

const run = promisify(execFile);
let shop: Shop;
let folder: string;
let token: string;

beforeAll(async () => {
  shop = await openShop({ private: true });
  folder = await mkdtemp(join(tmpdir(), "emulator-git-"));
  token = await shop.token();
});

afterAll(async () => {
  await shop.emulator.close();
  await rm(folder, { recursive: true });
});

test("an installation token clones, commits and pushes", async () => {
  await clone("one", token);
  await commit("one", "new.txt", "new\n");
  await git("one", "push", "origin", "HEAD:refs/heads/topic");
  const { data } = await shop.bot.rest.repos.getBranch({ ...repo, branch: "topic" });
  expect(data.commit.sha).toBe(await git("one", "rev-parse", "HEAD"));
  expect(data.commit.author?.login ?? null).toBeNull();
});

test("strangers, readers and narrow tokens are refused", async () => {
  await expect(clone("no1", undefined)).rejects.toThrow("could not read Username");
  await expect(clone("no2", "wrong")).rejects.toThrow("Authentication failed");
  const read = await shop.token({ permissions: { contents: "read" } });
  await clone("reader", read);
  await commit("reader", "x", "x");
  await expect(git("reader", "push", "origin", "HEAD:x")).rejects.toThrow("denied to the app");
  await clone("bob", shop.bob.account.token);
  await commit("bob", "x", "x");
  await expect(git("bob", "push", "origin", "HEAD:x")).rejects.toThrow("denied to bob");
  await shop.world.createRepository({
    owner: "acme",
    name: "other",
    private: true,
    files: { a: "a" },
  });
  const elsewhere = await shop.token({ repositories: ["other"] });
  await expect(clone("no3", elsewhere)).rejects.toThrow("not found");
});

test("workflow files need their own permission", async () => {
  await clone("flow", token);
  await run("mkdir", ["-p", join(folder, "flow/.github/workflows")]);
  await commit("flow", ".github/workflows/ci.yml", "on: push\n");
  const refusal = "refusing to allow a GitHub App to create or update workflow";
  await expect(git("flow", "push", "origin", "HEAD:flow")).rejects.toThrow(refusal);
  await expect(git("flow", "push", "origin", "HEAD:main")).rejects.toThrow(refusal);
  await clone("flow-alice", shop.alice.account.token);
  await run("mkdir", ["-p", join(folder, "flow-alice/.github/workflows")]);
  await commit("flow-alice", ".github/workflows/ci.yml", "on: push\n");
  await git("flow-alice", "push", "origin", "HEAD:refs/heads/flow");
});

test("a push to the branch of a pull request is announced; a deleted branch closes it", async () => {
  const { world, alice } = shop;
  await alice.push(shopName, "work", { files: { "a.txt": "1\n" }, message: "One" });
  const pull = await alice.openPull(shopName, { title: "Work", head: "work", base: "main" });
  await clone("work", token);
  await git("work", "checkout", "--quiet", "work");
  await commit("work", "a.txt", "2\n");
  shop.seen.clear();
  await git("work", "push", "origin", "work");
  expect(pull.headSha).toBe(await git("work", "rev-parse", "HEAD"));
  expect(await git("work", "ls-remote", "origin", `refs/pull/${pull.issue.number}/head`)).toContain(
    pull.headSha,
  );
  expect(pull.stats).toMatchObject({ commits: 2, mergeable: true });
  await commit("work", "a.txt", "3\n", "--amend");
  await expect(git("work", "push", "origin", "work")).rejects.toThrow("non-fast-forward");
  await git("work", "push", "--force-with-lease", "origin", "work");
  expect(pull.stats.commits).toBe(2);
  await git("work", "push", "origin", ":work");
  expect(world.issue(shopName, pull.issue.number).state).toBe("closed");
});

test("a branch that is pushed into main by hand counts as merged", async () => {
  await shop.alice.push(shopName, "hand", { files: { hand: "1\n" }, message: "By hand" });
  const wanted = { title: "By hand", head: "hand", base: "main" };
  const pull = await shop.alice.openPull(shopName, wanted);
  await clone("hand", shop.alice.account.token);
  await git("hand", "push", "--quiet", "origin", "origin/hand:refs/heads/main");
  expect(pull).toMatchObject({ mergedBy: { login: "alice" }, mergeCommitSha: pull.headSha });
  expect(pull.issue.state).toBe("closed");
});

test("a push whose answer is lost has happened all the same", async () => {
  await clone("lost", token);
  await commit("lost", "lost", "lost\n");
  const match = { method: "POST", path: /\/git-receive-pack$/u };
  shop.world.faults.add({ match, kind: "drop", when: "after" });
  await expect(git("lost", "push", "origin", "HEAD:refs/heads/lost")).rejects.toThrow("RPC failed");
  const sha = await git("lost", "rev-parse", "HEAD");
  expect(shop.world.repository(shopName).refs.get("refs/heads/lost")).toBe(sha);
  await git("lost", "push", "origin", "HEAD:refs/heads/lost");
});

test("a push whose client went away while it waited for its turn holds up nobody", async () => {
  const free = Promise.withResolvers<void>();
  const held = shop.world.repository(shopName).git.exclusive(() => free.promise);
  const { port } = new URL(shop.url);
  const socket = connect(Number(port), "127.0.0.1");
  const head = [
    `POST /${shopName}.git/git-receive-pack HTTP/1.1`,
    "Host: here",
    `Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`,
    "Content-Type: application/x-git-receive-pack-request",
    "Content-Length: 1000",
  ];
  await new Promise((sent) => socket.write(`${head.join("\r\n")}\r\n\r\n0000`, sent));
  // The next request is heard after it.
  await shop.bot.rest.repos.get(repo);
  const gone = once(socket, "close");
  socket.destroy();
  await gone;
  await shop.bot.rest.repos.get(repo);
  free.resolve();
  await held;
  await clone("after", token);
  await commit("after", "after.txt", "after\n");
  await git("after", "push", "origin", "HEAD:refs/heads/after");
  const { data } = await shop.bot.rest.repos.getBranch({ ...repo, branch: "after" });
  expect(data.commit.sha).toBe(await git("after", "rev-parse", "HEAD"));
});

test("shallow, partial, by commit id", async () => {
  await clone("shallow", token, "--depth=1");
  expect(await git("shallow", "rev-list", "--count", "HEAD")).toBe("1");
  await clone("partial", token, "--filter=blob:none");
  const sha = await shop.alice.push(shopName, "later", { files: { b: "b" }, message: "b" });
  await git("shallow", "fetch", "--quiet", "origin", sha);
  expect(await git("shallow", "rev-parse", "FETCH_HEAD")).toBe(sha);
});

test("five pushes at once, and a large one in chunks", async () => {
  const names = Array.from({ length: 5 }, (_, index) => `many${index}`);
  await Promise.all(names.map((name) => clone(name, token)));
  await Promise.all(names.map((name) => commit(name, `${name}.txt`, name)));
  await Promise.all(
    names.map((name) => git(name, "push", "--quiet", "origin", `HEAD:refs/heads/${name}`)),
  );
  const refs = shop.world.repository(shopName).refs;
  expect(names.filter((name) => !refs.has(`refs/heads/${name}`))).toEqual([]);
  const large = Array.from({ length: 60_000 }, () => Math.random().toString(36)).join("\n");
  await commit("many0", "large.txt", large);
  await git("many0", "push", "--quiet", "origin", "HEAD:refs/heads/large");
  expect(refs.size).toBeLessThan(shop.world.repository(shopName).refs.size);
});

test("an existing repository is taken in with its branches", async () => {
  await clone("source", token);
  await git("source", "branch", "extra");
  const from = join(folder, "source");
  const imported = await shop.world.createRepository({ owner: "acme", name: "copy", from });
  expect([...imported.refs.keys()]).toEqual(["refs/heads/extra", "refs/heads/main"]);
  expect(imported.defaultBranch).toBe("main");
  await git("source", "checkout", "--quiet", "--detach");
  await git("source", "branch", "--quiet", "--delete", "--force", "main");
  const detached = await shop.world.createRepository({ owner: "acme", name: "detached", from });
  expect(detached.defaultBranch).toBe("extra");
});

test("nothing broke GitHub's descriptions", () => {
  expect(shop.violations).toEqual([]);
});

async function clone(name: string, secret: string | undefined, ...more: string[]): Promise<void> {
  const credentials = secret === undefined ? "" : `x-access-token:${secret}@`;
  const url = shop.url.replace("//", `//${credentials}`);
  await git("", "clone", "--quiet", ...more, `${url}/${shopName}.git`, name);
}

async function commit(
  name: string,
  path: string,
  content: string,
  ...more: string[]
): Promise<void> {
  await writeFile(join(folder, name, path), content);
  await git(name, "add", "--all");
  await git(name, "commit", "--quiet", "--message", "Change", ...more);
}

async function git(name: string, ...args: string[]): Promise<string> {
  const identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
  const { stdout } = await run("git", [...identity, ...args], {
    cwd: join(folder, name),
    env: { PATH: process.env["PATH"], HOME: folder, GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" },
  });
  return stdout.trim();
}

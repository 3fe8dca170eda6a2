/** Bad input gets a clear message and loses nothing that was accepted. */
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdirSync, rmSync, statSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { SECRET } from "../github-people.ts";
import { openWorld, REPO, type TestWorld } from "../world.ts";

const simple = { manager: [{ tool: "finish_objective", args: { summary: "nothing to do" } }] };

const send = (
  world: TestWorld,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<number> =>
  fetch(world.plane.url, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  }).then(({ status }) => status);

const signed = (body: string, guid: string): Readonly<Record<string, string>> => ({
  "x-github-event": "issues",
  "x-github-delivery": guid,
  "x-hub-signature-256": `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`,
});

const guid = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;

test("malformed and unsigned webhooks are refused and the next good one is handled", async () => {
  await using world = await openWorld();
  const body = JSON.stringify({ action: "labeled" });
  expect(
    await send(world, body, { "x-github-event": "issues", "x-github-delivery": guid(1) }),
    "unsigned",
  ).toBe(401);
  expect(await send(world, body, { ...signed("{}", guid(2)) }), "signed for another body").toBe(
    401,
  );
  expect(await send(world, "{oops", signed("{oops", guid(3))), "not JSON").toBe(400);
  expect(await send(world, "x".repeat(26 * 1024 * 1024), signed("x", guid(4))), "26 MB").toBe(413);
  expect(await send(world, body, signed(body, guid(5))), "signed, but not what GitHub sends").toBe(
    202,
  );
  const issue = world.objective(simple);
  expect(await world.nextComment(issue)).toContain("nothing to do");
});

test("a broken .github/orcha.yml is pointed out with its line; the last good one stays in force", async () => {
  await using world = await openWorld({
    files: { "README.md": "# shop\n", ".github/orcha.yml": "label: work\non_done: keep-open\n" },
  });
  const first = world.openIssue("One", "```orcha-steps\n" + JSON.stringify(simple) + "\n```");
  world.ann.label(REPO, first, "work");
  expect(await world.nextComment(first)).toContain("nothing to do");

  await world.ann.push(REPO, "main", {
    message: "Oops",
    files: { ".github/orcha.yml": "label: work\nlimits:\n  wokers: 3\n" },
  });
  const second = world.openIssue("Two", "```orcha-steps\n" + JSON.stringify(simple) + "\n```");
  world.ann.label(REPO, second, "work");
  const problem = await world.nextComment(second);
  expect(problem).toMatch(
    /`\.github\/orcha\.yml` line 3: .*wokers.*The last good configuration stays in force\./u,
  );
  expect(await world.nextComment(second)).toContain("nothing to do");
  await world.status(second, "Done at");
  expect(world.github.issue(REPO, second).state, "on_done: keep-open is still in force").toBe(
    "open",
  );
});

test("a mistake in the manager's steps becomes one question that names it", async () => {
  await using world = await openWorld();
  const issue = world.objective({ manager: [{ say: "hello" }, { sya: "typo" }] });
  const question = await world.nextComment(issue);
  expect(question).toContain("The manager cannot go on");
  expect(question).toMatch(/step 2/u);
  expect(question).toContain("sya");
  await world.status(issue, "Waiting for you");
  world.ann.closeIssue(REPO, issue);
  await world.status(issue, "Canceled");
});

test("a worker that crashes is tried again and then given up, the manager hears why", async () => {
  await using world = await openWorld();
  const issue = world.objective({
    manager: [
      { tool: "spawn_session", args: { title: "fragile", goal: "work" } },
      { wait: "failed", save: "failure" },
      { tool: "finish_objective", args: { summary: "${failure.text}" } },
    ],
    workers: { fragile: [{ repeat: 9, steps: [{ crash: "SIGKILL" }] }] },
  });
  expect(await world.nextComment(issue)).toContain("SIGKILL");
  expect(await world.nextComment(issue)).toMatch(
    /Worker .fragile. .*failed: its process ended in the middle of a turn \(SIGKILL\)/u,
  );
  const [objective] = await world.objectives();
  expect(objective?.sessions.find(({ title }) => title === "fragile")?.attempt, "attempts").toBe(3);
});

test("an upstream that cannot be reached is tried again, then asked about; then it is there again", async () => {
  await using world = await openWorld({ timings: { retryWaitMs: 50 } });
  const fault = world.github.faults.add({
    kind: "status",
    status: 503,
    when: "before",
    match: { path: /\.git\/info\/refs/u, count: 1000 },
  });
  const issue = world.objective(simple);
  const question = await world.nextComment(issue);
  expect(question).toContain("The manager cannot go on: fetch:");
  expect(question).toContain("503");
  expect(fault.hits).toBeGreaterThanOrEqual(4);
  world.github.faults.clear();
  world.comment(issue, "try again");
  expect(await world.nextComment(issue)).toContain("nothing to do");
});

const root = process.getuid?.() === 0;

test.runIf(root)(
  "a full disk under the data directory: 503, nothing accepted is lost, it goes on when there is room",
  async () => {
    await using world = await openWorld({ smallDisk: true });
    const filler = join(world.directory, "data", "filler");
    fill(filler);
    const body = JSON.stringify({ action: "labeled", filler: "x".repeat(200_000) });
    const refused = await send(world, body, signed(body, "00000000-0000-4000-8000-000000000009"));
    expect(refused).toBe(503);
    expect(await readiness(world)).toMatchObject({ status: 503, found: "disk full" });
    rmSync(filler);
    // Its runner may still be starting.
    await expect
      .poll(() => readiness(world), { timeout: 20_000 })
      .toMatchObject({ status: 200, found: "" });

    const issue = world.objective({
      manager: [
        { tool: "ask_human", args: { question: "Go on?" } },
        { wait: "answered", save: "answer" },
        { tool: "finish_objective", args: { summary: "went on: ${answer.data.answer}" } },
      ],
    });
    expect(await world.nextComment(issue)).toContain("Go on?");
    await world.status(issue, "waits for an answer");
    // Room for small writes only: what is accepted may then not be handled, and must wait.
    fill(filler);
    truncateSync(filler, statSync(filler).size - 64 * 1024);
    world.comment(issue, "yes");
    await world.github.idle();
    rmSync(filler);
    world.redeliverFailed();
    expect(await world.nextComment(issue)).toContain("went on: yes");
  },
);

/** What `/ready` answers, and what it says is wrong with the disk. */
async function readiness(world: TestWorld): Promise<{ status: number; found: string }> {
  const response = await fetch(new URL("/ready", world.plane.url));
  const text = await response.text();
  return { status: response.status, found: /is full|disk full/u.test(text) ? "disk full" : "" };
}

/** Writes until there is no room left. */
function fill(path: string): void {
  execFileSync("sh", ["-c", 'cat /dev/zero > "$1" 2>/dev/null; true', "sh", path]);
}

test("without git the session says so, and goes on when git is there", async () => {
  await using world = await openWorld({
    process: true,
    withoutGit: true,
    timings: { retryWaitMs: 50 },
  });
  const issue = world.objective(simple);
  const question = await world.nextComment(issue);
  expect(question).toMatch(/git.*(?:not found|missing|install)/iu);
  mkdirSync(join(world.directory, "bin"), { recursive: true });
  symlinkSync(
    execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim(),
    join(world.directory, "bin", "git"),
  );
  world.comment(issue, "git is installed now");
  expect(await world.nextComment(issue)).toContain("nothing to do");
});

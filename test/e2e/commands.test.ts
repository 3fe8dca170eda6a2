/** The commands an operator types beside a running server, and after it is gone. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { openWorld, type TestWorld } from "../world.ts";

const bin = new URL("../../bin/orcha.mjs", import.meta.url).pathname;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function orcha(world: TestWorld, ...args: readonly string[]): Promise<Ran> {
  const env = {
    PATH: process.env["PATH"],
    HOME: world.directory,
    ORCHA_DATA_DIR: join(world.directory, "data"),
    ORCHA_RUNTIME_DIR: join(world.directory, "run"),
  };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [bin, ...args], { env });
    return { code: 0, stdout, stderr };
  } catch (error) {
    if (
      !(error instanceof Error) ||
      !("code" in error) ||
      !("stdout" in error) ||
      !("stderr" in error)
    )
      throw error;
    return { code: Number(error.code), stdout: String(error.stdout), stderr: String(error.stderr) };
  }
}

test("looking, reading logs and canceling beside a running server; looking after it is gone", async () => {
  await using world = await openWorld({ process: true });
  const issue = world.objective({
    manager: [
      { say: "thinking about ports" },
      { tool: "ask_human", args: { question: "Which port?" } },
      { wait: "answered" },
    ],
  });
  expect(await world.nextComment(issue)).toContain("Which port?");
  await world.status(issue, "waits for an answer");

  const listed = await orcha(world, "objectives", "--json");
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { repository: "acme/shop", issue, state: "active", openQuestions: ["Which port?"] },
  ]);
  expect(listed.stderr, "asked the server").toBe("");
  const [session] = JSON.parse((await orcha(world, "sessions", "--json")).stdout);
  expect(session).toMatchObject({
    title: "manager",
    state: "waiting_user",
    runner: "local",
    attempt: 1,
  });
  expect((await orcha(world, "sessions")).stdout).toContain("waits for an answer");

  const agents = JSON.parse((await orcha(world, "agents", "--json")).stdout);
  expect(agents).toMatchObject({ silent: [] });
  expect(agents.agents).toContainEqual({
    runner: "local",
    agent: "script",
    driver: "script",
    ok: true,
    found: "comes with the runner",
    fix: "",
  });
  expect((await orcha(world, "agents")).stdout).toContain("comes with the runner");

  const would = JSON.parse((await orcha(world, "gc", "--dry-run", "--json")).stdout);
  expect(would).toMatchObject({ silent: [], freedBytes: 0 });
  expect(would.lines).toMatchObject([{ runner: "local", verdict: "keep", outcome: "kept" }]);
  const kept = await orcha(world, "gc", "local");
  expect(kept).toMatchObject({ code: 0 });
  expect(kept.stdout).toContain("0 of 1 checkouts are gone");

  const logs = await orcha(world, "logs", session.id);
  expect(logs.stdout).toContain("thinking about ports");
  const raw = await orcha(world, "logs", session.id, "--raw");
  expect(raw.stdout).toContain('{"type":"text","text":"thinking about ports"}');
  const page = await orcha(world, "logs", session.id, "--raw", "--from", "2", "--lines", "1");
  expect(page.stdout).toBe(`${raw.stdout.split("\n")[1]}\n`);
  expect(page.stderr).toContain(`orcha logs ${session.id} --attempt 1 --from 3`);
  expect(await orcha(world, "logs", "ses_00000000000000000000")).toMatchObject({ code: 4 });
  expect((await orcha(world, "outbox")).stdout).toContain("nothing in the outbox is pending");
  expect(
    JSON.parse((await orcha(world, "outbox", "--state", "done", "--json")).stdout).length,
  ).toBeGreaterThan(3);

  expect(await orcha(world, "cancel", "obj_00000000000000000000")).toMatchObject({ code: 4 });
  expect(await orcha(world, "cancel", session.objective)).toMatchObject({ code: 0 });
  await world.status(issue, "Canceled");
  expect(await orcha(world, "cancel", session.objective)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("ended already"),
  });

  await world.restart();
  world.kill();
  const offline = await orcha(world, "objectives", "--all");
  expect(offline.stderr).toContain("no server is running");
  expect(offline.stdout).toContain("canceled");
  expect(await orcha(world, "cancel", session.objective)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("orcha serve"),
  });
});

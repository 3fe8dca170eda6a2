/**
 * Goal: what goes wrong in the life of a real agent ends well, or with a clear reason.
 * Method: one short objective each, with the real program, runner and control plane; the model plays the steps.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { kill, processesIn } from "../../chaos/processes.ts";
import { REPO, type TestWorld } from "../../world.ts";
import { isMissing } from "./programs.ts";
import { openAgentWorld } from "./world.ts";

const there = { skip: isMissing("claude") };

const REPORT = {
  tool: "report_result",
  args: { what: "It is done.", why: "Asked for.", tests: [] },
};

/** An objective with one worker that has these steps, and a manager that publishes what it reports. */
const withWorker = (steps: readonly object[]): object => ({
  manager: [
    { tool: "spawn_session", args: { title: "one", goal: "Do it." } },
    { wait: 'Worker "one" reported' },
    { tool: "publish_pr", args: { session: "one", title: "It" } },
    { wait: "Every pull request is merged" },
    { tool: "finish_objective", args: { summary: "All is done." } },
  ],
  workers: { one: steps },
});

/** A command that says that it runs, and ends when `openGate` was called. */
const gate = (world: TestWorld, name: string): object => ({
  run: `touch ${world.directory}/${name}-reached; until test -e ${world.directory}/${name}; do sleep 0.1; done; echo ${name} >> passed.txt`,
});
const openGate = (world: TestWorld, name: string): void =>
  writeFileSync(join(world.directory, name), "");
/** The world's own waiting looks only when something happens on GitHub. */
const reached = (world: TestWorld, name: string): Promise<void> =>
  vi.waitFor(
    () => expect(existsSync(join(world.directory, `${name}-reached`)), `gate ${name}`).toBe(true),
    { timeout: 40_000, interval: 100 },
  );

const attempts = async (world: TestWorld, title: string): Promise<number> =>
  (await world.objectives())[0]?.sessions.find((one) => one.title === title)?.attempt ?? 0;

/** The agent with all that it started, but not the keeper that looks after it. */
const killAgents = (world: TestWorld): void => {
  for (const { pid, kind, session } of processesIn(world.directory))
    if (session !== null && kind !== "keeper" && kind !== "feed") kill(pid, "SIGKILL");
};
const killDaemon = (world: TestWorld): void => {
  for (const { pid, kind } of processesIn(world.directory))
    if (kind === "daemon") kill(pid, "SIGKILL");
};

test(
  "kill -9 of the control plane, of the runner's daemon and of the agent in the middle of a command",
  there,
  async () => {
    await using opened = await openAgentWorld("claude", { process: true });
    const { world } = opened;
    const steps = [
      { run: "echo begun >> passed.txt" },
      gate(world, "first"),
      gate(world, "second"),
      { commit: "It" },
      REPORT,
    ];
    const issue = world.objective(withWorker(steps));
    await reached(world, "first");
    world.kill();
    killDaemon(world);
    openGate(world, "first");
    await reached(world, "second");
    await world.startAgain();
    killAgents(world);
    openGate(world, "second");
    const pull = await world.until("a pull request", () => world.github.pulls(REPO)[0]);
    await world.ann.merge(REPO, pull.issue.number);
    expect(await world.nextComment(issue)).toContain("All is done.");
    expect(await attempts(world, "one")).toBe(2);
  },
);

test("an answer that comes while the agent waits for it is its tool's result", there, async () => {
  await using opened = await openAgentWorld("claude", { timings: { askWaitMs: 60_000 } });
  const { world } = opened;
  const ask = { tool: "ask_human", args: { question: "Which?" }, save: "said" };
  const report = { what: "It is ${said.answer}.", why: "Asked for.", tests: [] };
  const steps = [
    ask,
    { run: "echo x > a.txt" },
    { commit: "It" },
    { tool: "report_result", args: report },
  ];
  const issue = world.objective(withWorker(steps));
  expect(await world.nextComment(issue)).toContain("Which?");
  world.comment(issue, "the blue one");
  const pull = await world.until("a pull request", () => world.github.pulls(REPO)[0]);
  expect(pull.issue.body).toContain("the blue one");
  expect(await attempts(world, "one")).toBe(1);
  world.ignoreComments();
});

test("a cancelled objective leaves no process behind", there, async () => {
  await using opened = await openAgentWorld("claude");
  const { world } = opened;
  const issue = world.objective(
    withWorker([
      { run: "(trap '' TERM; sleep 600) > /dev/null 2>&1 & true" },
      gate(world, "never"),
    ]),
  );
  await reached(world, "never");
  world.ann.closeIssue(REPO, issue, "not_planned");
  await world.status(issue, "Canceled");
  await world.until("its sessions to end", () => !world.statuses(issue)[0]?.includes("stopping"));
  expect(await world.agents(), "processes that outlived their session").toEqual([]);
});

test("a provider that is used up is waited for until the time that it says", there, async () => {
  const resets = Math.ceil(Date.now() / 1000) + 12;
  const headers = {
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-reset": String(resets),
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
    "anthropic-ratelimit-unified-overage-status": "rejected",
    "anthropic-ratelimit-unified-5h-status": "rejected",
    "anthropic-ratelimit-unified-5h-reset": String(resets),
    "anthropic-ratelimit-unified-5h-utilization": "1",
  };
  const env = { ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-scripted" };
  await using opened = await openAgentWorld("claude", { env });
  const { world, model } = opened;
  const steps = [
    { status: 429, times: 1, type: "rate_limit_error", headers },
    { run: "echo later > a.txt" },
    { commit: "It" },
    REPORT,
  ];
  const issue = world.objective(withWorker(steps));
  expect(await world.status(issue, "back at")).toContain("limit");
  const asked = model.requests.filter(({ move }) => move?.kind === "refuse").length;
  await world.until("a pull request", () => world.github.pulls(REPO)[0]);
  expect(Date.now() / 1000).toBeGreaterThanOrEqual(resets);
  expect(asked, "a provider that is used up is not asked again").toBe(1);
  world.ignoreComments();
});

test.each([
  ["is not logged in", { status: 401, type: "authentication_error" }, "log in on the runner"],
  [
    "has too long a conversation",
    { status: 400, type: "invalid_request_error", message: "prompt is too long: 2 > 1 maximum" },
    "Prompt is too long",
  ],
] as const)(
  "an agent that %s: its session fails, and says why",
  there,
  async (_, refusal, reason) => {
    await using opened = await openAgentWorld("claude", { env: { CLAUDE_CODE_MAX_RETRIES: "1" } });
    const { world } = opened;
    const issue = world.objective(withWorker([refusal]));
    expect(await world.nextComment(issue)).toContain(reason);
    // What its manager makes of it is another story.
    world.ignoreComments();
  },
);

test(
  "a model that does not answer: the turn has a limit, and the session fails with it",
  there,
  async () => {
    await using opened = await openAgentWorld("claude", { timings: { turnMaxMs: 4_000 } });
    const { world } = opened;
    const issue = world.objective(withWorker([{ hang: true }]));
    expect(await world.nextComment(issue)).toContain("did not end within");
    world.ignoreComments();
  },
);

/**
 * Goal: SIGTERM leaves the same behind as `kill -9`, only that what is in the air is still recorded. Method: the same story twice,
 * ended in either way in the same phase, compared there and at the end.
 */
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { openWorld, REPO, type TestWorld } from "../world.ts";

const steps = {
  manager: [
    { tool: "spawn_session", args: { title: "notes", goal: "Write NOTES.md" } },
    { wait: 'Worker "notes" reported' },
    { tool: "ask_human", args: { question: "Go on?" } },
    { wait: "answered" },
    { tool: "publish_pr", args: { session: "notes", title: "Notes" } },
    { wait: "Every pull request is merged" },
    { tool: "finish_objective", args: { summary: "Noted." } },
  ],
  workers: {
    notes: [
      { write: { path: "NOTES.md", content: "Notes.\n" } },
      { commit: "Write notes" },
      { tool: "report_result", args: { what: "notes", why: "asked", tests: [] } },
    ],
  },
};

/** What has been decided and done, without ids and times. */
function stateOf(world: TestWorld, issue: number) {
  const db = new Database(join(world.directory, "data", "orcha.db"), { readonly: true });
  const rows = (query: string): unknown => db.prepare(query).raw().all();
  const state = {
    sessions: rows("select state, attempt, ready, live from session order by position"),
    questions: rows("select position, state from question order by position"),
    attempts: rows("select attempt, out, err, seq, closed from attempt order by attempt, out"),
    pulls: rows("select state, number from pull_request"),
    slots: rows("select count(*) from slot"),
    dead: rows("select count(*) from outbox where state in ('dead', 'refused')"),
    github: {
      comments: world.github.comments(REPO, issue).length,
      pulls: world.github.pulls(REPO).map(({ draft, issue: { title } }) => ({ draft, title })),
    },
  };
  const count = (table: string, where: string): unknown =>
    db.prepare(`select count(*) from ${table} where ${where}`).pluck().get();
  const open = {
    held: count("inbox", "held = 1"),
    inTheAir: count("outbox", "held = 1"),
    pending: count("outbox", "state = 'pending'"),
  };
  db.close();
  return { state, open };
}

async function story(end: (world: TestWorld) => Promise<void>) {
  await using world = await openWorld({ process: true, timings: { sweepEveryMs: 1_000 } });
  world.ignoreComments();
  const issue = world.objective(steps);
  expect(await world.nextComment(issue)).toContain("Go on?");
  await world.status(issue, "waits for an answer");
  await end(world);
  const stopped = stateOf(world, issue);
  await world.startAgain();
  world.comment(issue, "yes");
  await world.until("the pull request", () => world.github.pulls(REPO).some(({ draft }) => !draft));
  const [pull] = world.github.pulls(REPO);
  await world.ann.merge(REPO, pull?.issue.number ?? 0);
  await world.until("the end", () => world.github.issue(REPO, issue).state === "closed");
  await world.status(issue, "Done at");
  expect(world.statuses(issue)).toHaveLength(1);
  return { stopped, comments: world.github.comments(REPO, issue).length };
}

test(
  "ended by SIGTERM and by kill -9: the same state, the same end",
  { timeout: 180_000 },
  async () => {
    const terminated = await story(async (world) => {
      await world.plane.close();
      expect(await world.plane.exited).toBe(0);
    });
    const killed = await story(async (world) => {
      world.kill();
      await world.plane.exited;
    });
    // What was in the air is recorded by the one; the other one looks for it after its next start.
    expect(terminated.stopped.open).toEqual({ held: 0, inTheAir: 0, pending: 0 });
    expect(terminated.stopped.state).toEqual(killed.stopped.state);
    expect(terminated.comments).toBe(killed.comments);
  },
);

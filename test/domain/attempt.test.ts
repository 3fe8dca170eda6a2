import { describe, expect, test } from "vitest";
import { sessionId } from "../../src/domain/id.ts";
import { DEFAULT_CONFIG } from "../../src/domain/repository.ts";
import { published, report, spawn, started, withWorker } from "./begin.ts";
import { Play } from "./play.ts";

const broke = { reason: "overloaded", retry: true };
const hopeless = { reason: "the brief has no steps", retry: false };

// From queued to running.

test("a slot starts an attempt with the mailbox, in a fresh checkout with its setup", () => {
  const play = new Play();
  play.config = { ...play.config, config: { ...DEFAULT_CONFIG, setup: ["npm ci"] } };
  play.label().claim();
  expect(play.effects("start-attempt")).toMatchObject([
    {
      runner: "box",
      attempt: 1,
      role: "manager",
      agent: "script",
      conversation: null,
      setup: ["npm ci"],
      workspace: { kind: "checkout", from: "main", branch: null, restoreFrom: null },
      messages: [{ text: play.mail()[0] }],
    },
  ]);
  expect(play.prepared().session().workspace).toEqual({
    path: `acme__shop/${play.session().id}/1`,
    base: "a".repeat(40),
  });
  expect(play.spawned().state()).toBe("running");
});

test("what comes while it starts is sent when it runs", () => {
  const play = new Play().label().claim().prepared().comment("hurry");
  expect(play.effects("send-message")).toEqual([]);
  play.spawned();
  expect(play.effects("send-message").map(({ message }) => message.text)).toEqual([play.mail()[1]]);
});

test("a second start or claim of the same means nothing", () => {
  const play = started();
  expect(play.spawned().last.effects).toEqual([]);
  expect(play.claim().last.effects).toEqual([]);
  expect(play.last.notes).toEqual(["manager: claim means nothing while running"]);
});

test("the next attempt finds its checkout untouched, without setup, and its conversation", () => {
  const play = started();
  play.send({ kind: "conversation-known", ...play.of("manager"), conversation: "conv" });
  play.call("manager", spawn("api"));
  play.park().comment("more").claim();
  expect(play.effects("start-attempt")).toMatchObject([
    { attempt: 2, conversation: "conv", setup: [], workspace: { kind: "reuse" } },
  ]);
  play.prepared("manager", "f".repeat(40));
  expect(play.session().workspace?.base).toBe("a".repeat(40));
});

test("another runner means a new checkout and a new conversation", () => {
  const play = withWorker();
  play.park().park("api").claim("manager", "far");
  expect(play.effects("start-attempt")).toMatchObject([
    { runner: "far", conversation: null, workspace: { kind: "checkout" } },
  ]);
  expect(play.session().checkouts).toBe(2);
});

test("a worker works on a branch of its own; a dependent one starts from what it depends on", () => {
  const play = published();
  play.comment("now the docs").start();
  play.call("manager", spawn("docs", { dependsOn: ["api"] }));
  play.claim("docs", "box", 1);
  const branch = play.it.pullRequests[0]?.branch ?? "";
  expect(play.effects("start-attempt")[0]?.workspace).toMatchObject({
    from: branch,
    restoreFrom: "main",
    branch: `orcha/12-docs-${play.session("docs").id.slice(-6)}`,
  });
});

test("a dependency without a pull request, or with an ended one, is no start", () => {
  const play = published();
  play.comment("and the docs").start();
  play.call("manager", spawn("docs", { dependsOn: ["api"] }));
  play.pull(31, "closed").claim("docs", "box", 1);
  expect(play.effects("start-attempt")[0]?.workspace).toMatchObject({ from: "main" });
});

describe("the end of a turn", () => {
  test("parks: the process is stopped, the slot is free when it is gone", () => {
    const play = withWorker().endTurn("api");
    expect(play.session("api").state).toMatchObject({ kind: "stopping", into: "park" });
    expect(play.effects("stop-attempt")).toMatchObject([{ attempt: 1, graceMs: 5000 }]);
    expect(play.exited("api").state("api")).toBe("idle");
  });

  test("waits for a message that is on its way", () => {
    const play = withWorker();
    play.call("manager", { tool: "message_session", session: "api", text: "also tests" });
    play.endTurn("api");
    expect(play.state("api")).toBe("running");
    expect(play.reads("api").endTurn("api").state("api")).toBe("stopping");
  });

  test("what comes while the process is stopped starts the next attempt", () => {
    const play = withWorker().endTurn("api");
    play.call("manager", { tool: "message_session", session: "api", text: "also tests" });
    expect(play.effects("send-message")).toEqual([]);
    expect(play.exited("api").session("api").state).toMatchObject({
      kind: "queued",
      purpose: "message",
    });
  });

  test("a worker that said nothing is the manager's to look after", () => {
    const play = withWorker().park("api");
    expect(play.mail().at(-1)).toContain('"api"');
    expect(play.mail().at(-1)).toContain("ended its turn without a result");
  });

  test("of a starting session means nothing", () => {
    const play = new Play().label().claim().endTurn();
    expect(play.state()).toBe("starting");
  });

  test("late events of an older attempt or an ended session are noted, not applied", () => {
    const play = withWorker().park("api");
    const before = play.session("api");
    play.send({ kind: "turn-ended", session: before.id, attempt: 1, failure: null });
    expect(play.session("api")).toEqual(before);
    expect(play.last.notes).toContain("api: turn-ended of attempt 1 came late");
    const unknown = { session: sessionId("ses_nobody"), attempt: 1 };
    play.send({ kind: "attempt-spawned", ...unknown });
    expect(play.last.notes).toContain("attempt-spawned: no such session");
  });
});

// Failures.

test("a bad turn is tried again after a pause, told what happened", () => {
  const play = withWorker().endTurn("api", broke).exited("api");
  expect(play.session("api").state).toMatchObject({
    kind: "waiting_limit",
    reason: "overloaded",
  });
  play.timer(`resume:${play.session("api").id}`);
  expect(play.state("api")).toBe("queued");
  expect(play.mail("api")[0]).toContain("You were interrupted: overloaded");
});

test("also when the process took longer to end than the pause", () => {
  const play = withWorker().endTurn("api", broke);
  play.now += 60_000;
  play.exited("api").timer(`resume:${play.session("api").id}`);
  expect(play.state("api")).toBe("queued");
});

test("mail that waits is reason enough to go on", () => {
  const play = withWorker().endTurn("api", broke).exited("api");
  play.call("manager", { tool: "message_session", session: "api", text: "easy" });
  play.timer(`resume:${play.session("api").id}`);
  expect(play.mail("api")).toHaveLength(1);
});

test("three in a row fail the worker: people and manager are told, its questions withdrawn", () => {
  const play = withWorker();
  play.call("api", { tool: "ask_human", question: "Which?", context: null, options: [] });
  for (let turn = 0; turn < 2; turn++)
    play
      .endTurn("api", broke)
      .exited("api")
      .timer(`resume:${play.session("api").id}`)
      .start("api");
  play.endTurn("api", broke);
  expect(play.said("notice")).toEqual(["api hit a problem: “overloaded”"]);
  expect(play.question(1).state).toEqual({ kind: "canceled", reason: "overloaded" });
  expect(play.exited("api").session("api").state).toMatchObject({
    kind: "failed",
    reason: "overloaded",
  });
  expect(play.mail().at(-1)).toContain("Do not publish it");
});

test("a good turn in between starts the count anew", () => {
  const play = withWorker().endTurn("api", broke).exited("api");
  play
    .timer(`resume:${play.session("api").id}`)
    .start("api")
    .endTurn("api");
  expect(play.session("api").failures).toBe(0);
});

test("one that trying again cannot help fails at once", () => {
  const play = withWorker().endTurn("api", hopeless).exited("api");
  expect(play.state("api")).toBe("failed");
});

test.for([
  [{ code: 1, signal: null }, "itself", "exit code 1"],
  [{ code: null, signal: "SIGSEGV" }, "itself", "SIGSEGV"],
  [{ code: null, signal: null }, "itself", "exit code unknown"],
] as const)("a process that ends in its turn (%o, %s) goes on at once", ([how, cause, words]) => {
  const play = withWorker();
  play.send({ kind: "attempt-exited", ...play.of("api"), ...how, cause });
  expect(play.session("api")).toMatchObject({ failures: 1, state: { kind: "queued" } });
  expect(play.mail("api")[0]).toContain(words);
});

test("a machine that goes down under it is no failure of its, unless it does so again and again", () => {
  const play = withWorker();
  for (let time = 1; time <= 10; time++) {
    play.exited("api", "keeper-lost", null);
    expect(play.session("api")).toMatchObject({ failures: 0, losses: time });
    expect(play.mail("api").at(-1)).toContain("lost when the runner went down");
    play.claim("api").spawned("api").reads("api");
    expect(play.all("start-attempt").at(-1)).toMatchObject({ workspace: { kind: "reuse" } });
  }
  expect(play.exited("api", "keeper-lost", null).session("api").failures).toBe(1);
});

const timer = (play: Play): string => `turn:${play.session("api").id}:1`;

describe("a turn that does not end", () => {
  test("is stopped when its time is up, and tried again like one that failed", () => {
    const play = withWorker();
    play.timer(timer(play));
    expect(play.effects("stop-attempt")).toHaveLength(1);
    expect(play.exited("api").session("api").state).toMatchObject({
      kind: "waiting_limit",
      reason: "its turn did not end within 240 minutes",
    });
    expect(play.session("api").failures).toBe(1);
  });

  test("a message begins another turn, with all its time", () => {
    const play = withWorker();
    const first = play.timers.get(timer(play)) ?? 0;
    play.now += 1000;
    play.call("manager", { tool: "message_session", session: "api", text: "also tests" });
    play.endTurn("api");
    expect(play.timers.get(timer(play))).toBe(first + 1000);
  });

  test("the time of an attempt that is over means nothing", () => {
    const play = withWorker().park("api");
    const old = timer(play);
    expect(play.timer(old).state("api")).toBe("idle");
    play.call("manager", { tool: "message_session", session: "api", text: "more" });
    play.start("api").timers.set(old, play.now);
    expect(play.timer(old).state("api")).toBe("running");
  });
});

test("a process that dies with mail unread gets just that mail again", () => {
  const play = withWorker();
  play.call("manager", { tool: "message_session", session: "api", text: "also tests" });
  play.exited("api", "itself", 1);
  expect(play.mail("api")).toEqual(["From the manager:\n\nalso tests"]);
  expect(play.session("api").mailbox[0]?.sentTo).toBeNull();
});

test("a worker whose process dies three times fails", () => {
  const play = withWorker();
  for (let time = 0; time < 2; time++) play.exited("api", "itself", 1).start("api");
  expect(play.exited("api", "itself", 1).state("api")).toBe("failed");
  expect(play.said("notice")[0]).toContain("exit code 1");
});

test("the fifth start of a manager is a question instead, and its answer a new start", () => {
  const play = new Play().label();
  for (let time = 0; time < 4; time++) play.start().exited("manager", "itself", 1);
  expect(play.state()).toBe("waiting_user");
  expect(play.it.questions).toHaveLength(1);
  expect(play.question(1).text).toContain("The manager cannot go on: its process ended");
  play.comment("try again");
  expect(play.session()).toMatchObject({ failures: 0, state: { kind: "queued" } });
});

test("a manager whose turn cannot succeed asks, parked", () => {
  const play = started().endTurn("manager", hopeless);
  expect(play.question(1).text).toContain("the brief has no steps");
  expect(play.exited().state()).toBe("waiting_user");
});

test("after the end a bad turn asks nobody anything", () => {
  const play = published().pull(31, "merged").start();
  play.timer("summary").endTurn("manager", hopeless);
  expect(play.it.questions).toEqual([]);
  expect(play.exited().state()).toBe("succeeded");
});

describe("checkouts that cannot be made", () => {
  test("are tried again after a pause, in a new folder", () => {
    const play = new Play().label().claim().unstartable("manager", "no route to host", true);
    expect(play.session().state).toMatchObject({
      kind: "waiting_limit",
      until: play.now + 30_000,
      reason: "fetch: no route to host",
    });
    play.timer(`resume:${play.session().id}`).claim();
    expect(play.effects("start-attempt")[0]?.workspace).toMatchObject({
      path: `acme__shop/${play.session().id}/2`,
    });
  });

  test("also when the runner could not be told at all", () => {
    const play = new Play().label().claim().failed("start-attempt", "manager", "runner away");
    expect(play.session().state).toMatchObject({ reason: "start: runner away" });
    expect(play.effects("stop-attempt")).toMatchObject([{ runner: "box", attempt: 1 }]);
  });

  test("a manager that can never start is a question, a worker fails", () => {
    const play = withWorker();
    play.call("manager", spawn("web"));
    play.claim("web", "box", 2).unstartable("web", "no such branch", false);
    expect(play.state("web")).toBe("failed");
    const alone = new Play().label().claim().unstartable("manager", "no such branch", false);
    expect(alone.state()).toBe("waiting_user");
    expect(alone.it.questions).toHaveLength(1);
  });

  test("the start of an earlier attempt says nothing about this one", () => {
    const play = withWorker().exited("api", "itself", 1).claim("api");
    play.failed("start-attempt", "api", "runner away", 1);
    expect(play.state("api")).toBe("starting");
    expect(play.failed("start-attempt", "api", "runner away", 2).state("api")).toBe(
      "waiting_limit",
    );
  });

  test("a start that failed for a session without process says nothing", () => {
    const play = withWorker().park("api");
    play.failed("start-attempt", "api");
    expect(play.state("api")).toBe("idle");
  });
});

describe("provider limits", () => {
  test("a message does not wake it early", () => {
    const play = withWorker();
    play.limit("api", null).exited("api");
    play.call("manager", { tool: "message_session", session: "api", text: "now?" });
    expect(play.state("api")).toBe("waiting_limit");
  });

  test("a timer for a session that waits no more does nothing", () => {
    const play = withWorker();
    play.send({ kind: "timer-fired", name: `resume:${play.session("api").id}` });
    expect(play.state("api")).toBe("running");
  });
});

describe("results of effects", () => {
  test("of nobody in particular are noted", () => {
    const play = started().failed("react", null);
    expect(play.last.notes).toContain("effect-failed: no such session");
  });

  test("of other kinds are noted with the reason", () => {
    const play = withWorker().failed("send-message", "api", "gone");
    expect(play.last.notes).toContain("send-message failed: gone");
  });

  test("a misused tool is told so", () => {
    const play = withWorker();
    const misuse = { call: "c", tool: "report_result", reason: "what: missing" };
    play.send({ kind: "tool-misused", ...play.of("api"), ...misuse });
    expect(play.effects("answer-call")).toMatchObject([
      { isError: true, content: "report_result: what: missing" },
    ]);
  });

  test("after a report the session is idle and said to be reported", () => {
    const play = withWorker();
    play.call("api", report());
    play.park("api");
    expect(play.mail().some((text) => text.includes("without a result"))).toBe(false);
    expect(JSON.stringify(play.it.status)).toContain("reported");
  });
});

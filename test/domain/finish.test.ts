import { describe, expect, test } from "vitest";
import { DEFAULT_CONFIG } from "../../src/domain/repository.ts";
import { askHuman, publish, published, report, spawn, started, withWorker } from "./begin.ts";
import { own } from "./cast.ts";
import { Play } from "./play.ts";

const finish = (play: Play): string =>
  play.call("manager", { tool: "finish_objective", summary: "All limited." })?.content ?? "";

describe("the last merge", () => {
  test("wakes the manager once, for a summary that is posted and closes the issue", () => {
    const play = published().pull(31, "merged");
    expect(play.it.state.kind).toBe("finishing");
    expect(play.mail()).toEqual([
      'Pull request #31 of "api" was merged.',
      "Every pull request is merged or waived. Call finish_objective with a summary of what changed, for the issue.",
    ]);
    play.start();
    expect(finish(play)).toBe('{"status":"finished"}');
    expect(play.it.state).toMatchObject({ kind: "succeeded", summary: "All limited." });
    expect(play.said("result")).toEqual(["Done. “All limited.” * #31 merged: api"]);
    expect(play.effects("close-issue")).toHaveLength(1);
    expect(play.timers.has("summary")).toBe(false);
    expect(play.park().state()).toBe("succeeded");
  });

  test("a manager that writes none within its time: ours is posted", () => {
    const play = published().pull(31, "merged").timer("summary");
    expect(play.said("result")).toEqual([
      "Done. “1 worker, 1 pull request merged.” * #31 merged: api",
    ]);
    expect(play.state()).toBe("succeeded");
  });

  test("a manager that has yet to look at another worker's result is given its time", () => {
    const play = published().comment("and the docs, please").start();
    play.call("manager", spawn("docs"));
    play.start("docs").call("docs", report());
    play.park("docs").pull(31, "merged");
    expect(play.it.state.kind).toBe("finishing");
    play.timer("summary");
    expect(play.it.state.kind).toBe("finishing");
    expect(play.timers.has("summary")).toBe(true);
    play.reads().call("manager", publish("docs"));
    expect(play.it.state.kind).toBe("active");
    expect(play.timers.has("summary")).toBe(false);
  });

  test("one that only waits with such a result is not waited for", () => {
    const play = published().comment("and the docs, please").start();
    play.call("manager", spawn("docs"));
    play.start("docs").call("docs", report());
    play.park("docs").reads().park().pull(31, "merged");
    play.start().reads().park().timer("summary");
    expect(play.it.state.kind).toBe("succeeded");
  });

  test("the issue stays open when the repository wants it", () => {
    const play = new Play();
    play.config = { ...play.config, config: { ...DEFAULT_CONFIG, onDone: "keep-open" } };
    play.label().start();
    finish(play);
    expect(play.said("result")).toEqual(["Done. “All limited.”"]);
    expect(play.effects("close-issue")).toEqual([]);
  });

  test("new work meanwhile takes the end back", () => {
    const play = published().pull(31, "merged").start();
    play.call("manager", spawn("docs"));
    expect(play.it.state.kind).toBe("active");
    expect(play.timers.has("summary")).toBe(false);
  });

  test("a summary timer that comes late does nothing", () => {
    const play = started().send({ kind: "timer-fired", name: "summary" });
    expect(play.it.state.kind).toBe("active");
  });

  test("not while something else is open", () => {
    const play = published().comment("go on").start();
    play.call("manager", askHuman("And the docs?"));
    expect(play.pull(31, "merged").it.state.kind).toBe("active");
    expect(play.comment("no").it.state.kind).toBe("finishing");
  });
});

describe("finish_objective is refused while something is open, and names it", () => {
  test.for([
    [
      "a worker that has not reported",
      withWorker,
      'not yet: worker "api" is running; end your turn and wait, or cancel_session what nobody needs',
    ],
    [
      "commits on their way",
      (): Play => {
        const play = withWorker();
        play.call("api", report());
        play.park("api");
        play.call("manager", publish("api"));
        return play;
      },
      'not yet: the commits of "api" are being published; end your turn and wait, or cancel_session what nobody needs',
    ],
    [
      "a pull request that is being opened",
      (): Play => {
        const play = withWorker();
        play.call("api", report());
        play.park("api");
        play.call("manager", publish("api"));
        return play.pushed("api");
      },
      'not yet: pull request "api" is pushed; end your turn and wait, or cancel_session what nobody needs',
    ],
    [
      "an open pull request",
      (): Play => published().comment("done?").start(),
      "not yet: pull request #31 is open; end your turn and wait, or cancel_session what nobody needs",
    ],
    [
      "a review that is being worked on",
      (): Play => published().commentPull(31, "hm").comment("done?").start(),
      'not yet: worker "api" is queued; pull request #31 is open; end your turn and wait, or cancel_session what nobody needs',
    ],
    [
      "an unanswered question",
      (): Play => {
        const play = started();
        play.call("manager", askHuman("Which?"));
        return play;
      },
      "not yet: question 1 is not answered; end your turn and wait, or cancel_session what nobody needs",
    ],
  ] as const)("%s", ([, begin, refusal]) => {
    const play = begin();
    expect(finish(play)).toBe(refusal);
    expect(play.it.state.kind).toBe("active");
  });

  test("reported workers without a pull request are no obstacle, they have succeeded", () => {
    const play = withWorker();
    play.call("api", report());
    play.park("api");
    expect(finish(play)).toBe('{"status":"finished"}');
    expect(play.state("api")).toBe("succeeded");
  });

  test("after the end no tool does anything", () => {
    const play = started();
    finish(play);
    expect(play.call("manager", spawn("more"))).toMatchObject({
      isError: true,
      content: "this objective is over; end your turn",
    });
  });
});

// What runs on after the end.

/** Over, though the worker has not ended its turn; the manager has just been told. */
function overAndRunning(): Play {
  const play = withWorker();
  play.call("api", report());
  expect(finish(play)).toBe('{"status":"finished"}');
  return play;
}

describe("after the end", () => {
  test("workers are stopped at once and have succeeded when their process is gone", () => {
    const play = overAndRunning();
    expect(play.session("api").state).toMatchObject({ kind: "stopping", into: "park" });
    expect(play.effects("stop-attempt")).toMatchObject([{ session: play.session("api").id }]);
    expect(play.exited("api").state("api")).toBe("succeeded");
  });

  test("a manager that only starts by then is stopped as well", () => {
    const play = published().pull(31, "merged").claim().timer("summary");
    expect(play.state()).toBe("starting");
    expect(play.timer("linger").state()).toBe("stopping");
    expect(play.exited().state()).toBe("succeeded");
  });

  test("the manager may end its turn for a minute, then it is stopped", () => {
    const play = overAndRunning();
    expect(play.state()).toBe("running");
    play.timer("linger");
    expect(play.effects("stop-attempt")).toMatchObject([{ session: play.session().id }]);
    expect(play.exited().state()).toBe("succeeded");
  });

  test.for([
    ["orcha cancel", (play: Play): Play => play.cancel("ann")],
    ["the label is taken off", (play: Play): Play => play.unlabel()],
    ["the issue is closed", (play: Play): Play => play.close()],
  ] as const)("%s stops what still runs", ([, act]) => {
    const play = act(overAndRunning());
    expect(play.it.state.kind).toBe("succeeded");
    expect(play.state()).toBe("stopping");
    expect(play.exited().state()).toBe("succeeded");
  });

  test("our own closing of the issue leaves the manager its minute", () => {
    expect(overAndRunning().close(own).state()).toBe("running");
  });

  test("a late timer of one that goes on stops nothing", () => {
    const play = started().send({ kind: "timer-fired", name: "linger" });
    expect(play.state()).toBe("running");
  });
});

// Canceling.

const states: readonly (readonly [string, () => Play, string])[] = [
  ["queued", () => new Play().label(), "canceled"],
  ["starting", () => new Play().label().claim(), "stopping"],
  ["running", () => started(), "stopping"],
  ["stopping", () => withWorker().endTurn(), "stopping"],
  ["idle", () => withWorker().park(), "canceled"],
  [
    "waiting_user",
    () => {
      const play = started();
      play.call("manager", askHuman("Which?"));
      return play.park();
    },
    "canceled",
  ],
  ["waiting_limit", () => started().limit("manager", null).exited(), "canceled"],
];

test.for(states)("an objective whose manager is %s", ([state, begin, becomes]) => {
  const play = begin();
  expect(play.state()).toBe(state);
  play.cancel("ann");
  expect(play.it.state).toMatchObject({ kind: "canceled", reason: "ann" });
  expect(play.state()).toBe(becomes);
  expect(play.it.questions.every((question) => question.state.kind === "canceled")).toBe(true);
  expect(play.exited().state()).toBe("canceled");
  expect(play.cancel("ann").last.notes).toContain("ann canceled what is over");
});

test("access lost is the end too", () => {
  const play = started().send({ kind: "access-lost", reason: "the app was suspended" });
  expect(play.it.state).toMatchObject({ kind: "canceled", reason: "the app was suspended" });
  const again = play.send({ kind: "access-lost", reason: "and removed" });
  expect(again.it.state).toMatchObject({ reason: "the app was suspended" });
});

test("one worker: its questions are withdrawn and the manager hears of it", () => {
  const play = withWorker();
  play.call("api", askHuman("Which?"));
  play.park("api").park();
  play.cancel("ann", play.session("api"));
  expect(play.question(1).state.kind).toBe("canceled");
  expect(play.state("api")).toBe("canceled");
  expect(play.mail()).toEqual([`Worker "api" (${play.session("api").id}) was canceled by ann.`]);
  expect(play.state()).toBe("queued");
});

test("one worker, then all: it is stopped once", () => {
  const play = withWorker();
  play.cancel("ann", play.session("api")).cancel("bob");
  expect(play.effects("stop-attempt")).toMatchObject([{ session: play.session().id }]);
  expect(play.exited("api").session("api").state).toMatchObject({ kind: "canceled", by: "ann" });
});

test("the manager: the objective ends with it", () => {
  const play = withWorker();
  play.cancel("ann", play.session("api")).exited("api").cancel("bob", play.session());
  expect(play.it.state.kind).toBe("canceled");
  expect(play.session("api").state).toMatchObject({ kind: "canceled", by: "ann" });
});

test("a session that is not there", () => {
  const play = started();
  const other = withWorker({}, "other").session("other");
  expect(play.cancel("ann", other).it.state.kind).toBe("active");
});

test("what depends on lost work is canceled with it, along the chain", () => {
  const play = withWorker();
  play.call("manager", spawn("web", { dependsOn: ["api"] }));
  play.call("manager", spawn("docs", { dependsOn: ["web"] }));
  play.call("manager", { tool: "cancel_session", session: "api", reason: "wrong way" });
  play.exited("api");
  expect([play.state("web"), play.state("docs")]).toEqual(["canceled", "canceled"]);
  expect(play.mail().join()).toContain('it depends on "web"');
  const failed = withWorker();
  failed.call("manager", spawn("web", { dependsOn: ["api"] }));
  failed.endTurn("api", { reason: "no", retry: false }).exited("api");
  expect(failed.session("web").state).toMatchObject({
    by: 'it depends on "api", which failed',
  });
});

test("what was reported before it was canceled can be built on", () => {
  const play = withWorker();
  play.call("manager", spawn("web", { dependsOn: ["api"] }));
  play.call("api", report());
  play.park("api").cancel("ann", play.session("api"));
  expect(play.state("web")).toBe("queued");
});

describe("an idle manager that nothing could wake", () => {
  test("is told once, then a person is asked, again after each answer", () => {
    const play = started().park();
    expect(play.state()).toBe("queued");
    expect(play.mail()[0]).toContain("nothing is going on that could wake you");
    play.start().park();
    expect(play.question(1).text).toContain("it ended its turn although nothing is going on");
    play.comment("go on").start().park();
    expect(play.question(2).state.kind).toBe("open");
  });

  test("also when the last thing it waited for ends while it is idle", () => {
    const play = published();
    play.comment("docs too").start();
    play.call("manager", spawn("docs"));
    play.start("docs").park("docs").reads().park();
    expect(play.state()).toBe("idle");
    play.pull(31, "merged");
    expect(play.state()).toBe("queued");
    expect(play.mail().at(-1)).toContain("nothing is going on");
  });
});

import { describe, expect, test } from "vitest";
import { DEFAULT_CONFIG } from "../../src/domain/repository.ts";
import { publish, published, report, spawn, started, withWorker } from "./begin.ts";
import { ISSUE } from "./cast.ts";
import { urlOf } from "./kinds.ts";
import { Play } from "./play.ts";
import { words } from "./words.ts";

const reported = (): Play => {
  const play = withWorker();
  play.call("api", report());
  return play.park("api").reads();
};

// Publishing.

test("pushes what the worker committed, opens the pull request, and only then answers", () => {
  const play = reported();
  expect(play.call("manager", publish("api", "Limit all requests", "In front of all."))).toBeNull();
  expect(play.effects("push-branch")).toMatchObject([
    {
      number: ISSUE,
      attempt: 1,
      runner: "box",
      base: "a".repeat(40),
      branch: `orcha/12-api-${play.session("api").id.slice(-6)}`,
      expected: null,
      pullRequest: null,
      title: "api (Limit requests)",
    },
  ]);
  play.pushed("api");
  expect(play.effects("open-pull-request")).toMatchObject([
    { base: "main", title: "Limit all requests", draft: false },
  ]);
  expect(play.effects("answer-call")).toEqual([]);
  play.opened("api", 31);
  expect(play.effects("answer-call")).toMatchObject([
    { isError: false, content: `pull request #31 is open: ${urlOf(31)}` },
  ]);
});

test("before the report: a draft, brought up to date and marked ready by it", () => {
  const play = withWorker();
  play.call("manager", publish("api"));
  play.pushed("api").opened("api", 31);
  expect(play.it.pullRequests[0]?.state).toBe("draft");
  expect(words(play.all("open-pull-request")[0]?.text ?? [])).toContain("not reported");
  play.call("api", report({ notes: "Look at the limits." }));
  expect(play.effects("mark-ready")).toMatchObject([{ pullRequest: 31 }]);
  expect(words(play.effects("edit-pull-request")[0]?.text ?? [])).toMatchInlineSnapshot(
    `"What “A limiter.” Why “Asked for.” Tests * npm test passed Notes “Look at the limits.” Part of #12. Made by session api on runner box, asked for by ann."`,
  );
  expect(play.effects("push-branch")).toMatchObject([
    { pullRequest: 31, expected: "c".repeat(40) },
  ]);
  expect(play.it.pullRequests[0]?.state).toBe("open");
});

test("reported while it was on its way: ready as soon as it is there", () => {
  const play = withWorker();
  play.call("manager", publish("api"));
  play.pushed("api");
  play.call("api", report());
  play.opened("api", 31);
  expect(play.effects("mark-ready")).toHaveLength(1);
});

test("drafts always, when the repository wants it", () => {
  const play = new Play();
  play.config = {
    ...play.config,
    config: { ...DEFAULT_CONFIG, pr: { draft: "always" } },
  };
  play.label().start();
  play.call("manager", spawn("api"));
  play.start("api").call("api", report());
  play.call("manager", publish("api"));
  play.pushed("api").opened("api", 31);
  expect(play.it.pullRequests[0]?.state).toBe("draft");
  play.call("api", report());
  expect(play.effects("mark-ready")).toEqual([]);
});

test("again, for newer commits: the same pull request, with its title and body", () => {
  const play = published();
  play.comment("go on").start();
  play.call("manager", publish("api"));
  expect(play.effects("push-branch")).toMatchObject([
    { expected: "c".repeat(40), pullRequest: 31 },
  ]);
  play.pushed("api", "d".repeat(40));
  expect(play.effects("open-pull-request")).toEqual([]);
  expect(play.effects("answer-call")).toMatchObject([
    { content: "pull request #31 has the new commits" },
  ]);
  expect(play.it.pullRequests).toMatchObject([{ pushedSha: "d".repeat(40), title: "api" }]);
});

test("twice at once: one push, both answered, once", () => {
  const play = reported();
  play.call("manager", publish("api"));
  play.call("manager", publish("api"));
  expect(play.all("push-branch")).toHaveLength(1);
  play.pushed("api").opened("api", 31);
  expect(play.effects("answer-call")).toHaveLength(2);
  expect(play.session().calls).toEqual([]);
});

test("answered as a message when the manager's process is gone", () => {
  const play = reported();
  play.call("manager", publish("api"));
  play.endTurn();
  play.pushed("api").opened("api", 31);
  expect(play.effects("answer-call")).toHaveLength(1);
  play.exited().comment("more").start();
  play.call("manager", publish("api"));
  play.exited("manager", "itself", 1).pushed("api", "e".repeat(40));
  expect(play.effects("answer-call")).toEqual([]);
  expect(play.mail().at(-1)).toBe("pull request #31 has the new commits");
});

test("or in a new one, where nobody waits for it", () => {
  const play = reported();
  play.call("manager", publish("api"));
  play.exited("manager", "itself", 1).start().pushed("api").opened("api", 31);
  expect(play.effects("answer-call")).toEqual([]);
  expect(play.effects("send-message")[0]?.message.text).toContain("pull request #31 is open");
});

test.for(["nothing-committed", "moved", "policy", "pull-request-gone", "failed"] as const)(
  "%s: the call is told why, the worker is not",
  (code) => {
    const play = reported();
    play.call("manager", publish("api"));
    play.refused("api", code, "because");
    expect(play.effects("answer-call")).toMatchObject([
      { isError: true, content: "not published: because" },
    ]);
    expect(play.mail("api")).toEqual([]);
    expect(play.session("api").push).toBeNull();
  },
);

test("a push given up counts as refused", () => {
  const play = reported();
  play.call("manager", publish("api"));
  play.failed("push-branch", "api", "GitHub is away");
  expect(play.effects("answer-call")).toMatchObject([
    { isError: true, content: "not published: GitHub is away" },
  ]);
});

test("GitHub does not open it: the manager hears why and may try again or drop it", () => {
  const play = reported();
  play.call("manager", publish("api"));
  play.pushed("api").failed("open-pull-request", "api", "base is gone");
  const told = `GitHub did not open a pull request for "api" (${play.session("api").id}): base is gone. Call publish_pr again, or cancel_session to drop it.`;
  expect(play.effects("answer-call")).toMatchObject([{ isError: true, content: told }]);
  expect(play.failed("open-pull-request", "api", "base is gone").mail()).toEqual([told]);
  const finish = { tool: "finish_objective", summary: "Nothing." } as const;
  expect(play.call("manager", finish)?.content).toBe(
    'not yet: pull request "api" is pushed; end your turn and wait, or cancel_session what nobody needs',
  );
  play.call("manager", { tool: "cancel_session", session: "api", reason: "dropped" });
  play.reads();
  expect(play.it.state.kind).toBe("active");
  expect(play.call("manager", finish)?.content).toBe('{"status":"finished"}');
});

test("GitHub refuses to open what it has already, or what nobody needs any more: no harm", () => {
  const play = reported();
  play.call("manager", publish("api"));
  play.pushed("api").opened("api", 31).failed("open-pull-request", "api", "it exists");
  expect(play.mail()).toEqual([]);
  const late = reported();
  late.call("manager", publish("api"));
  late.pushed("api").close().failed("open-pull-request", "api");
  expect(late.mail()).toEqual([]);
});

test("a session that has not started has nothing to publish", () => {
  const play = started();
  play.call("manager", spawn("api"));
  expect(play.call("manager", publish("api"))).toMatchObject({ isError: true });
  expect(play.call("manager", publish("nobody"))?.content).toBe(
    'no session "nobody" in this objective; name one of: api',
  );
});

test("a pull request that is merged or closed gets no more pushes", () => {
  const play = published().pull(31, "closed");
  play.comment("go on").start();
  expect(play.call("manager", publish("api"))?.content).toContain('#31 of "api" is waived');
  expect(play.all("push-branch")).toHaveLength(1);
});

test("asked again for one that was merged meanwhile, a manager that had died hears that it is merged", () => {
  const play = published().pull(31, "merged");
  play.start();
  const answer = play.call("manager", publish("api"));
  expect(answer).toMatchObject({ isError: false });
  expect(answer?.content).toContain("pull request #31 is merged");
  expect(play.all("push-branch")).toHaveLength(1);
});

test("nor does a report on a closed one push", () => {
  const play = published().commentPull(31, "hm").start("api").pull(31, "closed");
  const pushes = play.all("push-branch").length;
  play.call("api", report());
  play.park("api");
  expect(play.all("push-branch")).toHaveLength(pushes);
});

test("what lands after the end is recorded, and nothing follows from it", () => {
  const play = reported();
  play.call("manager", publish("api"));
  play.close().pushed("api");
  expect(play.effects("open-pull-request")).toEqual([]);
  expect(play.it.pullRequests).toMatchObject([{ state: "pushed" }]);
  const late = reported();
  late.call("manager", publish("api"));
  late.pushed("api").close().opened("api", 31);
  expect(late.it.pullRequests).toMatchObject([{ number: 31, state: "open" }]);
  expect(late.effects("answer-call")).toEqual([]);
});

test("a pull request nobody pushed for is not taken over", () => {
  const play = withWorker();
  const { id } = play.session("api");
  play.send({ kind: "pull-request-opened", session: id, number: 9, url: "u", draft: false });
  expect(play.it.pullRequests).toEqual([]);
});

test("commits of a session that runs nowhere name no runner", () => {
  const play = started();
  play.call("manager", spawn("api"));
  play.pushed("api");
  expect(words(play.effects("open-pull-request")[0]?.text ?? [])).toContain("on runner –");
});

test("says when agents could have read secrets here", () => {
  const play = reported();
  play.rules = { ...play.rules, unsafeNotice: "Run without isolation." };
  play.call("manager", publish("api"));
  play.pushed("api");
  expect(words(play.effects("open-pull-request")[0]?.text ?? [])).toContain(
    "Run without isolation.",
  );
});

describe("what people do with it", () => {
  test("merged: the worker has succeeded, whatever it was doing", () => {
    expect(published().pull(31, "merged").state("api")).toBe("succeeded");
    const running = published().commentPull(31, "hm").start("api").pull(31, "merged");
    expect(running.state("api")).toBe("stopping");
    expect(running.exited("api").state("api")).toBe("succeeded");
    const starting = published().commentPull(31, "hm").claim("api").pull(31, "merged");
    expect(starting.state("api")).toBe("starting");
    expect(starting.prepared("api").spawned("api").reads("api").park("api").state("api")).toBe(
      "succeeded",
    );
    const failed = published().cancel("ann");
    expect(failed.pull(31, "merged").it.pullRequests[0]?.state).toBe("open");
  });

  test("merged though its session was canceled", () => {
    const play = published();
    play.cancel("ann", play.session("api")).pull(31, "merged");
    expect(play.it.pullRequests[0]?.state).toBe("merged");
    expect(play.state("api")).toBe("canceled");
  });

  test("closed: one question; dropped, the worker is done and so is the objective", () => {
    const play = published().pull(31, "closed");
    expect(play.said("question")).toEqual([
      "@ann Question 1: “Pull request #31 (api) was closed without being merged. What now?” * Drop this work * Do it differently (say how) Just reply to this issue.",
    ]);
    expect(play.pull(31, "closed").said("question")).toEqual([]);
    play.comment("1");
    expect(play.it.pullRequests[0]?.state).toBe("waived");
    expect(play.state("api")).toBe("succeeded");
    expect(play.it.state.kind).toBe("finishing");
    expect(play.pull(31, "open").it.pullRequests[0]?.state).toBe("waived");
  });

  test("closed while its worker runs, then dropped: it succeeds when its process is gone", () => {
    const play = published().commentPull(31, "hm").start("api").pull(31, "closed").comment("drop");
    expect(play.exited("api").state("api")).toBe("succeeded");
  });

  test("closed, and wanted differently: the manager hears it", () => {
    const play = published().pull(31, "closed").comment("2");
    expect(play.state()).toBe("queued");
    expect(play.mail()[0]).toContain("Do it differently (say how)");
    expect(play.it.pullRequests[0]?.state).toBe("waived");
    expect(play.state("api")).toBe("succeeded");
  });

  test("reopened: nobody has to say what now", () => {
    const play = published().pull(31, "closed").pull(31, "open");
    expect(play.question(1).state).toEqual({ kind: "canceled", reason: "it is open" });
    expect(play.pull(31, "open").last.effects).toEqual([]);
  });

  test("another question stays open meanwhile", () => {
    const play = published().comment("go on").start();
    play.call("manager", { tool: "ask_human", question: "Why?", context: null, options: [] });
    play.pull(31, "closed").pull(31, "merged");
    expect(play.question(1).state.kind).toBe("open");
    expect(play.question(2).state.kind).toBe("canceled");
  });

  test("what GitHub does not know, or we do not, changes nothing", () => {
    const play = published();
    const before = play.it;
    play.pull(99, "merged");
    expect(play.it).toEqual(before);
    play.pulls.clear();
    const by = before.startedBy;
    play.send({ kind: "pull-request-changed", cause: "closed", number: 31, actor: by });
    expect(play.it).toEqual(before);
    play.send({ kind: "pull-request-changed", cause: "closed", number: 31, actor: by }, {});
    expect(play.it).toEqual(before);
  });
});

describe("what an answer to a closed pull request means", () => {
  test.for([
    "No, do it with Redis instead",
    "Close the others too",
    "drop Redis, use memory",
    "Leave it to me",
  ])("%s is not guessed to mean drop: the manager reads it before anything ends", (said) => {
    const play = published().pull(31, "closed").comment(said);
    expect(play.mail()).toHaveLength(1);
    expect(play.mail()[0]).toContain(said);
    expect(play.it.state.kind).toBe("active");
    play.claim().prepared().spawned();
    expect(play.call("manager", { tool: "finish_objective", summary: "x" })?.content).toBe(
      "not yet: the answer to question 1 is on its way; end your turn and wait, or cancel_session what nobody needs",
    );
    expect(play.reads().it.state.kind).toBe("finishing");
    play.call("manager", spawn("redis"));
    expect(play.it.state.kind).toBe("active");
  });

  test.for(["1", "Drop!", "drop this work.", "Waive", "Leave it closed."])(
    "%s drops it",
    (said) => {
      const play = published().pull(31, "closed").comment(said);
      expect(play.mail()[0]).toBe("ann drops pull request #31: it stays closed.");
      expect(play.it.state.kind).toBe("finishing");
    },
  );
});

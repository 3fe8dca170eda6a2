/** From feedback on a pull request to pushed commits and posted replies, when things cross or are refused. */
import { describe, expect, test } from "vitest";
import { publish, published, report, withWorker } from "./begin.ts";
import type { Play } from "./play.ts";

const thread = (id: number, of = id) => ({
  id,
  thread: of,
  threadNode: `node-${of}`,
  path: "src/api.ts",
  line: 3,
  text: "Why?",
});

const replyTo = (play: Play, id: number): unknown =>
  play.call("api", { tool: "reply_to_review", thread: id, text: `done ${id}`, outcome: "fixed" });

/** One thread was answered and reported; its push is on its way, the worker parked. */
function onItsWay(): Play {
  const play = published()
    .review(31, { comments: [thread(8)] })
    .start("api");
  replyTo(play, 8);
  play.call("api", report());
  return play.park("api");
}

const messageSession = (play: Play): unknown =>
  play.call("manager", { tool: "message_session", session: "api", text: "and tests" });

/** The worker was woken by its manager, committed and ended its turn: nothing of it is pushed. */
function unpublished(): Play {
  const play = published().comment("go on").start();
  messageSession(play);
  return play.start("api").park("api");
}

describe("a push that is refused", () => {
  test("once: the worker may mend it", () => {
    const play = onItsWay().refused("api", "policy", "changes .github/workflows");
    expect(play.state("api")).toBe("queued");
    expect(play.it.questions).toEqual([]);
  });

  test.for(["policy", "failed"] as const)(
    "%s again: its replies are posted with the reason, and a person is asked, once",
    (code) => {
      const play = onItsWay().refused("api", code, "first").start("api").park("api");
      expect(play.effects("push-branch")).toHaveLength(1);
      play.refused("api", code, "changes .github/workflows");
      expect(play.said("notice")).toEqual([
        "api: “done 8” The commits for this were not pushed: “changes .github/workflows”",
      ]);
      expect(play.effects("post-comment")[0]).toMatchObject({ number: 31 });
      expect(play.said("question")[0]).toContain("were refused again and are not published");
      expect(play.session("api")).toMatchObject({ followUp: null, state: { kind: "idle" } });
      expect(play.all("reply-to-review")).toEqual([]);
      play.comment("Leave the workflows alone.");
      expect(play.session("api").state).toMatchObject({ kind: "queued", purpose: "answer" });
    },
  );

  test("a push that gets through in between starts the count anew", () => {
    const play = onItsWay().refused("api", "failed").start("api").park("api").pushed("api");
    play.commentPull(31, "hm").start("api").park("api").refused("api", "failed");
    expect(play.it.questions).toEqual([]);
    expect(play.state("api")).toBe("queued");
  });

  test("people who push meanwhile are no reason to ask", () => {
    const play = onItsWay()
      .refused("api", "moved")
      .start("api")
      .park("api")
      .refused("api", "moved");
    expect(play.it.questions).toEqual([]);
  });

  test("without a pull request yet: on the issue", () => {
    const play = withWorker();
    play.call("manager", publish("api"));
    play.pushed("api").call("api", report());
    play.refused("api", "failed").reads("api").call("api", report());
    play.refused("api", "failed");
    expect(play.effects("post-comment")[0]).toMatchObject({ number: 12, purpose: "notice" });
  });

  test("a publish that is refused does not keep the replies back that came meanwhile", () => {
    const play = published()
      .review(31, { comments: [thread(8)] })
      .start("api");
    replyTo(play, 8);
    play.comment("hurry").start();
    play.call("manager", publish("api"));
    play.park("api").refused("api", "failed");
    expect(play.effects("push-branch")).toHaveLength(1);
    expect(play.pushed("api").effects("reply-to-review")).toHaveLength(1);
  });
});

describe("a second review while the push of the first is on its way", () => {
  test("keeps its threads: only what the push covers is released", () => {
    const play = onItsWay().review(31, { id: 71, comments: [thread(9)] });
    play.pushed("api", "d".repeat(40));
    expect(play.effects("reply-to-review").map((one) => one.thread)).toEqual([8]);
    expect(play.session("api").followUp?.comments.map(({ id }) => id)).toEqual([9]);
    play.start("api");
    replyTo(play, 9);
    play.park("api").pushed("api", "e".repeat(40));
    expect(play.effects("reply-to-review").map((one) => one.thread)).toEqual([9]);
    expect(play.session("api").followUp).toBeNull();
  });

  test("a thread with a new comment is not resolved", () => {
    const play = onItsWay().review(31, { id: 71, comments: [thread(9, 8)] });
    play.pushed("api");
    expect(play.effects("reply-to-review")).toHaveLength(1);
    expect(play.effects("resolve-thread")).toEqual([]);
  });

  test("a reply to it that was given before the push ended waits for its own", () => {
    const play = published()
      .review(31, { comments: [thread(8)] })
      .start("api");
    play.call("api", report());
    play.review(31, { id: 71, comments: [thread(9)] }).reads("api");
    replyTo(play, 9);
    play.park("api").pushed("api");
    expect(play.effects("reply-to-review")).toEqual([]);
    expect(play.effects("push-branch")).toHaveLength(1);
    expect(play.pushed("api").effects("reply-to-review")).toHaveLength(1);
  });
});

describe("feedback and commits that are not pushed", () => {
  test("they are pushed first, then the worker starts on the fresh head", () => {
    const play = unpublished().review(31, { comments: [thread(8)] });
    expect(play.effects("push-branch")).toHaveLength(1);
    expect(play.state("api")).toBe("idle");
    expect(play.mail("api")[0]).toContain("your checkout is as you left it, or newer");
    play.pushed("api", "d".repeat(40));
    expect(play.session("api")).toMatchObject({ freshCheckout: true, state: { kind: "queued" } });
    expect(play.session("api").followUp?.comments).toHaveLength(1);
  });

  test("when there were none, it starts on the fresh head as well", () => {
    const play = unpublished().commentPull(31, "hm").refused("api", "nothing-committed");
    expect(play.session("api").state).toMatchObject({ kind: "queued", purpose: "review" });
    expect(play.claim("api").effects("start-attempt")[0]?.workspace).toMatchObject({
      kind: "checkout",
    });
  });

  test("when they cannot be pushed, it goes on where they are", () => {
    const play = unpublished().commentPull(31, "hm").refused("api", "policy");
    expect(play.claim("api").effects("start-attempt")[0]?.workspace).toMatchObject({
      kind: "reuse",
    });
    const given = unpublished().commentPull(31, "hm");
    expect(given.failed("push-branch", "api").state("api")).toBe("queued");
  });

  test("a second piece of feedback waits for the same push", () => {
    const play = unpublished().commentPull(31, "hm").commentPull(31, "and this");
    expect(play.effects("push-branch")).toEqual([]);
    expect(play.pushed("api").mail("api")).toHaveLength(2);
    expect(play.state("api")).toBe("queued");
  });

  test("woken by its manager before the push ended: the fresh head, if it has not started", () => {
    const play = unpublished().commentPull(31, "hm");
    messageSession(play);
    expect(play.session("api")).toMatchObject({ freshCheckout: false, state: { kind: "queued" } });
    expect(play.pushed("api").session("api").freshCheckout).toBe(true);
  });

  test("a question it asked does not keep it from feedback", () => {
    const play = published().comment("go on").start();
    messageSession(play);
    play.start("api").call("api", { tool: "ask_human", question: "?", context: null, options: [] });
    play.park("api").commentPull(31, "hm").pushed("api");
    expect(play.state("api")).toBe("queued");
  });

  test("published by its manager while it goes on: not all is pushed", () => {
    const play = published().comment("go on").start();
    messageSession(play);
    play.start("api").call("manager", publish("api"));
    play.pushed("api").park("api").commentPull(31, "hm");
    expect(play.effects("push-branch")).toHaveLength(1);
  });
});

describe("feedback to a worker that", () => {
  test("runs: it is not said to be on the newest commit", () => {
    const play = published().commentPull(31, "hm").start("api").commentPull(31, "and this");
    const [sent] = play.effects("send-message");
    expect(sent?.message.text).not.toContain("You are on its branch at its newest commit");
  });

  test("is ending its turn, all pushed: the fresh head", () => {
    const play = published().commentPull(31, "hm").start("api");
    play.call("api", report());
    play.pushed("api").endTurn("api").commentPull(31, "and this");
    expect(play.exited("api").claim("api").effects("start-attempt")[0]?.workspace.kind).toBe(
      "checkout",
    );
  });
});

/** Woken by its manager to go on where its commits are. */
const woken = (): Play => {
  const play = unpublished();
  messageSession(play);
  return play.claim("api");
};

describe("a start that fails", () => {
  test.for(["fetch", "setup"])("at %s: the checkout with its commits is kept", (stage) => {
    const play = woken();
    const [reason, retry] = ["away", true];
    play.send({ kind: "attempt-unstartable", ...play.of("api"), stage, reason, retry });
    play.timer(`resume:${play.session("api").id}`).claim("api");
    expect(play.effects("start-attempt")[0]?.workspace.kind).toBe("reuse");
  });

  test("because the checkout is gone: a manager gets a new one when it is told to go on", () => {
    const play = published().comment("go on").claim();
    const [stage, reason, retry] = ["workspace", "is not there any more", false];
    play.send({ kind: "attempt-unstartable", ...play.of("manager"), stage, reason, retry });
    play.comment("try again").claim();
    expect(play.effects("start-attempt")[0]?.workspace.kind).toBe("checkout");
  });
});

test("refused after the end: nobody is asked", () => {
  const play = onItsWay().refused("api", "failed").start("api").park("api");
  play.cancel("ann").refused("api", "failed");
  expect(play.effects("post-comment")).toEqual([]);
  expect(play.it.questions).toEqual([]);
});

test("nothing to push of what is not opened yet: no reply goes anywhere", () => {
  const play = withWorker();
  play.call("manager", publish("api"));
  play.pushed("api").call("api", report());
  play.refused("api", "nothing-committed");
  expect(play.it.pullRequests).toMatchObject([{ number: null, state: "pushed" }]);
});

const older = (play: Play): Play => {
  const { refusals: _, ...worker } = play.session("api");
  play.objective = {
    ...play.it,
    sessions: [play.session(), { ...worker, push: { kind: "follow-up" } }],
  };
  return play;
};

describe("a push that an older version sent", () => {
  test("covers everything that is held", () => {
    expect(older(onItsWay()).pushed("api").effects("reply-to-review")).toHaveLength(1);
  });

  test("counts as the first when it is refused", () => {
    expect(older(onItsWay()).refused("api", "failed").session("api").refusals).toBe(1);
  });
});

import { describe, expect, test } from "vitest";
import { askHuman, publish, published, report, spawn, started, withWorker } from "./begin.ts";
import type { Play } from "./play.ts";

const json = (answer: { readonly content: string } | null): unknown =>
  JSON.parse(answer?.content ?? "null");

describe("spawn_session", () => {
  test("makes a worker that sees only its goal", () => {
    const play = started();
    const answer = json(play.call("manager", spawn("api", { runner: "gpu" })));
    const session = play.session("api");
    expect(answer).toEqual({ session: session.id, title: "api" });
    expect(session).toMatchObject({ role: "worker", pin: "gpu", dependsOn: [], agent: "script" });
    expect(play.mail("api")[0]).toContain("Your goal, from the manager:\ndo api");
    expect(play.mail("api")[0]).not.toContain("All of them.");
  });

  test("twice by the same title is one session", () => {
    const play = started();
    play.call("manager", spawn("api"));
    expect(json(play.call("manager", spawn("api")))).toMatchObject({
      session: play.session("api").id,
      note: "this session exists already",
    });
    expect(play.it.sessions).toHaveLength(2);
  });

  test("depends on sessions by id or title, and on nothing else", () => {
    const play = withWorker();
    const { id } = play.session("api");
    play.call("manager", spawn("web", { dependsOn: [id] }));
    play.call("manager", spawn("docs", { dependsOn: ["api", "web"] }));
    expect(play.session("docs").dependsOn).toEqual([id, play.session("web").id]);
    expect(play.call("manager", spawn("more", { dependsOn: ["nothing"] }))?.content).toBe(
      'no session "nothing" in this objective; name one of: api, web, docs',
    );
  });

  test("has an end", () => {
    const play = started();
    for (let count = 1; count < 100; count++) play.call("manager", spawn(`w${count}`));
    expect(play.call("manager", spawn("one more"))).toMatchObject({
      isError: true,
      content:
        "an objective may have 100 sessions; message_session one of them, or finish_objective",
    });
  });

  test("names what there is when there is nothing", () => {
    const play = started();
    expect(play.call("manager", spawn("web", { dependsOn: ["api"] }))?.content).toBe(
      'no session "api" in this objective; spawn_session makes one',
    );
  });
});

const message = (play: Play): unknown =>
  json(play.call("manager", { tool: "message_session", session: "api", text: "and tests" }));

describe("message_session, get_session, list_sessions, cancel_session", () => {
  test("a message goes now, at the next turn, or nowhere", () => {
    const play = withWorker();
    expect(message(play)).toMatchObject({ delivery: "now" });
    expect(play.effects("send-message")).toMatchObject([
      { message: { text: "From the manager:\n\nand tests" } },
    ]);
    play.reads("api").endTurn("api");
    expect(message(play)).toMatchObject({ delivery: "at its next turn" });
    play.call("manager", { tool: "cancel_session", session: "api", reason: "no" });
    play.exited("api");
    const refused = play.call("manager", { tool: "message_session", session: "api", text: "x" });
    expect(refused?.content).toBe('session "api" is canceled; spawn_session makes a new one');
  });

  test("sessions show state, result and pull request", () => {
    const play = published().comment("how is it?").start();
    expect(json(play.call("manager", { tool: "list_sessions" }))).toEqual({
      sessions: [
        {
          session: play.session("api").id,
          title: "api",
          role: "worker",
          state: "idle",
          status: "reported",
          reported: true,
          pull_request: 31,
          pull_request_state: "open",
        },
      ],
    });
    const one = json(play.call("manager", { tool: "get_session", session: "api" }));
    expect(one).toMatchObject({ goal: "do api", progress: null, result: { what: "A limiter." } });
    const none = withWorker();
    expect(json(none.call("manager", { tool: "list_sessions" }))).toMatchObject({
      sessions: [{ pull_request: null, pull_request_state: null }],
    });
  });

  test.for(["message_session", "get_session", "cancel_session"] as const)(
    "%s of a session that is not there",
    (tool) => {
      const play = started();
      const request = { tool, session: "api", text: "x", reason: "x" };
      expect(play.call("manager", request)?.content).toContain('no session "api"');
    },
  );

  test("canceling stops it, once, and withdraws its questions", () => {
    const play = withWorker();
    play.call("api", askHuman("Which?"));
    const cancel = { tool: "cancel_session", session: "api", reason: "wrong way" } as const;
    expect(json(play.call("manager", cancel))).toMatchObject({ state: "canceled" });
    expect(play.session("api").state).toMatchObject({
      into: "canceled",
      reason: "the manager: wrong way",
    });
    expect(play.question(1).state.kind).toBe("canceled");
    play.call("manager", cancel);
    expect(play.effects("stop-attempt")).toEqual([]);
    play.exited("api");
    expect(json(play.call("manager", cancel))).toMatchObject({ state: "canceled" });
    expect(play.effects("stop-attempt")).toEqual([]);
  });
});

describe("the worker's reports", () => {
  test("progress is in the status", () => {
    const play = withWorker();
    play.call("api", { tool: "report_progress", text: "half way" });
    expect(JSON.stringify(play.effects("update-status"))).toContain("half way");
  });

  test("a problem is told to people and manager, and the worker goes on", () => {
    const play = withWorker();
    play.call("api", { tool: "report_problem", text: "No network." });
    expect(play.said("notice")).toEqual(["api hit a problem: “No network.”"]);
    expect(play.effects("send-message")[0]?.message.text).toContain("has a problem: No network.");
    expect(play.state("api")).toBe("running");
  });

  test("a message wakes the manager", () => {
    const play = withWorker().park();
    play.call("api", { tool: "message_manager", text: "Which port?" });
    expect(play.state()).toBe("queued");
    expect(play.mail()[0]).toContain("Which port?");
  });

  test("the result is the manager's to publish, as data", () => {
    const play = withWorker();
    play.call("api", report());
    expect(play.effects("send-message")[0]?.message.text).toMatchInlineSnapshot(`
      "Worker "api" reported its result. Publish it with publish_pr when it is what you wanted.

      \`\`\`json
      {"session":"ses_2ce185ac51b5cedb13f6","title":"api","what":"A limiter.","why":"Asked for.","tests":[{"command":"npm test","exitCode":0}],"notes":null}
      \`\`\`"
    `);
  });

  test("a second result of something published is pushed without the manager", () => {
    const play = published().comment("go on").start();
    play.call("manager", { tool: "message_session", session: "api", text: "more" });
    play.start("api").call("api", report());
    expect(play.effects("push-branch")).toHaveLength(1);
    expect(play.effects("send-message")).toEqual([]);
    expect(play.pushed("api").effects("reply-to-review")).toEqual([]);
  });

  test("and not twice while a push is on its way", () => {
    const play = published().comment("go on").start();
    play.call("manager", { tool: "message_session", session: "api", text: "more" });
    play.start("api").call("manager", publish("api"));
    play.call("api", report());
    expect(play.effects("push-branch")).toEqual([]);
  });

  test("a call by a process that is being stopped is answered all the same", () => {
    const play = withWorker().endTurn("api");
    expect(json(play.call("api", report()))).toMatchObject({ status: "reported" });
  });
});

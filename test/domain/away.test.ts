/** A session's machine cannot be reached, is lost, comes back, is disabled. */
import { describe, expect, test } from "vitest";
import { candidates } from "../../src/domain/schedule.ts";
import { stateWords } from "../../src/domain/render.ts";
import { sessionId } from "../../src/domain/id.ts";
import type { Session } from "../../src/domain/objective.ts";
import { absenceOf, type Absence } from "../../src/domain/runner.ts";
import { askHuman, publish, published, report, spawn, started, withWorker } from "./begin.ts";
import type { Play } from "./play.ts";

const sessionView = (play: Play, title: string): string => stateWords(play.it, play.session(title));

const SINCE = Date.UTC(2026, 0, 5, 14, 5);
const is = (play: Play, absence: Absence | null, runner = "box"): Play =>
  play.send({
    kind: "runner-changed",
    runner,
    away: absence === null ? null : { is: absence, since: SINCE },
  });
const lost = (play: Play): Play => is(is(play, "unreachable"), "lost");
const news = (play: Play): readonly string[] =>
  play.mail().filter((text) => text.includes("is back"));
const queued = (play: Play): unknown =>
  candidates(play.it).map(({ session, pin, leaves }) => ({
    title: play.it.sessions.find(({ id }) => id === session)?.title,
    pin,
    leaves,
  }));

test("one that cannot be reached is said to be, and nothing else happens", () => {
  const play = withWorker();
  const before = play.it;
  is(play, "unreachable");
  expect(play.last.effects.map(({ effect }) => effect.kind)).toEqual(["update-status"]);
  expect(sessionView(play, "api")).toBe(
    "running; box cannot be reached since 2026-01-05 14:05 UTC, the agent works on there",
  );
  is(play, null);
  expect(play.it.sessions.map(({ away, ...rest }) => [away, rest])).toEqual(
    before.sessions.map((session) => [null, session]),
  );
});

test("what happens on another machine is no matter of theirs", () => {
  const play = withWorker();
  is(play, "lost", "far");
  expect(play.last.effects).toEqual([]);
});

describe("lost", () => {
  test("is not failed: whoever is bound to no machine waits for a place elsewhere, and works on as far as we know", () => {
    const play = lost(withWorker());
    expect(queued(play)).toEqual([
      { title: "manager", pin: null, leaves: "box" },
      { title: "api", pin: null, leaves: "box" },
    ]);
    expect(play.session("api")).toMatchObject({
      failures: 0,
      attempt: 1,
      state: { kind: "running" },
    });
    expect(sessionView(play, "api")).toContain("goes on elsewhere as soon as there is a slot");
    expect(play.all("stop-attempt")).toEqual([]);
  });

  test("back before that, it goes on as if nothing had been", () => {
    const play = withWorker();
    const { sessions } = play.it;
    is(lost(play), null);
    expect(queued(play)).toEqual([]);
    expect(play.all("stop-attempt")).toEqual([]);
    expect(play.it.sessions).toEqual(
      sessions.map((session) => Object.assign(session, { away: null })),
    );
    expect(play.call("api", report())).toMatchObject({ isError: false });
  });

  test("placed elsewhere it is fenced first, and begins anew with what was asked and what is known", () => {
    const play = withWorker();
    play.call("api", { tool: "report_progress", text: "half of it" });
    const base = play.session("api").workspace?.base;
    lost(play).claim("api", "far", 1);
    expect(play.effects("stop-attempt")).toMatchObject([{ runner: "box", attempt: 1 }]);
    const [start] = play.effects("start-attempt");
    expect(start).toMatchObject({
      runner: "far",
      attempt: 2,
      conversation: null,
      workspace: { kind: "checkout", from: "main" },
    });
    const text = start?.messages[0]?.text ?? "";
    expect(text).toContain(play.session("api").goal);
    expect(text).toContain("half of it");
    expect(text).toContain("another machine (box) that is lost");
    expect(text).toContain("Nothing of it was published");
    expect(play.session("api")).toMatchObject({
      away: null,
      failures: 0,
      left: [{ runner: "box", attempt: 1, base }],
    });
    // The stop waits in a lane of its own runner.
    expect(new Set(play.last.effects.map(({ lane }) => lane))).toContain(
      `stop:${play.session("api").id}@box`,
    );
  });
});

describe("what is lost with a machine", () => {
  test("nothing that the old attempt still says counts", () => {
    const play = withWorker();
    const old = play.of("api");
    lost(play).claim("api", "far", 1);
    const before = play.it;
    play.send({ kind: "tool-called", ...old, call: "late", request: report() });
    play.send({ kind: "turn-ended", ...old, failure: null });
    play.send({ kind: "attempt-exited", ...old, code: 0, signal: null, cause: "stopped" });
    expect(play.it).toEqual(before);
    expect(play.last.notes.join()).toContain("came late");
    expect(play.effects("answer-call")).toEqual([]);
  });

  test("what is published is where it goes on, with the threads that are open", () => {
    const play = published();
    const comment = { id: 8, thread: 8, threadNode: null, path: "a.ts", line: 3, text: "why?" };
    play.review(31, { comments: [comment] }).start("api");
    lost(play).claim("api", "far", 1);
    const [start] = play.effects("start-attempt");
    expect(start?.workspace).toMatchObject({ from: play.it.pullRequests[0]?.branch });
    expect(start?.messages[0]?.text).toContain("pull request #31, open");
    expect(start?.messages[0]?.text).toContain("why?");
  });

  test("a branch whose pull request is not there yet is where it goes on, too", () => {
    const play = withWorker();
    play.call("api", report());
    play.park("api").reads();
    play.call("manager", publish("api"));
    play.pushed("api");
    play.call("manager", { tool: "message_session", session: "api", text: "more" });
    play.start("api");
    lost(play).claim("api", "far", 1);
    expect(play.effects("start-attempt")[0]?.messages[0]?.text).toMatch(
      /Published is branch \S+ at c{12};/u,
    );
  });

  test("one that has read nothing gets its first brief, and no second one", () => {
    const play = started();
    play.call("manager", spawn("api"));
    play.claim("api", "box", 1).prepared("api");
    lost(play).claim("api", "far");
    const [start] = play.effects("start-attempt");
    expect(start?.messages).toHaveLength(1);
    expect(start?.messages[0]?.text).not.toContain("lost");
  });
});

describe("who does not move", () => {
  test("one that is bound to the machine waits for it, and says so", () => {
    const play = started();
    play.call("manager", spawn("api", { runner: "box" }));
    play.start("api");
    lost(play);
    expect(queued(play)).toEqual([{ title: "manager", pin: null, leaves: "box" }]);
    expect(sessionView(play, "api")).toBe(
      "running; box is lost since 2026-01-05 14:05 UTC, and it waits for it",
    );
  });

  test("one that ended there after all before its claim was heard of is started elsewhere once", () => {
    const play = lost(withWorker());
    play.exited("api", "itself", 0).claim("api", "far", 1);
    expect(play.session("api")).toMatchObject({ runner: "far", state: { kind: "starting" } });
  });

  test("canceled it ends at once for people; its stop waits for the machine", () => {
    const play = lost(withWorker());
    play.cancel("ann", play.session("api"));
    expect(play.state("api")).toBe("canceled");
    expect(play.effects("stop-attempt")).toMatchObject([{ runner: "box" }, { runner: "box" }]);
    play.close();
    expect(play.it.state.kind).toBe("canceled");
    expect(play.state("manager")).toBe("canceled");
  });

  test("what was just being stopped there is not waited for", () => {
    const play = withWorker().endTurn("api");
    expect(lost(play).state("api")).toBe("idle");
    play.call("manager", { tool: "message_session", session: "api", text: "more" });
    expect(queued(play)).toContainEqual({ title: "api", pin: null, leaves: undefined });
  });

  test("an answer that was on its way there is told again elsewhere", () => {
    const play = withWorker();
    play.call("api", askHuman("Which?"));
    play.comment("Redis");
    lost(play).claim("api", "far", 1);
    const texts = play.effects("start-attempt")[0]?.messages.map(({ text }) => text) ?? [];
    expect(texts.filter((text) => text.includes("Redis"))).toHaveLength(1);
  });

  test("commits that are only there are not published; back again, the manager hears of it", () => {
    const play = withWorker();
    play.call("api", report());
    play.park("api");
    lost(play);
    expect(
      play.call("manager", { tool: "publish_pr", session: "api", title: null, body: null }),
    ).toMatchObject({ isError: true });
    is(play, null);
    expect(play.mail().at(-1)).toContain("Runner box is back");
  });
});

describe("disabled", () => {
  test("its processes are stopped, no failure is counted, and they go on there or elsewhere", () => {
    const play = is(withWorker(), "disabled");
    expect(play.effects("stop-attempt")).toHaveLength(2);
    play.exited("api");
    expect(play.session("api")).toMatchObject({ failures: 0, state: { kind: "queued" } });
    expect(queued(play)).toEqual([{ title: "api", pin: null, leaves: undefined }]);
    expect(play.mail("api").at(-1)).toContain("box was disabled");
    is(play, null);
    expect(queued(play)).toEqual([{ title: "api", pin: "box", leaves: undefined }]);
    play.claim("api");
    expect(play.effects("start-attempt")).toMatchObject([{ workspace: { kind: "reuse" } }]);
  });
});

describe("whatever state it is in", () => {
  test("a reason to wait is kept for who waits, and for nobody else", () => {
    const play = withWorker();
    const reason = { kind: "no-runner" } as const;
    const wait = (session: Session["id"]): Play =>
      play.send({ kind: "wait-reason", session, reason });
    wait(play.session("api").id);
    expect(play.session("api").waits ?? null).toBeNull();
    wait(sessionId("ses_nobody"));
    expect(play.last.effects).toEqual([]);
    lost(play);
    wait(play.session("api").id);
    expect(play.session("api").waits).toMatchObject({ reason });
  });

  test("disabled while something is on its way to it, it is told no second time; disabled before it was started, it starts later", () => {
    const play = withWorker();
    play.call("manager", { tool: "message_session", session: "api", text: "more" });
    const before = play.session("api").mailbox.length;
    is(play, "disabled");
    expect(play.session("api").mailbox).toHaveLength(before);
    const early = started();
    early.call("manager", spawn("api"));
    early.claim("api", "box", 1);
    is(early, "disabled");
    expect(early.effects("stop-attempt")).toHaveLength(2);
  });

  test("a place that comes for who does not wait for one changes nothing", () => {
    const play = withWorker();
    play.claim("api", "far", 1);
    expect(play.session("api")).toMatchObject({ runner: "box", attempt: 1 });
    const idle = withWorker();
    idle.call("api", report());
    idle.park("api");
    idle.claim("api", "far", 1);
    expect(idle.state("api")).toBe("idle");
  });

  test("back again, what is published or was never reported is nobody's news", () => {
    expect(news(is(lost(published()), null))).toEqual([]);
    expect(news(is(lost(withWorker().endTurn("api")), null))).toEqual([]);
    const over = withWorker();
    over.call("api", report());
    over.park("api");
    lost(over).close();
    expect(news(is(over, null))).toEqual([]);
  });
});

test("disabled while it rests, nothing is stopped; lost before it had a checkout, none is left behind", () => {
  const rests = withWorker().endTurn("api").exited("api", "stopped", 0);
  expect(rests.state("api")).toBe("idle");
  is(rests, "disabled");
  expect(rests.effects("stop-attempt").map(({ session }) => session)).not.toContain(
    rests.session("api").id,
  );
  const early = started();
  early.call("manager", spawn("api"));
  early.claim("api", "box", 1);
  lost(early).claim("api", "far");
  expect(early.session("api")).toMatchObject({ runner: "far", left: [] });
});

test.for([
  ["online", "attached", null],
  ["online", "unreachable", "unreachable"],
  ["draining", "lost", "lost"],
  ["disabled", "unreachable", "disabled"],
  ["disabled", undefined, "disabled"],
] as const)("%s and %s: %s", ([state, reach, absence]) => {
  expect(absenceOf(reach === undefined ? { state } : { state, reach })).toBe(absence);
});

/** Providers' limits: who waits how long, who takes over with what, and that nobody is started before its time. */
import { describe, expect, test } from "vitest";
import { agentAt } from "../../src/domain/objective.ts";
import { askHuman, publish, report, spawn, started, withWorker } from "./begin.ts";
import type { Play } from "./play.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const named = (...names: readonly string[]) =>
  names.map((name, at) => ({ name, next: names[at + 1] ?? null, prompt: null }));
/** script, then codex, then gemini. */
const chain = { agents: named("script", "codex", "gemini") };

const untilOf = (play: Play, title = "api"): number => {
  const { state } = play.session(title);
  return state.kind === "waiting_limit" ? state.until : 0;
};

const resume = (play: Play, title = "api"): Play => play.timer(`resume:${play.session(title).id}`);

describe("without another agent", () => {
  test("a session waits until the provider's own reset time, and a little that is its own", () => {
    const play = withWorker();
    const reset = play.now + HOUR;
    play.limit("api", reset).exited("api");
    expect(untilOf(play)).toBeGreaterThanOrEqual(reset);
    expect(untilOf(play)).toBeLessThan(reset + 2 * MINUTE);
    expect(play.session("api").state).toMatchObject({
      reason: "script has reached a limit of its provider (weekly limit)",
    });
    expect(JSON.stringify(play.it.status)).toContain("back at 2026-01-05 15:05 UTC: script has");
    expect(resume(play).state("api")).toBe("queued");
    expect(play.mail("api")[0]).toContain("You were interrupted: script has reached a limit");
    expect(play.start("api").state("api")).toBe("running");
    expect(play.session("api")).toMatchObject({ failures: 0, attempt: 2 });
  });

  test.for([
    ["no reset time", null],
    ["one that is over", -MINUTE],
  ] as const)("%s: five minutes, then twice as long, an hour at most", ([, reset]) => {
    const play = withWorker();
    const waits: number[] = [];
    for (let round = 0; round < 6; round++) {
      play.limit("api", reset === null ? null : play.now + reset);
      waits.push(((play.exhausted.get("script")?.until ?? 0) - play.now) / MINUTE);
      resume(play.exited("api")).start("api");
    }
    expect(waits).toEqual([5, 10, 20, 40, 60, 60]);
    play.now += 3 * HOUR;
    play.limit("api", null);
    expect(play.exhausted.get("script")?.until).toBe(play.now + 5 * MINUTE);
  });

  test("a year is not believed", () => {
    const play = withWorker();
    play.limit("api", play.now + 365 * 24 * HOUR);
    expect(play.exhausted.get("script")?.until).toBe(play.now + 8 * 24 * HOUR);
  });

  test("the limit is everybody's: who would be started waits too, without a slot", () => {
    const play = withWorker();
    play.call("manager", spawn("web"));
    play.limit("api", play.now + HOUR).claim("web", "box", 2);
    expect(play.state("web")).toBe("waiting_limit");
    expect(play.session("web").attempt).toBe(0);
    expect(play.effects("start-attempt")).toEqual([]);
    resume(play, "web").claim("web", "box", 2);
    expect(play.effects("start-attempt")).toMatchObject([{ session: play.session("web").id }]);
  });

  test("told twice is one limit, and a later end counts", () => {
    const play = withWorker();
    play.limit("api", null).limit("api", null);
    expect(play.exhausted.get("script")).toMatchObject({ strikes: 0 });
    play.limit("api", play.now + 2 * HOUR).limit("api", play.now + HOUR);
    expect(play.exhausted.get("script")?.until).toBe(play.now + 2 * HOUR);
    expect(play.exited("api").state("api")).toBe("waiting_limit");
  });

  test("of what is over already nobody waits for it", () => {
    const play = withWorker();
    play.call("api", report());
    play.call("manager", { tool: "finish_objective", summary: "s" });
    play.limit("api", play.now + HOUR);
    expect(play.exited("api").state("api")).toBe("succeeded");
  });

  test("a person who takes it over does not wait", () => {
    const play = withWorker().takeOver("api");
    play.limit("api", play.now + HOUR).exited("api");
    expect(play.state("api")).toBe("paused");
  });
});

describe("the next agent of the chain", () => {
  test("goes on at once in the same checkout, and is told what was asked and said", () => {
    const play = withWorker(chain);
    play.call("api", { tool: "report_progress", text: "half way" });
    play.call("api", askHuman("Redis?"));
    play.comment("yes");
    play.call("manager", { tool: "message_session", session: "api", text: "mind the tests" });
    play.reads("api");
    play.send({ kind: "conversation-known", ...play.of("api"), conversation: "theirs" });
    play.limit("api", play.now + HOUR);
    play.send({ kind: "conversation-known", ...play.of("api"), conversation: "late" });
    expect(play.exited("api").session("api")).toMatchObject({
      agent: "codex",
      past: [{ agent: "script", attempt: 1 }],
      conversation: null,
      state: { kind: "queued" },
    });
    expect(JSON.stringify(play.it.status)).toContain("slot on box (codex instead of script)");
    play.claim("api");
    const [start] = play.effects("start-attempt");
    expect(start).toMatchObject({
      agent: "codex",
      conversation: null,
      workspace: { kind: "reuse" },
    });
    const said = start?.messages[0]?.text ?? "";
    for (const part of [
      "Your goal, from the manager:\ndo api",
      "You take over from script, another agent",
      '"progress":"half way"',
      '"question":"Redis?","answer":"yes","by":"ann"',
      "mind the tests",
    ])
      expect(said).toContain(part);
  });

  test("a message that the old agent took as it died is told to the new one", () => {
    const play = withWorker(chain);
    play.call("manager", { tool: "message_session", session: "api", text: "and docs" });
    play
      .limit("api", play.now + HOUR)
      .reads("api")
      .exited("api")
      .claim("api");
    const messages = play.effects("start-attempt")[0]?.messages.map(({ text }) => text) ?? [];
    expect(messages.map((text) => text.includes("and docs"))).toEqual([false, true]);
  });

  test("a limit that the old process tells again changes nothing", () => {
    const play = withWorker(chain);
    play.limit("api", play.now + HOUR).limit("api", play.now + 5 * HOUR);
    expect(play.session("api")).toMatchObject({ agent: "codex", past: [{ agent: "script" }] });
    expect(play.exhausted.has("codex")).toBe(false);
  });

  test("is told what was reported, and no answers of others", () => {
    const play = withWorker(chain);
    play.call("manager", askHuman("Which?"));
    play.comment("this").call("api", report());
    play
      .limit("api", play.now + HOUR)
      .exited("api")
      .claim("api");
    const text = play.effects("start-attempt")[0]?.messages[0]?.text ?? "";
    expect(text).toContain('"result":{"what":"A limiter."');
    expect(text).not.toContain("Which?");
  });
});

describe("a chain", () => {
  test("a session that was never started goes to the next agent, with its one brief", () => {
    const play = withWorker(chain);
    play.call("manager", spawn("web"));
    play.limit("api", play.now + HOUR).claim("web", "box", 2);
    const [start] = play.effects("start-attempt");
    expect(start).toMatchObject({ agent: "codex" });
    expect(start?.messages).toHaveLength(1);
  });

  test("used up, everybody waits for the first who is back", () => {
    const play = withWorker(chain);
    const back = play.now + HOUR;
    play
      .limit("api", play.now + 5 * HOUR)
      .exited("api")
      .start("api");
    play.limit("api", back).exited("api").start("api");
    expect(play.session("api").agent).toBe("gemini");
    play.limit("api", play.now + 3 * HOUR).exited("api");
    expect(untilOf(play)).toBeGreaterThanOrEqual(back);
    expect(untilOf(play)).toBeLessThan(back + 2 * MINUTE);
    resume(play).claim("api");
    expect(play.effects("start-attempt")).toMatchObject([{ agent: "codex" }]);
    expect(play.session("api").past).toHaveLength(3);
  });

  test("whose configuration has changed since begins with who has the session", () => {
    const play = withWorker(chain);
    play
      .limit("api", play.now + 5 * HOUR)
      .exited("api")
      .start("api");
    play.rules = { ...play.rules, agents: named("script") };
    play.limit("api", play.now + HOUR).exited("api");
    expect(untilOf(play)).toBeLessThan(play.now + HOUR + 2 * MINUTE);
    expect(play.session("api").agent).toBe("codex");
  });

  test("says who ran which attempt", () => {
    const play = withWorker(chain);
    play
      .limit("api", play.now + HOUR)
      .exited("api")
      .start("api");
    const session = play.session("api");
    expect([1, 2].map((attempt) => agentAt(session, attempt))).toEqual(["script", "codex"]);
    expect(agentAt(play.session(), 1)).toBe("script");
  });
});

describe("who takes over", () => {
  test("a manager hands over too, and spawns nothing twice", () => {
    const play = started(chain);
    play
      .limit("manager", play.now + HOUR)
      .exited()
      .claim();
    const text = play.effects("start-attempt")[0]?.messages[0]?.text ?? "";
    expect(text).toContain("You are the manager");
    expect(text).toContain("spawn nothing a second time");
    expect(text).not.toContain("as data:\n\n```json");
  });

  test("threads of a review that are not settled are told", () => {
    const play = withWorker(chain);
    play.call("api", report());
    play.park("api").reads();
    play.call("manager", { tool: "publish_pr", session: "api", title: null, body: null });
    play.pushed("api").opened("api", 31).park();
    const comment = { id: 8, thread: 8, threadNode: null, path: "a.ts", line: 1, text: "Why?" };
    play.review(31, { comments: [comment] }).start("api");
    play
      .limit("api", play.now + HOUR)
      .exited("api")
      .claim("api");
    expect(play.effects("start-attempt")[0]?.messages[0]?.text).toContain('"thread":8');
  });
});

const lost = (play: Play): Play =>
  play.send({ kind: "runner-changed", runner: "box", away: { is: "lost", since: play.now } });

describe("an agent whose machine is lost as well", () => {
  test("waits without a machine, and begins anew where there is a place", () => {
    const play = withWorker();
    play.exhausted.set("script", { until: play.now + HOUR, at: 1, strikes: 0, reason: "r" });
    lost(play).claim("api", "other");
    expect(play.session("api")).toMatchObject({ runner: null, state: { kind: "waiting_limit" } });
    resume(play).claim("api", "other");
    const [start] = play.effects("start-attempt");
    expect(start).toMatchObject({ runner: "other", workspace: { kind: "checkout" } });
    expect(start?.messages[0]?.text).toContain("on another machine (box) that is lost");
  });
});

test("a slot for a session that wants none any more is given back, exhausted or not", () => {
  const play = withWorker();
  play.exhausted.set("script", { until: play.now + HOUR, at: 1, strikes: 0, reason: "r" });
  play.claim("api", "box", 3);
  expect(play.state("api")).toBe("running");
});

describe("an agent that is not logged in", () => {
  const login = { reason: "401 invalid x-api-key", retry: false, login: true } as const;

  test("has not failed: it waits, the issue says so once, and it is tried every hour", () => {
    const play = withWorker();
    const { now } = play;
    play.endTurn("api", login);
    expect(play.said("notice")[0]).toContain("script is not logged in on box.");
    expect(play.exited("api").session("api")).toMatchObject({
      failures: 0,
      state: {
        kind: "waiting_limit",
        until: now + HOUR,
        reason: "script is not logged in on box",
      },
    });
    expect(resume(play).state("api")).toBe("queued");
    const before = play.emitted.length;
    play.start("api").endTurn("api", login).exited("api");
    const keys = play.emitted
      .filter(({ effect }) => effect.kind === "post-comment")
      .map(({ key }) => key);
    expect(play.emitted.length).toBeGreaterThan(before);
    expect(new Set(keys).size).toBe(1);
  });

  test("is tried at once when somebody comments", () => {
    const play = withWorker().endTurn("api", login).exited("api");
    play.comment("logged in now");
    expect(play.state("api")).toBe("queued");
    expect(play.mail("api")[0]).toContain("You were interrupted");
  });

  test("a manager that is told something is tried at once, too", () => {
    const play = started().endTurn("manager", login).exited();
    play.comment("logged in now");
    expect(play.state()).toBe("queued");
    expect(play.mail()).toHaveLength(1);
  });
});

const known = (play: Play): Play =>
  play.send({ kind: "conversation-known", conversation: "c1", ...play.of("api") });

describe("an agent whose conversation stays where it began", () => {
  const bound = { agents: [{ name: "script", next: null, prompt: null, bound: true }] };

  test("begins anew in the checkout of a review, with what was said and the review", () => {
    const play = known(withWorker(bound));
    play.call("api", report());
    play.park("api").reads();
    play.call("manager", publish("api"));
    play.pushed("api").opened("api", 31).park().review(31).claim("api");
    const start = play.effects("start-attempt").at(-1);
    expect(start).toMatchObject({ conversation: null, workspace: { kind: "checkout" } });
    const [brief, review] = start?.messages.map(({ text }) => text) ?? [];
    expect(brief).toContain("You have worked on this before, in another checkout");
    expect(review).toContain("reviewed your pull request #31");
  });

  test("goes on with its conversation where its checkout is the same", () => {
    const play = withWorker(bound);
    known(play).park("api");
    play.call("manager", { tool: "message_session", session: "api", text: "Go on." });
    play.claim("api");
    expect(play.effects("start-attempt").at(-1)).toMatchObject({ conversation: "c1" });
  });
});

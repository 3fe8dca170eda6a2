import { describe, expect, test } from "vitest";
import { branchName } from "../../src/domain/branch.ts";
import { renderedSummary, stateWords } from "../../src/domain/render.ts";
import { clock } from "../../src/domain/time.ts";
import type { SessionState } from "../../src/domain/session.ts";
import { askHuman, published, report, spawn, started, withWorker } from "./begin.ts";
import { Play } from "./play.ts";
import { words } from "./words.ts";

const status = (play: Play): string => {
  const last = play.all("update-status").at(-1);
  return `\n${words(last?.text ?? []).replaceAll(/ses_\w+|-[0-9a-f]{6}\b/gu, "…")}\n`;
};

describe("the status", () => {
  test("just labelled", () => {
    expect(status(new Play().label())).toMatchInlineSnapshot(`
      "
      0 of 1 sessions at work. Session | State | Runner | Branch | Pull request | Since
      manager | queued, waits for a free slot | – | – | – | 2026-01-05 14:05 UTC
      "
    `);
  });

  test("at work, with a question, a dependency and a progress", () => {
    const play = withWorker();
    play.call("manager", spawn("docs", { dependsOn: ["api"] }));
    play.call("manager", spawn("gpu", { runner: "gpu-box" }));
    play.call("api", { tool: "report_progress", text: "Writing tests." });
    play.call("api", askHuman("Which store?"));
    play.park("api");
    const { id } = play.question(1);
    play.send({ kind: "question-posted", question: id, comment: 1, url: "https://x.test/1" });
    expect(status(play)).toMatchInlineSnapshot(`
      "
      Waiting for you: 1 open question. Session | State | Runner | Branch | Pull request | Since
      manager | running | box | – | – | 2026-01-05 14:05 UTC
      api | waits for an answer | box | – | – | 2026-01-05 14:05 UTC
      docs | queued, waits for api | – | – | – | 2026-01-05 14:05 UTC
      gpu | queued, waits for a free slot on gpu-box | – | – | – | 2026-01-05 14:05 UTC Needs you: * Question 1 by api, since 2026-01-05 14:05 UTC What they say: api “Writing tests.”
      "
    `);
  });

  test("published, then done", () => {
    const play = published();
    expect(status(play)).toMatchInlineSnapshot(`
      "
      0 of 2 sessions at work. Session | State | Runner | Branch | Pull request | Since
      manager | idle | box | – | – | 2026-01-05 14:05 UTC
      api | reported | box | orcha/12-api… | #31 open | 2026-01-05 14:05 UTC Changed: * #31 open: api
      "
    `);
    play.pull(31, "merged");
    expect(status(play)).toContain("Everything is merged; the summary is being written.");
    play.timer("summary");
    expect(status(play)).toMatchInlineSnapshot(`
      "
      Done at 2026-01-05 14:10 UTC. Session | State | Runner | Branch | Pull request | Since
      manager | succeeded | box | – | – | 2026-01-05 14:10 UTC
      api | succeeded | box | orcha/12-api… | #31 merged | 2026-01-05 14:05 UTC Changed: * #31 merged: api
      "
    `);
  });

  test("with two questions, one of nobody in particular, and a text that was not heard", () => {
    const play = published().comment("hm", { id: 9, login: "eve", type: "user" });
    play.comment("go on").start();
    play.call("manager", askHuman("Why?"));
    play.pull(31, "closed");
    expect(status(play)).toContain("Waiting for you: 2 open questions.");
    expect(status(play)).toContain("Question 2 by Orcha");
    expect(status(play)).toContain("1 text by people");
  });

  test("canceled", () => {
    expect(status(started().close())).toContain(
      "Canceled at 2026-01-05 14:05 UTC: the issue was closed.",
    );
  });

  test("is sent only when its words change, and leaves it to a newer revision", () => {
    const play = started();
    play.call("manager", { tool: "list_sessions" });
    expect(play.effects("update-status")).toEqual([]);
  });
});

describe("states in words", () => {
  const since = 0;
  const place = { runner: "box", slot: 0, since };
  test.for<[SessionState, string]>([
    [{ kind: "queued", purpose: "work", since }, "queued, waits for a free slot on box"],
    [{ kind: "starting", ...place }, "starting"],
    [{ kind: "running", ...place }, "running"],
    [{ kind: "stopping", ...place, into: "park", reason: "" }, "ending its turn"],
    [{ kind: "stopping", ...place, into: "failed", reason: "" }, "stopping"],
    [{ kind: "idle", since }, "idle"],
    [{ kind: "waiting_user", since }, "waits for an answer"],
    [
      { kind: "waiting_limit", since, until: 0, reason: "limit" },
      "back at 1970-01-01 00:00 UTC: limit",
    ],
    [{ kind: "paused", since, by: "ann" }, "taken over by ann since 1970-01-01 00:00 UTC"],
    [{ kind: "succeeded", since }, "succeeded"],
    [{ kind: "failed", since, reason: "broken" }, "failed: broken"],
    [{ kind: "canceled", since, by: "ann" }, "canceled: ann"],
  ])("%o is %s", ([state, said]) => {
    const play = withWorker();
    expect(stateWords(play.it, { ...play.session("api"), state })).toBe(said);
  });

  test("a time is a time, never an age", () => {
    expect(clock(Date.UTC(2026, 11, 31, 23, 59, 59))).toBe("2026-12-31 23:59 UTC");
  });
});

describe("texts", () => {
  test("a result with failed tests, without tests, and without a runner", () => {
    const play = withWorker();
    play.call("manager", { tool: "publish_pr", session: "api", title: null, body: null });
    play.call("api", report({ tests: [{ command: "npm test", exitCode: 2 }] }));
    play.pushed("api");
    const text = words(play.effects("open-pull-request")[0]?.text ?? []);
    expect(text).toContain("* npm test failed with exit code 2");
    const none = withWorker();
    none.call("api", report({ tests: [] }));
    none.call("manager", { tool: "publish_pr", session: "api", title: null, body: null });
    none.pushed("api");
    expect(words(none.effects("open-pull-request")[0]?.text ?? [])).toContain("None were run.");
  });

  test("our own summary counts", () => {
    const play = published();
    expect(renderedSummary(play.it)).toBe("1 worker, 0 pull requests merged.");
    expect(renderedSummary(started().it)).toBe("0 workers, 0 pull requests merged.");
  });

  test.for([
    ["Add rate limiting!", "add-rate-limiting"],
    ["Über-Größe", "ber-gr-e"],
    ["***", "work"],
    ["a".repeat(60), "a".repeat(40)],
  ] as const)("the branch of %s", ([title, slug]) => {
    const play = withWorker();
    const { id } = play.session("api");
    expect(branchName(12, { ...play.session("api"), title })).toBe(
      `orcha/12-${slug}-${id.slice(-6)}`,
    );
  });
});

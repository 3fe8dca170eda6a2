/** “Closes #12” in a pull request: the merge closes the issue, and GitHub may tell the closing first. */
import { describe, expect, test } from "vitest";
import { askHuman, published, spawn, withWorker } from "./begin.ts";

describe("an issue that is closed while only its pull request is open", () => {
  test("by the merge, told right after: done, not canceled", () => {
    const play = published().close();
    expect(play.it.state.kind).toBe("active");
    play.pull(31, "merged");
    expect(play.it.state.kind).toBe("finishing");
    expect(play.timer("closed").it.state.kind).toBe("finishing");
    expect(play.timer("summary").it.state.kind).toBe("succeeded");
  });

  test("by the merge, told before: the summary is still written, but nothing new is begun", () => {
    const play = published().pull(31, "merged").close();
    expect(play.timer("closed").it.state.kind).toBe("finishing");
    play.start().call("manager", spawn("more"));
    expect(play.timer("closed").it.state.kind).toBe("canceled");
  });

  test("by a person: canceled ten seconds later", () => {
    const play = published().close();
    expect(play.timers.get("closed")).toBe(play.now + 10_000);
    expect(play.timer("closed").it.state).toMatchObject({
      kind: "canceled",
      reason: "the issue was closed",
    });
    expect(play.state("api")).toBe("canceled");
  });

  test("and opened again within that time: it goes on", () => {
    const play = published().close().reopen();
    expect(play.timers.has("closed")).toBe(false);
    expect(play.it.state.kind).toBe("active");
  });

  test("and the label taken off: canceled at once", () => {
    expect(published().close().unlabel().it.state.kind).toBe("canceled");
  });
});

describe("an issue that is closed while something else is open: canceled at once", () => {
  test("a worker at work", () => {
    expect(withWorker().close().it.state.kind).toBe("canceled");
  });

  test("a question", () => {
    const play = published().comment("go on").start();
    play.call("manager", askHuman("Which?"));
    expect(play.close().it.state.kind).toBe("canceled");
  });

  test("a closed pull request", () => {
    expect(published().pull(31, "closed").close().it.state.kind).toBe("canceled");
  });
});

test("a late timer of an objective that is over changes nothing", () => {
  const play = published().close().unlabel();
  expect(play.timer("closed").it.state).toMatchObject({ reason: "the issue was closed" });
});

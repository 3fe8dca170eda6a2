/** A person takes a session over, works by hand, gives it back; and what the operator says to one in between. */
import { describe, expect, test } from "vitest";
import type { HandsOn } from "../../src/domain/event.ts";
import { stateWords } from "../../src/domain/render.ts";
import { askHuman, publish, published, report, spawn, started, withWorker } from "./begin.ts";
import { ann } from "./cast.ts";
import { Play } from "./play.ts";
import { words } from "./words.ts";

const hand: HandsOn = {
  commits: [{ sha: "d".repeat(40), subject: "By hand" }],
  moreCommits: true,
  files: ["a.ts"],
  moreFiles: true,
};
const status = (play: Play): string => words(play.all("update-status").at(-1)?.text ?? []);

/** A play whose worker "api" is in this state. */
const inState: Readonly<Record<string, () => Play>> = {
  queued: () => {
    const play = started();
    play.call("manager", spawn("api"));
    return play;
  },
  starting: () => {
    const play = started();
    play.call("manager", spawn("api"));
    return play.claim("api").prepared("api");
  },
  running: () => withWorker(),
  stopping: () => withWorker().endTurn("api"),
  idle: () => withWorker().park("api"),
  waiting_user: () => {
    const play = withWorker();
    play.call("api", askHuman("Why?"));
    return play.park("api");
  },
  waiting_limit: () => {
    const play = withWorker();
    return play.limit("api", play.now + 9_000).exited("api");
  },
};

describe("taking over", () => {
  test.for([
    ["queued", "paused", "paused"],
    ["starting", "starting", "stopping"],
    ["running", "running", "stopping"],
    ["stopping", "stopping", "stopping"],
    ["idle", "paused", "paused"],
    ["waiting_user", "paused", "paused"],
    ["waiting_limit", "paused", "paused"],
  ] as const)("a %s session is %s, and %s when it cannot wait", ([from, later, now]) => {
    const play = (inState[from] ?? withWorker)();
    expect(play.state("api")).toBe(from);
    expect(play.takeOver("api").state("api")).toBe(later);
    const hasty = (inState[from] ?? withWorker)().takeOver("api", { now: true });
    expect(hasty.state("api")).toBe(now);
    // Whatever it was, it ends in a person's hands, and twice is once.
    if (hasty.state("api") === "stopping") hasty.exited("api");
    expect(hasty.session("api").state).toMatchObject({ kind: "paused", by: "ada" });
    expect(hasty.takeOver("api", { by: "bob" }).session("api").state).toMatchObject({ by: "ada" });
    expect(hasty.session("api").takeover ?? null).toBeNull();
    expect(hasty.timers.has(`resume:${hasty.session("api").id}`)).toBe(false);
  });

  test("waits for the end of the turn, and hands the agent nothing more meanwhile", () => {
    const play = withWorker().takeOver("api").takeOver("api");
    expect(stateWords(play.it, play.session("api"))).toBe(
      "running; ada takes it over when its turn ends",
    );
    expect(status(play)).toContain("ada takes it over");
    const told = { tool: "message_session", session: "api", text: "quick" } as const;
    expect(play.call("manager", told)?.content).toContain("when a person gives it back");
    expect(play.all("send-message").filter(({ message }) => message.text.includes("quick"))).toEqual([]); // prettier-ignore
    play.endTurn("api");
    expect(play.effects("stop-attempt")).toHaveLength(1);
    play.exited("api");
    expect(play.state("api")).toBe("paused");
    expect(play.mail("api")).toEqual([expect.stringContaining("quick")]);
    expect(play.call("manager", told)?.content).toContain("when a person gives it back");
    expect(status(play)).toContain("taken over by ada since 2026-01-05 14:05 UTC");
    expect(play.mail()).toEqual([expect.stringContaining("was taken over by ada")]);
  });

  test("one that starts is stopped as soon as its checkout is there", () => {
    const play = (inState["starting"] ?? withWorker)().takeOver("api").spawned("api");
    expect(play.effects("stop-attempt")).toHaveLength(1);
    play.exited("api");
    expect(play.state("api")).toBe("paused");
    expect(play.mail("api")).toHaveLength(1);
  });
});

describe("a session that somebody waits for", () => {
  test.for([
    ["crashes", (play: Play) => play.exited("api", "itself", 1)],
    ["fails its turn", (play: Play) => play.endTurn("api", { reason: "no", retry: false }).exited("api")], // prettier-ignore
    ["is at its limit", (play: Play) => play.limit("api", null).exited("api")],
  ] as const)("also one that %s before", ([, ends]) => {
    const play = ends(withWorker({ workerFailuresMax: 1 }).takeOver("api"));
    expect(play.session("api")).toMatchObject({
      state: { kind: "paused" },
      hold: null,
      failures: 0,
    });
  });

  test("also one whose checkout cannot be made", () => {
    const play = (inState["starting"] ?? withWorker)();
    play.takeOver("api").unstartable("api", "away", false);
    expect(play.state("api")).toBe("paused");
  });

  test("what is over, or ending for good, is left alone", () => {
    const play = withWorker().cancel("ann", withWorker().session("api"));
    expect(play.takeOver("api").session("api")).toMatchObject({ state: { into: "canceled" } });
    expect(play.exited("api").takeOver("api").state("api")).toBe("canceled");
    expect(play.giveBack("api").state("api")).toBe("canceled");
    const gone = started().send({ kind: "takeover-requested", session: withWorker().session("api").id, by: "ada", now: true }); // prettier-ignore
    expect(gone.last.notes).toEqual(["takeover-requested: no such session"]);
  });
});

describe("what a person has taken over", () => {
  test("nothing wakes it, and its objective can still be cancelled", () => {
    const play = published().takeOver("api");
    const workspace = play.session("api").workspace;
    play.commentPull(31, "Please change this.");
    play.review(31, { comments: [{ id: 1, thread: 8, threadNode: null, path: "a", line: 1, text: "?" }] }); // prettier-ignore
    expect(play.session("api")).toMatchObject({ state: { kind: "paused" }, freshCheckout: false });
    expect(play.mail("api")).toHaveLength(2);
    play.type("manager", "publish it").start();
    expect(play.call("manager", publish("api"))?.content).toContain("taken over by ada");
    const end = { tool: "finish_objective", summary: "Done." } as const;
    expect(play.call("manager", end)?.content).toContain('"api" is paused');
    expect(play.session("api").workspace).toEqual(workspace);
    play.cancel("ann");
    expect(play.state("api")).toBe("canceled");
  });

  test("a push that was on its way when it was taken over changes nothing about that", () => {
    const play = published();
    play.commentPull(31, "Please change this.").start("api");
    play.call("api", report());
    play.takeOver("api").endTurn("api").exited("api");
    play.commentPull(31, "And that.");
    play.pushed("api");
    expect(play.session("api")).toMatchObject({
      state: { kind: "paused" },
      push: null,
      unpublished: true,
      freshCheckout: false,
    });
  });

  test("a manager can be taken over, and is not told about itself", () => {
    const play = withWorker().takeOver("manager").endTurn().exited();
    expect(play.state()).toBe("paused");
    play.call("api", report());
    expect(play.mail()).toEqual([expect.stringContaining("reported its result")]);
    play.giveBack("manager");
    expect(play.state()).toBe("queued");
    expect(play.mail()).toHaveLength(2);
  });

  test("an answer to its question waits for it", () => {
    const play = (inState["waiting_user"] ?? withWorker)().takeOver("api");
    play.comment("because", ann);
    expect(play.state("api")).toBe("paused");
    expect(play.giveBack("api").mail("api")[0]).toContain("because");
  });
});

/** Taken over while it waits for a new checkout. */
const waiting = (): Play => {
  const play = published();
  play.commentPull(31, "Please change this.");
  return play.takeOver("api");
};

describe("giving back", () => {
  test("it goes on where it was, in its conversation, and hears what changed", () => {
    const play = withWorker();
    play.send({ kind: "conversation-known", ...play.of("api"), conversation: "c1" });
    play.takeOver("api").endTurn("api").exited("api");
    play.giveBack("api", { text: "go on", changes: hand });
    expect(play.session("api").state).toMatchObject({ kind: "queued", purpose: "message" });
    const [mail] = play.mail("api");
    expect(mail).toContain("ada had taken over your session and gives it back.");
    expect(mail).toContain('"commits_made_meanwhile":["dddddddddddd By hand"],"more_commits":true');
    expect(mail).toContain('"uncommitted_files":["a.ts"],"more_files":true');
    expect(mail).toContain("ada says:\n\ngo on");
    play.claim("api");
    expect(play.effects("start-attempt")).toMatchObject([
      { conversation: "c1", workspace: { kind: "reuse" }, runner: "box" },
    ]);
    expect(play.mail()).toEqual([
      expect.stringContaining("was taken over"),
      expect.stringContaining("was given back by ada"),
    ]);
  });

  test.for([
    [{ commits: [], moreCommits: false, files: [], moreFiles: false }, "Nothing was committed"],
    [{ ...hand, moreCommits: false, moreFiles: false }, '"uncommitted_files":["a.ts"]}'],
    [undefined, "could not be read"],
  ] as const)("with %o it hears: %s", ([changes, said]) => {
    const play = withWorker().takeOver("api", { now: true }).exited("api");
    play.giveBack("api", changes === undefined ? {} : { changes });
    expect(play.mail("api")[0]).toContain(said);
  });

  test("what was made by hand is not left behind for a new checkout", () => {
    expect(waiting().giveBack("api").session("api").freshCheckout).toBe(true);
    for (const changes of [hand, { ...hand, commits: [] }, { ...hand, files: [] }])
      expect(waiting().giveBack("api", { changes }).session("api").freshCheckout).toBe(false);
    const nothing = { ...hand, commits: [], files: [] };
    expect(waiting().giveBack("api", { changes: nothing }).session("api").freshCheckout).toBe(true);
  });

  test("before its process has ended: it goes on at once", () => {
    const play = withWorker().takeOver("api").giveBack("api", { text: "never mind" });
    expect(play.state("api")).toBe("running");
    expect(play.effects("send-message")[0]?.message.text).toBe(
      "ada, who runs this server, says:\n\nnever mind",
    );
    expect(withWorker().takeOver("api").giveBack("api").mail("api")).toEqual([]);
    const late = withWorker().takeOver("api", { now: true }).giveBack("api").exited("api");
    expect(late.state("api")).toBe("queued");
  });

  test("one that had not begun begins", () => {
    const play = (inState["queued"] ?? withWorker)().takeOver("api").giveBack("api");
    expect(play.session("api").state).toMatchObject({ kind: "queued", purpose: "work" });
    expect(play.mail("api")).toHaveLength(1);
    const said = (inState["queued"] ?? withWorker)().takeOver("api").giveBack("api", { text: "x" });
    expect(said.mail("api")).toHaveLength(2);
  });

  test("what nobody has taken over cannot be given back", () => {
    const play = withWorker().giveBack("api");
    expect(play.state("api")).toBe("running");
    expect(play.last.notes[0]).toContain("nobody has taken over");
  });
});

const became = (play: Play) => play.session("api").said?.lines.map((line) => line.became);

describe("a line typed by the operator", () => {
  test("reaches a running agent now and wakes an idle one; the same line is heard once", () => {
    const play = withWorker().type("api", "hello", "a").type("api", "hello", "a");
    expect(play.all("send-message").filter(({ message }) => message.text.includes("ada"))).toHaveLength(1); // prettier-ignore
    expect(play.mail("api")).toEqual(["ada, who runs this server, says:\n\nhello"]);
    expect(became(play)).toEqual([
      { kind: "message", message: play.session("api").mailbox[0]?.id },
    ]);
    play.reads("api").park("api").type("api", "more");
    expect(play.state("api")).toBe("queued");
    expect(status(play)).toContain("Lines typed on the server:");
    expect(status(play)).toContain("api: 2 by ada, the newest at 2026-01-05 14:05 UTC");
  });

  test("answers the session's own question, and names one of several", () => {
    const play = withWorker();
    play.call("manager", askHuman("Mine?"));
    play.call("api", askHuman("Which colour?", ["red", "blue"]));
    play.type("api", "2");
    expect(became(play)).toEqual([{ kind: "answer", question: 2 }]);
    expect(play.question(2).state).toMatchObject({ kind: "answered", text: "blue", by: "ada" });
    expect(play.question(1).state.kind).toBe("open");
    play.call("api", askHuman("Three?"));
    play.call("api", askHuman("Four?"));
    play.type("api", "yes").type("api", "4: no");
    expect(became(play)?.slice(1)).toEqual([
      { kind: "ambiguous", questions: [3, 4] },
      { kind: "answer", question: 4 },
    ]);
    expect(play.mail("api").filter((text) => text.includes("yes"))).toEqual([]);
  });

  test("answers Orcha's own questions when it is typed to the manager", () => {
    const play = published().pull(31, "closed").type("manager", "drop");
    expect(play.question(1).state).toMatchObject({ kind: "answered" });
    expect(play.it.pullRequests).toMatchObject([{ state: "waived" }]);
  });

  test("after the end it is late; only the newest are remembered", () => {
    const play = withWorker();
    for (let count = 0; count < 25; count += 1) play.type("api", `line ${count}`);
    expect(play.session("api").said).toMatchObject({ count: 25 });
    expect(became(play)).toHaveLength(20);
    play.cancel("ann", play.session("api")).exited("api").type("api", "still there?");
    expect(became(play)?.at(-1)).toEqual({ kind: "late" });
  });
});

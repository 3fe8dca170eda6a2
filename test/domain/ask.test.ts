import { describe, expect, test } from "vitest";
import { askHuman, published, spawn, started, withWorker } from "./begin.ts";
import { ann, bob, bot, mallory, own } from "./cast.ts";
import { Play } from "./play.ts";

/** The worker "api" asked and parked. */
function asked(options: readonly string[] = []): Play {
  const play = withWorker();
  play.call("api", askHuman("Which store?", options));
  return play.park("api");
}

/** Two workers asked: question 1 by api, question 2 by web. */
function askedTwice(): Play {
  const play = asked();
  play.call("manager", spawn("web"));
  play.claim("web", "box", 2).prepared("web").spawned("web").reads("web");
  play.call("web", askHuman("Which colour shall it be?"));
  return play.park("web");
}

describe("asking", () => {
  test("a question is a new comment that names who asks and whom", () => {
    const play = withWorker();
    const answer = play.call("api", askHuman("Which store?", ["Redis", "Memory"]));
    expect(play.said("question")).toEqual([
      "@ann Question 1 from api: “Which store?” * Redis * Memory Just reply to this issue.",
    ]);
    expect(JSON.parse(answer?.content ?? "")).toMatchObject({ status: "asked", question: 1 });
    expect(play.park("api").state("api")).toBe("waiting_user");
  });

  test("with context, and with several open, it says how to answer", () => {
    const play = asked();
    play.call("manager", {
      tool: "ask_human",
      question: "Deadline?",
      context: "Soon.",
      options: [],
    });
    expect(play.said("question")).toEqual([
      "@ann Question 2 from manager: “Deadline?” “Soon.” Just reply, starting with “2:” or quoting the question, because several are open.",
    ]);
  });

  test("the same question of the same session is asked once while it is open", () => {
    const play = withWorker();
    play.call("api", askHuman("Which store?"));
    play.call("api", askHuman("Which store?"));
    expect(play.all("post-comment")).toHaveLength(1);
    play.call("manager", askHuman("Which store?"));
    expect(play.all("post-comment")).toHaveLength(2);
  });

  test("when its session is over, nobody has to answer any more; other questions stay", () => {
    const play = asked();
    play.call("manager", askHuman("Why?"));
    play.cancel("ann", play.session("api"));
    expect(play.question(1).state).toEqual({ kind: "canceled", reason: "ann" });
    expect(play.question(2).state.kind).toBe("open");
    const merged = published().commentPull(31, "hm").start("api");
    merged.call("api", askHuman("Which?"));
    merged.pull(31, "merged").exited("api");
    expect(merged.question(1).state).toEqual({ kind: "canceled", reason: "its session is over" });
  });

  test("the link appears in the status when it is posted", () => {
    const play = asked();
    const { id } = play.question(1);
    play.send({ kind: "question-posted", question: id, comment: 8, url: "https://x.test/8" });
    expect(play.question(1).url).toBe("https://x.test/8");
    expect(JSON.stringify(play.effects("update-status"))).toContain("https://x.test/8");
  });
});

// Answering.

test("a plain reply to the only question wakes who asked, with 👍", () => {
  const play = asked().comment("Redis, please.");
  expect(play.effects("react")).toMatchObject([{ content: "+1", target: { id: 5000 } }]);
  expect(play.session("api").state).toMatchObject({ kind: "queued", purpose: "answer" });
  expect(play.mail("api")[0]).toContain('"answer":"Redis, please."');
  expect(play.question(1).state).toMatchObject({
    kind: "answered",
    by: "ann",
    delivery: { kind: "message" },
  });
});

test("it is delivered exactly once: when the agent echoes it", () => {
  const play = asked().comment("Redis").start("api");
  expect(play.question(1).state).toMatchObject({ delivery: { kind: "delivered" } });
  expect(play.mail("api")).toEqual([]);
  expect(play.park("api").state("api")).toBe("idle");
});

test("a second reply is no answer any more: the manager gets it", () => {
  const play = asked().comment("Redis").comment("Or memory?", bob);
  expect(play.effects("react")).toMatchObject([{ content: "eyes" }]);
  expect(play.effects("send-message")).toMatchObject([{ session: play.session().id }]);
});

test.for([
  ["2", ["Redis", "Memory"], "Memory"],
  [" 2 ", ["Redis", "Memory"], "Memory"],
  ["3", ["Redis", "Memory"], "3"],
  ["2", [], "2"],
  ["1: 2", ["Redis", "Memory"], "Memory"],
  ["2. Memory", ["Redis", "Memory"], "2. Memory"],
  ["> Which store?\n\n1", ["Redis", "Memory"], "Redis"],
] as const)("%s of %s means %s", ([reply, options, text]) => {
  const play = asked(options).comment(reply);
  expect(play.question(1).state).toMatchObject({ kind: "answered", text });
});

test.for([
  ["2: green", 2, "green"],
  ["Q2. green", 2, "green"],
  ["question 2 - green", 2, "green"],
  ["#1) Redis", 1, "Redis"],
  ["1 – Redis", 1, "Redis"],
  ["> Which colour shall it be?\n\ngreen", 2, "green"],
  ["> Question 2 from web:\n> Which colour shall it be?\ngreen", 2, "green"],
  ["> which COLOUR shall\ngreen", 2, "green"],
] as const)("with two open, %s answers question %d", ([reply, number, text]) => {
  const play = askedTwice().comment(reply);
  expect(play.question(number).state).toMatchObject({ kind: "answered", text });
  expect(play.question(3 - number).state.kind).toBe("open");
});

test.for([
  "green",
  "> Which\ngreen",
  "> something else entirely\ngreen",
  "7: green",
  "> Which store? Which colour shall it be?\nyes",
])("with two open, %s names none: we ask once which", (reply) => {
  const play = askedTwice().comment(reply);
  expect(play.said("question")[0]).toContain("belong to: 1 or 2? Reply with its number.");
  expect(play.effects("react")).toMatchObject([{ content: "eyes" }]);
  play.comment("well?");
  expect(play.said("question")).toEqual([]);
  expect(play.last.notes).toContain("which question is meant was asked already");
  expect(play.effects("react")).toMatchObject([{ content: "confused" }]);
  expect(play.effects("send-message")[0]?.message.text).toContain("well?");
});

test("the number then answers with the words said before, by who said them", () => {
  const play = askedTwice().comment("green", bob).comment("2.");
  expect(play.question(3).state).toMatchObject({ kind: "answered", text: "2" });
  expect(play.question(2).state).toMatchObject({ kind: "answered", text: "green", by: "bob" });
  expect(play.state("web")).toBe("queued");
  expect(play.question(1).state.kind).toBe("open");
});

test("a number that is no open question is a text like any other", () => {
  const play = askedTwice().comment("green").comment("9");
  expect(play.last.notes).toContain("which question is meant was asked already");
});

test("which question is meant falls away when all are answered by name", () => {
  const play = askedTwice().comment("green").comment("1: Redis");
  expect(play.question(3).state.kind).toBe("open");
  play.comment("2: green");
  expect(play.question(3).state).toEqual({
    kind: "canceled",
    reason: "no other question is open",
  });
});

test.for([mallory, bot, own])("$login is not heard", (actor) => {
  const play = asked().comment("Redis", actor);
  expect(play.question(1).state.kind).toBe("open");
  expect(play.effects("react")).toEqual([]);
  expect(play.it.ignored).toBe(actor === mallory ? 1 : 0);
});

test("a permission nobody could tell is none", () => {
  const play = asked();
  const [kind, on, url] = ["comment-created", "issue", "u"] as const;
  play.send({ kind, on, number: 12, comment: 1, actor: ann, text: "Redis", url }, {});
  expect(play.question(1).state.kind).toBe("open");
});

test("an edited answer goes to who got the first version", () => {
  const play = asked().comment("Redis", ann, 7700).editComment(7700, "Memory!");
  expect(play.mail("api").at(-1)).toContain("your question 1, correcting the answer");
});

test("an answer that was edited and says the same is not told again", () => {
  const play = asked().comment("Redis", ann, 7700).editComment(7700, "Redis");
  expect(play.last.notes).toContain("comment 7700 was edited, and says the same");
  expect(play.last.effects).toEqual([]);
});

test("an answer that is edited back and forth is told each time: no two of them are the same message", () => {
  const play = asked().comment("Redis", ann, 7700);
  for (const text of ["Memory", "Files", "Memory"]) play.editComment(7700, text);
  const ids = play.session("api").mailbox.map(({ id }) => id);
  expect(ids.length).toBeGreaterThanOrEqual(3);
  expect(new Set(ids).size).toBe(ids.length);
});

test("any other edit goes to the manager", () => {
  const play = asked().editComment(99, "Hurry");
  expect(play.effects("send-message")[0]?.message.text).toContain("ann commented on issue");
});

test("an answer to a question of nobody goes to the manager", () => {
  const play = started();
  const stuck = { reason: "no", retry: false };
  play.park().start().endTurn("manager", stuck).exited();
  play.comment("try again");
  expect(play.state()).toBe("queued");
});

// A call that stays open for the answer.

const open = (): { readonly play: Play; readonly call: string } => {
  const play = withWorker({ askWaitMs: 60_000 });
  expect(play.call("api", askHuman("Which store?"))).toBeNull();
  return { play, call: play.session("api").calls[0]?.call ?? "" };
};

test("the answer is its result, delivered when the runner says it won", () => {
  const { play, call } = open();
  play.comment("Redis");
  expect(play.effects("answer-call")).toMatchObject([{ call, outcome: "result" }]);
  expect(JSON.parse(play.effects("answer-call")[0]?.content ?? "")).toEqual({
    status: "answered",
    answer: "Redis",
    by: "ann",
  });
  expect(play.question(1).state).toMatchObject({ delivery: { kind: "call", call } });
  play.settled("api", call, "result");
  expect(play.question(1).state).toMatchObject({ delivery: { kind: "delivered" } });
  expect(play.mail("api")).toEqual([]);
});

test("asked twice, both calls get it", () => {
  const { play } = open();
  play.call("api", askHuman("Which store?"));
  play.comment("Redis");
  expect(play.effects("answer-call")).toHaveLength(2);
  expect(play.session("api").calls).toEqual([]);
});

test("a call of the same name in another session is another call", () => {
  const { play, call } = open();
  play.comment("Redis").settled("manager", call, "result");
  expect(play.question(1).state).toMatchObject({ delivery: { kind: "call" } });
});

test("waited long enough: parked, and the answer comes as a message", () => {
  const { play, call } = open();
  play.timer(`ask:${play.question(1).id}`);
  expect(play.effects("answer-call")).toMatchObject([{ call, outcome: "parked" }]);
  expect(play.park("api").state("api")).toBe("waiting_user");
  play.comment("Redis");
  expect(play.mail("api")).toHaveLength(1);
});

test("the answer lost the race against parking: it goes as a message, once", () => {
  const { play, call } = open();
  play.comment("Redis").settled("api", call, "parked").settled("api", call, "parked");
  expect(play.mail("api")).toHaveLength(1);
  expect(play.question(1).state).toMatchObject({ delivery: { kind: "message" } });
});

test("the process ended before the answer was read: it goes as a message", () => {
  const { play } = open();
  play.comment("Redis").exited("api", "itself", 1);
  expect(play.mail("api").filter((text) => text.includes("Redis"))).toHaveLength(1);
  expect(play.state("api")).toBe("queued");
});

test("of somebody else's process it says nothing", () => {
  const { play } = open();
  play.comment("Redis").exited("manager", "itself", 1);
  expect(play.question(1).state).toMatchObject({ delivery: { kind: "call" } });
});

test("a timer for a call that was answered or whose process is gone does nothing", () => {
  const { play } = open();
  const timer = `ask:${play.question(1).id}`;
  play.endTurn("api").timer(timer);
  expect(play.effects("answer-call")).toEqual([]);
  play.comment("Redis");
  expect(play.mail("api")).toHaveLength(1);
  play.timers.set(timer, play.now);
  play.timer(timer);
  expect(play.effects("answer-call")).toEqual([]);
});

test("a settled call that carried no answer changes nothing", () => {
  const { play } = open();
  const before = play.it;
  expect(play.settled("api", "another", "result").it).toEqual(before);
});

describe("what was said before a question stood there", () => {
  test("does not answer it: the manager gets it", () => {
    const play = asked().posted().say("Nice weather.", ann, 900);
    expect(play.question(1).state.kind).toBe("open");
    expect(play.effects("send-message")[0]?.message.text).toContain("Nice weather.");
    expect(play.say("Redis", ann, 2000).question(1).state).toMatchObject({ text: "Redis" });
  });

  test("but after it stood there, and before a restored backup knew of it again: it is answered, once", () => {
    const play = withWorker().say("Nice.", ann, 900).say("1: Redis", bob, 2000);
    play.say("3: Friday", ann, 2001).say("Bye.", ann, 2002);
    expect(play.mail()).toHaveLength(4);
    play.call("api", askHuman("Which store?"));
    play.posted();
    expect(play.question(1).state).toMatchObject({ kind: "answered", text: "Redis", by: "bob" });
    play.call("api", askHuman("Which cache?"));
    play.call("manager", askHuman("Until when?"));
    play.posted();
    expect(play.question(2).state.kind).toBe("open");
    expect(play.question(3).state).toMatchObject({ kind: "answered", text: "Friday" });
    expect(play.it.heard?.map(({ text }) => text)).toEqual(["Nice.", "Bye."]);
  });

  test("of what answered nothing the last ten are remembered", () => {
    const play = started();
    for (let n = 1; n <= 12; n += 1) play.say(`And ${"!".repeat(n)}`, ann, n);
    expect(play.it.heard?.map(({ comment }) => comment)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  test("one whose post was not confirmed may stand there all the same: it is answered", () => {
    const play = asked().say("Redis");
    expect(play.question(1).state).toMatchObject({ kind: "answered", text: "Redis" });
  });

  test("one that an older version posted is answered by any comment", () => {
    const play = asked().posted();
    const { comment: _, ...question } = play.question(1);
    play.objective = { ...play.it, questions: [question] };
    expect(play.say("Redis").question(1).state.kind).toBe("answered");
  });
});

describe("a question that could not be posted", () => {
  test("is withdrawn, and who asked hears why", () => {
    const play = asked().unasked(1);
    expect(play.question(1).state).toEqual({ kind: "canceled", reason: "the issue is locked" });
    expect(play.mail("api")).toEqual([
      "Question 1 could not be posted: the issue is locked. It was: Which store?",
    ]);
    expect(play.state("api")).toBe("queued");
    expect(play.unasked(1).mail("api")).toHaveLength(1);
  });

  test("about a closed pull request: it stays closed, the manager hears why", () => {
    const play = published().pull(31, "closed").unasked(1);
    expect(play.it.pullRequests[0]?.state).toBe("waived");
    expect(play.mail()[0]).toContain("Question 1 could not be posted: the issue is locked.");
  });

  test("of a manager that cannot go on: it is the end, and the status says so", () => {
    const play = started().endTurn("manager", { reason: "no key", retry: false }).exited();
    play.unasked(1);
    expect(play.it.state).toMatchObject({
      kind: "canceled",
      reason: "the manager cannot go on, and nobody could be asked: the issue is locked",
    });
  });
});

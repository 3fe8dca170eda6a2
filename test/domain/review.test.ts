/** Reviews by agents: what a reviewer works in, who hears its verdict, and what nobody needs any more. */
import { describe, expect, test } from "vitest";
import type { ToolCall } from "../../src/domain/tool-call.ts";
import { publish, published, report, spawn, withWorker } from "./begin.ts";
import { Play } from "./play.ts";

const json = (answer: { readonly content: string } | null): unknown =>
  JSON.parse(answer?.content ?? "null");

const request = (change: object = {}): ToolCall => ({
  tool: "request_review",
  session: "api",
  focus: null,
  ...change,
});

const submit = (change: object = {}): ToolCall => ({
  tool: "submit_review",
  verdict: "request_changes",
  summary: "It leaks.",
  findings: [{ path: "src/api.ts", line: 3, text: "never closed" }],
  ...change,
});

/** Pull request 31 is open, and its review has been asked for. */
function asked(change: object = {}): Play {
  const play = published().comment("go on").start();
  play.call("manager", request(change));
  return play;
}

const TITLE = "review of api";

describe("request_review", () => {
  test("starts a reviewer on a checkout of the pull request, with the default branch's agent files", () => {
    const play = asked({ focus: "Does it leak?" });
    expect(play.session(TITLE)).toMatchObject({ role: "reviewer", agent: "script", pin: null });
    const [brief = ""] = play.mail(TITLE);
    expect(brief).toContain("a fresh checkout of pull request #31 at cccccccccccc");
    expect(brief).toContain("What to look at, from the manager:\nDoes it leak?");
    expect(brief).not.toMatch(/\{[a-z_]+\}|undefined/u);
    play.claim(TITLE, "box", 2);
    expect(play.effects("start-attempt")).toMatchObject([
      {
        role: "reviewer",
        workspace: {
          from: play.it.pullRequests[0]?.branch,
          branch: null,
          restoreFrom: "main",
        },
      },
    ]);
  });

  test("twice while one is going on is one; afterwards it is another", () => {
    const play = asked();
    const { id } = play.session(TITLE);
    expect(json(play.call("manager", request()))).toMatchObject({
      session: id,
      note: "this review is going on",
    });
    play.start(TITLE).call(TITLE, submit());
    play.park(TITLE);
    play.call("manager", request());
    expect(play.session(`${TITLE} (2)`).state.kind).toBe("queued");
  });

  test("by the agent for reviewers, or the one that is named", () => {
    const play = published().comment("go on").start();
    const agents = ["script", "codex"].map((name) => ({ name, next: null, prompt: null }));
    play.rules = { ...play.rules, agents };
    play.call("manager", request({ agent: "codex" }));
    expect(play.session(TITLE).agent).toBe("codex");
    expect(play.call("manager", request({ agent: "gpt" }))?.content).toContain("no agent");
  });
});

describe("a review", () => {
  test.for([
    ["nobody's", () => withWorker(), "web", 'no session "web" in this objective; name one of: api'],
    [
      "what is not published",
      () => withWorker(),
      "api",
      '"api" has no open pull request; publish_pr it first, a draft will do',
    ],
    [
      "what is merged",
      () => published().pull(31, "merged").start(),
      "api",
      '"api" has no open pull request; publish_pr it first, a draft will do',
    ],
  ] as const)("of %s is refused", ([, begin, session, refusal]) => {
    expect(begin().call("manager", request({ session }))).toMatchObject({
      isError: true,
      content: refusal,
    });
  });

  test("has the end that sessions have", () => {
    const play = published().comment("go on").start();
    for (let count = 2; count < 100; count++) play.call("manager", spawn(`w${count}`));
    expect(play.call("manager", request())?.content).toBe(
      "an objective may have 100 sessions; do without, or finish_objective",
    );
  });

  test("of one that is pinned by a label runs there", () => {
    const play = new Play();
    play.issue.labels = ["objective"];
    play.label();
    play.issue.labels = ["objective", "runner:gpu"];
    play.edit("Limit requests", "All of them.").start();
    play.call("manager", spawn("api"));
    play.start("api").call("api", report());
    play.park("api").reads();
    play.call("manager", publish("api"));
    play.pushed("api").opened("api", 31);
    play.call("manager", request());
    expect(play.session(TITLE).pin).toBe("gpu");
  });
});

describe("the verdict", () => {
  test("goes to the manager with the commit it is about, and nowhere else; the reviewer is done", () => {
    const play = asked().claim(TITLE).prepared(TITLE, "c".repeat(40)).spawned(TITLE).reads(TITLE);
    const comments = play.all("post-comment").length;
    expect(json(play.call(TITLE, submit()))).toMatchObject({ status: "submitted" });
    expect(play.effects("send-message")[0]?.message.text).toMatchInlineSnapshot(`
      "Reviewer "review of api" has submitted its review. Nothing of it was posted: message_session the worker what has to change.

      \`\`\`json
      {"session":"ses_7cb7d17b83d7d095c1c0","reviewed":"ses_2ce185ac51b5cedb13f6","pull_request":31,"verdict":"request_changes","summary":"It leaks.","findings":[{"path":"src/api.ts","line":3,"text":"never closed"}],"head":"cccccccccccccccccccccccccccccccccccccccc"}
      \`\`\`"
    `);
    play.call(TITLE, submit({ verdict: "approve" }));
    expect(play.effects("send-message")).toEqual([]);
    expect(play.park(TITLE).state(TITLE)).toBe("succeeded");
    expect(play.all("post-comment")).toHaveLength(comments);
    expect(play.all("reply-to-review")).toEqual([]);
    expect(JSON.stringify(play.it.status)).toContain("wants changes");
    expect(json(play.call("manager", { tool: "get_session", session: TITLE }))).toMatchObject({
      role: "reviewer",
      verdict: { verdict: "request_changes", head: "c".repeat(40) },
    });
  });

  test("says when it is about a commit that is not the newest", () => {
    const play = asked().start(TITLE);
    play.call(TITLE, submit());
    expect(play.effects("send-message")[0]?.message.text).toContain(
      "of a commit that is not the newest any more",
    );
  });

  test("before there is a checkout is about nothing that is known", () => {
    const play = asked().claim(TITLE).spawned(TITLE);
    play.call(TITLE, submit());
    expect(play.session(TITLE).verdict?.head).toBeNull();
  });

  test("that never comes is told to the manager", () => {
    const play = asked().park().start(TITLE).park(TITLE);
    expect(play.mail().at(-1)).toContain('Reviewer "review of api"');
    expect(play.mail().at(-1)).toContain("ended its turn without a result");
    const failing = asked().park().start(TITLE);
    failing.endTurn(TITLE, { reason: "no such model", retry: false }).exited(TITLE);
    expect(failing.mail().at(-1)).toContain("Do without, or request_review again.");
  });

  test("is not waited for when the pull request is merged", () => {
    const play = asked().start(TITLE).pull(31, "merged");
    expect(play.session(TITLE).state).toMatchObject({
      into: "canceled",
      reason: "its pull request is merged",
    });
    play.exited(TITLE);
    expect(play.it.state.kind).toBe("finishing");
  });
});

test("a reviewer publishes nothing", () => {
  const play = asked().start(TITLE);
  expect(play.call("manager", publish(TITLE))).toMatchObject({
    isError: true,
    content: '"review of api" is a reviewer and has nothing to publish; publish_pr takes a worker',
  });
});

test("a reviewer whose machine is lost, or whose agent is exhausted, begins anew as one", () => {
  const play = asked().start(TITLE);
  const agents = ["script", "codex"].map((name, at) => ({
    name,
    next: at === 0 ? "codex" : null,
    prompt: null,
  }));
  play.rules = { ...play.rules, agents };
  play.limit(TITLE, play.now + 1_000).exited(TITLE);
  expect(play.mail(TITLE)[0]).toContain('You are the reviewer "review of api"');
});

test("of a pull request that is gone from our record is canceled", () => {
  const play = asked().start(TITLE);
  if (play.objective !== null) play.objective = { ...play.objective, pullRequests: [] };
  play.call(TITLE, { tool: "report_progress", text: "x" });
  expect(play.session(TITLE).state).toMatchObject({ reason: "its pull request is gone" });
});

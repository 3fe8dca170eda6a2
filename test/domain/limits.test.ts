/** What one agent may fill: questions, problems, mailboxes. */
import { describe, expect, test } from "vitest";
import { askHuman, started, withWorker } from "./begin.ts";
import type { Play } from "./play.ts";

const tell = (play: Play, count: number): void => {
  for (let index = 1; index <= count; index++)
    play.call("manager", { tool: "message_session", session: "api", text: `note ${index}` });
};

test("twenty questions may be open; asking one of them again is no new one", () => {
  const play = started();
  for (let index = 1; index <= 20; index++) play.call("manager", askHuman(`Question ${index}?`));
  expect(play.call("manager", askHuman("And this?"))).toMatchObject({
    isError: true,
    content: "20 questions are open, an objective may have 20; end your turn and wait for answers",
  });
  expect(play.call("manager", askHuman("Question 3?"))?.isError).toBe(false);
  play.comment("3: yes");
  expect(play.call("manager", askHuman("And this?"))?.isError).toBe(false);
});

test("fifty problems of one session are enough", () => {
  const play = withWorker();
  for (let index = 1; index <= 50; index++)
    play.call("api", { tool: "report_problem", text: `problem ${index}` });
  expect(play.call("api", { tool: "report_problem", text: "one more" })).toMatchObject({
    isError: true,
    content: "this session has reported 50 problems, the most it may; go on, or end your turn",
  });
  expect(play.effects("post-comment")).toEqual([]);
});

describe("a mailbox", () => {
  test("holds two hundred messages; then the oldest goes, never the brief or an answer", () => {
    const play = withWorker();
    play.call("api", askHuman("Which store?"));
    play.endTurn("api").comment("Redis");
    tell(play, 200);
    expect(play.mail("api")).toHaveLength(200);
    expect(play.mail("api")[0]).toContain("Redis");
    expect(play.mail("api").some((text) => text.endsWith("note 1"))).toBe(false);
    expect(play.mail("api").at(-1)).toContain("note 200");
    expect(play.last.notes).toContain("api: 200 messages wait for it, the oldest was dropped");
  });

  test("keeps an answer that is not its first message", () => {
    const play = withWorker();
    play.call("api", askHuman("Which store?"));
    play.endTurn("api");
    tell(play, 1);
    play.comment("Redis");
    tell(play, 200);
    expect(play.mail("api").filter((text) => text.includes("Redis"))).toHaveLength(1);
    expect(play.mail("api")).toHaveLength(200);
  });

  test("of a process that is being stopped waits for the next one", () => {
    const play = withWorker().endTurn("api");
    tell(play, 2);
    expect(play.reads("api").all("send-message")).toEqual([]);
  });

  test("is handed over a hundred at a time, in order", () => {
    const play = withWorker().endTurn("api");
    tell(play, 150);
    play.exited("api").claim("api");
    expect(play.effects("start-attempt")[0]?.messages).toHaveLength(100);
    play.prepared("api").spawned("api");
    expect(play.effects("send-message")).toEqual([]);
    const [first] = play.session("api").mailbox;
    play.send({ kind: "message-delivered", ...play.of("api"), message: first?.id ?? "" });
    expect(play.effects("send-message")[0]?.message.text).toContain("note 101");
    for (let rounds = 0; play.mail("api").length > 0 && rounds < 10; rounds++) play.reads("api");
    expect(play.mail("api")).toEqual([]);
    const sent = play
      .all("send-message")
      .filter(({ session }) => session === play.session("api").id);
    expect(sent).toHaveLength(50);
  });
});

/** What sessions spent, and whether what was said to them has reached them. */
import { describe, expect, test } from "vitest";
import { usageWords } from "../../src/domain/usage.ts";
import { withWorker } from "./begin.ts";
import type { Play } from "./play.ts";
import { words } from "./words.ts";

const usage = (inputTokens: number, costUsd: number | null = null) => ({
  inputTokens,
  cachedTokens: 10,
  outputTokens: 5,
  costUsd,
});

const shown = (play: Play): string => words(JSON.parse(play.it.status));

describe("what is spent", () => {
  test("is not shown as long as nobody says anything of it", () => {
    expect(shown(withWorker())).not.toContain("Spent");
  });

  test("is added up per session and shown for all of them", () => {
    const play = withWorker();
    play.endTurn("api", null, { usage: usage(100, 1.5) }).exited("api");
    play.endTurn("manager", null, { usage: usage(2_000_000) });
    expect(play.session("api").spent).toEqual(usage(100, 1.5));
    expect(shown(play)).toContain("Spent: 2.0 M tokens, $1.50.");
    play.send({
      kind: "attempt-exited",
      ...play.of("manager"),
      code: 0,
      signal: null,
      cause: "stopped",
      usage: usage(1, 0.25),
    });
    expect(play.session().spent).toMatchObject({ inputTokens: 2_000_001, costUsd: 0.25 });
    play.endTurn("api", null, { usage: usage(1) });
    expect(play.session("api").spent).toMatchObject({ inputTokens: 101, costUsd: 1.5 });
  });

  test("counts when it is told late", () => {
    const play = withWorker().park("api");
    play.endTurn("api", null, { usage: usage(7) });
    expect(play.session("api").spent).toEqual(usage(7));
    play.endTurn("api", null, { usage: usage(3) });
    expect(play.session("api").spent).toMatchObject({ inputTokens: 10, costUsd: null });
  });

  test.for([
    [usage(0), "15 tokens"],
    [usage(12_345), "12 k tokens"],
    [usage(1_234_567, 3.4), "1.2 M tokens, $3.40"],
  ] as const)("%j is %s", ([spent, said]) => {
    expect(usageWords(spent)).toBe(said);
  });
});

const say = (play: Play): string => {
  play.type("api", "use port 80", "line-1");
  return play.effects("send-message")[0]?.message.id ?? "";
};

describe("a message in the middle of a turn", () => {
  test("waits for the end of the turn, and the status says so", () => {
    const play = withWorker();
    const message = say(play);
    play.send({ kind: "message-queued", ...play.of("api"), message });
    expect(shown(play)).toContain("running; 1 message waits for the end of its turn");
    play.type("api", "or 81", "line-2");
    const [second] = play.effects("send-message");
    play.send({ kind: "message-queued", ...play.of("api"), message: second?.message.id ?? "" });
    expect(shown(play)).toContain("2 messages wait for the end of its turn");
    play.reads("api");
    expect(shown(play)).not.toContain("for the end of its turn");
  });

  test("or is delivered at once, and the status says that, until the turn ends", () => {
    const play = withWorker();
    const message = say(play);
    play.type("api", "and tests", "line-2");
    play.send({ kind: "message-delivered", ...play.of("api"), message, how: "steered" });
    expect(shown(play)).toContain("the newest message was delivered at once, 2026-01-05 14:05 UTC");
    expect(play.session("api").said?.lines).toMatchObject([
      { became: { message, how: "steered" } },
      { became: { kind: "message" } },
    ]);
    play.reads("api").endTurn("api");
    expect(shown(play)).not.toContain("delivered at once");
  });

  test("by the manager as well", () => {
    const play = withWorker();
    play.call("manager", { tool: "message_session", session: "api", text: "x" });
    const message = play.effects("send-message")[0]?.message.id ?? "";
    play.send({ kind: "message-delivered", ...play.of("api"), message, how: "steered" });
    expect(shown(play)).toContain("delivered at once");
  });

  test("that waited in a process that is gone is on its way to nobody", () => {
    const play = withWorker();
    const message = say(play);
    play.send({ kind: "message-queued", ...play.of("api"), message }).exited("api", "itself", 1);
    expect(play.session("api").mailbox).toEqual([expect.not.objectContaining({ queued: true })]);
  });
});

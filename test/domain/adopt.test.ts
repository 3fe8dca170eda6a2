/** Events about a pull request that is on GitHub before we have recorded that we opened it. */
import { describe, expect, test } from "vitest";
import { publish, report, withWorker } from "./begin.ts";
import { mallory } from "./cast.ts";
import { type Play } from "./play.ts";

/** Pushed and being opened: GitHub has #31 already, we do not know its number. */
function opening(state: "draft" | "open" | "merged" | "closed" = "open"): Play {
  const play = withWorker();
  play.call("api", report());
  play.park("api").reads();
  play.call("manager", publish("api"));
  play.pushed("api");
  return play.there(31, state, play.it.pullRequests[0]?.branch ?? "");
}

describe("a pull request we have not recorded yet", () => {
  test("merged: counts as merged, and the late record does not take it back", () => {
    const play = opening().pull(31, "merged");
    expect(play.it.pullRequests).toMatchObject([{ number: 31, state: "merged" }]);
    expect(play.state("api")).toBe("succeeded");
    expect(play.it.state.kind).toBe("finishing");
    play.opened("api", 31);
    expect(play.it.pullRequests).toMatchObject([{ number: 31, state: "merged" }]);
    expect(play.effects("answer-call")[0]?.content).toContain("pull request #31 is merged");
  });

  test("closed: is asked about; what was answered stays", () => {
    const play = opening().pull(31, "closed");
    expect(play.said("question")[0]).toContain("#31");
    play.opened("api", 31);
    expect(play.it.pullRequests).toMatchObject([{ state: "closed" }]);
    expect(opening().pull(31, "closed").comment("drop").opened("api", 31).it.pullRequests).toEqual([
      expect.objectContaining({ state: "waived" }),
    ]);
  });

  test("made ready by a person: is open", () => {
    const play = opening().pull(31, "open");
    expect(play.it.pullRequests).toMatchObject([{ number: 31, state: "open" }]);
  });

  test("reviewed or commented: its worker gets it", () => {
    const play = opening().review(31);
    expect(play.mail("api")[0]).toContain("Please change this.");
    expect(play.it.pullRequests).toMatchObject([{ number: 31, state: "open" }]);
    expect(opening("draft").commentPull(31, "Shorter!").mail("api")[0]).toContain("Shorter!");
  });

  test("merged, and the comment on it comes first: still acted on", () => {
    const play = opening("merged").commentPull(31, "Nice.").pull(31, "merged");
    expect(play.it.pullRequests).toMatchObject([{ number: 31, state: "merged" }]);
  });

  test("by somebody else, though from a branch of that name: is not ours", () => {
    const play = opening();
    const before = play.it;
    play.there(32, "open", before.pullRequests[0]?.branch ?? "", mallory).commentPull(32, "hm");
    expect(play.it.pullRequests).toEqual(before.pullRequests);
    expect(play.mail("api")).toEqual([]);
  });
});

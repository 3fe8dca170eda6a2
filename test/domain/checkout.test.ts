/** What is in a checkout and what is not: asked for by the repository, told to agents and people. */
import { expect, test } from "vitest";
import { DEFAULT_CONFIG } from "../../src/domain/repository.ts";
import { Play } from "./play.ts";

test("only the directories that the repository names are checked out, for follow-ups too", () => {
  const play = new Play();
  const workspace = { sparse: ["packages/api"] };
  play.config = { ...play.config, config: { ...DEFAULT_CONFIG, workspace } };
  play.label().claim();
  expect(play.effects("start-attempt")).toMatchObject([{ workspace }]);
});

test("what is not in a checkout is told to its agent before it begins, once, and to people in the status comment", () => {
  const notes = ["submodules are not fetched", "files in Git LFS are not fetched"];
  const play = new Play().label().claim();
  const prepared = (given: readonly string[]) =>
    play.send({
      kind: "attempt-prepared",
      ...play.of("manager"),
      path: "/w",
      base: "a".repeat(40),
      head: "a".repeat(40),
      notes: given,
    });
  prepared(notes).spawned();
  expect(play.effects("send-message").map(({ message }) => message.text)).toEqual([
    "About your checkout, from the machine you run on:\n- submodules are not fetched\n- files in Git LFS are not fetched",
  ]);
  expect(play.it.status).toContain("submodules are not fetched");
  expect(play.session().state.kind).toBe("running");
  // The next attempt, in another new checkout.
  play.reads().exited("manager", "itself", 1).claim("manager", "other");
  const before = play.session().mailed;
  prepared(notes);
  expect(play.session().mailed).toBe(before);
});

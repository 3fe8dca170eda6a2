import { describe, expect, test } from "vitest";
import { DEFAULT_CONFIG } from "../../src/domain/repository.ts";
import { started } from "./begin.ts";
import { ann, bob, bot, ISSUE, mallory, own } from "./cast.ts";
import { Play } from "./play.ts";

// Who may start an objective.

const snapshot = { id: 900, title: "t", body: "b", url: "u" };
const labeled = { kind: "issue-changed", cause: "labeled", number: ISSUE, actor: ann } as const;

test("a person with write permission: looked at, answered by a status, one manager waits", () => {
  const play = new Play().label();
  expect(play.it).toMatchObject({ revision: 1, startedBy: ann, state: { kind: "active" } });
  expect(play.it.sessions).toHaveLength(1);
  expect(play.state()).toBe("queued");
  expect(play.effects("react")).toMatchObject([{ content: "eyes", number: ISSUE }]);
  expect(play.effects("update-status")).toHaveLength(1);
  expect(play.mail()[0]).toContain("issue #12, labelled by ann");
});

test.for(["none", "read", "triage"] as const)("%s is not enough: 😕 and one line", (permission) => {
  const play = new Play();
  play.permissions.set("mallory", permission);
  play.label(mallory);
  expect(play.objective).toBeNull();
  expect(play.effects("react")).toMatchObject([{ content: "confused" }]);
  expect(play.said("notice")).toEqual([
    "mallory, the label objective starts work only when somebody with write permission adds it.",
  ]);
});

test.for(["write", "maintain", "admin"] as const)("%s is enough", (permission) => {
  const play = new Play();
  play.permissions.set("ann", permission);
  expect(play.label().objective).not.toBeNull();
});

test("somebody unknown is told the same, once per issue and day", () => {
  const play = new Play();
  play.permissions.clear();
  const keys = (): string[] => play.last.effects.map(({ key }) => key);
  const today = [play.label(mallory), keys()][1];
  play.now += 1000;
  expect([play.label(mallory), keys()][1]).toEqual(today);
  play.now += 24 * 60 * 60 * 1000;
  expect([play.label(mallory), keys()][1]).not.toEqual(today);
});

test("a permission that could not be read is none", () => {
  const play = new Play();
  play.label();
  const again = new Play();
  const event = { kind: "issue-changed", cause: "labeled", number: ISSUE, actor: ann } as const;
  const { permission: _, ...facts } = again.facts({ ...event, labels: ["objective"], snapshot });
  again.issue.labels = ["objective"];
  again.send(
    { ...event, labels: ["objective"], snapshot },
    { ...facts, issue: { ...again.issue, number: ISSUE, url: "u" } },
  );
  expect(again.objective).toBeNull();
  expect(again.effects("react")).toMatchObject([{ content: "confused" }]);
});

test.for([bot, own])("$login is not answered", (actor) => {
  const play = new Play().label(actor);
  expect(play.objective).toBeNull();
  expect(play.last.effects).toEqual([]);
  expect(play.last.notes).toEqual([`${actor.login} is not a person`]);
});

test("the label of the configuration counts, no other", () => {
  const play = new Play();
  play.config = { ...play.config, config: { ...DEFAULT_CONFIG, label: "work" } };
  expect(play.label().objective).toBeNull();
  expect(play.last.notes[0]).toContain("not wanted");
});

test("an edit of a labelled issue starts nothing", () => {
  const play = new Play();
  play.issue.labels = ["objective"];
  expect(play.edit("New", "words").objective).toBeNull();
  expect(play.last.notes[0]).toContain("wanted, edited starts nothing");
});

test("without the configuration nothing is decided", () => {
  const play = new Play();
  expect(() =>
    play.send(
      { kind: "issue-changed", cause: "labeled", number: 1, actor: ann, labels: [], snapshot },
      {},
    ),
  ).toThrow("issue-changed was decided without the configuration");
});

test("anything else about an issue without objective is noted", () => {
  const play = new Play().comment("hello");
  expect(play.objective).toBeNull();
  expect(play.last.notes).toEqual(["comment-created: no objective"]);
});

test("GitHub's own word of a label that was found by looking starts nothing after the end", () => {
  const play = new Play();
  const at = play.now;
  const label = { ...labeled, labels: ["objective"], snapshot };
  play.issue.labels = ["objective"];
  play.send({ ...label, at, found: true });
  expect(play.it).toMatchObject({ labelledAt: at, labelFound: true });
  play.send({ kind: "cancel-requested", by: "ann", session: null });
  // GitHub's times of an issue and of its events may differ by a second.
  play.send({ ...label, at: at + 1_000 });
  expect(play.it).toMatchObject({ revision: 1, state: { kind: "canceled" } });
  play.send({ ...label, at: at + 2_000 });
  expect(play.it).toMatchObject({ revision: 2, state: { kind: "active" } });
});

test("a label of the same second as that of a canceled revision starts the next", () => {
  const play = new Play().label().unlabel().label();
  expect(play.it.revision).toBe(2);
});

test("however a label is heard of, it says and posts the same under the same keys", () => {
  const first = new Play().label().last.effects.map(({ key }) => key);
  const other = new Play().comment("another cause before it").label();
  const again = other.last.effects.map(({ key }) => key);
  // The status comment is found by its issue, whatever its key.
  expect(again.slice(0, 1)).toEqual(first.slice(0, 1));
});

describe("another label while at work", () => {
  test("a label of while it was at work, found by looking after the end, starts nothing", () => {
    const play = new Play().label();
    play.now += 60_000;
    play.label();
    const relabelledAt = play.now;
    expect(play.it.labelledAt).toBe(relabelledAt);
    play.send({ kind: "cancel-requested", by: "ann", session: null });
    const found = { ...labeled, labels: ["objective"], snapshot, found: true } as const;
    play.send({ ...found, at: relabelledAt });
    expect(play.last.notes).toEqual(["labeled was before the label of revision 1"]);
    play.send({ ...found, at: relabelledAt + 2_000 });
    expect(play.it).toMatchObject({ revision: 2, state: { kind: "active" } });
  });

  test("another label while it is at work is none of ours", () => {
    const play = new Play().label();
    const { labelledAt } = play.it;
    play.send({ ...labeled, labels: ["bug"], snapshot, at: play.now + 60_000 });
    play.send({ ...labeled, labels: ["objective"], snapshot });
    expect(play.it.labelledAt).toBe(labelledAt);
  });
});

describe("on and off", () => {
  test("labelled again while at work: the same objective, the same manager", () => {
    const play = new Play().label();
    const { id } = play.it;
    play.label(bob);
    expect(play.it.id).toBe(id);
    expect(play.last.effects).toEqual([]);
    expect(play.last.notes).toContain("already at work");
  });

  test("a late webhook of the label from before does not bring back what was canceled", () => {
    const play = new Play();
    play.now += 60_000;
    play.label();
    const labelledAt = play.now;
    expect(play.it.labelledAt).toBe(labelledAt);
    play.send({ kind: "cancel-requested", by: "ann", session: null });
    play.now -= 60_000;
    play.label();
    expect(play.it).toMatchObject({ revision: 1, state: { kind: "canceled" } });
    expect(play.last.notes).toEqual(["labeled was before the label of revision 1"]);
    play.now = labelledAt + 1000;
    expect(play.unlabel().label().it.revision).toBe(2);
  });

  test("a label of which GitHub told no time starts an objective, and again after its end", () => {
    const play = new Play();
    play.issue.labels = ["objective"];
    const label = () => play.send({ ...labeled, labels: ["objective"], snapshot });
    expect(label().it).not.toHaveProperty("labelledAt");
    play.send({ kind: "cancel-requested", by: "ann", session: null });
    expect(label().it.revision).toBe(2);
  });

  test("a late webhook of a flapping label sees the issue as it is now", () => {
    const play = new Play();
    play.issue.labels = [];
    play.send({ ...labeled, labels: ["objective"], snapshot });
    expect(play.objective).toBeNull();
  });

  test.for([
    ["the label is removed", (play: Play) => play.unlabel(), "the label was removed"],
    ["the issue is closed", (play: Play) => play.close(), "the issue was closed"],
    ["the issue is gone", (play: Play) => play.deleteIssue(), "the issue is gone"],
  ] as const)("%s: canceled at once", ([, act, reason]) => {
    const play = act(started());
    expect(play.it.state).toMatchObject({ kind: "canceled", reason });
    expect(play.session().state).toMatchObject({ kind: "stopping", into: "canceled" });
    expect(play.effects("stop-attempt")).toHaveLength(1);
    expect(play.exited().state()).toBe("canceled");
  });

  test("labelled again after the end: the next revision, with ids of its own", () => {
    const play = new Play().label();
    const first = play.it;
    play.unlabel().label();
    expect(play.it.revision).toBe(2);
    expect(play.it.id).not.toBe(first.id);
    expect(play.session().id).not.toBe(first.sessions[0].id);
  });

  test("closed again after the end: nothing more to cancel", () => {
    const play = new Play().label().unlabel().close();
    expect(play.it).toMatchObject({ revision: 1, state: { reason: "the label was removed" } });
    expect(play.last.effects).toEqual([]);
  });
});

describe("an edited issue", () => {
  test("reaches the manager in the version the editor saw", () => {
    const play = started().edit("Limit requests", "Only the slow ones.");
    expect(play.it.body).toBe("Only the slow ones.");
    expect(play.effects("send-message")[0]?.message.text).toContain("Only the slow ones.");
  });

  test("without a change of words nobody is told", () => {
    const play = started();
    play.edit(play.it.title, play.it.body);
    expect(play.effects("send-message")).toEqual([]);
  });

  test.for([mallory, bot])("by $login is counted and not passed on", (actor) => {
    const play = started().edit("Evil", "words", actor);
    expect(play.it).toMatchObject({ title: "Limit requests", ignored: 1 });
    expect(play.effects("send-message")).toEqual([]);
  });

  test("by somebody whose permission is unknown is not passed on", () => {
    const play = started();
    const event = { kind: "issue-changed", cause: "edited", number: ISSUE, actor: ann } as const;
    const { permission: _, ...facts } = play.facts({ ...event, labels: [], snapshot });
    play.send({ ...event, labels: [], snapshot }, facts);
    expect(play.it.ignored).toBe(1);
  });
});

const problem = (sha: string, line: number | null = 3) => ({ sha, line, message: "no such key" });

describe("a broken configuration", () => {
  test("is pointed out once per version, and the last good one is used", () => {
    const play = new Play();
    play.config = { ...play.config, problem: problem("one") };
    play.label();
    expect(play.said("notice")).toEqual([
      ".github/orcha.yml line 3: no such key. The last good configuration stays in force.",
    ]);
    expect(play.it.reportedConfig).toBe("one");
    expect(play.it.config).toEqual(DEFAULT_CONFIG);
  });

  test("without a line it is named without one", () => {
    const play = new Play();
    play.config = { ...play.config, problem: problem("one", null) };
    expect(play.label().said("notice")[0]).toContain(".github/orcha.yml: no such key.");
  });
});

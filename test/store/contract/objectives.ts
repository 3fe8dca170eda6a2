/** Objectives: whole, compared and set, found in every way. */
import { expect, test } from "vitest";
import type { Subject } from "../../../src/store/port.ts";
import { published } from "../../domain/begin.ts";
import { repository } from "../../domain/cast.ts";
import { Play } from "../../domain/play.ts";
import { everything } from "../examples.ts";
import { type Open, issue, effect, loaded, put } from "./given.ts";

export function objectives(open: Open): void {
  test("come back as they were, whatever they hold", async () => {
    await using store = await open();
    const objective = everything();
    expect(await put(store, objective)).toBe(true);
    expect(await loaded(store)).toEqual({ objective, rev: 1, superseded: false });
    expect(await store.objectiveById(objective.id)).toMatchObject({ rev: 1 });
    const session = objective.sessions[3]?.id ?? "";
    expect((await store.objectiveOfSession(session))?.objective.id).toBe(objective.id);
  });

  test("are found by issue, id, pull request and branch, in their repository only", async () => {
    await using store = await open();
    const { it } = published();
    await put(store, it);
    const [pull] = it.pullRequests;
    const other = { ...repository, id: 8 };
    const subjects: Subject[] = [
      issue,
      { kind: "objective", id: it.id },
      { kind: "pull-request", number: 31 },
    ];
    for (const subject of subjects)
      expect((await store.load(subject, repository))?.objective).toEqual(it);
    expect((await store.loadByBranch(repository, pull?.branch ?? ""))?.objective).toEqual(it);
    expect(await store.load(issue, other)).toBeNull();
    expect(await store.load({ kind: "pull-request", number: 31 }, other)).toBeNull();
    expect(await store.loadByBranch(other, pull?.branch ?? "")).toBeNull();
    expect(await store.objectiveById("none")).toBeNull();
    expect(await store.objectiveOfSession("none")).toBeNull();
  });

  test("nothing to store ends the item and leaves a trace", async () => {
    await using store = await open();
    expect(await put(store, null)).toBe(true);
    expect(await store.counts()).toEqual({ "inbox.done": 1 });
  });

  test("why is kept, newest first", async () => {
    await using store = await open();
    const { it } = new Play().label();
    await put(store, it, { notes: ["one"] });
    await put(store, it, { notes: ["two"], now: 7 });
    const trail = await store.audit(it.id, 9);
    expect(trail.map(({ notes }) => notes)).toEqual([["two"], ["one"]]);
    expect(trail[0]?.at).toBe(7);
    expect(await store.audit(it.id, 1)).toHaveLength(1);
  });
}

export function revisions(open: Open): void {
  test("a change by somebody else in between writes nothing at all", async () => {
    await using store = await open();
    const play = new Play().label();
    await put(store, play.it);
    const stale = await loaded(store);
    await put(store, { ...play.it, ignored: 1 });
    const change = {
      before: stale,
      effects: [effect("e", "react")],
      timers: [{ name: "t", at: 5 }],
    };
    expect(await put(store, { ...play.it, ignored: 2 }, change)).toBe(false);
    expect(await loaded(store)).toMatchObject({ rev: 2, objective: { ignored: 1 } });
    expect(await store.outbox({ state: "all", limit: 9 })).toEqual([]);
    expect(await store.nextDue(0)).toBeNull();
    expect(await store.counts()).toMatchObject({ "inbox.pending": 1, "inbox.done": 2 });
  });

  test("two that begin at once are one", async () => {
    await using store = await open();
    const { it } = new Play().label();
    await put(store, it);
    expect(await put(store, it, { before: null })).toBe(false);
  });

  test("the newest revision is the one; older ones know that they are superseded", async () => {
    await using store = await open();
    const play = new Play().label().unlabel();
    const first = play.it;
    await put(store, first);
    await put(store, play.label().it);
    expect(await loaded(store)).toMatchObject({ objective: { revision: 2 }, superseded: false });
    expect(await store.objectiveById(first.id)).toMatchObject({ superseded: true });
    expect(await store.objectives()).toHaveLength(2);
  });
}

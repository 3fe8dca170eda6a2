/**
 * Goal: what ends the process (it does not throw) is given up after five deaths, and nothing else is given up or left
 * undone because of it. Method: real processes that exit in the middle of handling, started again until one ends well.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { realChance } from "../../src/compose/chance.ts";
import { emitted } from "../../src/domain/step.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { repository } from "../domain/cast.ts";
import { Play } from "../domain/play.ts";
import { effects, events } from "../store/examples.ts";
import { put } from "./world.ts";

const LIFE = fileURLToPath(new URL("../fixtures/poison/life.ts", import.meta.url));
const LIVES_MAX = 12;
/** Six processes one after the other, on a machine that may have other things to do. */
const LONG = { timeout: 60_000 };
const clock = { now: () => 1, after: () => () => {} };

/** Lives until one ends well; the exit codes. */
async function live(path: string): Promise<readonly number[]> {
  const codes: number[] = [];
  while (codes.length < LIVES_MAX && codes.at(-1) !== 0) {
    const child = spawn(process.execPath, [LIFE, path], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const [code]: unknown[] = await once(child, "exit");
    codes.push(Number(code));
  }
  return codes;
}

const died = (times: number): readonly number[] => [...Array.from({ length: times }, () => 7), 0];

async function given() {
  const directory = mkdtempDisposableSync(join(tmpdir(), "orcha-poison-"));
  const path = join(directory.path, "orcha.db");
  return {
    path,
    store: await openSqlite(path, clock, realChance),
    [Symbol.dispose]: () => directory.remove(),
  };
}

const counts = async (path: string) => {
  await using store = await openSqlite(path, clock, realChance);
  return { counts: await store.counts(), dead: await store.dead(9) };
};

const delivery = (guid: string, body: string, receivedAt: number) => ({
  guid,
  name: "issues",
  body,
  receivedAt,
});

const take = (busy: readonly string[] = []) => ({ now: 1, limit: 9, busy: new Set(busy) });

const labelled = (issue: number, login: string) => ({
  key: `${login}-${issue}`,
  repository,
  subject: { kind: "issue", number: issue } as const,
  event: {
    ...events["issue-changed"],
    number: issue,
    actor: { id: 1, login, type: "user" } as const,
  },
});

test("an event: others of its issue and of other issues are handled", LONG, async () => {
  using at = await given();
  const items = [labelled(1, "poison"), labelled(1, "ann"), labelled(2, "bob"), labelled(3, "cy")];
  await at.store.enqueue(items, 1);
  await at.store.close();
  expect(await live(at.path)).toEqual(died(5));
  const { counts: rows, dead } = await counts(at.path);
  expect(rows).toEqual({ "inbox.done": 3, "inbox.dead": 1 });
  expect(dead).toMatchObject([
    { key: "poison-1", reason: "handling it ended the process 5 times in a row", attempts: 6 },
  ]);
});

test("an effect: the objective is told, and others are performed", LONG, async () => {
  using at = await given();
  const poison = { ...effects["post-comment"], repository: { ...repository, name: "poison" } };
  await put(at.store, new Play().label().it, [
    emitted(poison, "bad"),
    emitted(effects["close-issue"], "same-lane"),
    emitted({ ...effects.react, number: 13 }, "other-issue"),
    emitted(effects["stop-attempt"], "runner"),
  ]);
  await at.store.close();
  expect(await live(at.path)).toEqual(died(5));
  const { counts: rows, dead } = await counts(at.path);
  expect(rows).toMatchObject({ "outbox.done": 3, "outbox.dead": 1 });
  expect(dead).toMatchObject([{ key: "bad", queue: "outbox", what: "post-comment" }]);
  await using store = await openSqlite(at.path, clock, realChance);
  const [objective] = await store.objectives();
  const told = await store.audit(objective?.objective.id ?? new Play().label().it.id, 9);
  expect(told.map(({ event }) => event).join()).toContain("effect-failed");
});

test("a webhook: the others are routed, it is set aside with the reason", LONG, async () => {
  using at = await given();
  await at.store.accept([
    delivery("a", '{"x":1}', 1),
    delivery("b", '{"x":"poison"}', 2),
    delivery("c", '{"x":2}', 3),
  ]);
  await at.store.close();
  expect(await live(at.path)).toEqual(died(5));
  const { counts: rows, dead } = await counts(at.path);
  expect(rows).toEqual({ "delivery.routed": 2, "delivery.rejected": 1 });
  expect(dead).toMatchObject([{ key: "b", queue: "delivery" }]);
});

test("who is stopped in good order is not blamed, and who was blamed once and lives is not either", async () => {
  using at = await given();
  await at.store.identity();
  await at.store.enqueue([labelled(1, "ann")], 1);
  await at.store.takeInbox(take());
  await at.store.close();
  const second = await openSqlite(at.path, clock, realChance);
  await second.identity();
  const [kept] = await second.takeInbox(take());
  expect(kept).toMatchObject({ crashes: 0, attempts: 2 });
  // Dies now: nothing is told to the store.
  const third = await openSqlite(at.path, clock, realChance);
  await third.identity();
  const [blamed] = await third.takeInbox(take());
  expect(blamed).toMatchObject({ crashes: 1 });
  await third.letGo("inbox", blamed?.seq ?? 0);
  await using fourth = await openSqlite(at.path, clock, realChance);
  await fourth.identity();
  expect(await fourth.takeInbox(take())).toMatchObject([{ crashes: 0 }]);
  await third.close();
  await second.close();
});

test("a suspect is handled alone: nobody is taken before it has landed, and it waits for who is in the air", async () => {
  using at = await given();
  await at.store.identity();
  await put(at.store, new Play().label().it, [emitted(effects.react, "effect")]);
  await at.store.enqueue([labelled(1, "ann"), labelled(2, "bob")], 1);
  await at.store.takeInbox({ ...take(), limit: 1 });
  await using next = await openSqlite(at.path, clock, realChance);
  await next.identity();
  const alone = await next.takeInbox(take());
  expect(alone.map(({ key, crashes }) => [key, crashes])).toEqual([["ann-1", 1]]);
  expect(await next.takeOutbox(take())).toEqual([]);
  const lane = alone[0]?.lane ?? "";
  expect(await next.takeInbox(take([lane]))).toEqual([]);
  await next.letGo("inbox", alone[0]?.seq ?? 0);
  expect(await next.takeOutbox(take())).toMatchObject([{ key: "effect" }]);
  expect(await next.takeInbox(take([lane]))).toMatchObject([{ key: "bob-2" }]);
  await at.store.close();
});

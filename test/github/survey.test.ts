/** Lists read from the emulated GitHub, and what sweeps make of them, into the real store. */
import { expect, test } from "vitest";
import { openCalls } from "../../src/github/calls.ts";
import { Limits } from "../../src/github/limits.ts";
import { openPacing } from "../../src/github/pacing.ts";
import { openSurvey, type OwnComment } from "../../src/github/survey.ts";
import { lookAt, type Checked } from "../../src/inbox/look.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { Play } from "../domain/play.ts";
import { connect, openShopWorld, SHOP } from "./world.ts";

const clock = { now: () => Date.now(), after: () => () => undefined };
const limits = Limits.parse({ writeGapMs: 0, pointsPerMinute: 1_000_000 });

async function openSwept() {
  const stack = new AsyncDisposableStack();
  const shop = stack.use(await openShopWorld());
  const { world, repository } = shop;
  const { auth, forge } = connect(shop.url, shop.app);
  stack.defer(() => forge.close());
  const pacing = openPacing({ limits, clock });
  const calls = openCalls({ auth, pacing, clock, patienceMs: 0 });
  const own: OwnComment[] = [];
  const onOwn = (_: unknown, comment: OwnComment): number => own.push(comment);
  const survey = openSurvey({ auth, calls, pacing, clock, forge, onOwn });
  const store = stack.use(await openSqlite(":memory:", clock));
  const checked: Checked = new Map();
  const look = (full = false) => lookAt({ survey, store, clock }, repository, { full, checked });
  return {
    ...shop,
    survey,
    store,
    own,
    look,
    alice: world.as("alice"),
    bob: world.as("bob"),
    /** What entered since the last call. */
    async entered() {
      const found = [];
      for (let round = 0; round < 50; round += 1) {
        const items = await store.takeInbox({ now: clock.now(), limit: 50, busy: new Set() });
        if (items.length === 0) break;
        for (const item of items) {
          found.push(item);
          await store.buryInbox(item.seq, "seen");
        }
      }
      return found.toSorted((a, b) => a.seq - b.seq);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test("where the App is installed is listed with a token that is revoked at once", async () => {
  await using swept = await openSwept();
  expect(await swept.survey.repositories()).toEqual([swept.repository]);
  expect(swept.survey.budget(swept.repository).share).toBe(1);
});

test("a label is found with who put it on and the text as it was, once", async () => {
  await using swept = await openSwept();
  const { alice, bob, look } = swept;
  const { number } = bob.openIssue(SHOP, { title: "Limits", body: "please <!-- x -->" });
  bob.openIssue(SHOP, { title: "Another", body: "no label" });
  alice.label(SHOP, number, "objective");
  expect(await look(true)).toEqual({ entered: 1, complete: true });
  const [item, ...others] = await swept.entered();
  expect(others).toEqual([]);
  expect(item?.event).toMatchObject({
    kind: "issue-changed",
    cause: "labeled",
    number,
    actor: { login: "alice", type: "user" },
    labels: ["objective"],
    snapshot: { title: "Limits", body: "please" },
    at: expect.any(Number),
  });
  expect(await look(true)).toEqual({ entered: 0, complete: true });
  alice.unlabel(SHOP, number, "objective");
  alice.label(SHOP, number, "objective");
  expect((await look()).entered, "put on again").toBe(1);
});

test.for([
  ["body", { body: "now do something else" }],
  ["title", { title: "Something else" }],
] as const)("whoever changed the %s after the label answers for it", async ([, edit]) => {
  await using swept = await openSwept();
  const { alice, bob, look, world } = swept;
  const { number } = bob.openIssue(SHOP, { title: "Limits", body: "please" });
  alice.label(SHOP, number, "objective");
  await world.idle();
  world.advance(2_000);
  bob.editIssue(SHOP, number, edit);
  await look(true);
  const [item] = await swept.entered();
  expect(item?.event).toMatchObject({ cause: "labeled", actor: { login: "bob" } });
});

/** An objective as the store would have it after the issue was labelled. */
async function watch(swept: Awaited<ReturnType<typeof openSwept>>, issue: number): Promise<Play> {
  const play = new Play();
  play.issue = { ...play.issue, id: swept.world.issue(SHOP, issue).id };
  play.label();
  const { store, repository } = swept;
  const event = { kind: "access-lost", reason: "only to commit with" } as const;
  const subject = { kind: "issue", number: issue } as const;
  await store.enqueue([{ key: `given ${issue}`, repository, subject, event }], 1);
  const [item] = await store.takeInbox({ now: clock.now(), limit: 1, busy: new Set() });
  if (item === undefined) throw new Error("nothing to commit with");
  const objective = { ...play.it, repository, issue: { id: play.issue.id, number: issue } };
  const rest = { effects: [], timers: [], notes: [], facts: {} };
  expect(await store.commit({ item, now: 1, before: null, objective, ...rest })).toBe(true);
  return play;
}

test("comments where somebody works are found in order, edits once the first version was heard", async () => {
  await using swept = await openSwept();
  const { alice, bob, look, own, repository, world } = swept;
  const { number } = alice.openIssue(SHOP, { title: "Limits", labels: ["objective"] });
  const other = alice.openIssue(SHOP, { title: "Nobody works here" }).number;
  await watch(swept, number);
  const first = alice.comment(SHOP, number, "first <!-- hidden -->");
  bob.comment(SHOP, number, "second");
  alice.comment(SHOP, other, "not of interest");
  await swept.forge.perform(
    { kind: "update-status", repository, number, text: [] },
    { key: "s", number: 1, known: null },
  );
  expect(await look()).toEqual({ entered: 2, complete: true });
  const [one, two] = await swept.entered();
  expect(one).toMatchObject({
    key: `comment:${repository.id}:${first.id}`,
    subject: { kind: "issue", number },
    event: { kind: "comment-created", actor: { login: "alice" }, text: "first" },
  });
  expect(two?.event).toMatchObject({ actor: { login: "bob" }, text: "second" });
  expect(own.map(({ url }) => url)).toEqual([expect.stringContaining(`/issues/${number}#`)]);
  world.advance(5_000);
  alice.editComment(SHOP, first.id, "corrected");
  const late = alice.comment(SHOP, number, "to be edited at once");
  world.advance(5_000);
  alice.editComment(SHOP, late.id, "edited at once");
  expect((await look()).entered).toBe(2);
  expect((await swept.entered()).map(({ event }) => event)).toMatchObject([
    { kind: "comment-edited", comment: first.id, text: "corrected" },
    { kind: "comment-created", comment: late.id, text: "edited at once" },
  ]);
  expect((await look()).entered, "once").toBe(0);
});

test("an issue that is closed, unlabelled or gone is looked at; lists alone are not believed", async () => {
  await using swept = await openSwept();
  const { alice, look, world } = swept;
  world.setPermission(SHOP, "alice", "admin");
  const numbers = ["closed", "unlabelled", "deleted", "fine"].map((title) => {
    const { number } = alice.openIssue(SHOP, { title, labels: ["objective"] });
    return number;
  });
  for (const number of numbers) await watch(swept, number);
  await look();
  expect(await swept.entered()).toEqual([]);
  const [closed = 0, unlabelled = 0, deleted = 0] = numbers;
  alice.closeIssue(SHOP, closed);
  alice.unlabel(SHOP, unlabelled, "objective");
  alice.deleteIssue(SHOP, deleted);
  await look();
  expect((await swept.entered()).map(({ event }) => event)).toMatchObject([
    { cause: "closed", number: closed, labels: [], actor: { type: "bot" } },
  ]);
  await look(true);
  const gone = (await swept.entered()).map(({ event }) => event);
  // In the order of the objectives' ids, which say nothing.
  expect(gone).toHaveLength(2);
  expect(gone).toContainEqual(expect.objectContaining({ cause: "unlabeled", number: unlabelled }));
  expect(gone).toContainEqual(expect.objectContaining({ cause: "deleted", number: deleted }));
});

/**
 * An hour without GitHub, and then one in which it says "too much": everything that was to be said is said, the most
 * urgent first, a status once, and not one call goes out that should not. The real outbox and forge over the emulated
 * GitHub in this process, in virtual time.
 */
import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import type { Effect } from "../../src/domain/effect.ts";
import { questionId } from "../../src/domain/id.ts";
import type { Repository } from "../../src/domain/repository.ts";
import { emitted } from "../../src/domain/step.ts";
import { openInProcess } from "../../src/emulator/in-process.ts";
import { openDeliver } from "../../src/engine/deliver.ts";
import { openLoop } from "../../src/engine/loop.ts";
import type { Clock } from "../../src/engine/ports.ts";
import { openAuth } from "../../src/github/auth.ts";
import { openBreaker } from "../../src/github/breaker.ts";
import type { Fetch } from "../../src/github/client.ts";
import { openForge } from "../../src/github/forge.ts";
import { GITHUB_LIMITS } from "../../src/github/limits.ts";
import { openPacing } from "../../src/github/pacing.ts";
import { openSecretRegistry } from "../../src/github/secrets.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { openLog, settled, TestForge } from "../engine/world.ts";
import { openRandom } from "../sim/random.ts";
import { openTime } from "../sim/time.ts";
import { put } from "../store/contract/given.ts";
import { MARKER_SECRET } from "./world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const SHOP = "acme/shop";
/** Hundreds of virtual seconds, each with a dozen who wait, on a machine that may be busy. */
const LONG = { timeout: 30_000 };
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
  publicKeyEncoding: { type: "pkcs1", format: "pem" },
});

interface Call {
  readonly at: number;
  readonly what: string;
  readonly status: number;
}

/** The network: counted, cut when told, and GitHub's own refusals. */
function openNetwork(serve: Fetch, now: () => number) {
  const state = { up: true, calls: [] as Call[] };
  const fetch: Fetch = async (input, init) => {
    const path = new URL(input instanceof Request ? input.url : input).pathname;
    const what = `${init?.method ?? "GET"} ${path.replace("/api/v3", "")}`;
    const answered = state.up ? await serve(input, init) : null;
    state.calls.push({ at: now(), what, status: answered?.status ?? 0 });
    if (answered !== null) return answered;
    throw new TypeError("fetch failed", {
      cause: Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
    });
  };
  return { state, fetch };
}

/** The emulated GitHub with the App on one repository. */
async function openHub(clock: Clock, random: () => number) {
  const github = openInProcess({
    now: () => clock.now(),
    random,
    schedule: (delayMs, happen) => clock.after(delayMs ?? 0, happen),
    deliver: async () => ({ statusCode: 200 }),
    privateKey,
  });
  const { world } = github;
  world.createUser("ann");
  const { id } = await world.createRepository({ owner: "acme", name: "shop", files: { a: "a\n" } });
  world.setPermission(SHOP, "ann", "write");
  const app = await world.createApp({
    slug: "orcha",
    webhookSecret: "secret of the tests",
    permissions: { contents: "write", issues: "write", pull_requests: "write" },
    events: ["issues"],
  });
  const installation = world.install(app, { account: "acme" }).id;
  const repository: Repository = { installation, id, owner: "acme", name: "shop" };
  return { github, world, repository, appId: app.id };
}

async function given() {
  const random = openRandom("backlog");
  const time = openTime(Date.UTC(2026, 0, 5), random);
  const clock: Clock = {
    now: () => time.now(),
    after: (delayMs, callback) => time.after(delayMs, callback),
  };
  const { github, world, repository, appId } = await openHub(clock, random.next);
  const { state, fetch } = openNetwork(github.fetch, () => time.now());
  const secrets = openSecretRegistry(clock);
  const baseUrl = `${github.url}/api/v3`;
  const timeoutMs = 10 * SECOND;
  const auth = openAuth({ appId, privateKey, baseUrl, clock, secrets, timeoutMs, fetch });
  const breaker = openBreaker({ clock, probe: () => auth.app.request("GET /rate_limit") });
  const pacing = openPacing({ limits: GITHUB_LIMITS, clock });
  const configs = { get: async () => null, put: async () => {} };
  const marks = { markerSecret: MARKER_SECRET, allowedHosts: [] };
  const forge = openForge({ auth, pacing, clock, breaker, secrets, configs, ...marks });
  const store = await openSqlite(":memory:", clock);
  const nowhere = new TestForge();
  const log = openLog();
  const ports = { store, forge, gate: { push: nowhere.perform }, fleet: nowhere, clock, log };
  const deliver = openDeliver(ports);
  const drain = { once: async () => 0, onLanded: () => () => {}, idle: async () => {} };
  const idle = { route: async () => 0, follow: async () => {} };
  const loop = openLoop({ store, clock, log, deliver, drain, lookEveryMs: 5 * SECOND, ...idle });
  const pass = async (ms: number): Promise<void> => {
    const until = time.now() + ms;
    // What was asked for just now begins before time goes on.
    await settled();
    while (await time.step(until));
  };
  let count = 0;
  return {
    world,
    repository,
    state,
    store,
    loop,
    pass,
    time,
    emit: (effect: Effect): Promise<boolean> =>
      put(store, null, { effects: [emitted(effect, `effect-${(count += 1)}`)] }),
    issue: (title: string) => world.as("ann").openIssue(SHOP, { title }).number,
    async [Symbol.asyncDispose]() {
      const stopped = loop.stop(0);
      await pass(MINUTE);
      await stopped;
      forge.close();
      breaker.close();
      await github.close();
      await store.close();
    },
  };
}

type World = Awaited<ReturnType<typeof given>>;

/** Each on an issue of its own, the least urgent first; a status five times. */
async function speak({ repository, emit, issue, pass }: World, perKind: number): Promise<void> {
  const text = [{ kind: "paragraph", inlines: [{ kind: "text", text: "x" }] }] as const;
  for (let n = 0; n < perKind; n += 1) {
    const number = issue(`status ${n}`);
    for (let rev = 1; rev <= 5; rev += 1) {
      const status = `revision ${rev}`;
      const words = [{ kind: "paragraph", inlines: [{ kind: "text", text: status }] }] as const;
      await emit({ kind: "update-status", repository, number, text: words, rev });
      await pass(7 * SECOND);
    }
  }
  const post = { kind: "post-comment", repository, question: null, text } as const;
  for (let n = 0; n < perKind; n += 1) {
    await emit({ ...post, number: issue(`result ${n}`), purpose: "result" });
    await pass(7 * SECOND);
  }
  for (let n = 0; n < perKind; n += 1) {
    const number = issue(`answer ${n}`);
    await emit({
      kind: "react",
      repository,
      number,
      target: { kind: "issue", number },
      content: "+1",
    });
    await pass(7 * SECOND);
  }
  for (let n = 0; n < perKind; n += 1) {
    const question = questionId(`que_${n}`);
    await emit({ ...post, number: issue(`question ${n}`), purpose: "question", question });
    await pass(7 * SECOND);
  }
}

const writes = (calls: readonly Call[]): readonly Call[] =>
  calls.filter(({ what }) => /^(?:POST|PATCH) \/repos\//u.test(what));

/** Of what is written now: the first word of each issue's title. */
const kindsOf = ({ world }: World, calls: readonly Call[]): readonly (string | undefined)[] =>
  writes(calls).map(({ what }) => {
    const number = Number(/\/issues\/(?<number>\d+)/u.exec(what)?.groups?.["number"]);
    return world.issue(SHOP, number).title.split(" ")[0];
  });

test(
  "after an hour without GitHub questions go first, then answers, results and statuses, each once",
  LONG,
  async () => {
    await using at = await given();
    const { state, world, store, loop, pass } = at;
    loop.start();
    await at.emit({ kind: "close-issue", repository: at.repository, number: at.issue("before") });
    await pass(MINUTE);
    expect(state.calls.every(({ status }) => status < 400)).toBe(true);
    state.up = false;
    const before = state.calls.length;
    await at.emit({ kind: "close-issue", repository: at.repository, number: at.issue("cut off") });
    await pass(MINUTE);
    const cut = writes(state.calls.slice(before)).length;
    expect(cut, "until it is taken to be down").toBe(5);
    await speak(at, 4);
    await pass(60 * MINUTE);
    const asked = state.calls.slice(before);
    const probes = asked.filter(({ what }) => what === "GET /rate_limit");
    expect(probes.length).toBeGreaterThan(220);
    expect(asked.length - probes.length, "nothing but the question").toBe(cut);
    expect(await store.counts()).toMatchObject({ "outbox.pending": 17, "outbox.replaced": 16 });
    state.up = true;
    const back = state.calls.length;
    await pass(5 * MINUTE);
    expect(await store.counts()).toMatchObject({ "outbox.done": 18 });
    const said = kindsOf(at, state.calls.slice(back)).filter((kind) => kind !== "cut");
    expect(said).toEqual(
      ["question", "answer", "result", "status"].flatMap((kind) => Array(4).fill(kind)),
    );
    expect(state.calls.slice(back).every(({ status }) => status < 400)).toBe(true);
    for (let number = 3; number <= 6; number += 1)
      expect(world.comments(SHOP, number).map(({ body }) => body.split("\n")[0])).toEqual([
        "revision 5",
      ]);
  },
);

test("while GitHub says that it is too much there is not one call, and then the same order", async () => {
  await using at = await given();
  const { state, world, store, loop, pass, time } = at;
  world.faults.add({
    match: { method: "POST", path: /\/comments$/u },
    kind: "status",
    status: 403,
    message: "You have exceeded a secondary rate limit.",
    headers: { "retry-after": "600" },
    when: "before",
  });
  loop.start();
  await at.emit({
    kind: "post-comment",
    repository: at.repository,
    number: at.issue("first"),
    question: null,
    purpose: "notice",
    text: [],
  });
  await pass(10 * SECOND);
  expect(state.calls.at(-1)).toMatchObject({ status: 403 });
  const limitedAt = time.now();
  const before = state.calls.length;
  await speak(at, 4);
  await pass(580 * SECOND - (time.now() - limitedAt));
  expect(state.calls.slice(before)).toEqual([]);
  await pass(5 * MINUTE);
  expect(await store.counts()).toMatchObject({ "outbox.done": 17 });
  expect(state.calls.slice(before).filter(({ status }) => status >= 400)).toEqual([]);
  const said = kindsOf(at, state.calls.slice(before)).filter((kind) => kind !== "first");
  expect(said).toEqual(
    ["question", "answer", "result", "status"].flatMap((kind) => Array(4).fill(kind)),
  );
});

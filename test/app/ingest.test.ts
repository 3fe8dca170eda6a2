/** The whole way in: emulated GitHub → signed HTTP → front → pump → Probot → routed domain events. */
import { expect, test } from "vitest";
import { openProbot, orchaApp } from "../../src/app.ts";
import { openFront } from "../../src/inbox/front.ts";
import { openPump } from "../../src/inbox/pump.ts";
import { SUBSCRIBED_EVENTS, type OwnIdentity } from "../../src/inbox/webhook.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { collectViolations } from "../emulator/validate.ts";
import { memoryInbox } from "../inbox/memory.ts";

const SECRET = "secret of the tests";
const SHOP = "acme/shop";

async function openIngest() {
  const stack = new AsyncDisposableStack();
  const inbox = memoryInbox();
  const { onExchange, violations } = collectViolations();
  stack.defer(() => {
    if (violations.length > 0)
      throw new Error(`against GitHub's API description: ${violations.join("; ")}`);
  });
  const { world, url } = stack.use(await startEmulator({ onExchange }));
  const clock = { now: () => Date.now(), after: () => () => undefined };
  const path = "/api/github/webhooks";
  const front = stack.use(
    await openFront({ port: 0, host: "127.0.0.1", path, secrets: [SECRET], inbox, clock }),
  );
  for (const login of ["alice", "bob"]) world.createUser(login);
  await world.createRepository({ owner: "acme", name: "shop", files: { "a.txt": "a\nb\n" } });
  world.setPermission(SHOP, "alice", "write");
  const app = await world.createApp({
    slug: "orcha",
    webhookUrl: `${front.url}${path}`,
    webhookSecret: SECRET,
    permissions: { contents: "write", issues: "write", pull_requests: "write" },
    events: [...SUBSCRIBED_EVENTS],
  });
  const { id } = world.install(app, { account: "acme" });
  const own: OwnIdentity = { appId: app.id, botId: app.botUser.id };
  const probot = openProbot({
    appId: app.id,
    privateKey: app.privateKey,
    webhookSecret: SECRET,
    baseUrl: `${url}/api/v3`,
  });
  await probot.load(
    orchaApp(
      (guid, events) => inbox.route(guid, events),
      () => own,
    ),
  );
  const pump = openPump({
    inbox,
    receive: ({ id: guid, name, payload }) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what comes in is what is tested
      probot.receive({ id: guid, name, payload } as Parameters<typeof probot.receive>[0]),
  });
  let handed = 0;
  return {
    world,
    app,
    installation: id,
    /** What was routed since the last call, in the order of GitHub's deliveries. */
    async routed() {
      await world.idle();
      await pump.drain();
      const fresh = [...inbox.routed.values()].slice(handed);
      handed += fresh.length;
      return fresh.flat();
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test("what people do arrives as events, each once, also when it is delivered again", async () => {
  await using ingest = await openIngest();
  const { world } = ingest;
  const alice = world.as("alice");
  const { number } = alice.openIssue(SHOP, { title: "Limits", body: "please <!-- x -->" });
  alice.label(SHOP, number, "objective");
  alice.comment(SHOP, number, "go");
  const events = await ingest.routed();
  expect(events.map(({ event }) => event)).toMatchObject([
    { kind: "issue-changed", cause: "opened", snapshot: { title: "Limits", body: "please" } },
    { kind: "issue-changed", cause: "labeled", actor: { login: "alice", type: "user" } },
    { kind: "comment-created", on: "issue", text: "go" },
  ]);
  expect(events[0]?.repository).toEqual({
    installation: ingest.installation,
    id: world.repository(SHOP).id,
    owner: "acme",
    name: "shop",
  });
  for (const delivery of world.deliveries(ingest.app)) world.redeliver(ingest.app, delivery.id);
  expect(await ingest.routed()).toEqual([]);
});

test("pull requests, reviews and the end of an installation arrive too", async () => {
  await using ingest = await openIngest();
  const { world } = ingest;
  const alice = world.as("alice");
  await alice.push(SHOP, "topic", { files: { "a.txt": "a\nc\n" }, message: "c" });
  const pull = await alice.openPull(SHOP, { title: "c", head: "topic", base: "main" });
  const { number } = pull.issue;
  world.setPermission(SHOP, "bob", "write");
  await world.as("bob").review(SHOP, number, { event: "COMMENT", body: "hm" });
  await world.as("bob").merge(SHOP, number);
  world.uninstall(ingest.installation);
  const kinds = (await ingest.routed()).map(({ subject, event }) => [subject.kind, event.kind]);
  expect(kinds).toEqual([
    ["pull-request", "review-submitted"],
    ["pull-request", "pull-request-changed"],
    ["repository", "access-lost"],
  ]);
});

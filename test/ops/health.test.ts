/** `/health`, `/ready`, `/metrics` over a real server. */
import { createServer } from "node:http";
import { once } from "node:events";
import { expect, test } from "vitest";
import { openHealth, type Check } from "../../src/ops/health.ts";
import { openMetrics } from "../../src/ops/metrics.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { emitted } from "../../src/domain/step.ts";
import { Play } from "../domain/play.ts";
import { effects } from "../store/examples.ts";
import { put, VirtualClock } from "../engine/world.ts";

async function given() {
  const stack = new AsyncDisposableStack();
  const clock = new VirtualClock();
  const store = stack.use(await openSqlite(":memory:", clock));
  const links = [{ state: "connected" }, { state: "connected" }, { state: "fenced" }];
  const metrics = stack.use(
    openMetrics({ store, clock, elapsed: () => clock.now(), links: () => links }),
  );
  const state = {
    checks: [{ name: "disk", ok: true, required: true, found: "there is room" }] as Check[],
  };
  const health = openHealth({ clock, checks: () => state.checks, metrics: () => metrics.text() });
  const server = createServer((request, response) => {
    if (!health.answer(request, response)) response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const ask = async (path: string, method = "GET") => {
    const response = await fetch(`http://127.0.0.1:${address.port}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };
  const dispose = () => stack.disposeAsync();
  return { clock, store, metrics, state, health, ask, [Symbol.asyncDispose]: dispose };
}

test("healthy while the engine turns, ready while nothing keeps it from its work", async () => {
  await using at = await given();
  expect(await at.ask("/health")).toMatchObject({ status: 200 });
  expect(await at.ask("/ready?x=1")).toMatchObject({ status: 200 });
  const alone = { name: "installation", ok: false, required: false, found: "another one" };
  at.state.checks = [alone];
  expect(await at.ask("/ready"), "a warning").toMatchObject({ status: 200 });
  at.state.checks = [{ name: "github", ok: false, required: true, found: "does not answer" }];
  const { status, text } = await at.ask("/ready");
  expect(status).toBe(503);
  expect(JSON.parse(text)).toEqual({
    ready: false,
    checks: [
      { name: "engine", ok: true, required: true, found: "last looked about 0 s ago" },
      { name: "github", ok: false, required: true, found: "does not answer" },
    ],
  });
  expect(await at.ask("/health"), "not a reason to start it again").toMatchObject({ status: 200 });
  at.clock.move(60_000);
  expect(await at.ask("/health")).toEqual({ status: 503, text: "last looked about 60 s ago\n" });
  at.health.turned();
  expect(await at.ask("/health")).toMatchObject({ status: 200 });
  expect(await at.ask("/healthy")).toMatchObject({ status: 404 });
  expect(await at.ask("/ready", "POST")).toMatchObject({ status: 405 });
});

test("metrics say what is there and what happened, without a name of anything", async () => {
  await using at = await given();
  const list = [emitted(effects.react, "a"), emitted(effects["close-issue"], "b")];
  await put(at.store, new Play().label().it, list);
  await at.store.putRunner({ name: "secretbox", kind: "local", state: "online", slots: 3 });
  at.clock.move(5_000);
  at.metrics.delivery(202);
  at.metrics.delivery(202);
  at.metrics.delivery(401);
  at.metrics.effect("post-comment", "done");
  at.metrics.call("GET", 304);
  at.metrics.call("POST", 0);
  at.metrics.remaining("core", 4999);
  at.metrics.attach("secretsession/1", true);
  at.clock.move(3_000);
  at.metrics.attach("secretsession/1", true);
  at.metrics.attach("secretsession/2", true);
  at.clock.move(4_000);
  at.metrics.attach("secretsession/2", false);
  const { status, text } = await at.ask("/metrics");
  expect(status).toBe(200);
  const lines = text
    .split("\n")
    .map((line) => line.replaceAll(/,?otel_scope_[a-z_]+="[^"]*"/gu, "").replace("{}", ""));
  expect(lines).toEqual(
    expect.arrayContaining([
      "orcha_attach_lag_seconds 7",
      "orcha_attach_waiting 1",
      'orcha_deliveries_total{status="202"} 2',
      'orcha_deliveries_total{status="401"} 1',
      'orcha_effects_total{kind="post-comment",outcome="done"} 1',
      'orcha_github_calls_total{method="GET",answer="3xx"} 1',
      'orcha_github_calls_total{method="POST",answer="none"} 1',
      'orcha_github_remaining{resource="core"} 4999',
      'orcha_links{state="connected"} 2',
      'orcha_links{state="fenced"} 1',
      'orcha_queue_depth{queue="outbox"} 2',
      'orcha_queue_depth{queue="inbox"} 0',
      'orcha_sessions{state="queued"} 1',
      'orcha_slots{use="free"} 3',
    ]),
  );
  expect(text).toMatch(/^orcha_loop_lag_seconds\{?.*\}? \d/mu);
  expect(text).toMatch(/^orcha_queue_age_seconds\{queue="outbox".*\} \d/mu);
  for (const name of ["secretbox", "secretsession", "acme", "shop", "ann"])
    expect(text).not.toContain(name);
});

test("labels that GitHub chooses are bounded", async () => {
  await using at = await given();
  for (let index = 0; index < 1000; index++) at.metrics.remaining(`resource-${index}`, 1);
  const { text } = await at.ask("/metrics");
  expect(text.match(/^orcha_github_remaining\{/gmu)).toHaveLength(20);
});

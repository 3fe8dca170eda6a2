/**
 * Sends webhooks and keeps their log: signed over the raw bytes, one attempt of at most ten seconds, never repeated by
 * itself, listed for three days. Knows what an event is called, not what it means.
 */
import { createHmac } from "node:crypto";

import type { Exchange } from "../exchange.ts";
import type { Faults } from "../faults.ts";
import { covers, type Happening, type Hub } from "../hub.ts";
import type { App, Delivery, Installation } from "../model.ts";
import { notFound } from "../problem.ts";
import { userShape } from "../shape/account.ts";
import { repositoryContext } from "../shape/repository.ts";
import type { Post } from "./post.ts";

/** Above this GitHub sends nothing at all. */
const payloadBytesMax = 25 * 1024 * 1024;
const retentionMs = 3 * 24 * 3_600_000;
const logMax = 50_000;
const trimmedAtOnce = 100;
/** The next delivery does not wait longer than this for the one before. */
const laneMs = 1000;

export interface Sender {
  emit(happening: Happening): void;
  /** The log of an app, newest first. */
  list(app: App): Delivery[];
  get(app: App, id: number): Delivery;
  /** Sends the same payload under the same GUID again. */
  redeliver(app: App, id: number): Delivery;
  /** Resolves when nothing is waiting or under way. What a fault holds back does not count. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export function createSender(parts: {
  readonly hub: Hub;
  readonly faults: Faults;
  readonly post: Post;
  readonly observe: ((exchange: Exchange) => void) | undefined;
}): Sender {
  const { hub, faults, observe } = parts;
  const log: Delivery[] = [];
  const lanes = openLanes(hub, parts.post);
  const enqueue = (delivery: Delivery): void => {
    log.push(delivery);
    trim(log, hub.nowMs());
    if (observe !== undefined) observeDelivery(observe, delivery);
    route(hub, faults, delivery, () => lanes.send(delivery));
  };
  const get = (app: App, id: number): Delivery => {
    const found = log.find((delivery) => delivery.app === app && delivery.id === id);
    if (found === undefined || hub.nowMs() - found.deliveredAtMs > retentionMs) throw notFound();
    return found;
  };
  return {
    emit(happening) {
      for (const delivery of deliveriesOf(hub, happening)) enqueue(delivery);
      hub.touch();
    },
    list: (app) =>
      log
        .filter((delivery) => delivery.app === app && delivery.status !== "pending")
        .filter((delivery) => hub.nowMs() - delivery.deliveredAtMs <= retentionMs)
        .toReversed(),
    get,
    redeliver(app, id) {
      const again = { ...get(app, id), id: hub.nextId(), redelivery: true, ...unsent(hub, app) };
      enqueue(again);
      return again;
    },
    idle: () => lanes.idle(),
    close: () => lanes.close(),
  };
}

interface Lanes {
  send(delivery: Delivery): void;
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** One lane per app: deliveries start in order, and a slow receiver holds up the next for a second at most. */
function openLanes(hub: Hub, post: Post): Lanes {
  const lanes = new Map<number, Promise<unknown>>();
  const attempts = new Set<Promise<void>>();
  const closing = new AbortController();
  return {
    send(delivery) {
      if (closing.signal.aborted) return;
      const before = lanes.get(delivery.app.id) ?? Promise.resolve();
      const attempt = before.then(() => attemptDelivery(hub, post, delivery, closing.signal));
      attempts.add(attempt);
      const next = before.then(() => atMost(hub, laneMs, attempt));
      lanes.set(delivery.app.id, next);
      void attempt.finally(() => {
        attempts.delete(attempt);
        if (lanes.get(delivery.app.id) === next) lanes.delete(delivery.app.id);
        hub.touch();
      });
    },
    idle: () =>
      new Promise((resolve) => {
        const unwatch = hub.watch(look);
        look();
        function look(): void {
          if (attempts.size > 0) return;
          unwatch();
          resolve();
        }
      }),
    async close() {
      closing.abort();
      await Promise.allSettled(attempts);
    },
  };
}

/** Sends now, or does what a fault wants to happen to this webhook. */
function route(hub: Hub, faults: Faults, delivery: Delivery, send: () => void): void {
  const fault = faults.forWebhook(delivery.event, delivery.action);
  const rule = fault?.rule;
  switch (rule?.kind) {
    case "lose":
      Object.assign(delivery, { status: "OK", statusCode: 200 });
      hub.touch();
      return;
    case "delay":
      void fault?.wait(rule.ms).then(send);
      return;
    case "reorder":
      fault?.keep(rule.size, send);
      return;
    case "duplicate":
      for (let extra = 0; extra < Math.min(rule.times, 100); extra += 1) send();
      send();
      return;
    case undefined:
    case "status":
    case "drop":
      send();
  }
}

/** One delivery for every app that hears of it. */
function deliveriesOf(hub: Hub, happening: Happening): Delivery[] {
  const deliveries: Delivery[] = [];
  for (const app of hub.apps.values()) {
    if (app.webhookUrl === "" || !hears(app, happening)) continue;
    const installation = happening.installation ?? installationOf(hub, app, happening);
    if (installation === undefined && happening.event !== "ping") continue;
    if (installation?.suspendedAtMs !== undefined && happening.event !== "installation") continue;
    const payload = JSON.stringify(payloadOf(hub, happening, installation));
    // A character is at most three bytes: counting them costs as much as writing the text.
    if (payload.length > payloadBytesMax / 3 && Buffer.byteLength(payload) > payloadBytesMax)
      continue;
    deliveries.push({
      id: hub.nextId(),
      guid: hub.chance.uuid(),
      app,
      event: happening.event,
      action: happening.action,
      installationId: installation?.id,
      repositoryId: happening.repository?.id,
      redelivery: false,
      payload,
      ...unsent(hub, app),
    });
  }
  return deliveries;
}

/** Installation events and a button pressed on the app's own check come without subscription. */
function hears(app: App, happening: Happening): boolean {
  const { event } = happening;
  if (happening.app !== undefined) return happening.app === app;
  if (happening.installation !== undefined) return happening.installation.app === app;
  return app.events.includes(event);
}

function installationOf(hub: Hub, app: App, happening: Happening): Installation | undefined {
  const { repository } = happening;
  if (repository === undefined) return undefined;
  return [...hub.installations.values()].find(
    (installation) => installation.app === app && covers(installation, repository),
  );
}

function payloadOf(
  hub: Hub,
  happening: Happening,
  installation: Installation | undefined,
): Record<string, unknown> {
  const { action, repository } = happening;
  return {
    ...(action === undefined ? {} : { action }),
    ...(repository === undefined ? {} : repositoryContext(hub, repository)),
    ...(installation === undefined
      ? {}
      : { installation: { id: installation.id, node_id: installation.nodeId } }),
    ...happening.payload,
    sender: userShape(hub, happening.sender),
  };
}

type Unsent = Pick<
  Delivery,
  | "deliveredAtMs"
  | "durationMs"
  | "status"
  | "statusCode"
  | "url"
  | "requestHeaders"
  | "responseHeaders"
  | "responseBody"
>;

function unsent(hub: Hub, app: App): Unsent {
  return {
    deliveredAtMs: hub.nowMs(),
    durationMs: 0,
    status: "pending",
    statusCode: 0,
    url: app.webhookUrl,
    requestHeaders: () => ({}),
    responseHeaders: {},
    responseBody: "",
  };
}

async function attemptDelivery(
  hub: Hub,
  post: Post,
  delivery: Delivery,
  closing: AbortSignal,
): Promise<void> {
  const { app } = delivery;
  const startMs = hub.nowMs();
  let headers: Readonly<Record<string, string>> | undefined;
  delivery.url = app.webhookUrl;
  delivery.requestHeaders = () => (headers ??= headersOf(delivery));
  delivery.deliveredAtMs = startMs;
  const answer = await post(delivery, closing);
  delivery.durationMs = Math.max(0, hub.nowMs() - startMs);
  delivery.status = answer.status;
  delivery.statusCode = answer.statusCode;
  delivery.responseHeaders = answer.headers;
  delivery.responseBody = answer.body;
}

function headersOf(delivery: Delivery): Record<string, string> {
  const { app, payload } = delivery;
  const sign = (algorithm: string): string =>
    `${algorithm}=${createHmac(algorithm, app.webhookSecret).update(payload).digest("hex")}`;
  return {
    accept: "*/*",
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/0emulator",
    "x-github-delivery": delivery.guid,
    "x-github-event": delivery.event,
    "x-github-hook-id": String(app.hookId),
    "x-github-hook-installation-target-id": String(app.id),
    "x-github-hook-installation-target-type": "integration",
    ...(app.webhookSecret === ""
      ? {}
      : { "x-hub-signature": sign("sha1"), "x-hub-signature-256": sign("sha256") }),
  };
}

function observeDelivery(observe: (exchange: Exchange) => void, delivery: Delivery): void {
  const { event, action } = delivery;
  observe({ kind: "webhook", event, action, payload: JSON.parse(delivery.payload) as unknown });
}

/** Waits for the attempt, but no longer than this. */
function atMost(hub: Hub, ms: number, attempt: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = hub.schedule(ms, resolve);
    void attempt.finally(() => {
      cancel();
      resolve();
    });
  });
}

/** Forgets what GitHub would not list any more, some at a time. */
function trim(log: Delivery[], nowMs: number): void {
  const old = log[trimmedAtOnce - 1];
  const expired = old !== undefined && nowMs - old.deliveredAtMs > retentionMs;
  if (expired || log.length > logMax) log.splice(0, trimmedAtOnce);
}

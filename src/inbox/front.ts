/**
 * The HTTP server GitHub talks to. Checks a webhook from the outside in (path, headers, size, signature,
 * JSON), stores it, and answers 202 only after the commit. Nothing unsigned or malformed reaches the store;
 * nothing is interpreted here.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { Clock } from "../engine/ports.ts";
import { readBody, type Budget } from "./body.ts";
import { openGroupCommit, type GroupCommit } from "./group.ts";
import type { Delivery, DeliveryInbox, Pressure } from "./port.ts";
import { isSigned } from "./signature.ts";

export interface FrontLimits {
  /** Largest webhook body in bytes. GitHub sends at most 25 MB. */
  readonly bodyBytesMax: number;
  /** Time for a body to arrive. */
  readonly bodyTimeoutMs: number;
  /** Bodies being read at the same time, together, in bytes. */
  readonly bytesInFlightMax: number;
  readonly connectionsMax: number;
}

/** Deliveries of one transaction. */
const GROUP_MAX = 200;

const FRONT_LIMITS: FrontLimits = {
  bodyBytesMax: 25 * 1024 * 1024,
  bodyTimeoutMs: 10_000,
  bytesInFlightMax: 128 * 1024 * 1024,
  connectionsMax: 512,
};

export interface FrontOptions {
  /** 0 = any free port. */
  readonly port: number;
  readonly host: string;
  /** Path of the webhook, e.g. `/api/github/webhooks`; null = no webhook is taken. */
  readonly path: string | null;
  /** One secret, or two while it is rotated; none without a path. */
  readonly secrets: readonly string[];
  readonly inbox: DeliveryInbox;
  readonly clock: Clock;
  readonly limits?: Partial<FrontLimits>;
  /** How full the queues are: when there is no room, webhooks are answered with 503. Default: there is. */
  readonly pressure?: Pressure;
  /** Resolves when everything that has arrived was looked at: it goes to disk together. Default: at once. */
  readonly gather?: () => Promise<void>;
  /** Answers other paths; false = not its path either. */
  readonly extra?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** After a delivery is on disk: time to route it. */
  readonly onAccepted?: () => void;
  readonly onRefused?: (status: number, reason: string) => void;
  /** The store failed: the delivery was answered with 503. */
  readonly onError?: (error: unknown) => void;
}

export interface Front extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Takes nothing new, lets what is being stored finish, closes every connection. */
  close(): Promise<void>;
}

export async function openFront(options: FrontOptions): Promise<Front> {
  const isOpen = options.path !== null;
  if ((isOpen && options.secrets.length === 0) || options.secrets.some((secret) => secret === ""))
    throw new TypeError("a webhook secret is needed: set WEBHOOK_SECRET");
  const limits = { ...FRONT_LIMITS, ...options.limits };
  const budget: Budget = { used: 0, max: limits.bytesInFlightMax };
  const group = openGroupCommit(options.inbox, GROUP_MAX, options.gather ?? null);
  const state: State = { options, limits, budget, group, closing: false };
  const server = createServer({ maxHeaderSize: 16 * 1024 }, (request, response) => {
    void handle(state, request, response);
  });
  server.maxConnections = limits.connectionsMax;
  server.headersTimeout = limits.bodyTimeoutMs;
  server.requestTimeout = limits.bodyTimeoutMs * 2;
  server.listen(options.port, options.host);
  await once(server, "listening");
  const port = portOf(server);
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  const close = async (): Promise<void> => {
    state.closing = true;
    await group.idle();
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeIdleConnections();
    server.closeAllConnections();
    await closed;
  };
  return { port, url: `http://${host}:${port}`, close, [Symbol.asyncDispose]: close };
}

interface State {
  readonly options: FrontOptions;
  readonly limits: FrontLimits;
  readonly budget: Budget;
  readonly group: GroupCommit;
  closing: boolean;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("no TCP address");
  return address.port;
}

async function handle(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { options } = state;
  try {
    const path = (request.url ?? "/").split("?", 1)[0];
    if (path !== options.path) {
      if (options.extra?.(request, response) !== true) answer(response, 404, "not found");
      return;
    }
    const answered = await receive(state, request);
    if (answered.status !== ACCEPTED) options.onRefused?.(answered.status, answered.reason);
    answer(response, answered.status, answered.reason);
  } catch (error) {
    options.onError?.(error);
    answer(response, 503, "not stored, redeliver later");
  }
}

interface Answer {
  readonly status: number;
  readonly reason: string;
}

const ACCEPTED = 202;

/** Every check in order of what it costs; the store comes last. */
async function receive(state: State, request: IncomingMessage): Promise<Answer> {
  const { options, limits, budget, group } = state;
  const refusal = refusedByHeaders(request);
  if (refusal !== null) return refusal;
  if (state.closing || budget.used > budget.max || options.pressure?.() === "full")
    return { status: 503, reason: "busy, redeliver later" };
  const body = await readBody(
    request,
    { bytesMax: limits.bodyBytesMax, timeoutMs: limits.bodyTimeoutMs },
    budget,
    options.clock,
  );
  if (!body.ok) return { status: body.status, reason: BODY_REASONS[body.status] };
  if (!isSigned(body.bytes, header(request, "x-hub-signature-256"), options.secrets))
    return { status: 401, reason: "the signature does not fit" };
  const text = jsonObject(body.bytes);
  if (text === null) return { status: 400, reason: "the body is not a JSON object" };
  const delivery: Delivery = {
    guid: (header(request, "x-github-delivery") ?? "").toLowerCase(),
    name: header(request, "x-github-event") ?? "",
    body: text,
    receivedAt: options.clock.now(),
  };
  await group.accept(delivery);
  options.onAccepted?.();
  return { status: ACCEPTED, reason: "stored" };
}

const BODY_REASONS = {
  400: "the body ended early",
  408: "the body took too long",
  413: "the body is too large",
  503: "busy, redeliver later",
} as const;

function refusedByHeaders(request: IncomingMessage): Answer | null {
  if (request.method !== "POST") return { status: 405, reason: "webhooks are posted" };
  if (!/^application\/json\s*(?:;|$)/iu.test(header(request, "content-type") ?? ""))
    return { status: 415, reason: "set the webhook's content type to application/json" };
  if (!/^[A-Za-z0-9-]{8,64}$/u.test(header(request, "x-github-delivery") ?? ""))
    return { status: 400, reason: "x-github-delivery is missing or malformed" };
  if (!/^[a-z][a-z_]{0,63}$/u.test(header(request, "x-github-event") ?? ""))
    return { status: 400, reason: "x-github-event is missing or malformed" };
  if (header(request, "x-hub-signature-256") === undefined)
    return { status: 401, reason: "x-hub-signature-256 is missing" };
  return null;
}

const header = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
};

/** The body as text that encodes to the same bytes, or null. */
function jsonObject(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? text : null;
  } catch {
    return null; // not UTF-8 or not JSON: the sender's mistake, answered with 400
  }
}

function answer(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent || response.destroyed) return;
  const done = status < 400;
  const text = `${reason}\n`;
  response.writeHead(status, {
    // With its length head and body go out in one write.
    "content-length": Buffer.byteLength(text),
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
    // What is left of a refused body is not read: the connection goes with it.
    ...(done ? {} : { connection: "close" }),
    ...(status === 405 ? { allow: "POST" } : {}),
    ...(status === 503 ? { "retry-after": "60" } : {}),
  });
  response.end(text);
}

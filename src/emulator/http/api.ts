/** The REST half of the server: who asks, may they now, which route, and an answer with GitHub's headers. */
import { hash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

import { authenticate } from "../auth.ts";
import type { Exchange } from "../exchange.ts";
import type { Hub } from "../hub.ts";
import type { Meter, Ticket } from "../limits.ts";
import type { Actor } from "../model.ts";
import { notFound, Problem } from "../problem.ts";
import type { Sender } from "../webhook/sender.ts";
import { type Answer, type Body, type Context, isBody } from "./request.ts";
import type { Router } from "./router.ts";

export interface ApiParts {
  readonly hub: Hub;
  readonly sender: Sender;
  readonly meter: Meter;
  readonly router: Router;
  readonly tokenFormat: "long" | "short";
  /** Undefined: nobody looks, and nothing is prepared for it. */
  readonly observe: ((exchange: Exchange) => void) | undefined;
}

export interface ApiRequest {
  readonly method: string;
  /** Without the `/api/v3` in front. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Serves one REST request; every failure is an answer too. */
export async function serveApi(parts: ApiParts, request: ApiRequest): Promise<ApiAnswer> {
  const state: Progress = { actor: { kind: "anonymous" }, route: undefined, ticket: undefined };
  let answer: Answer;
  try {
    answer = await run(parts, request, state);
  } catch (error) {
    answer = failure(forMethod(error, request.method));
  } finally {
    state.ticket?.end();
  }
  const body = answer.body === undefined ? "" : JSON.stringify(answer.body);
  observe(parts, request, state, answer);
  return conditional(parts, request, state, answer, body);
}

/** Only reading and editing are led on to where an issue went; for the rest its number is gone. */
function forMethod(error: unknown, method: string): unknown {
  const moved = error instanceof Problem && error.status === 301;
  return moved && method !== "GET" && method !== "PATCH"
    ? new Problem(410, "This issue was transferred")
    : error;
}

/** Headers that every answer of the API carries. */
export function commonHeaders(hub: Hub, meter: Meter, actor: Actor): Record<string, string> {
  const { limit, remaining, used, reset } = meter.standing(actor);
  return {
    "content-type": "application/json; charset=utf-8",
    date: new Date(hub.nowMs()).toUTCString(),
    "x-github-media-type": "github.v3; format=json",
    "x-github-request-id": hub.chance.bytes(12).toString("hex").toUpperCase(),
    "x-ratelimit-limit": String(limit),
    "x-ratelimit-remaining": String(remaining),
    "x-ratelimit-used": String(used),
    "x-ratelimit-reset": String(reset),
    "x-ratelimit-resource": "core",
  };
}

/** Any error as GitHub's answer; one that is no Problem is a bug of the emulator and says so. */
export function failure(error: unknown): Answer {
  if (error instanceof Problem) {
    const { message, errors, status, headers } = error;
    const about = "https://docs.github.com/rest";
    const more = errors === undefined ? {} : { errors };
    const body = { message, ...more, documentation_url: about, status: String(status) };
    return { status, body, headers };
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { status: 500, body: { message: `the emulator failed: ${detail}` } };
}

/** Parses a JSON body. A bare list, which a few operations take, arrives under `__list`. */
export function parseBody(raw: Buffer): Body {
  if (raw.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(raw.toString("utf8"));
  } catch {
    throw new Problem(400, "Problems parsing JSON");
  }
  if (isBody(value)) return value;
  if (Array.isArray(value)) return { __list: value };
  throw new Problem(400, "Body should be a JSON object");
}

interface Progress {
  actor: Actor;
  route: string | undefined;
  ticket: Ticket | undefined;
}

async function run(parts: ApiParts, request: ApiRequest, state: Progress): Promise<Answer> {
  const { hub, sender, meter, router, tokenFormat } = parts;
  const { method, query } = request;
  const path = byName(hub, request.path);
  const match = router.find(method, path);
  state.route = match?.route.path;
  state.actor = authenticate(hub, request.headers.authorization);
  const counted = path !== "/rate_limit";
  // Minting a token is no content, however many are minted.
  const content = ["POST", "PATCH", "PUT"].includes(method) && path.startsWith("/repos/");
  state.ticket = meter.enter(state.actor, { method, kind: "rest", content, counted });
  if (match === undefined) throw notFound();
  const context: Context = {
    hub,
    sender,
    meter,
    tokenFormat,
    actor: state.actor,
    params: match.params,
    query,
    path: `/api/v3${path}`,
    body: parseBody(request.body),
  };
  return match.route.handle(context);
}

/** Redirects name repositories by id: `/repositories/1/issues/2` is `/repos/owner/name/issues/2`. */
function byName(hub: Hub, path: string): string {
  const [, id, rest = ""] = /^\/repositories\/(\d{1,15})(\/.+)$/u.exec(path) ?? [];
  if (id === undefined) return path;
  const found = [...hub.repositories.values()].find((entry) => entry.id === Number(id));
  return found === undefined ? path : `/repos/${found.owner.login}/${found.name}${rest}`;
}

/** Adds the ETag, and answers 304, free of primary quota, to who has it already. */
function conditional(
  parts: ApiParts,
  request: ApiRequest,
  state: Progress,
  answer: Answer,
  body: string,
): ApiAnswer {
  const reads = request.method === "GET" && answer.status === 200;
  const etag = reads ? `W/"${hash("sha256", body)}"` : "";
  const known = (request.headers["if-none-match"] ?? "").split(",").map((entry) => entry.trim());
  const fresh = reads && known.some((entry) => entry.replace(/^W\//u, "") === etag.slice(2));
  if (fresh) state.ticket?.refund();
  const headers = { ...commonHeaders(parts.hub, parts.meter, state.actor), ...answer.headers };
  if (reads) headers["etag"] = etag;
  if (fresh) return { status: 304, headers, body: "" };
  return { status: answer.status, headers, body };
}

function observe(parts: ApiParts, request: ApiRequest, state: Progress, answer: Answer): void {
  if (parts.observe === undefined) return;
  parts.observe({
    kind: "rest",
    method: request.method,
    route: state.route,
    path: request.path,
    query: Object.fromEntries(request.query),
    requestBody: jsonOrUndefined(request.body),
    status: answer.status,
    responseBody: answer.body,
    faulted: false,
  });
}

function jsonOrUndefined(raw: Buffer): unknown {
  try {
    return raw.length === 0 ? undefined : JSON.parse(raw.toString("utf8"));
  } catch {
    return undefined; // what is no JSON was answered with 400
  }
}

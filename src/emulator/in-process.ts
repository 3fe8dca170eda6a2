/**
 * The emulated GitHub without sockets, processes, files and timers of its own: clients call `fetch`, webhooks come out
 * of `deliver`, git is in memory, time and chance are the caller's. Everything resolves by microtasks, so that the same
 * calls at the same times with the same chance give the same bytes. For simulations; tests of what goes over the wire
 * take `startEmulator`.
 */
import { createCore } from "./core.ts";
import type { Exchange } from "./exchange.ts";
import type { ActiveFault, Faults } from "./faults.ts";
import { type MemoryGit, openMemoryGit } from "./git/memory.ts";
import { type ApiParts, commonHeaders } from "./http/api.ts";
import { dispatch } from "./http/dispatch.ts";
import { lightResponse } from "./http/response.ts";
import type { Hub, Schedule } from "./hub.ts";
import type { EmulatorLimits } from "./limits.ts";
import type { Delivery } from "./model.ts";
import { type Post, statusText } from "./webhook/post.ts";
import { createWorld, type World } from "./world.ts";

export interface InProcessOptions {
  /** What addresses begin with; default `https://github.test`. Nothing is opened there. */
  readonly url?: string;
  /** Milliseconds since 1970; `world.advance` adds to it. */
  readonly now: () => number;
  /** 0 ≤ x < 1. Tokens, GUIDs and request ids come from it. */
  readonly random: () => number;
  /** Calls back later, in the caller's time: slow webhooks, `delay` faults, `world.waitFor`. */
  readonly schedule: Schedule;
  /** Takes a webhook; a rejection is a failed connection, no answer within ten seconds is a time-out. */
  readonly deliver: (webhook: Webhook) => Promise<{ readonly statusCode: number }>;
  /** PEM of every app that brings none; without it each `createApp` makes a real, random one. */
  readonly privateKey?: string;
  /** How long (ms) lists leave out what is new, drawn for every new thing; default: not at all. */
  readonly listLag?: () => number;
  /** Rate limits; what is not given is as on github.com. */
  readonly limits?: Partial<EmulatorLimits>;
  readonly tokenFormat?: "long" | "short";
  /** Sees every REST and GraphQL exchange and every webhook payload. */
  readonly onExchange?: (exchange: Exchange) => void;
}

export interface Webhook {
  readonly guid: string;
  readonly event: string;
  readonly action: string | undefined;
  readonly url: string;
  /** What is signed. */
  readonly body: string;
  readonly redelivery: boolean;
  /** Names in small letters, signature included; made when first asked for. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface InProcess {
  readonly url: string;
  /** For `new Octokit({ baseUrl: url + "/api/v3", request: { fetch } })`. GraphQL is at `/api/graphql`. */
  readonly fetch: typeof globalThis.fetch;
  readonly world: World;
  readonly hub: Hub;
  readonly git: MemoryGit;
  /** No webhook is sent any more. */
  close(): Promise<void>;
}

const deliveryTimeoutMs = 10_000;
const redirectsMax = 20;

export function openInProcess(options: InProcessOptions): InProcess {
  const { url = "https://github.test", schedule, privateKey } = options;
  const git = openMemoryGit();
  const core = createCore({ ...options, git, post: postTo(options.deliver, schedule) });
  const { hub, sender, faults, api } = core;
  hub.url = url;
  return {
    url,
    fetch: (input, init = {}) => follow(api, faults, input, init),
    world: createWorld(core, { webhookUrl: `${url}/webhook`, privateKey }),
    hub,
    git,
    async close() {
      faults.clear();
      await sender.close();
    },
  };
}

function postTo(deliver: InProcessOptions["deliver"], schedule: Schedule): Post {
  return (delivery, closing) =>
    new Promise((resolve) => {
      const end = (status: string, statusCode: number): void => {
        cancel();
        closing.removeEventListener("abort", onClosing);
        resolve({ status, statusCode, headers: {}, body: "" });
      };
      const cancel = schedule(deliveryTimeoutMs, () => end("timed out", 504));
      const onClosing = (): void => end("failed to connect", 502);
      closing.addEventListener("abort", onClosing, { once: true });
      void deliver(webhookOf(delivery)).then(
        ({ statusCode }) => end(statusText(statusCode), statusCode),
        () => end("failed to connect", 502),
      );
    });
}

function webhookOf(delivery: Delivery): Webhook {
  const { guid, event, action, url, payload, redelivery, requestHeaders } = delivery;
  return {
    guid,
    event,
    action,
    url,
    body: payload,
    redelivery,
    get headers() {
      return requestHeaders();
    },
  };
}

/** Goes where it is led, as every client does by default. */
async function follow(
  api: ApiParts,
  faults: Faults,
  input: Parameters<typeof globalThis.fetch>[0],
  init: RequestInit,
): Promise<Response> {
  let answer = await serve(api, faults, input, init);
  for (let hops = 0; hops < redirectsMax; hops += 1) {
    const to = answer.status === 301 ? answer.headers.get("location") : null;
    if (to === null || init.redirect === "manual") return answer;
    answer = await serve(api, faults, to, init);
  }
  throw new TypeError("fetch failed", { cause: new Error("redirect count exceeded") });
}

async function serve(
  api: ApiParts,
  faults: Faults,
  input: Parameters<typeof globalThis.fetch>[0],
  init: RequestInit,
): Promise<Response> {
  if (init.signal?.aborted === true) throw init.signal.reason;
  if (input instanceof Request) throw new TypeError("give an address, not a Request");
  const url = new URL(input);
  const method = (init.method ?? "GET").toUpperCase();
  const { pathname: path, searchParams: query } = url;
  const fault = faults.forRequest(method, path);
  const rule = fault?.rule;
  if (rule?.kind === "delay") await fault?.wait(rule.ms);
  const refused = harm(api, rule, "before", url.href);
  if (refused !== undefined) return refused;
  const headers = headersOf(init.headers);
  const answer = await dispatch(api, { method, path, query, headers, body: bodyOf(init.body) });
  return harm(api, rule, "after", url.href) ?? lightResponse({ url: url.href, ...answer });
}

/** What a fault makes of the answer; undefined when it does no harm now. A cut connection throws. */
function harm(
  api: ApiParts,
  rule: ActiveFault["rule"] | undefined,
  when: "before" | "after",
  url: string,
): Response | undefined {
  if ((rule?.kind !== "status" && rule?.kind !== "drop") || rule.when !== when) return undefined;
  if (rule.kind === "drop")
    throw new TypeError("fetch failed", { cause: new Error("other side closed") });
  const headers = { ...commonHeaders(api.hub, api.meter, { kind: "anonymous" }), ...rule.headers };
  const body = JSON.stringify({ message: rule.message ?? "a fault was asked for" });
  return lightResponse({ url, status: rule.status, headers, body });
}

function headersOf(given: RequestInit["headers"]): Record<string, string> {
  const headers: Record<string, string> = {};
  const entries =
    given instanceof Headers || Array.isArray(given) ? [...given] : Object.entries(given ?? {});
  for (const [name = "", value = ""] of entries) headers[name.toLowerCase()] = value;
  return headers;
}

function bodyOf(body: RequestInit["body"]): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === "string" || body instanceof Uint8Array) return Buffer.from(body);
  throw new TypeError("the emulator in this process takes texts and bytes as bodies");
}

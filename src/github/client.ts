/**
 * An Octokit of our own: no retry and no throttling (they repeat writes), a pinned API version, a deadline
 * per request, and conditional GETs (a 304 costs no quota). One client acts with one token source.
 */
import { Octokit } from "@octokit/core";
import type { Clock } from "../engine/ports.ts";
import { statusOf, timeOf } from "./outcome.ts";

export type Client = Pick<Octokit, "request" | "graphql">;

export type Fetch = typeof globalThis.fetch;

/** Where a client's credential comes from. */
export interface TokenSource {
  get(): Promise<string>;
  /**
   * After a 401: forgets `stale` and gets another. Called at most once per request. `serverTime`: what GitHub
   * thinks the time is (ms), null when it did not say.
   */
  renew(stale: string, serverTime: number | null): Promise<string>;
}

export interface ClientOptions {
  /** `https://api.github.com` or `https://host/api/v3`. */
  readonly baseUrl: string;
  /** Deadline of one request. */
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, "after">;
  readonly etags: EtagCache;
  /** The network; default: Node's own. */
  readonly fetch?: Fetch;
  /** Waits until the request may go; what it throws is the request's failure. */
  readonly turn?: (method: string) => Promise<void>;
  /** Hears the headers of every answer, errors too. */
  readonly observe?: (headers: Readonly<Record<string, unknown>>) => void;
}

/** Supported until 2027 at least; 2026-03-10 changes answers we read. */
const API_VERSION = "2022-11-28";

export function openClient(options: ClientOptions, tokens: TokenSource): Client {
  const octokit = new Octokit({
    baseUrl: options.baseUrl,
    userAgent: "orcha",
    log: QUIET,
    request: { log: QUIET, ...(options.fetch === undefined ? {} : { fetch: options.fetch }) },
  });
  octokit.hook.wrap("request", async (request, endpoint) => {
    const url = endpoint.method === "GET" ? octokit.request.endpoint(endpoint).url : null;
    const known = url === null ? undefined : options.etags.get(url);
    const send = async (token: string) => {
      await options.turn?.(endpoint.method);
      const deadline = deadlineOf(options);
      try {
        const response = await request({
          ...endpoint,
          headers: {
            ...endpoint.headers,
            authorization: `Bearer ${token}`,
            "x-github-api-version": API_VERSION,
            ...(known === undefined ? {} : { "if-none-match": known.etag }),
          },
          request: { ...endpoint.request, signal: deadline.signal },
        });
        options.observe?.(response.headers);
        if (isBroken(response)) throw new BrokenAnswer(response.status);
        return response;
      } catch (error) {
        options.observe?.(headersOf(error));
        if (statusOf(error) === 304 && known !== undefined) return stillValid(known, error);
        throw error;
      } finally {
        deadline.cancel();
      }
    };
    const token = await tokens.get();
    const response = await send(token).catch(async (error: unknown) => {
      if (statusOf(error) !== 401) throw error;
      return send(await tokens.renew(token, timeOf(headersOf(error))));
    });
    const etag = response.headers.etag;
    if (url !== null && typeof etag === "string" && response.status === 200)
      options.etags.set(url, { etag, response });
    return response;
  });
  return octokit;
}

/** What was answered before, with what this answer says of time and limits. */
function stillValid({ response }: Known, error: unknown): Answer {
  const fresh: Record<string, string> = {};
  for (const [name, value] of Object.entries(headersOf(error)))
    if (name === "date" || name.startsWith("x-ratelimit-")) fresh[name] = String(value);
  return { ...response, headers: { ...response.headers, ...fresh } };
}

function deadlineOf({ clock, timeoutMs }: ClientOptions): {
  readonly signal: AbortSignal;
  readonly cancel: () => void;
} {
  const controller = new AbortController();
  const cancel = clock.after(timeoutMs, () =>
    controller.abort(new DOMException(`no answer within ${timeoutMs} ms`, "TimeoutError")),
  );
  return { signal: controller.signal, cancel };
}

/** GitHub did it, but its answer broke off: Octokit would hand on what there is of it as a text. */
class BrokenAnswer extends Error {
  override readonly name = "BrokenAnswer";
  constructor(status: number) {
    super(`the answer (${status}) broke off`);
  }
}

const isBroken = ({ status, data }: Answer): boolean =>
  status !== 204 && status !== 205 && typeof data === "string";

/** Octokit prints deprecations; they are for whoever writes the code, not for the operator. */
const nothing = (): void => undefined;
const QUIET = { debug: nothing, info: nothing, warn: nothing, error: nothing };

type Answer = Awaited<ReturnType<Octokit["request"]>>;

interface Known {
  readonly etag: string;
  readonly response: Answer;
}

export interface EtagCache {
  get(url: string): Known | undefined;
  set(url: string, known: Known): void;
}

/** Answers by address, the least recently used forgotten first. One cache per token scope. */
export function openEtagCache(max = 200): EtagCache {
  const entries = new Map<string, Known>();
  return {
    get(url) {
      const known = entries.get(url);
      if (known === undefined) return undefined;
      entries.delete(url);
      entries.set(url, known);
      return known;
    },
    set(url, known) {
      entries.delete(url);
      entries.set(url, known);
      const [oldest] = entries.keys();
      if (entries.size > max && oldest !== undefined) entries.delete(oldest);
    },
  };
}

function headersOf(error: unknown): Readonly<Record<string, unknown>> {
  if (typeof error !== "object" || error === null || !("response" in error)) return {};
  const { response } = error;
  if (typeof response !== "object" || response === null || !("headers" in response)) return {};
  const { headers } = response;
  return typeof headers === "object" && headers !== null
    ? Object.fromEntries(Object.entries(headers))
    : {};
}

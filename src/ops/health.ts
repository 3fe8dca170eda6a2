/**
 * `/health`, `/ready` and `/metrics`. Healthy = the engine turns: an unhealthy process should be started again. Ready =
 * it can do its work now; what keeps it from that is named, and most of it passes without a restart.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../engine/ports.ts";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** False = a warning: it can do its work all the same. */
  readonly required: boolean;
  readonly found: string;
}

export interface HealthOptions {
  /** Better one that never jumps: a clock that is set must not make a process look dead. */
  readonly clock: Pick<Clock, "now">;
  /** Looked at in this order for every answer; cheap. */
  readonly checks: () => readonly Check[];
  readonly metrics: () => Promise<string>;
}

export interface Health {
  /** The engine has begun a round. */
  turned(): void;
  ready(): { readonly ready: boolean; readonly checks: readonly Check[] };
  /** False = not one of its paths. */
  answer(request: IncomingMessage, response: ServerResponse): boolean;
}

/** The engine looks about every few seconds; a round with a thousand webhooks takes some more. */
const ROUND_MS_MAX = 60_000;
const PATHS = new Set(["/health", "/ready", "/metrics"]);

export function openHealth({ clock, checks, metrics }: HealthOptions): Health {
  let turnedAt = clock.now();
  const engine = (): Check => {
    const age = Math.max(0, clock.now() - turnedAt);
    return {
      name: "engine",
      ok: age < ROUND_MS_MAX,
      required: true,
      found: `last looked about ${Math.round(age / 1000)} s ago`,
    };
  };
  const ready: Health["ready"] = () => {
    const all = [engine(), ...checks()];
    return { ready: all.every(({ ok, required }) => ok || !required), checks: all };
  };
  const respond = async (path: string): Promise<Answer> => {
    if (path === "/metrics") return { status: 200, type: PROMETHEUS, body: await metrics() };
    const { ok, found } = engine();
    if (path === "/health") return { status: ok ? 200 : 503, type: PLAIN, body: `${found}\n` };
    const state = ready();
    return { status: state.ready ? 200 : 503, type: JSON_TYPE, body: JSON.stringify(state) };
  };
  return {
    turned() {
      turnedAt = clock.now();
    },
    ready,
    answer(request, response) {
      const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
      if (!PATHS.has(path)) return false;
      if (request.method !== "GET" && request.method !== "HEAD") {
        send(response, { status: 405, type: PLAIN, body: "only GET\n" });
        return true;
      }
      respond(path).then(
        (answer) => send(response, answer),
        () => send(response, { status: 503, type: PLAIN, body: "not to be read now\n" }),
      );
      return true;
    },
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const PLAIN = "text/plain; charset=utf-8";
const JSON_TYPE = "application/json";
const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

function send(response: ServerResponse, { status, type, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    "content-type": type,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}

/**
 * The running server's own door for the CLI: HTTP over a unix socket (0600) in the runtime directory. Whoever
 * can open it is the user who runs the server; there is no other check.
 */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { isAbsolute, join } from "node:path";
import { isOver, type Objective } from "../domain/objective.ts";
import { isTerminal } from "../domain/session.ts";
import type { Desk } from "../compose/desk.ts";
import type { Gc } from "../compose/freeing.ts";
import type { Hands } from "../compose/hands.ts";
import type { OutboxRow, Store } from "../store/port.ts";
import type { Answer } from "./routes.ts";
import { runnerRoute } from "./runner-routes.ts";
import { sessionRoute } from "./session-routes.ts";
import { deadViews, objectiveViews, outboxViews, sessionViews } from "./views.ts";

export const controlSocket = (runtimeDir: string): string => join(runtimeDir, "control.sock");

export interface ControlServer extends AsyncDisposable {
  readonly path: string;
  close(): Promise<void>;
}

export interface ControlOptions {
  readonly runtimeDir: string;
  readonly store: Store;
  readonly now: () => number;
  readonly desk: Desk;
  readonly hands: Hands;
  /** Whether it can do its work, and what keeps it from that. */
  readonly ready: () => unknown;
  /** Frees runners' disks; default: there is nothing to free. */
  readonly gc?: Gc;
}

export async function openControlServer(options: ControlOptions): Promise<ControlServer> {
  const path = controlSocket(options.runtimeDir);
  // The directory lock says that nobody else serves here: an old socket is a dead one.
  rmSync(path, { force: true });
  const server = createServer((request, response) => void answer(options, request, response));
  server.listen(path);
  await once(server, "listening");
  chmodSync(path, 0o600);
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    rmSync(path, { force: true });
  };
  return { path, close, [Symbol.asyncDispose]: close };
}

async function answer(
  options: ControlOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, body } = await route(options, request).catch((error: unknown): Answer => ({
    status: 500,
    body: { error: error instanceof Error ? error.message : "unknown failure" },
  }));
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

const ID = /^[a-z]{3}_[0-9a-f]{20}$/u;

async function route(
  { store, now, desk, hands, ready, gc }: ControlOptions,
  request: IncomingMessage,
): Promise<Answer> {
  const { method, url = "/" } = request;
  const { pathname, searchParams } = new URL(url, "http://control");
  const all = searchParams.get("all") === "true";
  if (method === "GET" && pathname === "/objectives")
    return { status: 200, body: await objectiveViews(store, all) };
  if (method === "GET" && pathname === "/sessions")
    return { status: 200, body: await sessionViews(store, all) };
  if (method === "GET" && pathname === "/outbox")
    return { status: 200, body: await outboxViews(store, stateOf(searchParams.get("state"))) };
  if (method === "GET" && pathname === "/dead")
    return { status: 200, body: await deadViews(store) };
  if (method === "GET" && pathname === "/agents") return { status: 200, body: await desk.agents() };
  const path = searchParams.get("path");
  if (method === "POST" && pathname === "/backup" && path !== null && isAbsolute(path))
    return { status: 200, body: await store.backup(path) };
  const key = /^\/retry\/(?<key>[^/]{1,600})$/u.exec(pathname)?.groups?.["key"];
  if (method === "POST" && key !== undefined) return retry(store, decodeURIComponent(key));
  if (method === "GET" && pathname === "/ready") return { status: 200, body: ready() };
  const id = /^\/cancel\/(?<id>[^/]{1,64})$/u.exec(pathname)?.groups?.["id"];
  if (method === "POST" && id !== undefined && ID.test(id)) return cancel(store, id, now());
  if (method === "POST" && pathname === "/gc" && gc !== undefined) {
    const runner = searchParams.get("runner") ?? undefined;
    return {
      status: 200,
      body: await gc({ dryRun: searchParams.get("dryRun") === "true", runner }),
    };
  }
  const ofRunner = await runnerRoute(desk, request);
  if (ofRunner !== null) return ofRunner;
  const ofSession = await sessionRoute(hands, request);
  if (ofSession !== null) return ofSession;
  return { status: 404, body: { error: `nothing at ${method ?? "?"} ${pathname}` } };
}

const STATES = new Set<string>(["pending", "done", "refused", "dead", "replaced"]);
const isState = (value: string): value is OutboxRow["state"] => STATES.has(value);
const stateOf = (value: string | null): OutboxRow["state"] | "all" =>
  value !== null && isState(value) ? value : "all";

const RETRIED = { revived: 202, unknown: 404, final: 409 } as const;

async function retry(store: Store, key: string): Promise<Answer> {
  const outcome = await store.revive(key);
  return { status: RETRIED[outcome], body: { retrying: key, outcome } };
}

async function cancel(store: Store, id: string, now: number): Promise<Answer> {
  const loaded = id.startsWith("obj_")
    ? await store.objectiveById(id)
    : await store.objectiveOfSession(id);
  const session = loaded?.objective.sessions.find((one) => one.id === id) ?? null;
  if (loaded === null || (session === null && id.startsWith("ses_")))
    return { status: 404, body: { error: `there is no ${id}` } };
  const { objective } = loaded;
  if (session === null ? isOver(objective) : isTerminal(session.state))
    return { status: 409, body: { error: `${id} has ended already` } };
  await store.enqueue([requestOf(objective, id, session?.id ?? null)], now);
  return { status: 202, body: { canceling: id } };
}

const requestOf = (
  objective: Objective,
  id: string,
  session: Objective["sessions"][number]["id"] | null,
) =>
  ({
    key: `cancel:${id}`,
    repository: objective.repository,
    subject: { kind: "objective", id: objective.id },
    event: { kind: "cancel-requested", by: "the operator", session },
  }) as const;

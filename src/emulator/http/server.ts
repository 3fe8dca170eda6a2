/** The HTTP server: hands each request to git, the API, GraphQL or the pages, with faults in front. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

import type { ActiveFault, Faults } from "../faults.ts";
import { gitPathOf, serveGit } from "../git/http.ts";
import type { Children } from "../git/command.ts";
import { type ApiParts, commonHeaders } from "./api.ts";
import { dispatch } from "./dispatch.ts";

/** GitHub refuses larger bodies too. */
const bodyBytesMax = 26 * 1024 * 1024;

export interface ServerParts {
  readonly api: ApiParts;
  readonly faults: Faults;
  readonly children: Children;
}

export function createHttpServer(parts: ServerParts): Server {
  const server = createServer((request, response) => {
    void serve(parts, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end(`the emulator failed: ${String(error)}\n`);
    });
  });
  server.on("clientError", (_error: Error, socket: Duplex) => socket.destroy());
  return server;
}

async function serve(
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const method = request.method ?? "GET";
  const url = new URL(request.url ?? "/", parts.api.hub.url);
  const fault = parts.faults.forRequest(method, url.pathname);
  const { rule } = fault ?? {};
  if (rule?.kind === "delay") await fault?.wait(rule.ms);
  if (harms(rule, "before")) return harm(parts, rule, request, response);
  const gitPath = gitPathOf(url.pathname);
  if (gitPath !== undefined) {
    const { hub } = parts.api;
    if (harms(rule, "after")) muzzle(response);
    await serveGit(hub, parts.children, gitPath, url, request, response);
    if (harms(rule, "after")) cut(request, response);
    return;
  }
  const body = await readBody(request);
  if (body === undefined) {
    response.writeHead(413, { connection: "close" }).end();
    return;
  }
  const { pathname: path, searchParams: query } = url;
  const { headers } = request;
  const answer = await dispatch(parts.api, { method, path, query, headers, body });
  if (harms(rule, "after")) return harm(parts, rule, request, response);
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(answer.status === 204 || answer.status === 304
      ? {}
      : { "content-length": String(Buffer.byteLength(answer.body)) }),
  });
  response.end(method === "HEAD" ? "" : answer.body);
}

type Rule = ActiveFault["rule"];
type Harmful = Rule & { kind: "status" | "drop" };

function harms(rule: Rule | undefined, when: "before" | "after"): rule is Harmful {
  return (rule?.kind === "status" || rule?.kind === "drop") && rule.when === when;
}

function harm(
  parts: ServerParts,
  rule: Harmful,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (rule.kind === "drop") {
    request.socket.destroy();
    return;
  }
  request.resume();
  const headers = {
    ...commonHeaders(parts.api.hub, parts.api.meter, { kind: "anonymous" }),
    ...rule.headers,
  };
  response.writeHead(rule.status, headers);
  response.end(JSON.stringify({ message: rule.message ?? "a fault was asked for" }));
}

/** Lets git do its work and the client hear nothing of it but the status. */
function muzzle(response: ServerResponse): void {
  response.write = () => true;
  response.end = () => response;
}

/** The head goes out first: curl quietly repeats a request on whose old connection nothing at all came back. */
function cut(request: IncomingMessage, response: ServerResponse): void {
  response.flushHeaders();
  request.socket.destroySoon();
}

/** The whole body; undefined when it is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Git's smart HTTP protocol through `git http-backend`: clone, fetch and push with tokens, streamed both ways. After a
 * push the refs are compared, so that everything GitHub does about new commits happens before the client is answered.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";

import { movable } from "../act/pulls.ts";
import { syncRefs } from "../act/refs.ts";
import { authenticate } from "../auth.ts";
import { type Hub } from "../hub.ts";
import type { Actor, Repository } from "../model.ts";
import { Problem } from "../problem.ts";
import { admit } from "./admit.ts";
import { type Children, gitEnv } from "./command.ts";

const timeoutMs = 300_000;
const headBytesMax = 64 * 1024;

export interface GitPath {
  readonly fullName: string;
  /** What follows the repository: `/info/refs`, `/git-upload-pack`, `/git-receive-pack`. */
  readonly rest: string;
}

/** Recognizes `/owner/name.git/…`, also without `.git` as GitHub allows. */
export function gitPathOf(pathname: string): GitPath | undefined {
  const pattern =
    /^\/([^/]+\/[^/]+?)(?:\.git)?(\/(?:info\/refs|git-upload-pack|git-receive-pack))$/u;
  const [, fullName, rest] = pattern.exec(pathname) ?? [];
  return fullName === undefined || rest === undefined ? undefined : { fullName, rest };
}

/** Serves one git request. `hold` is awaited before the client gets the end of its answer. */
export async function serveGit(
  hub: Hub,
  children: Children,
  path: GitPath,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const writes = (url.searchParams.get("service") ?? path.rest).includes("git-receive-pack");
  let repository: Repository;
  let actor: Actor;
  try {
    actor = authenticate(hub, request.headers.authorization);
    repository = admit(hub, actor, path.fullName, writes);
  } catch (error) {
    refuse(error, response);
    return;
  }
  const serve = (): Promise<void> =>
    pipe(children, { repository, actor, path, url, request, response });
  if (!path.rest.endsWith("git-receive-pack")) {
    await serve();
    response.end();
    return;
  }
  await repository.git.exclusive(async () => {
    await serve();
    await syncRefs(hub, repository, movable(actor));
  });
  response.end();
}

function refuse(error: unknown, response: ServerResponse): void {
  const status = error instanceof Problem ? error.status : 500;
  const message = error instanceof Error ? error.message : String(error);
  response.writeHead(status, {
    "content-type": "text/plain",
    ...(status === 401 ? { "www-authenticate": 'Basic realm="GitHub"' } : {}),
  });
  response.end(`${message}\n`);
}

interface Piped {
  readonly repository: Repository;
  readonly actor: Actor;
  readonly path: GitPath;
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Runs http-backend over the request; writes its answer but does not end the response. */
function pipe(children: Children, piped: Piped): Promise<void> {
  const { request, response } = piped;
  // Whoever waited for their turn may be gone: nothing would ever end what their backend reads.
  if (response.destroyed) return Promise.resolve();
  const child = spawn("git", ["http-backend"], {
    env: environment(piped),
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  children.add(child);
  request.pipe(child.stdin);
  // The backend may answer (and exit) before it read everything; the rest is of no interest.
  child.stdin.on("error", () => undefined);
  child.stderr.resume();
  response.on("close", () => {
    if (!response.writableFinished) child.stdin.destroy();
  });
  return relay(child, response).finally(() => children.delete(child));
}

/** Passes the backend's answer on: first its CGI head, then its body at the client's pace. */
function relay(child: ChildProcessWithoutNullStreams, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    let head = Buffer.alloc(0);
    const onHead = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end === -1) {
        if (head.length > headBytesMax) child.kill("SIGKILL");
        return;
      }
      child.stdout.off("data", onHead);
      writeHead(response, head.subarray(0, end).toString("latin1"));
      response.write(head.subarray(end + 4));
      child.stdout.pipe(response, { end: false });
    };
    child.stdout.on("data", onHead);
    // A client that went away must not leave the backend waiting for a reader.
    response.once("close", () => child.stdout.resume());
    child.on("error", () => resolve());
    child.on("close", () => {
      if (!response.headersSent && !response.destroyed) response.writeHead(500);
      resolve();
    });
  });
}

function writeHead(response: ServerResponse, head: string): void {
  let status = 200;
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim();
    const value = line.slice(colon + 1).trim();
    if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
    else if (name !== "") response.setHeader(name, value);
  }
  response.writeHead(status);
}

function environment(piped: Piped): Record<string, string> {
  const { repository, actor, path, url, request } = piped;
  const { headers } = request;
  const refused = actor.kind === "installation" && actor.token.permissions["workflows"] !== "write";
  const optional: Record<string, string | undefined> = {
    CONTENT_TYPE: headers["content-type"],
    CONTENT_LENGTH: headers["content-length"],
    HTTP_CONTENT_ENCODING: headers["content-encoding"],
    GIT_PROTOCOL: String(headers["git-protocol"] ?? "") || undefined,
  };
  const env: Record<string, string> = {
    ...gitEnv(),
    GIT_PROJECT_ROOT: repository.git.directory,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: path.rest,
    QUERY_STRING: url.search.slice(1),
    REQUEST_METHOD: request.method ?? "GET",
    REMOTE_ADDR: "127.0.0.1",
    ...(actor.kind === "anonymous" ? {} : { REMOTE_USER: userOf(actor) }),
    ...(refused ? { EMULATOR_REFUSE_WORKFLOWS: "1" } : {}),
  };
  for (const [name, value] of Object.entries(optional)) {
    if (value !== undefined) env[name] = value;
  }
  return env;
}

function userOf(actor: Exclude<Actor, { kind: "anonymous" }>): string {
  return actor.kind === "user" ? actor.account.login : actor.app.bot.login;
}

/**
 * The read credential: a git server that wants one, and a spy that looks at every process and file while
 * the checkout is made. Same user, so the spy sees everything an agent of that user could see.
 */
import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { type Server, createServer } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import type { AttemptSpec } from "../../src/protocol/requests.ts";
import { RunnerWorld, waitFor } from "./world.ts";

const PASSWORD = `ghs_canary_${process.pid}_${Math.random().toString(36).slice(2)}`;
const AUTHORIZED = `Basic ${Buffer.from(`x-access-token:${PASSWORD}`).toString("base64")}`;

test("a private repository is fetched; the credential is in no argument, environment or file", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  using server = await serveGit(world.root);
  const session = world.session();
  const spec = privateSpec(world, session, server.url);
  let seen = 0;
  const found = new Set<string>();
  const spy = setInterval(() => {
    seen += 1;
    for (const where of whereInProc(PASSWORD)) found.add(where);
  }, 1);
  const credential = { username: "x-access-token", password: PASSWORD };
  const { reply } = await world.ask({ op: "start", spec, credential });
  clearInterval(spy);
  expect(reply).toMatchObject({ ok: true });
  expect(server.authorized()).toBeGreaterThan(1);
  expect(seen).toBeGreaterThan(10);
  expect([...found]).toEqual([]);
  const sink = await world.attach(spec);
  await sink.exited();
  expect(sink.text).toBe("agent sees nothing\n");
  expect(filesWith(world.workRoot, PASSWORD)).toEqual([]);
});

test("without the credential, or with a wrong one, the preparation fails and may be tried again", async () => {
  await using world = await RunnerWorld.open();
  world.createUpstream({ "a.txt": "1\n" });
  using server = await serveGit(world.root);
  for (const credential of [null, { username: "x-access-token", password: "wrong" }]) {
    const spec = privateSpec(world, world.session(), server.url);
    await world.ask({ op: "start", spec, credential });
    const sink = await world.attach(spec);
    const failed = await waitFor("the failure", () => sink.entry("prepare-failed"));
    expect(failed).toMatchObject({ stage: "fetch", retry: true });
    expect(failed.reason).toContain("upstream refused the credential");
  }
});

test("a redirect to another host does not get the credential", async () => {
  await using world = await RunnerWorld.open();
  let given: string | undefined;
  using thief = await listen((request, response) => {
    given ??= request.headers.authorization;
    response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
  });
  using front = await listen((request, response) => {
    response
      .writeHead(301, { location: `${thief.url.replace("127.0.0.1", "localhost")}${request.url}` })
      .end();
  });
  const spec = privateSpec(world, world.session(), front.url);
  await world.ask({
    op: "start",
    spec,
    credential: { username: "x-access-token", password: PASSWORD },
  });
  const sink = await world.attach(spec);
  await waitFor("the failure", () => sink.entry("prepare-failed"));
  expect(given).toBeUndefined();
});

function privateSpec(world: RunnerWorld, session: string, url: string): AttemptSpec {
  const look = `grep -ls ${PASSWORD.slice(0, 8)} /proc/[0-9]*/environ "$STATE"/* .git/config || echo agent sees nothing`;
  const spec = world.plain(session, ["sh", "-c", look]);
  return {
    ...spec,
    agent: { ...spec.agent, env: { STATE: "{state}" } },
    workspace: world.checkout(session, { url: `${url}/up.git`, branch: "b" }),
  };
}

interface Listening extends Disposable {
  readonly url: string;
}

async function listen(handler: Parameters<typeof createServer>[1] & object): Promise<Listening> {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** `git http-backend` behind basic authentication. */
async function serveGit(root: string): Promise<Listening & { authorized(): number }> {
  let authorized = 0;
  const listening = await listen((request, response) => {
    if (request.headers.authorization !== AUTHORIZED) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
      return;
    }
    authorized += 1;
    const url = new URL(request.url ?? "/", "http://localhost");
    const backend = spawn("git", ["http-backend"], {
      env: {
        ...process.env,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: "1",
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? "GET",
        CONTENT_TYPE: request.headers["content-type"] ?? "",
        HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
        GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      },
    });
    request.pipe(backend.stdin);
    const parts: Buffer[] = [];
    backend.stdout.on("data", (part: Buffer) => parts.push(part));
    backend.stdout.on("end", () => {
      const all = Buffer.concat(parts);
      const split = all.indexOf("\r\n\r\n");
      const headers = all
        .toString("latin1", 0, split)
        .split("\r\n")
        .map((line) => line.split(": ", 2));
      const status = headers.find(([name]) => name === "Status")?.[1] ?? "200";
      for (const [name, value] of headers)
        if (name !== undefined && name !== "Status") response.setHeader(name, value ?? "");
      response.writeHead(Number.parseInt(status, 10)).end(all.subarray(split + 4));
    });
  });
  return { ...listening, authorized: () => authorized };
}

function whereInProc(needle: string): string[] {
  const own = String(process.pid);
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/u.test(pid) && pid !== own)
    .flatMap((pid) => ["cmdline", "environ"].map((name) => `/proc/${pid}/${name}`))
    .filter((path) => contentOf(path).includes(needle));
}

function filesWith(root: string, needle: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => contentOf(path).includes(needle));
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // The process ended while we looked.
    return "";
  }
}

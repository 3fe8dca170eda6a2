/** Webhooks through a smee channel: our own relay of a few lines stands in for smee.io. */
import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import { expect, test } from "vitest";
import { openSmee } from "../../src/inbox/smee.ts";

const log = { info: (): void => undefined, error: (): void => undefined };

test("refused in production, and for what is no address", async () => {
  const options = { source: "https://smee.io/x", target: "http://127.0.0.1:1/", log };
  await expect(openSmee({ ...options, production: true })).rejects.toThrow("for development");
  await expect(openSmee({ ...options, source: "ftp://x", production: false })).rejects.toThrow(
    "ftp://x",
  );
});

test("what comes into the channel goes on to our webhook with its headers", async () => {
  const connected = Promise.withResolvers<ServerResponse>();
  const received = Promise.withResolvers<{ headers: unknown; body: string }>();
  const server = createServer((request, response) => {
    if (request.url === "/channel") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("event: ready\ndata: {}\n\n");
      connected.resolve(response);
      return;
    }
    const chunks: string[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
    request.on("end", () => {
      response.end();
      received.resolve({ headers: request.headers, body: chunks.join("") });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const base = `http://127.0.0.1:${port}`;
  const smee = await openSmee({
    source: `${base}/channel`,
    target: `${base}/hook`,
    log,
    production: false,
  });
  const stream = await connected.promise;
  const event = {
    "x-github-event": "issues",
    "x-github-delivery": "g-1",
    body: { action: "opened" },
  };
  stream.write(`id: 1\ndata: ${JSON.stringify(event)}\n\n`);
  const { headers, body } = await received.promise;
  expect(headers).toMatchObject({ "x-github-event": "issues", "x-github-delivery": "g-1" });
  expect(JSON.parse(body)).toEqual({ action: "opened" });
  await smee.close();
  stream.end();
  server.closeAllConnections();
  server.close();
});

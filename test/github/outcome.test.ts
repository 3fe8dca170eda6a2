/** What a failed call means: the table, with real answers and real broken connections through the real client. */
import { createServer, type RequestListener } from "node:http";
import { once } from "node:events";
import { expect, test } from "vitest";
import { realClock } from "../../src/compose/clock.ts";
import { PortError } from "../../src/engine/ports.ts";
import { openClient, openEtagCache } from "../../src/github/client.ts";
import { classify, outcomeOf, portErrorOf } from "../../src/github/outcome.ts";

const NOW = Date.UTC(2026, 0, 1);
const reset = String(NOW / 1000 + 90);

const TOKENS = { get: async () => "t", renew: async () => "t" };

async function failure(listener: RequestListener | null): Promise<unknown> {
  const server = createServer(listener ?? undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  if (listener === null) {
    server.close();
    await once(server, "close");
  }
  const client = openClient(
    {
      baseUrl: `http://127.0.0.1:${port}`,
      timeoutMs: 200,
      clock: realClock,
      etags: openEtagCache(),
    },
    TOKENS,
  );
  try {
    await client.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      owner: "o",
      repo: "r",
      issue_number: 1,
      body: "x",
    });
  } catch (error) {
    return error;
  } finally {
    server.closeAllConnections();
    server.close();
  }
  throw new Error("the call should have failed");
}

const answer =
  (
    status: number,
    message = "no",
    headers: Readonly<Record<string, string>> = {},
  ): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify({ message }));
  };

test.for([
  ["400", answer(400), "surely-not", "invalid", null],
  ["401", answer(401), "surely-not", "denied", null],
  ["403", answer(403, "Resource not accessible by integration"), "surely-not", "denied", null],
  ["404", answer(404), "surely-not", "gone", null],
  ["408", answer(408), "unknown", "unavailable", null],
  ["409", answer(409), "unknown", "unavailable", null],
  ["410", answer(410), "surely-not", "gone", null],
  ["422", answer(422), "surely-not", "invalid", null],
  ["451", answer(451), "surely-not", "gone", null],
  ["500", answer(500), "unknown", "unavailable", null],
  ["502", answer(502, "", { "content-type": "text/html" }), "unknown", "unavailable", null],
  ["503 with a wait", answer(503, "", { "retry-after": "7" }), "unknown", "unavailable", 7_000],
  ["429", answer(429), "surely-not", "rate-limited", 60_000],
  ["429 with a wait", answer(429, "", { "retry-after": "5" }), "surely-not", "rate-limited", 5_000],
  [
    "403 secondary",
    answer(403, "You have exceeded a secondary rate limit"),
    "surely-not",
    "rate-limited",
    60_000,
  ],
  [
    "403 with a wait",
    answer(403, "", { "retry-after": "30" }),
    "surely-not",
    "rate-limited",
    30_000,
  ],
  [
    "403 exhausted",
    answer(403, "", {
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": reset,
      // By GitHub's clock, which need not be ours.
      date: new Date(NOW).toUTCString(),
    }),
    "surely-not",
    "rate-limited",
    90_000,
  ],
  [
    "a silly wait",
    answer(429, "", { "retry-after": "999999999" }),
    "surely-not",
    "rate-limited",
    3_600_000,
  ],
  ["a dropped connection", (request) => request.socket.destroy(), "unknown", "unavailable", null],
  ["no answer in time", () => undefined, "unknown", "unavailable", null],
  [
    "half an answer",
    (request, response) => {
      response.writeHead(201, { "content-length": "100", "content-type": "application/json" });
      response.write("{", () => request.socket.destroy());
    },
    "unknown",
    "unavailable",
    null,
  ],
  ["nobody there", null, "surely-not", "unavailable", null],
] as const satisfies readonly (readonly [
  string,
  RequestListener | null,
  string,
  string,
  number | null,
])[])("%s", async ([, listener, certainty, kind, retryAfterMs]) => {
  expect(classify(await failure(listener), NOW)).toMatchObject({ certainty, kind, retryAfterMs });
});

const graphql = (...types: readonly (string | null)[]): Error =>
  Object.assign(new Error("Request failed"), {
    name: "GraphqlResponseError",
    errors: types.map((type) => (type === null ? { message: "x" } : { type, message: "x" })),
  });

test.for([
  [["NOT_FOUND"], "surely-not", "gone"],
  [["FORBIDDEN"], "surely-not", "denied"],
  [["RATE_LIMITED"], "surely-not", "rate-limited"],
  [["UNPROCESSABLE"], "surely-not", "invalid"],
  [[null], "unknown", "unavailable"],
] as const)("GraphQL %j", ([types, certainty, kind]) => {
  expect(classify(graphql(...types), NOW)).toMatchObject({ certainty, kind });
});

test("a query that does not fit the schema was not run", () => {
  const wrong = { message: "Field 'x' doesn't exist", locations: [{ line: 1, column: 1 }] };
  for (const error of [
    wrong,
    { ...wrong, path: ["query"], extensions: { code: "undefinedField" } },
  ])
    expect(
      classify(
        Object.assign(new Error("no"), { name: "GraphqlResponseError", errors: [error] }),
        NOW,
      ),
    ).toMatchObject({ certainty: "surely-not", kind: "invalid" });
});

test("outcomes and port errors follow; bugs go through", async () => {
  expect(outcomeOf(await failure(answer(404)), NOW)).toMatchObject({ kind: "refused" });
  expect(outcomeOf(await failure(answer(500)), NOW)).toMatchObject({ kind: "unknown" });
  expect(outcomeOf(await failure(answer(429)), NOW)).toMatchObject({
    kind: "later",
    afterMs: 60_000,
  });
  expect(outcomeOf(await failure(null), NOW)).toMatchObject({ kind: "later", afterMs: null });
  const limited = portErrorOf(await failure(answer(429)), NOW);
  expect(limited).toBeInstanceOf(PortError);
  expect(limited).toMatchObject({ kind: "rate-limited", retryAfterMs: 60_000 });
  expect(portErrorOf(await failure(answer(422)), NOW)).toMatchObject({ kind: "denied" });
  const bug = new TypeError("x is not a function");
  expect(classify(bug, NOW)).toBeNull();
  expect(() => outcomeOf(bug, NOW)).toThrow(bug);
  expect(portErrorOf(bug, NOW)).toBe(bug);
});

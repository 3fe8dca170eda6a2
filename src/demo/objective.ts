/**
 * The objective of the demo: what the maintainer writes into the issue. The fenced block scripts the agents
 * (docs/script-agent.md); everything else about the story is real.
 */

const LIMITER = `/** A fixed window per client: at most LIMIT requests in WINDOW_MS. */
export const LIMIT = \${answer.data.answer};
export const WINDOW_MS = 60_000;

export function createLimiter(now = Date.now) {
  const windows = new Map();
  return (client) => {
    const at = now();
    const window = windows.get(client);
    if (window === undefined || at - window.start >= WINDOW_MS) {
      windows.set(client, { start: at, count: 1 });
      return { allowed: true, retryAfterSeconds: 0 };
    }
    window.count += 1;
    const retryAfterSeconds = Math.ceil((window.start + WINDOW_MS - at) / 1000);
    return { allowed: window.count <= LIMIT, retryAfterSeconds };
  };
}
`;

const LIMITER_TEST = `import assert from "node:assert/strict";
import { test } from "node:test";
import { createLimiter, LIMIT, WINDOW_MS } from "../src/limiter.js";

test("the limit holds within a window and is lifted after it", () => {
  let at = 0;
  const allow = createLimiter(() => at);
  for (let count = 0; count < LIMIT; count++) assert.equal(allow("a").allowed, true);
  assert.equal(allow("a").allowed, false);
  assert.equal(allow("b").allowed, true);
  at += WINDOW_MS;
  assert.equal(allow("a").allowed, true);
});
`;

const TOO_MANY = `
/** The answer to a client over its limit. */
export const tooManyRequests = (retryAfterSeconds) => ({
  status: 429,
  headers: { "retry-after": String(retryAfterSeconds) },
  body: { error: "too many requests", retryAfterSeconds },
});
`;

const TOO_MANY_TEST = `import assert from "node:assert/strict";
import { test } from "node:test";
import { tooManyRequests } from "../src/errors.js";

test("a refused client is told when to come back", () => {
  const { status, headers } = tooManyRequests(7);
  assert.equal(status, 429);
  assert.equal(headers["retry-after"], "7");
});
`;

const IMPORTS = `import { createLimiter } from "./limiter.js";
import { routes } from "./routes.js";

const allow = createLimiter();
`;

const LIMITED_HANDLE = `export function handle({ method, path, client = "local" }) {
  const { allowed, retryAfterSeconds } = allow(client);
  if (!allowed) return { status: 429, headers: { "retry-after": String(retryAfterSeconds) }, body: {} };
`;

const tested = { command: "npm test", exit_code: 0 };

const limiter = [
  { say: "Looking at the endpoints." },
  { tool: "report_progress", args: { text: "running the tests that are there" } },
  { run: "npm test" },
  {
    tool: "ask_human",
    args: { question: "How many requests per minute may one client make?", options: ["60", "100"] },
  },
  { wait: "answered your question", save: "answer" },
  { write: { path: "src/limiter.js", content: LIMITER } },
  { write: { path: "test/limiter.test.js", content: LIMITER_TEST } },
  {
    replace: { path: "src/app.js", find: 'import { routes } from "./routes.js";\n', with: IMPORTS },
  },
  {
    replace: {
      path: "src/app.js",
      find: "export function handle({ method, path }) {\n",
      with: LIMITED_HANDLE,
    },
  },
  { run: "npm test" },
  { commit: "Limit requests per client" },
  {
    tool: "report_result",
    args: {
      what: "Every endpoint goes through a limiter: ${answer.data.answer} requests per client and minute, then 429 with `Retry-After`.",
      why: "One client could keep the API busy for all others.",
      tests: [tested],
    },
  },
  { wait: "reviewed your pull request", save: "review" },
  {
    replace: {
      path: "src/limiter.js",
      find: "export const WINDOW_MS = 60_000;",
      with: 'export const WINDOW_MS = Number(process.env.RATE_WINDOW_MS ?? "60000");',
    },
  },
  { run: "npm test" },
  { commit: "Make the window configurable" },
  {
    tool: "reply_to_review",
    args: {
      thread: "${review.data.threads.0.thread}",
      text: "Done: `RATE_WINDOW_MS` sets it, one minute by default.",
      outcome: "fixed",
    },
  },
  {
    tool: "report_result",
    args: {
      what: "The window is configurable with `RATE_WINDOW_MS`.",
      why: "Asked for in review.",
      tests: [tested],
    },
  },
];

const errors = [
  { say: "Adding the answer for refused clients." },
  { append: { path: "src/errors.js", content: TOO_MANY } },
  { write: { path: "test/errors.test.js", content: TOO_MANY_TEST } },
  { run: "npm test" },
  { commit: "Tell refused clients when to come back" },
  {
    tool: "report_result",
    args: {
      what: "`tooManyRequests` builds the 429 answer with `Retry-After`.",
      why: "Clients must know when to try again.",
      tests: [tested],
    },
  },
];

const manager = [
  { say: "Two independent pieces: the limiter, and the answer for refused clients." },
  {
    tool: "spawn_session",
    args: { title: "limiter", goal: "Limit requests per client on every endpoint, with tests." },
  },
  {
    tool: "spawn_session",
    args: { title: "errors", goal: "Add the 429 answer with Retry-After, with tests." },
  },
  { waitAll: ['Worker "limiter" reported', 'Worker "errors" reported'] },
  { tool: "publish_pr", args: { session: "limiter", title: "Limit requests per client" } },
  {
    tool: "publish_pr",
    args: { session: "errors", title: "Tell refused clients when to come back" },
  },
  { wait: "Every pull request is merged" },
  {
    tool: "finish_objective",
    args: {
      summary: "All endpoints are limited per client; refused clients get 429 with `Retry-After`.",
    },
  },
];

export const OBJECTIVE_TITLE = "Add rate limiting to all API endpoints";

export const OBJECTIVE_BODY = `One client can keep the API busy for everybody. Please limit requests per client on all endpoints and tell refused
clients when to come back. With tests.

\`\`\`orcha-steps
${JSON.stringify({ manager, workers: { limiter, errors } }, null, 1)}
\`\`\`
`;

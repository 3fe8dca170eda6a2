/** The small repository of the demo: an API with two endpoints and tests that really run. No dependencies. */

export const PROJECT_FILES: Readonly<Record<string, string>> = {
  "package.json": `{
  "name": "shop-api",
  "version": "1.0.0",
  "type": "module",
  "private": true,
  "scripts": { "start": "node src/server.js", "test": "node --test" }
}
`,
  "README.md": `# shop-api

Two endpoints, no dependencies. \`npm test\` runs the tests, \`npm start\` serves on port 3000.
`,
  "src/routes.js": `/** Every endpoint of the API. */
export const routes = {
  "GET /products": () => ({ status: 200, body: [{ id: 1, name: "Lamp" }] }),
  "GET /orders": () => ({ status: 200, body: [] }),
};
`,
  "src/errors.js": `/** Bodies of error answers. */
export const notFound = (path) => ({ status: 404, body: { error: "not found", path } });
`,
  "src/app.js": `import { notFound } from "./errors.js";
import { routes } from "./routes.js";

/** One request in, one answer out. No sockets here, so tests need none. */
export function handle({ method, path }) {
  const route = routes[\`\${method} \${path}\`];
  return route === undefined ? notFound(path) : route();
}
`,
  "src/server.js": `import { createServer } from "node:http";
import { handle } from "./app.js";

createServer((request, response) => {
  const { status, body, headers = {} } = handle({
    method: request.method,
    path: request.url,
    client: request.socket.remoteAddress,
  });
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}).listen(3000);
`,
  "test/app.test.js": `import assert from "node:assert/strict";
import { test } from "node:test";
import { handle } from "../src/app.js";

test("lists products", () => {
  assert.equal(handle({ method: "GET", path: "/products" }).status, 200);
});

test("an unknown path is a 404", () => {
  assert.equal(handle({ method: "GET", path: "/nothing" }).status, 404);
});
`,
};

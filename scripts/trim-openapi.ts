/**
 * Makes `test/fixtures/github/openapi.json` from GitHub's own description of its REST API and webhooks.
 *
 * The full description is 13 MB in a package of 385 MB, far too much for a development dependency, so this script
 * fetches it into a temporary folder and keeps only the operations and webhooks that the emulator serves, with the
 * schemas they reach. Nothing is rewritten besides dropping prose: what is left is what GitHub published.
 *
 * Usage: node scripts/trim-openapi.ts [folder with node_modules/@octokit/openapi]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const packageVersion = "23.0.2";
const target = new URL("../test/fixtures/github/openapi.json", import.meta.url);

const operations: readonly string[] = `
GET /app
GET /app/installations
GET /app/installations/{installation_id}
POST /app/installations/{installation_id}/access_tokens
GET /app/hook/config
PATCH /app/hook/config
GET /app/hook/deliveries
GET /app/hook/deliveries/{delivery_id}
POST /app/hook/deliveries/{delivery_id}/attempts
GET /installation/repositories
DELETE /installation/token
GET /rate_limit
GET /user
GET /users/{username}
GET /users/{username}/installation
GET /repos/{owner}/{repo}
GET /repos/{owner}/{repo}/installation
GET /repos/{owner}/{repo}/collaborators/{username}/permission
GET /repos/{owner}/{repo}/contents/{path}
GET /repos/{owner}/{repo}/branches
GET /repos/{owner}/{repo}/branches/{branch}
GET /repos/{owner}/{repo}/git/ref/{ref}
GET /repos/{owner}/{repo}/git/matching-refs/{ref}
POST /repos/{owner}/{repo}/git/refs
DELETE /repos/{owner}/{repo}/git/refs/{ref}
GET /repos/{owner}/{repo}/commits
GET /repos/{owner}/{repo}/commits/{ref}
GET /repos/{owner}/{repo}/commits/{ref}/check-runs
GET /repos/{owner}/{repo}/commits/{ref}/status
GET /repos/{owner}/{repo}/compare/{basehead}
POST /repos/{owner}/{repo}/statuses/{sha}
GET /repos/{owner}/{repo}/issues
POST /repos/{owner}/{repo}/issues
GET /repos/{owner}/{repo}/issues/{issue_number}
PATCH /repos/{owner}/{repo}/issues/{issue_number}
GET /repos/{owner}/{repo}/issues/{issue_number}/comments
POST /repos/{owner}/{repo}/issues/{issue_number}/comments
GET /repos/{owner}/{repo}/issues/comments
GET /repos/{owner}/{repo}/issues/comments/{comment_id}
PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}
DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}
GET /repos/{owner}/{repo}/issues/{issue_number}/events
GET /repos/{owner}/{repo}/issues/{issue_number}/labels
POST /repos/{owner}/{repo}/issues/{issue_number}/labels
PUT /repos/{owner}/{repo}/issues/{issue_number}/labels
DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels
DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}
POST /repos/{owner}/{repo}/issues/{issue_number}/assignees
DELETE /repos/{owner}/{repo}/issues/{issue_number}/assignees
GET /repos/{owner}/{repo}/labels
POST /repos/{owner}/{repo}/labels
GET /repos/{owner}/{repo}/labels/{name}
PATCH /repos/{owner}/{repo}/labels/{name}
DELETE /repos/{owner}/{repo}/labels/{name}
GET /repos/{owner}/{repo}/issues/{issue_number}/reactions
POST /repos/{owner}/{repo}/issues/{issue_number}/reactions
DELETE /repos/{owner}/{repo}/issues/{issue_number}/reactions/{reaction_id}
GET /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions
POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions
DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}
GET /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions
POST /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions
DELETE /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions/{reaction_id}
GET /repos/{owner}/{repo}/pulls
POST /repos/{owner}/{repo}/pulls
GET /repos/{owner}/{repo}/pulls/{pull_number}
PATCH /repos/{owner}/{repo}/pulls/{pull_number}
GET /repos/{owner}/{repo}/pulls/{pull_number}/files
GET /repos/{owner}/{repo}/pulls/{pull_number}/commits
GET /repos/{owner}/{repo}/pulls/{pull_number}/merge
PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge
PUT /repos/{owner}/{repo}/pulls/{pull_number}/update-branch
GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews
POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews
GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}
PUT /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}
PUT /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/dismissals
GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/comments
GET /repos/{owner}/{repo}/pulls/{pull_number}/comments
POST /repos/{owner}/{repo}/pulls/{pull_number}/comments
POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies
GET /repos/{owner}/{repo}/pulls/comments
GET /repos/{owner}/{repo}/pulls/comments/{comment_id}
PATCH /repos/{owner}/{repo}/pulls/comments/{comment_id}
DELETE /repos/{owner}/{repo}/pulls/comments/{comment_id}
GET /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers
POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers
DELETE /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers
POST /repos/{owner}/{repo}/check-runs
GET /repos/{owner}/{repo}/check-runs/{check_run_id}
PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}
`
  .trim()
  .split("\n");

const webhooks = new RegExp(
  "^(ping|push|create|delete|check-(run|suite)-.*|issue-comment-(created|edited|deleted)" +
    "|issues-(opened|edited|deleted|closed|reopened|labeled|unlabeled|assigned|unassigned|transferred)" +
    "|installation-(created|deleted|suspend|unsuspend)|installation-repositories-.*" +
    "|label-.*|repository-(created|deleted)" +
    "|pull-request-(opened|closed|reopened|synchronize|edited|ready-for-review|converted-to-draft)" +
    "|pull-request-(labeled|unlabeled|assigned|unassigned|review-requested|review-request-removed)" +
    "|pull-request-review-(submitted|edited|dismissed)|pull-request-review-comment-.*" +
    "|pull-request-review-thread-.*)$",
);

type Json = Record<string, unknown>;

main();

function main(): void {
  const given = process.argv[2];
  const folder = given ?? mkdtempSync(join(tmpdir(), "trim-openapi-"));
  if (given === undefined) {
    const spec = `@octokit/openapi@${packageVersion}`;
    execFileSync("npm", ["install", "--ignore-scripts", "--prefix", folder, spec]);
  }
  const source = join(folder, "node_modules/@octokit/openapi/generated/api.github.com.json");
  const trimmed = trim(asJson(JSON.parse(readFileSync(source, "utf8"))));
  writeFileSync(target, `${JSON.stringify(trimmed)}\n`);
  if (given === undefined) rmSync(folder, { recursive: true });
}

function trim(full: Json): Json {
  const paths: Json = {};
  for (const operation of operations) {
    const [method = "", path = ""] = operation.split(" ");
    const found = at(at(at(full, "paths"), path), method.toLowerCase());
    paths[path] = { ...asJson(paths[path] ?? {}), [method.toLowerCase()]: keepOperation(found) };
  }
  const hooks: Json = {};
  for (const [name, hook] of Object.entries(at(full, "x-webhooks"))) {
    if (webhooks.test(name)) hooks[name] = { post: keepOperation(at(asJson(hook), "post")) };
  }
  const components = reach(full, [paths, hooks]);
  return {
    openapi: full["openapi"],
    info: {
      title: "A part of GitHub's REST API description",
      version: `@octokit/openapi ${packageVersion}`,
      license: { name: "MIT", url: "https://spdx.org/licenses/MIT" },
      "x-copyright":
        "Copyright GitHub, Inc. and Octokit contributors; made by scripts/trim-openapi.ts",
    },
    paths,
    "x-webhooks": hooks,
    components,
  };
}

/** An operation without its prose and without header parameters. */
function keepOperation(operation: Json): Json {
  const { parameters } = operation;
  const kept = Array.isArray(parameters) ? parameters.map(asJson) : [];
  return asJson(
    strip({
      operationId: operation["operationId"],
      parameters: kept.filter((parameter) => parameter["in"] !== "header"),
      ...(operation["requestBody"] === undefined ? {} : { requestBody: operation["requestBody"] }),
      responses: operation["responses"],
    }),
  );
}

/** Removes what no validator reads. A property that happens to be *called* "description" stays. */
function strip(value: unknown, insideProperties = false): unknown {
  if (Array.isArray(value)) return value.map((item) => strip(item));
  if (typeof value !== "object" || value === null) return value;
  const prose = new Set(["description", "example", "examples", "externalDocs", "summary", "title"]);
  const kept: Json = {};
  for (const [key, item] of Object.entries(value)) {
    if (!insideProperties && (prose.has(key) || key === "x-github" || key === "headers")) continue;
    kept[key] = strip(item, !insideProperties && key === "properties");
  }
  return kept;
}

/** Every component that the roots reach through `$ref`, directly or not. */
function reach(full: Json, roots: unknown[]): Json {
  const components: Record<string, Json> = {};
  const open = [...references(roots)];
  // Ends: each reference is taken up at most once, and there are finitely many components.
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [, , group = "", name = ""] = next.split("/");
    if (components[group]?.[name] !== undefined) continue;
    const found = strip(at(at(at(full, "components"), group), name));
    components[group] = { ...components[group], [name]: found };
    open.push(...references(found));
  }
  return components;
}

function references(value: unknown): string[] {
  return [...JSON.stringify(value).matchAll(/"\$ref":"(#\/components\/[^"]+)"/gu)].map(
    (match) => match[1] ?? "",
  );
}

function at(value: Json, key: string): Json {
  const found = value[key];
  if (found === undefined) throw new Error(`the description has no ${key}`);
  return asJson(found);
}

function asJson(value: unknown): Json {
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value));
  throw new TypeError(`expected an object, found ${String(value)}`);
}

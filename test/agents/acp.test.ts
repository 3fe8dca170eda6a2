import { expect, test } from "vitest";
import { PLAIN } from "../../src/agents/catalog.ts";
import type { Launch } from "../../src/agents/driver.ts";
import { driverNamed } from "../../src/agents/registry.ts";
import { gemini } from "../../src/agents/gemini.ts";
import { asOurs, findingsOf, recordingsOf, shown } from "./recordings.ts";

test("all recordings of agents that speak ACP, finding by finding", async () => {
  const all = recordingsOf("acp-").map(
    (name) => `== ${name}\n${shown(findingsOf(gemini, asOurs(name)))}`,
  );
  await expect(all.join("\n")).toMatchFileSnapshot("fixtures/acp.findings.txt");
});

const answer = (fields: object): string =>
  JSON.stringify({ jsonrpc: "2.0", id: "prompt:1", ...fields });

const ends = [
  [{ result: { stopReason: "end_turn" } }, { failure: null }],
  [{ result: { stopReason: "max_tokens" } }, { failure: { retry: true } }],
  [{ result: { stopReason: "max_turn_requests" } }, { failure: { retry: true } }],
  [{ result: { stopReason: "refusal" } }, { failure: { retry: false } }],
  [{ result: { stopReason: "something new" } }, { failure: null }],
  [{ error: { code: 429, message: "quota" } }, { kind: "limit-hit", resetAt: null }],
  [{ error: { code: 503, message: "x" } }, { kind: "limit-hit" }],
  [{ error: { code: 401, message: "x" } }, { failure: { retry: false } }],
  [{ error: { code: -32_000, message: "x" } }, { failure: { retry: false } }],
  [
    { error: { code: -32_603, message: "Internal error: Incorrect API key provided" } },
    { failure: { retry: false } },
  ],
  [{ error: { code: -32_603, message: "Rate limit reached" } }, { kind: "limit-hit" }],
  [{ error: { code: -32_603, message: "prompt is too long" } }, { failure: { retry: false } }],
  [
    { error: { code: -32_603, message: "x", data: { details: "model is overloaded" } } },
    { kind: "limit-hit" },
  ],
  [{ error: { code: -32_603, message: "x" } }, { failure: { retry: true } }],
] as const;

test.for(ends)("a prompt that ends with %j", ([fields, expected]) => {
  expect(findingsOf(gemini, [answer(fields)])).toMatchObject([expected]);
});

const launched = (
  driver: string,
  settings: Partial<Parameters<typeof gemini.launch>[0]["settings"]> = {},
): Launch => {
  const found = driverNamed(driver);
  if (found === undefined) throw new Error(`no driver ${driver}`);
  return found.launch({
    session: "ses_1",
    attempt: 1,
    role: "worker",
    conversation: "c",
    settings: { ...PLAIN, driver, ...settings },
  });
};

test("a configured command stands in for the program, and keeps the arguments that make it strict", () => {
  const { command } = launched("gemini", { command: ["node", "gemini.js"], profile: "edit" });
  expect(command.slice(5)).toEqual([
    "node",
    "gemini.js",
    "--acp",
    "--allowed-mcp-server-names",
    "orcha",
    "--extensions=none",
    "--approval-mode=default",
  ]);
});

test("where requests go is set for Gemini CLI unless the configuration says it", () => {
  expect(launched("gemini").env["GOOGLE_GEMINI_BASE_URL"]).toBe("");
  expect(launched("gemini", { inherit: ["HTTPS_PROXY"] }).env).not.toHaveProperty("HTTPS_PROXY");
  const env = { GOOGLE_GEMINI_BASE_URL: "http://there" };
  expect(launched("gemini", { env }).env["GOOGLE_GEMINI_BASE_URL"]).toBe("http://there");
});

const opencodeConfig = (profile: "read-only" | "edit" | "full"): unknown =>
  JSON.parse(launched("opencode", { profile }).env["OPENCODE_CONFIG_CONTENT"] ?? "");

test("OpenCode's permissions are the profile's, and our own tools are always allowed", () => {
  expect(opencodeConfig("full")).toMatchObject({ permission: { "*": "allow" } });
  expect(opencodeConfig("edit")).toMatchObject({ permission: { "*": "allow", webfetch: "deny" } });
  expect(opencodeConfig("read-only")).toMatchObject({
    permission: { "*": "deny", "orcha_*": "allow" },
  });
});

/** Environment and file → Config; every problem at once; no secret in any message. */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { problemLines, readConfig, type Config } from "../../src/config.ts";
import { configTable, OPTIONS, type Env, type Option } from "../../src/config/options.ts";

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});

const good: Env = { APP_ID: "42", PRIVATE_KEY: privateKey, WEBHOOK_SECRET: "a long secret" };

function config(env: Env, options: Parameters<typeof readConfig>[1] = { app: "required" }): Config {
  const read = readConfig(env, options);
  if (!read.ok) throw new Error(problemLines(read.problems).join("\n"));
  return read.config;
}

function problems(env: Env): readonly string[] {
  const read = readConfig(env, { app: "required" });
  return read.ok ? [] : problemLines(read.problems);
}

test("Probot's variables are enough", () => {
  expect(config({ ...good, HOME: "/h", XDG_RUNTIME_DIR: "/run/user/7" })).toMatchObject({
    slots: 2,
    logLevel: "info",
    runtimeDir: "/run/user/7/orcha",
    github: {
      apiUrl: "https://api.github.com",
      webUrl: "https://github.com",
      limits: {
        writeGapMs: 1_000,
        contentPerMinute: 80,
        contentPerHour: 500,
        pointsPerMinute: 900,
      },
      linkHosts: ["github.com"],
    },
    app: { id: 42, privateKey: privateKey.trim(), webhookSecrets: ["a long secret"] },
    webhook: {
      host: "127.0.0.1",
      port: 3_000,
      path: "/api/github/webhooks",
      proxyUrl: null,
      ingest: "push",
    },
    timings: { requestMs: 10_000, summaryWaitMs: 300_000 },
    unsafeLocal: false,
    production: false,
  });
});

test("an Enterprise server or an emulator", () => {
  const { github } = config({
    ...good,
    GHE_HOST: "127.0.0.1:4000",
    GHE_PROTOCOL: "http",
    ORCHA_LINK_HOSTS: "docs.acme.test, acme.test",
  });
  expect(github).toMatchObject({
    apiUrl: "http://127.0.0.1:4000/api/v3",
    webUrl: "http://127.0.0.1:4000",
    linkHosts: ["127.0.0.1:4000", "docs.acme.test", "acme.test"],
  });
});

test("everything can be set", () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "orcha-config-"));
  const key = join(folder.path, "key.pem");
  const file = join(folder.path, "orcha.yml");
  writeFileSync(key, privateKey);
  writeFileSync(file, "github:\n  limits:\n    writeGapMs: 0\ntimings:\n  requestMs: 500\n");
  const read = config({
    APP_ID: "42",
    PRIVATE_KEY_PATH: key,
    WEBHOOK_SECRET: "a long secret",
    WEBHOOK_SECRET_OLD: "the old secret",
    HOST: "0.0.0.0",
    PORT: "0",
    WEBHOOK_PATH: "/hook",
    WEBHOOK_PROXY_URL: "https://smee.io/abc",
    LOG_LEVEL: "debug",
    ORCHA_DATA_DIR: "/data",
    ORCHA_SLOTS: "5",
    ORCHA_RUNTIME_DIR: "/run/o",
    ORCHA_CONFIG: file,
    ORCHA_UNSAFE_LOCAL: "1",
    NODE_ENV: "production",
  });
  expect(read).toMatchObject({
    dataDir: "/data",
    workRoot: "/data/work",
    runtimeDir: "/run/o",
    slots: 5,
    logLevel: "debug",
    app: { webhookSecrets: ["a long secret", "the old secret"] },
    webhook: {
      host: "0.0.0.0",
      port: 0,
      path: "/hook",
      proxyUrl: "https://smee.io/abc",
      ingest: "smee",
    },
    github: { limits: { writeGapMs: 0, contentPerMinute: 80 } },
    timings: { requestMs: 500, gitMs: 120_000 },
    unsafeLocal: true,
    production: true,
  });
});

test.for([
  ["PEM", privateKey],
  ["PEM with escaped line breaks", privateKey.replaceAll("\n", String.raw`\n`)],
  ["base64", Buffer.from(privateKey).toString("base64")],
] as const)("PRIVATE_KEY as Probot takes it: %s", ([, value]) => {
  expect(config({ ...good, PRIVATE_KEY: value }).app?.privateKey.trim()).toBe(privateKey.trim());
});

test("who looks for everything needs no webhook secret; a channel needs its address", () => {
  const { WEBHOOK_SECRET: _, ...secretless } = good;
  const pull = config({
    ...secretless,
    ORCHA_INGEST: "pull",
    WEBHOOK_PROXY_URL: "https://smee.io/x",
  });
  expect(pull.app?.webhookSecrets).toEqual([]);
  expect(pull.webhook).toMatchObject({ ingest: "pull", proxyUrl: null });
  expect(problems(secretless)[0]).toContain("WEBHOOK_SECRET is not set");
  expect(problems({ ...good, ORCHA_INGEST: "smee" })).toEqual([
    "WEBHOOK_PROXY_URL is not set: ORCHA_INGEST=smee needs a channel",
  ]);
  expect(problems({ ...good, ORCHA_INGEST: "carrier pigeon" })).toEqual([
    'ORCHA_INGEST is "carrier pigeon", but must be one of: push, smee, pull',
  ]);
});

test("commands that only read need no App", () => {
  expect(config({}, { app: "unused" }).app).toBeNull();
  expect(config({}, { app: "unused", unsafeLocal: true }).unsafeLocal).toBe(true);
});

test("all problems are told at once, with what is allowed", () => {
  expect(
    problems({
      APP_ID: "x",
      PORT: "70000",
      GHE_HOST: "https://github.acme.test/",
      GHE_PROTOCOL: "ftp",
      LOG_LEVEL: "loud",
      ORCHA_SLOTS: "0",
      ORCHA_RUNTIME_DIR: `/${"long/".repeat(20)}`,
      WEBHOOK_PATH: "hook",
      WEBHOOK_PROXY_URL: "smee.io/x",
      ORCHA_UNSAFE_LOCAL: "yes",
      ORCHA_CONFIG: "/nowhere/orcha.yml",
    }),
  ).toMatchInlineSnapshot(`
    [
      "GHE_HOST is "https://github.acme.test/", but must be a host name, with a port if needed",
      "GHE_PROTOCOL is "ftp", but must be \`https\` or \`http\`",
      "ORCHA_CONFIG is "/nowhere/orcha.yml", which cannot be read (ENOENT)",
      "WEBHOOK_PROXY_URL is "smee.io/x", but must be an http(s) address",
      "PORT is "70000", but must be a port from 0 to 65535",
      "WEBHOOK_PATH is "hook", but must be a path beginning with \`/\`",
      "ORCHA_RUNTIME_DIR is "/long/long/long/long/long/long/long/long/long/long/long/long/long/long/long/long/long/long/long/long/", but must be a path of at most 60 bytes",
      "ORCHA_SLOTS is "0", but must be a whole number from 1 to 1000",
      "LOG_LEVEL is "loud", but must be one of: trace, debug, info, warn, error, fatal, silent",
      "APP_ID is "x", but must be a positive whole number",
      "WEBHOOK_SECRET is not set: choose one and enter it in the App's settings too",
      "PRIVATE_KEY_PATH is not set: name the .pem file that GitHub gave for the App",
      "ORCHA_UNSAFE_LOCAL is "yes", but must be \`1\` or \`0\`",
    ]
  `);
});

test("no message holds a secret", () => {
  const secret = "canary!";
  const told = problems({
    APP_ID: "1",
    PRIVATE_KEY: `-----BEGIN ${secret} broken`,
    WEBHOOK_SECRET: secret,
    WEBHOOK_SECRET_OLD: secret,
  });
  expect(told).toHaveLength(3);
  expect(told.join("\n")).not.toContain(secret);
  expect(problems({ ...good, WEBHOOK_SECRET: "development" })).toEqual([
    "WEBHOOK_SECRET must not be Probot's well-known default",
  ]);
});

test("a key file that is missing or no key is named", () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "orcha-config-"));
  const path = join(folder.path, "key.pem");
  expect(problems({ ...good, PRIVATE_KEY_PATH: path })).toEqual([
    `PRIVATE_KEY_PATH is "${path}", which cannot be read (ENOENT)`,
  ]);
  writeFileSync(path, "canary");
  expect(problems({ ...good, PRIVATE_KEY_PATH: path })).toEqual([
    `PRIVATE_KEY_PATH is "${path}", which is no PEM private key`,
  ]);
});

test("a mistake in the file names its line", () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "orcha-config-"));
  const path = join(folder.path, "orcha.yml");
  writeFileSync(path, "timings:\n  requestMs: 1\n  reqestMs: 2\n");
  const [told] = problems({ ...good, ORCHA_CONFIG: path });
  expect(told).toContain("line 3): unknown key `timings.reqestMs`; known here: requestMs, gitMs");
});

test("the table for the README has a row for every setting, and secrets have no default", () => {
  const rows = configTable().split("\n");
  const options: readonly Option[] = Object.values(OPTIONS);
  expect(rows).toHaveLength(options.length + 2);
  for (const [at, { name }] of options.entries()) expect(rows[at + 2]).toContain(`| \`${name}\` |`);
  expect(options.filter((row) => row.secret === true).map((row) => row.default)).toEqual([
    null,
    null,
    null,
  ]);
  expect(
    new Set(rows.map((row) => row.replaceAll(String.raw`\|`, "").split("|").length)).size,
  ).toBe(1);
});

test("the texts of the roles and of agents are files beside the configuration file", () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "orcha-config-"));
  const path = join(directory.path, "orcha.yml");
  writeFileSync(join(directory.path, "worker.md"), "Do {title}.\n");
  writeFileSync(join(directory.path, "brief.md"), "Be brief.\n");
  writeFileSync(
    path,
    "prompts: { worker: worker.md }\nagents:\n  terse: { driver: script, prompt: brief.md, next: script }\n",
  );
  const read = config({ ...good, ORCHA_CONFIG: path });
  expect(read.prompts.worker).toBe("Do {title}.\n");
  expect(read.prompts.manager).toContain("You are the manager");
  expect(read.agents["terse"]).toMatchObject({ prompt: "Be brief.\n", next: "script" });
});

test.for([
  ["prompts: { worker: none.md }", 'prompts.worker is "none.md", which cannot be read (ENOENT)'],
  ["prompts: { worker: bad.md }", 'prompts.worker is "bad.md", which must not hold {titel}'],
  ["prompts: { boss: bad.md }", "unknown key `prompts.boss`; known here: manager, worker"],
  ["agents: { a: { driver: script, prompt: none.md } }", "agents.a.prompt is"],
  ["agents: { a: { driver: script, next: b } }", 'agents.a.next is "b", but must be one of: a, '],
  [
    "agents: { a: { driver: script, next: b }, b: { driver: script, next: a } }",
    'agents.a.next leads back to "a"',
  ],
] as const)("%s is told at the start", ([text, problem]) => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "orcha-config-"));
  const path = join(directory.path, "orcha.yml");
  writeFileSync(join(directory.path, "bad.md"), "Do {titel}.");
  writeFileSync(path, text);
  const [told] = problems({ ...good, ORCHA_CONFIG: path });
  expect(told).toContain(problem);
});

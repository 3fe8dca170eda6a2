/** How `serve` starts, and what it refuses before it starts anything. */
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempDisposableSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { onLines, saidWebhook } from "../serving.ts";
import { lockDirectory } from "../../src/store/lock.ts";
import { called, dataDir, orcha, start } from "./run.ts";

function place() {
  const directory = mkdtempDisposableSync(join(tmpdir(), "orcha-"));
  const key = join(directory.path, "key.pem");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(key, privateKey.export({ type: "pkcs1", format: "pem" }));
  mkdirSync(dataDir(directory.path));
  const env = { APP_ID: "1", PRIVATE_KEY_PATH: key, WEBHOOK_SECRET: "a long secret", PORT: "0" };
  return { path: directory.path, env, [Symbol.dispose]: () => directory.remove() };
}

test("a second server on the same data directory is refused in one line", async () => {
  using at = place();
  using _ = lockDirectory(dataDir(at.path));
  const ran = await orcha(["serve", "--unsafe-local"], { directory: at.path, env: at.env });
  expect(ran).toEqual({
    code: 1,
    stdout: "",
    stderr: `orcha: another orcha is running on ${dataDir(at.path)}; stop it, or set ORCHA_DATA_DIR to a directory of its own\n`,
  });
});

test("without --unsafe-local no agent runs beside the App's key, and the server says what is missing", async () => {
  using at = place();
  // Nobody answers there: GitHub may be away when we start.
  const env = { ...at.env, GHE_HOST: "127.0.0.1:9", GHE_PROTOCOL: "http" };
  const child = start(["serve"], { directory: at.path, env });
  const said: string[] = [];
  const warned = new Promise<void>((resolve) => {
    onLines(child, (line) => {
      said.push(line);
      if (line.includes("no runner is online")) resolve();
    });
  });
  await saidWebhook(child);
  await warned;
  expect(said.join("\n")).toContain("orcha runner add");
  const listed = await called(["runner", "list"], at.path);
  expect(listed.stdout).toContain("no runner is registered");
  child.kill("SIGTERM");
  await once(child, "exit");
  expect(readdirSync(dataDir(at.path))).toContain("orcha.db");
});

test("all mistakes in the settings are told at once, secrets never", async () => {
  using at = place();
  const env = { ...at.env, APP_ID: "x", WEBHOOK_SECRET: "hunter2", ORCHA_SLOTS: "0" };
  const ran = await orcha(["serve", "--unsafe-local"], { directory: at.path, env });
  expect(ran.code).toBe(2);
  for (const name of ["APP_ID", "WEBHOOK_SECRET", "ORCHA_SLOTS"])
    expect(ran.stderr).toContain(name);
  expect(ran.stderr).not.toContain("hunter2");
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DirectoryTaken, lockDirectory } from "../../src/store/lock.ts";

const temporary = () => mkdtempDisposableSync(join(tmpdir(), "orcha-lock-"));
const source = fileURLToPath(new URL("../../src/store/lock.ts", import.meta.url));

test("one at a time, in one process too", () => {
  using directory = temporary();
  const lock = lockDirectory(directory.path);
  expect(() => lockDirectory(directory.path)).toThrow(DirectoryTaken);
  expect(() => lockDirectory(directory.path)).toThrow(
    `another orcha is running on ${directory.path}`,
  );
  lock.release();
  lockDirectory(directory.path).release();
});

test("a second process is refused, and let in when the first was killed", async () => {
  using directory = temporary();
  const program = `const { lockDirectory } = await import(${JSON.stringify(source)});
    globalThis.lock = lockDirectory(process.argv[1]);
    console.log("locked");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, directory.path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  expect(() => lockDirectory(directory.path)).toThrow(DirectoryTaken);
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
  lockDirectory(directory.path).release();
});

test("a directory that is not there is another matter", () => {
  expect(() => lockDirectory("/nowhere/at/all")).toThrow(/directory does not exist/u);
});

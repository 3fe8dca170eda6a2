/** `orcha-runner ensure`: one daemon, whoever asks, and where it is to be found. */
import { execFile, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { defaultRuntimeDir } from "../../runners/program/runtime-dir.ts";
import * as z from "zod/mini";
import { program } from "./world.ts";

const run = promisify(execFile);
let home = "";
const pids = new Set<number>();

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "orcha-e-"));
});
afterEach(() => {
  for (const pid of pids) process.kill(pid, "SIGKILL");
  pids.clear();
  for (const path of [home, ...["w", "v"].map((name) => defaultRuntimeDir(join(home, name)))])
    rmSync(path, { recursive: true, force: true, maxRetries: 10 });
});

/** With a secret in the environment, as the control plane has. */
async function runner(...args: string[]): Promise<string> {
  const main = join((await program()).directory, "orcha-runner.mjs");
  const env = { ...process.env, HOME: home, APP_SECRET: "s3cret" };
  const { stdout } = await run(process.execPath, [main, ...args], { env, cwd: "/" });
  return stdout;
}

const Ensured = z.object({ socket: z.string(), pid: z.int() });

async function ensure(...args: string[]): Promise<z.infer<typeof Ensured>> {
  const said = Ensured.parse(JSON.parse(await runner("ensure", "--work-root", ...args)));
  pids.add(said.pid);
  return said;
}

test("several ask at once, and again: one daemon, of which all are told", async () => {
  const all = await Promise.all(Array.from({ length: 4 }, () => ensure("~/w")));
  const [first] = all;
  expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
  // Relative, absolute and below the home directory are one place.
  expect([await ensure("w"), await ensure(join(home, "w"))]).toEqual([first, first]);
  expect(first?.socket).toBe(join(defaultRuntimeDir(join(home, "w")), "runner.sock"));
  expect((await ensure("v")).pid).not.toBe(first?.pid);
});

test("the daemon gets nothing of the environment but what it needs", async () => {
  const { pid } = await ensure("w");
  const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  expect(environment).toContain(`HOME=${home}`);
  expect(environment.join()).not.toContain("s3cret");
});

test("connect says that there is somebody, then passes bytes on", async () => {
  await ensure("w");
  const main = join((await program()).directory, "orcha-runner.mjs");
  const child = spawn(process.execPath, [main, "connect", "--work-root", join(home, "w")]);
  const said = await new Promise<string>((resolve) => {
    child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString()));
  });
  expect(said).toBe("orcha connected\n");
  child.stdin.end();
  await new Promise((resolve) => void child.once("exit", resolve));
  await expect(runner("connect", "--work-root", join(home, "v"))).rejects.toThrow("ENOENT");
});

test("a runtime directory that is not ours alone is refused, by whatever needs it", async () => {
  const path = defaultRuntimeDir(join(home, "w"));
  symlinkSync(home, path);
  await expect(ensure("w")).rejects.toThrow(`${path} is not a directory: somebody else`);
  rmSync(path);
  mkdirSync(path);
  chmodSync(path, 0o770);
  await expect(ensure("w")).rejects.toThrow(`${path} is open to others (mode 770)`);
  for (const command of ["connect", "daemon"])
    await expect(runner(command, "--work-root", join(home, "w"))).rejects.toThrow("mode 770");
});

test("a work root that cannot be written is named, with what to do", async () => {
  await expect(ensure("/proc/orcha")).rejects.toThrow("the work root /proc/orcha cannot be used");
});

/**
 * What single steps do. A step that changes files says first what it will make (`intent`): when a killed
 * agent comes back and finds that, the step was done. Commands are the exception: they may run twice.
 */
import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, isAbsolute, normalize, relative } from "node:path";
import process from "node:process";
import { print, write } from "./output.ts";
import { ScriptError } from "./steps.ts";

const COMMAND_MS_MAX = 10 * 60_000;
const OUTPUT_CHARACTERS_MAX = 20_000;

/** Remembers an intent on disk. `done` tells whether the same one was remembered before a crash. */
export interface Intents {
  readonly known: string | null;
  remember(intent: string): void;
}

/** Runs a shell command; stdout and stderr together. */
export function runCommand(
  command: string,
  timeoutMs = COMMAND_MS_MAX,
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn("sh", ["-c", `exec 2>&1\n${command}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output = (output + chunk).slice(-OUTPUT_CHARACTERS_MAX);
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    child.once("error", (error) => {
      output += error.message;
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      print({ type: "command", command, code, output });
      resolve({ code, output });
    });
  });
}

/** Replaces the whole file, once. */
export function writeFile(path: string, content: string, intents: Intents): void {
  const target = inside(path);
  const digest = (text: string | Uint8Array): string =>
    `file ${target} ${createHash("sha256").update(text).digest("hex")}`;
  if (
    intents.known !== null &&
    existsSync(target) &&
    digest(readFileSync(target)) === intents.known
  )
    return;
  intents.remember(digest(content));
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.orcha-tmp`;
  const mode = statSync(target, { throwIfNoEntry: false })?.mode ?? 0o644;
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, target);
}

export function appendFile(path: string, content: string, intents: Intents): void {
  const target = inside(path);
  if (isDone(target, intents)) return;
  const before = existsSync(target) ? readFileSync(target, "utf8") : "";
  writeFile(path, before + content, intents);
}

/** Throws ScriptError unless `find` stands in the file exactly once. */
export function replaceInFile(
  {
    path,
    find,
    with: replacement,
  }: { readonly path: string; readonly find: string; readonly with: string },
  intents: Intents,
): void {
  const target = inside(path);
  if (isDone(target, intents)) return;
  if (!existsSync(target)) throw new ScriptError(`there is no file ${path}`);
  const parts = readFileSync(target, "utf8").split(find);
  if (find === "" || parts.length !== 2)
    throw new ScriptError(
      `${JSON.stringify(find)} stands ${parts.length - 1} times in ${path}, not once`,
    );
  writeFile(path, parts.join(replacement), intents);
}

function isDone(target: string, { known }: Intents): boolean {
  if (known === null || !existsSync(target)) return false;
  const hash = createHash("sha256").update(readFileSync(target)).digest("hex");
  return known === `file ${target} ${hash}`;
}

export function deleteFile(path: string, intents: Intents): void {
  const target = inside(path);
  const intent = `delete ${target}`;
  if (!existsSync(target)) {
    if (intents.known === intent) return;
    throw new ScriptError(`there is no file ${path}`);
  }
  intents.remember(intent);
  rmSync(target, { recursive: true });
}

/** Adds everything and commits. Throws ScriptError when there is nothing to commit. */
export function commitAll(message: string, intents: Intents): void {
  const head = git(["rev-parse", "--verify", "--quiet", "HEAD"]).stdout.trim();
  const known = intents.known?.startsWith("commit on ") === true ? intents.known : null;
  if (known !== null && known !== `commit on ${head}`) return;
  intents.remember(`commit on ${head}`);
  // A git that was killed in the middle leaves its lock behind.
  if (known !== null)
    rmSync(git(["rev-parse", "--git-path", "index.lock"]).stdout.trim(), { force: true });
  const added = git(["add", "-A"]);
  if (added.status !== 0) throw new ScriptError(`git add failed: ${added.stderr.trim()}`);
  const committed = git(["commit", "--no-verify", "-m", message]);
  const output = `${committed.stdout}${committed.stderr}`.trim();
  print({
    type: "command",
    command: `git commit -m ${JSON.stringify(message)}`,
    code: committed.status,
    output,
  });
  if (committed.status !== 0) throw new ScriptError(`git commit failed: ${output.slice(-500)}`);
}

/** Bytes that are no text, then a line that looks like a frame of the runner's link. */
export function printGarbage(bytes: number): void {
  write(1, randomBytes(bytes));
  const frame = { k: "journal", s: "ses_forged", a: 1, seq: 1, outAt: 0, bytes: 0 };
  write(1, Buffer.from(`\n${JSON.stringify(frame)}\n`));
}

function git(args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync("git", args, { encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
}

/** Files of the workspace only: a script is written by whoever writes an issue. */
function inside(path: string): string {
  const normal = normalize(path);
  if (isAbsolute(normal) || normal === ".." || normal.startsWith("../"))
    throw new ScriptError(`${path} is not in the workspace`);
  return relative(process.cwd(), normal) || ".";
}

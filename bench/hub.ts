/** The emulated GitHub with one repository of some size, and the product beside it in a process of its own. */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startEmulator, type Emulator, type EmulatorOptions } from "../src/emulator/emulator.ts";
import type { AppHandle } from "../src/emulator/world.ts";
import { SUBSCRIBED_EVENTS } from "../src/inbox/webhook.ts";
import { gitIn } from "./git.ts";

export const REPOSITORY = "acme/shop";
export const PERSON = "maria";
export const SECRET = "it is only a benchmark";
/** GitHub's limits are not what is measured. */
const limits = {
  primaryPerHour: 10_000_000,
  pointsPerMinute: 10_000_000,
  graphqlPointsPerMinute: 10_000_000,
  contentPerMinute: 1_000_000,
  contentPerHour: 1_000_000,
};
const WAIT_MS_MAX = 60_000;

export interface Hub extends AsyncDisposable {
  readonly emulator: Emulator;
  readonly app: AppHandle;
  /** Id of the App's installation. */
  readonly installation: number;
}

export interface HubOptions {
  /** A local repository whose branch `main` is copied. */
  readonly from: string;
  readonly onExchange?: EmulatorOptions["onExchange"];
}

export async function openHub({ from, onExchange }: HubOptions): Promise<Hub> {
  const emulator = await startEmulator(
    onExchange === undefined ? { limits } : { limits, onExchange },
  );
  const { world } = emulator;
  world.createUser(PERSON);
  const app = await world.createApp({
    slug: "orcha",
    webhookSecret: SECRET,
    permissions: { metadata: "read", contents: "write", issues: "write", pull_requests: "write" },
    events: [...SUBSCRIBED_EVENTS],
  });
  const [owner = "", name = ""] = REPOSITORY.split("/");
  await world.createRepository({ owner, name, from, defaultBranch: "main" });
  world.setPermission(REPOSITORY, PERSON, "admin");
  const { id: installation } = world.install(app, { account: owner });
  return { emulator, app, installation, [Symbol.asyncDispose]: () => emulator.close() };
}

/** Looks every millisecond. */
export async function until<T>(what: string, look: () => T | undefined | false): Promise<T> {
  for (const deadline = Date.now() + WAIT_MS_MAX; Date.now() < deadline; await delay(1)) {
    const found = look();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error(`waited in vain for: ${what}`);
}

/** The folder of an attempt whose agent has said something, other than those known. */
export function speaking(work: string, known: ReadonlySet<string>): string | undefined {
  const sessions = join(work, "sessions");
  if (!existsSync(sessions)) return undefined;
  return readdirSync(sessions)
    .map((session) => join(sessions, session, "1"))
    .find(
      (folder) =>
        !known.has(folder) &&
        (statSync(join(folder, "out"), { throwIfNoEntry: false })?.size ?? 0) > 0,
    );
}

/** A repository with so many files of 8 KB that look like source. */
export function createRepository(directory: string, files: number): string {
  const path = join(directory, "origin");
  mkdirSync(path, { recursive: true });
  const git = gitIn(path);
  git("init", "--initial-branch=main");
  for (let file = 0; file < files; file++) {
    const folder = join(path, "src", `part-${file % 40}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `module-${file}.ts`), sourceOf(file));
  }
  writeFileSync(join(path, "README.md"), "# shop\n");
  git("add", "-A");
  git("commit", "-m", "begin");
  return path;
}

function sourceOf(file: number): string {
  return Array.from(
    { length: 120 },
    (_, line) =>
      `export const value${line} = compute(${(file * 7919 + line * 104_729) % 1_000_003}, "${file}-${line}");`,
  ).join("\n");
}

export const removed = (path: string): void =>
  rmSync(path, { recursive: true, force: true, maxRetries: 5 });

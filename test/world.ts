/**
 * A whole world for end-to-end tests: the emulated GitHub, the real control plane, a real local runner with
 * real git and real agent processes. Tests speak as users do (label, comment, review, nextComment) and never
 * sleep: they wait for something to become true. A comment nobody read fails the test.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pino } from "pino";
import { expect } from "vitest";
import { openOrcha, type Orcha, type Settings } from "../src/compose.ts";
import { readConfig } from "../src/config.ts";
import { startEmulator, type Emulator } from "../src/emulator/emulator.ts";
import type { Comment } from "../src/emulator/model.ts";
import type { Person } from "../src/emulator/person.ts";
import type { AppHandle } from "../src/emulator/world.ts";
import { SUBSCRIBED_EVENTS } from "../src/inbox/webhook.ts";
import { collectViolations } from "./emulator/validate.ts";
import { processesOf } from "./helpers/processes.ts";

const SECRET = "it is only a test";
export const REPO = "acme/shop";

export interface WorldOptions {
  readonly files?: Readonly<Record<string, string>>;
  readonly slots?: number;
  readonly timings?: Partial<Settings["config"]["timings"]>;
  readonly private?: boolean;
}

export interface TestWorld extends AsyncDisposable {
  readonly emulator: Emulator;
  readonly orcha: Orcha;
  /** Has admin permission. */
  readonly ann: Person;
  /** Has read permission. */
  readonly mallory: Person;
  readonly app: AppHandle;
  readonly directory: string;
  /** Opens an issue; returns its number. */
  openIssue(title: string, body: string): number;
  /** Opens an issue whose agents follow these steps, and labels it. */
  objective(steps: unknown, title?: string): number;
  label(issue: number, by?: Person): void;
  unlabel(issue: number): void;
  comment(number: number, body: string, by?: Person): number;
  /** The next comment of the App on this issue or pull request that is not its status. */
  nextComment(number: number): Promise<string>;
  /** The status comment, once it satisfies. */
  status(issue: number, contains: string): Promise<string>;
  until<T>(what: string, look: () => T | undefined | null | false): Promise<T>;
  /** Ends the control plane as `close` does, and opens it again on the same data. */
  restart(): Promise<void>;
  /** Says that the App's comments are of no interest to this test. */
  ignoreComments(): void;
}

/** Long enough for a busy machine; a test that waits this long has failed. */
const WAIT_MS = 40_000;
const fast = {
  writeGapMs: 0,
  contentPerMinute: 100_000,
  contentPerHour: 100_000,
  pointsPerMinute: 1_000_000,
};
const unlimited = {
  primaryPerHour: 1_000_000,
  pointsPerMinute: 1_000_000,
  graphqlPointsPerMinute: 1_000_000,
  contentPerMinute: 1_000_000,
  contentPerHour: 1_000_000,
};

export async function openWorld(options: WorldOptions = {}): Promise<TestWorld> {
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "orcha-"));
  // ORCHA_TEST_KEEP=1 leaves everything for a look at what happened.
  if (process.env["ORCHA_TEST_KEEP"] === undefined)
    stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const { onExchange, violations } = collectViolations();
  const emulator = stack.use(await startEmulator({ onExchange, limits: unlimited }));
  const { world } = emulator;
  world.createUser("ann");
  world.createUser("mallory");
  const app = await world.createApp({
    slug: "orcha",
    webhookSecret: SECRET,
    permissions: { metadata: "read", contents: "write", issues: "write", pull_requests: "write" },
    events: [...SUBSCRIBED_EVENTS],
  });
  await world.createRepository({
    owner: "acme",
    name: "shop",
    private: options.private ?? false,
    files: options.files ?? { "README.md": "# shop\n" },
  });
  world.setPermission(REPO, "ann", "admin");
  world.setPermission(REPO, "mallory", "read");
  world.install(app, { account: "acme" });

  const settings = settingsOf(directory, emulator, app, options);
  const current = { orcha: await openOrcha(settings) };
  app.setWebhookUrl(current.orcha.url);
  stack.defer(() => end(current.orcha));

  const read = new Map<number, number>();
  const flags = { ignoreComments: false };
  const owned = stack.move();
  const ours = (number: number): readonly Comment[] =>
    world
      .comments(REPO, number)
      .filter((comment) => comment.author.id === app.botUser.id && !isStatus(comment.body));
  const until = <T>(what: string, look: () => T | undefined | null | false): Promise<T> =>
    world.waitFor(look, { what, timeoutMs: WAIT_MS });
  const ann = world.as("ann");

  return {
    emulator,
    get orcha() {
      return current.orcha;
    },
    ann,
    mallory: world.as("mallory"),
    app,
    directory,
    openIssue: (title, body) => ann.openIssue(REPO, { title, body }).number,
    objective(steps, title = "An objective") {
      const body = `Please.\n\n\`\`\`orcha-steps\n${JSON.stringify(steps)}\n\`\`\`\n`;
      const { number } = ann.openIssue(REPO, { title, body });
      ann.label(REPO, number, "objective");
      return number;
    },
    label: (issue, by = ann) => by.label(REPO, issue, "objective"),
    unlabel: (issue) => ann.unlabel(REPO, issue, "objective"),
    comment: (number, body, by = ann) => by.comment(REPO, number, body).id,
    async nextComment(number) {
      const index = read.get(number) ?? 0;
      const comment = await until(
        `comment ${index + 1} of the App on #${number}`,
        () => ours(number)[index],
      );
      read.set(number, index + 1);
      return visible(comment.body);
    },
    status: (issue, contains) =>
      until(`the status of #${issue} to contain "${contains}"`, () =>
        world
          .comments(REPO, issue)
          .map(({ body }) => body)
          .find((body) => isStatus(body) && body.includes(contains)),
      ),
    until,
    async restart() {
      await current.orcha.close();
      current.orcha = await openOrcha(settings);
      app.setWebhookUrl(current.orcha.url);
    },
    ignoreComments() {
      flags.ignoreComments = true;
    },
    async [Symbol.asyncDispose]() {
      const unread = flags.ignoreComments
        ? []
        : world.issues(REPO).flatMap(({ number }) => ours(number).slice(read.get(number) ?? 0));
      await owned.disposeAsync();
      expect(
        unread.map(({ body }) => visible(body)),
        "comments of the App that the test did not read",
      ).toEqual([]);
      expect(violations, "violations of GitHub's API description").toEqual([]);
    },
  };
}

/** Shared by all tests of a run: bundling takes longer than most tests. */
const programDir = join(tmpdir(), "orcha-test-program");

function settingsOf(
  directory: string,
  emulator: Emulator,
  app: AppHandle,
  options: WorldOptions,
): Settings {
  mkdirSync(programDir, { recursive: true });
  const env = {
    GHE_HOST: new URL(emulator.url).host,
    GHE_PROTOCOL: "http",
    PORT: "0",
    ORCHA_DATA_DIR: join(directory, "data"),
    ORCHA_RUNTIME_DIR: join(directory, "run"),
    ORCHA_SLOTS: String(options.slots ?? 4),
    APP_ID: String(app.id),
    PRIVATE_KEY: app.privateKey,
    WEBHOOK_SECRET: SECRET,
  };
  const read = readConfig(env, { app: "required" });
  if (!read.ok || read.config.app === null) throw new Error(JSON.stringify(read));
  const { config } = read;
  const timings = {
    ...config.timings,
    stopGraceMs: 2000,
    retryWaitMs: 200,
    permissionMaxAgeMs: 0,
    ...options.timings,
  };
  return {
    config: { ...config, timings, github: { ...config.github, limits: fast } },
    app: read.config.app,
    log: logTo(process.env["ORCHA_TEST_LOG"]),
    programDir,
    emulated: true,
  };
}

/** `ORCHA_TEST_LOG=file` keeps everything the control plane has to say. */
const logTo = (file: string | undefined): Settings["log"] =>
  file === undefined
    ? pino({ level: "silent" })
    : pino({ level: "debug" }, pino.destination({ dest: file, sync: true }));

/** The status comment is the one with the table of sessions. */
const isStatus = (body: string): boolean => body.includes("| Session");

/** Without our own hidden mark. */
const visible = (body: string): string => body.replaceAll(/<!--[\s\S]*?-->/gu, "").trim();

/** Ends the control plane, the runner's daemon and what is left of its agents. */
async function end(orcha: Orcha): Promise<void> {
  const sessions = await sessionIds(orcha);
  const daemons = [...orcha.links.values()].flatMap(({ hello }) => hello?.runner.pid ?? []);
  await orcha.close();
  for (const pid of daemons) process.kill(pid, "SIGKILL");
  for (const pid of sessions.flatMap((id) => processesOf(`ORCHA_SESSION=${id}`)))
    process.kill(pid, "SIGKILL");
}

async function sessionIds(orcha: Orcha): Promise<readonly string[]> {
  const objectives = await orcha.store.objectives();
  return objectives.flatMap(({ objective }) => objective.sessions.map(({ id }) => id as string));
}

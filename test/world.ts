/**
 * A whole world for end-to-end tests: the emulated GitHub, the real control plane, a real local runner with
 * real git and real agent processes. Tests speak as users do (label, comment, review, nextComment) and never
 * sleep: they wait for something to become true. A comment nobody read fails the test.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { expect } from "vitest";
import { freePort } from "../src/demo/sshd.ts";
import type { Objective } from "../src/domain/objective.ts";
import type { Comment } from "../src/emulator/model.ts";
import type { Person } from "../src/emulator/person.ts";
import type { World as GitHubWorld } from "../src/emulator/world.ts";
import { startInProcess, startProcess, type Plane, type PlaneOptions } from "./control-plane.ts";
import { REPO, SECRET, startGitHub, type GitHub, type GitHubOptions } from "./github-people.ts";
import { processesOf } from "./helpers/processes.ts";

export { REPO } from "./github-people.ts";

export interface WorldOptions
  extends GitHubOptions, Pick<PlaneOptions, "timings" | "local" | "agents"> {
  readonly slots?: number;
  /** The control plane in a process of its own, so that it can be killed. */
  readonly process?: boolean;
  /** The data directory on a disk of 32 MiB; needs root. */
  readonly smallDisk?: boolean;
  /** How long to wait for what should come; missing = long enough for the script agent. */
  readonly waitMs?: number;
  /** There is no git on the PATH of the control plane and its runner, until one is put into `<directory>/bin`. */
  readonly withoutGit?: boolean;
}

/** Long enough for a busy machine; a test that waits this long has failed. */
const WAIT_MS = 40_000;

export async function openWorld(options: WorldOptions = {}): Promise<TestWorld> {
  const directory = mkdtempSync(join(tmpdir(), "orcha-"));
  if (options.smallDisk === true) mountSmallDisk(join(directory, "data"));
  const github = await startGitHub(options);
  const env = {
    ORCHA_AGENT: "script",
    GHE_HOST: new URL(github.emulator.url).host,
    GHE_PROTOCOL: "http",
    PORT: String(await freePort()),
    ...(options.withoutGit === true ? { PATH: pathWithoutGit(directory) } : {}),
    ORCHA_DATA_DIR: join(directory, "data"),
    ORCHA_WORK_ROOT: join(directory, "work"),
    ORCHA_RUNTIME_DIR: join(directory, "run"),
    ORCHA_SLOTS: String(options.slots ?? 4),
    APP_ID: String(github.app.id),
    PRIVATE_KEY: github.app.privateKey,
    WEBHOOK_SECRET: SECRET,
  };
  const planeOptions = {
    directory,
    env,
    ...(options.timings === undefined ? {} : { timings: options.timings }),
    ...(options.local === undefined ? {} : { local: options.local }),
    ...(options.agents === undefined ? {} : { agents: options.agents }),
  };
  const start = (): Promise<Plane> =>
    options.process === true ? startProcess(planeOptions) : startInProcess(planeOptions);
  const plane = await start();
  github.app.setWebhookUrl(plane.url);
  return new TestWorld(github, directory, plane, start, options.waitMs);
}

function mountSmallDisk(path: string): void {
  mkdirSync(path);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=32m", "tmpfs", path]);
}

/** Everything of /usr/bin but git, as links. */
function pathWithoutGit(directory: string): string {
  const tools = join(directory, "tools");
  mkdirSync(tools);
  for (const name of readdirSync("/usr/bin").filter((one) => !one.startsWith("git")))
    symlinkSync(join("/usr/bin", name), join(tools, name));
  return `${join(directory, "bin")}:${tools}`;
}

export class TestWorld implements AsyncDisposable {
  readonly #github: GitHub;
  readonly #start: () => Promise<Plane>;
  readonly #read = new Map<number, number>();
  readonly #waitMs: number;
  #plane: Plane;
  #ignoreComments = false;
  readonly directory: string;
  readonly github: GitHubWorld;
  /** Has admin permission. */
  readonly ann: Person;
  /** Has read permission. */
  readonly mallory: Person;

  constructor(
    github: GitHub,
    directory: string,
    plane: Plane,
    start: () => Promise<Plane>,
    waitMs = WAIT_MS,
  ) {
    this.#github = github;
    this.#start = start;
    this.#plane = plane;
    this.directory = directory;
    this.#waitMs = waitMs;
    this.github = github.emulator.world;
    this.ann = this.github.as("ann");
    this.mallory = this.github.as("mallory");
  }

  get app(): GitHub["app"] {
    return this.#github.app;
  }

  /** Where people clone the repository from. */
  get cloneUrl(): string {
    return `${this.#github.emulator.url}/${REPO}.git`;
  }

  get plane(): Plane {
    return this.#plane;
  }

  openIssue(title: string, body: string): number {
    return this.ann.openIssue(REPO, { title, body }).number;
  }

  /** Opens an issue whose agents follow these steps, and labels it. */
  objective(steps: unknown, title = "An objective"): number {
    const number = this.openIssue(
      title,
      `Please.\n\n\`\`\`orcha-steps\n${JSON.stringify(steps)}\n\`\`\`\n`,
    );
    this.label(number);
    return number;
  }

  label(issue: number, by = this.ann): void {
    by.label(REPO, issue, "objective");
  }

  unlabel(issue: number): void {
    this.ann.unlabel(REPO, issue, "objective");
  }

  comment(number: number, body: string, by = this.ann): number {
    return by.comment(REPO, number, body).id;
  }

  /** The next comment of the App on this issue that is not its status. */
  async nextComment(number: number): Promise<string> {
    const index = this.#read.get(number) ?? 0;
    const comment = await this.until(
      `comment ${index + 1} of the App on #${number}`,
      () => this.#said(number)[index],
    );
    this.#read.set(number, index + 1);
    return visible(comment.body);
  }

  /** The status comment, once it contains this. */
  async status(issue: number, contains: string): Promise<string> {
    return this.until(`the status of #${issue} to contain "${contains}"`, () =>
      this.statuses(issue).find((body) => body.includes(contains)),
    );
  }

  /** Bodies of the status comments: there should be one. */
  statuses(issue: number): readonly string[] {
    return this.github
      .comments(REPO, issue)
      .map(({ body }) => body)
      .filter(isStatus);
  }

  until<T>(what: string, look: () => T | undefined | null | false): Promise<T> {
    return this.github.waitFor(look, { what, timeoutMs: this.#waitMs });
  }

  /** All objectives as they are stored. */
  async objectives(): Promise<readonly Objective[]> {
    return (await this.#plane.reading.objectives()).map(({ objective }) => objective);
  }

  /** What the agent printed, as the transcript has it and as the runner recorded it. */
  async records(): Promise<readonly { readonly transcript: string; readonly recorded: string }[]> {
    const sessions = (await this.objectives()).flatMap((objective) => objective.sessions);
    return sessions.flatMap(({ id, attempt: newest }) =>
      Array.from({ length: newest }, (_, index) => ({
        transcript: readFileSync(
          join(this.directory, "data", "transcripts", id, `${index + 1}.out`),
          "utf8",
        ),
        recorded: readFileSync(
          join(this.directory, "work", "sessions", id, String(index + 1), "out"),
          "utf8",
        ),
      })),
    );
  }

  /** Ends the control plane as SIGTERM does, and opens it again on the same data. */
  async restart(): Promise<void> {
    await this.#plane.close();
    await this.startAgain();
  }

  kill(): void {
    this.#plane.kill();
  }

  async startAgain(): Promise<void> {
    this.#plane = await this.#start();
    this.app.setWebhookUrl(this.#plane.url);
  }

  /** What a person does in the App's settings: "Redeliver" for everything that did not arrive. */
  redeliverFailed(): void {
    const deliveries = this.github.deliveries(this.app);
    const arrived = new Set(
      deliveries.filter(({ statusCode }) => statusCode < 300).map(({ guid }) => guid),
    );
    for (const { id, guid } of deliveries.toReversed()) {
      if (arrived.has(guid)) continue;
      arrived.add(guid);
      this.github.redeliver(this.app, id);
    }
  }

  /** Pids of processes that belong to sessions of this world. */
  async agents(): Promise<readonly number[]> {
    const sessions = (await this.objectives()).flatMap((objective) => objective.sessions);
    return sessions.flatMap(({ id }) => processesOf(`ORCHA_SESSION=${id}`));
  }

  /** Says that the App's comments are of no interest to this test. */
  ignoreComments(): void {
    this.#ignoreComments = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const unread = this.#ignoreComments
      ? []
      : this.github
          .issues(REPO)
          .flatMap(({ number }) => this.#said(number).slice(this.#read.get(number) ?? 0));
    const agents = await this.agents();
    await this.#plane.close();
    await this.#github.emulator.close();
    unmount(join(this.directory, "data"));
    // The runner's daemon ends by itself when its directory is gone; agents would not.
    for (const pid of agents) kill(pid);
    // ORCHA_TEST_KEEP=1 leaves everything for a look at what happened.
    if (process.env["ORCHA_TEST_KEEP"] === undefined)
      rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
    // oxlint-disable-next-line vitest/no-standalone-expect -- runs at the end of the test that owns this world
    expect(
      unread.map(({ body }) => visible(body)),
      "comments of the App that the test did not read",
    ).toEqual([]);
    // oxlint-disable-next-line vitest/no-standalone-expect -- the same
    expect(this.#github.violations, "violations of GitHub's API description").toEqual([]);
  }

  #said(number: number): readonly Comment[] {
    const { id } = this.app.botUser;
    return this.github
      .comments(REPO, number)
      .filter(({ author, body }) => author.id === id && !isStatus(body));
  }
}

function unmount(path: string): void {
  if (readFileSync("/proc/mounts", "utf8").includes(` ${path} `))
    execFileSync("umount", ["--lazy", path]);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone by itself.
  }
}

/** The status comment is the one with the table of sessions. */
const isStatus = (body: string): boolean => body.includes("| Session");

/** Without our own hidden mark. */
const visible = (body: string): string => body.replaceAll(/<!--[\s\S]*?-->/gu, "").trim();

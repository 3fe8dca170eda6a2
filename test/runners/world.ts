/**
 * A runner on this machine for tests: real bundle, real daemon, real git. Everything it starts carries a
 * session name of its own, and `close` fails when any of it is left.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { PLAIN } from "../../src/agents/catalog.ts";
import { encodeMessage } from "../../src/agents/driver.ts";
import { script } from "../../src/agents/script.ts";
import { LinkError } from "../../src/fleet/channel.ts";
import { type AttachSink, type Link, openLink } from "../../src/fleet/link.ts";
import { openLocal } from "../../src/fleet/local.ts";
import { ensureProgram } from "../../src/fleet/program.ts";
import type { RunnerTransport } from "../../src/fleet/transport.ts";
import type { JournalEntry, JournalLine } from "../../src/protocol/journal.ts";
import {
  type AttemptSpec,
  HelloReply,
  type Reply,
  StartReply,
  type ToolSpec,
} from "../../src/protocol/requests.ts";

export const clock = {
  after(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Every wait in these tests ends here, with the name of what did not happen. */
const WAIT_MS_MAX = 20_000;

export async function waitFor<T>(what: string, look: () => T | undefined | false): Promise<T> {
  const deadline = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await delay(5);
  }
}

/** Takes a stream as the control plane does, and checks that it has no gap. */
export class Sink implements AttachSink {
  readonly lines: JournalLine[] = [];
  readonly refusals: Reply[] = [];
  readonly #base: { readonly out: number; readonly err: number; readonly seq: number };

  readonly #parts: { out: Uint8Array[]; err: Uint8Array[] } = { out: [], err: [] };
  readonly #bytes = { out: 0, err: 0 };

  constructor(base = { out: 0, err: 0, seq: 0 }) {
    this.#base = base;
  }

  get out(): Buffer {
    return this.#joined("out");
  }
  get err(): Buffer {
    return this.#joined("err");
  }
  #joined(kind: "out" | "err"): Buffer {
    const whole = Buffer.concat(this.#parts[kind]);
    this.#parts[kind] = [whole];
    return whole;
  }

  position(): { out: number; err: number; seq: number } {
    return {
      out: this.#base.out + this.#bytes.out,
      err: this.#base.err + this.#bytes.err,
      seq: this.#base.seq + this.lines.length,
    };
  }
  output(kind: "out" | "err", at: number, bytes: Uint8Array): void {
    assert.equal(at, this.position()[kind]);
    this.#parts[kind].push(bytes);
    this.#bytes[kind] += bytes.byteLength;
  }
  journal(line: JournalLine): void {
    assert.equal(line.seq, this.position().seq + 1);
    // The order the protocol promises.
    assert.ok(this.position().out >= line.outAt, "output comes before its journal entry");
    if (line.entry.kind === "exited") {
      assert.equal(this.position().out, line.entry.outBytes);
      assert.equal(this.position().err, line.entry.errBytes);
    }
    this.lines.push(line);
  }
  refused(reply: Reply): void {
    this.refusals.push(reply);
  }

  get text(): string {
    return this.out.toString("utf8");
  }
  get kinds(): string[] {
    return this.lines.map(({ entry }) => entry.kind);
  }
  entry<K extends JournalEntry["kind"]>(kind: K): Extract<JournalEntry, { kind: K }> | undefined {
    for (const { entry } of this.lines) if (isKind(entry, kind)) return entry;
    return undefined;
  }
  entries<K extends JournalEntry["kind"]>(kind: K): Extract<JournalEntry, { kind: K }>[] {
    return this.lines.map(({ entry }) => entry).filter((entry) => isKind(entry, kind));
  }
  exited(): Promise<Extract<JournalEntry, { kind: "exited" }>> {
    return waitFor(`exit; so far ${this.kinds.join(" ")} ${this.text}`, () => this.entry("exited"));
  }
}

function isKind<K extends JournalEntry["kind"]>(
  entry: JournalEntry,
  kind: K,
): entry is Extract<JournalEntry, { kind: K }> {
  return entry.kind === kind;
}

type Checkout = Extract<AttemptSpec["workspace"], { kind: "checkout" }>;

let counter = 0;
let bundled: ReturnType<typeof ensureProgram> | undefined;

/** Bundled once per test file. */
export function program(): ReturnType<typeof ensureProgram> {
  bundled ??= ensureProgram({ dataDir: join(tmpdir(), `orcha-program-${process.getuid?.()}`) });
  return bundled;
}

export class RunnerWorld implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), "orcha-r-"));
  readonly workRoot = join(this.root, "w");
  readonly runtimeDir = join(this.root, "r");
  readonly upstream = join(this.root, "up.git");
  readonly transport: RunnerTransport;
  readonly link: Link;
  readonly #sessions = new Set<string>();
  readonly #epoch: number;

  private constructor(programDir: string, options: WorldOptions) {
    this.#epoch = 1;
    const { transport, ...more } = options;
    const { workRoot, runtimeDir } = this;
    const place = { workRoot, programDir };
    this.transport =
      transport?.(place) ?? openLocal({ name: "here", runtimeDir, ...place, ...more });
    this.link = this.openLink();
  }

  static async open(options: WorldOptions = {}): Promise<RunnerWorld> {
    const world = new RunnerWorld((await program()).directory, options);
    await world.link.connected(AbortSignal.timeout(WAIT_MS_MAX));
    return world;
  }

  openLink(epoch = this.#epoch ?? 1): Link {
    const hello = { installation: "test", plane: "plane", epoch };
    return openLink({ transport: this.transport, hello, clock });
  }

  /** A name no other test has: the sweep and the check at the end go by it. */
  session(): string {
    counter += 1;
    const name = `ses_${process.pid}_${counter}_${Math.random().toString(36).slice(2, 8)}`;
    this.#sessions.add(name);
    return name;
  }

  /** A workspace without git, for tests of processes alone. */
  plain(session: string, command: readonly string[], more: Partial<AttemptSpec> = {}): AttemptSpec {
    const path = `none__none/${session}/1`;
    mkdirSync(join(this.workRoot, path), { recursive: true });
    return {
      session,
      attempt: 1,
      workspace: { kind: "reuse", path, base: "0".repeat(40) },
      agent: { command: [...command], env: {}, inherit: [], files: [] },
      input: [],
      tools: [],
      ...more,
    };
  }

  /** A new checkout of `main` of the upstream, on a branch of its own. */
  checkout(session: string, more: Partial<Checkout> = {}): Checkout {
    return {
      kind: "checkout",
      path: `o__r/${session}/1`,
      url: `file://${this.upstream}`,
      mirror: "mirrors/o__r.git",
      from: "main",
      branch: "orcha/1-x",
      restoreFrom: null,
      setup: [],
      ...more,
    };
  }

  /** The script agent with these steps, in a workspace without git. */
  scripted(session: string, steps: unknown, more: Partial<AttemptSpec> = {}): AttemptSpec {
    const launch = script.launch({
      session,
      attempt: 1,
      role: "worker",
      conversation: null,
      settings: { ...PLAIN, driver: "script" },
    });
    return {
      ...this.plain(session, launch.command),
      input: [message("m1", `Do this.\n\n\`\`\`orcha-steps\n${JSON.stringify(steps)}\n\`\`\`\n`)],
      ...more,
    };
  }

  /** Starts and attaches. */
  async run(spec: AttemptSpec): Promise<Sink> {
    const { reply } = await this.link.request({ op: "start", spec, credential: null });
    assert.ok(reply.ok, JSON.stringify(reply));
    StartReply.parse(reply.value);
    const sink = await this.attach(spec);
    await waitFor("spawned or failed", () => sink.entry("spawned") ?? sink.entry("prepare-failed"));
    return sink;
  }

  async attach(
    of: { readonly session: string; readonly attempt: number },
    sink = new Sink(),
  ): Promise<Sink> {
    const reply = await this.link.attach(of, sink);
    assert.ok(reply.ok, JSON.stringify(reply));
    return sink;
  }

  /** Repeats until the reply was seen, as the control plane does. */
  async ask(
    request: Parameters<Link["request"]>[0],
  ): Promise<{ reply: Reply; attachment: Uint8Array }> {
    for (let turn = 0; turn < 50; turn += 1) {
      try {
        return await this.link.request(request);
      } catch (error) {
        if (!(error instanceof LinkError) || error.kind !== "lost") throw error;
      }
    }
    throw new Error(`no reply to ${request.op} in 50 turns`);
  }

  async daemonPid(): Promise<number> {
    return (await this.link.connected()).runner.pid;
  }

  /** SIGKILL, and back again: waits until the link has found the next daemon. */
  async killDaemon(): Promise<void> {
    const before = await this.daemonPid();
    process.kill(before, "SIGKILL");
    await waitFor("another daemon", () => {
      const { hello, state } = this.link;
      return state === "connected" && hello !== undefined && hello.runner.pid !== before;
    });
  }

  /** A real upstream repository with these files on `main`. */
  createUpstream(files: Readonly<Record<string, string>>): string {
    execFileSync("git", ["init", "--quiet", "--bare", "--initial-branch=main", this.upstream]);
    this.pushUpstream("main", files);
    return `file://${this.upstream}`;
  }

  pushUpstream(
    branch: string,
    files: Readonly<Record<string, string | null>>,
    from = branch,
  ): string {
    const clone = mkdtempSync(join(this.root, "clone-"));
    const git = (...args: string[]): string =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.invalid", ...args], {
        cwd: clone,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
    git("clone", "--quiet", this.upstream, ".");
    if (existsSync(join(clone, ".git", "refs", "remotes", "origin")) || git("branch", "-r") !== "")
      git("checkout", "--quiet", "-B", branch, `origin/${from}`);
    else git("checkout", "--quiet", "-B", branch);
    for (const [path, content] of Object.entries(files)) {
      if (content === null) rmSync(join(clone, path), { recursive: true });
      else {
        mkdirSync(join(clone, path, ".."), { recursive: true });
        writeFileSync(join(clone, path), content);
      }
    }
    git("add", "-A");
    git("commit", "--quiet", "-m", "change");
    git("push", "--quiet", "origin", branch);
    return git("rev-parse", "HEAD").trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.link.close();
    const hello = HelloReply.safeParse(this.link.hello);
    const daemon = hello.success ? hello.data.runner.pid : undefined;
    const left = [...this.#sessions].flatMap((session) => processesOf(session));
    for (const pid of left) process.kill(pid, "SIGKILL");
    if (daemon !== undefined && isDaemon(daemon)) process.kill(daemon, "SIGTERM");
    rmSync(this.root, { recursive: true, force: true, maxRetries: 10 });
    assert.deepEqual(left, [], "processes of a session are left");
  }
}

export interface WorldOptions {
  readonly idleExitMs?: number;
  readonly orphanAfterMs?: number;
  readonly node?: string;
  /** Default: the one to this machine. */
  readonly transport?: (place: {
    readonly workRoot: string;
    readonly programDir: string;
  }) => RunnerTransport;
}

export function message(id: string, text: string): { id: string; line: string } {
  return { id, line: encodeMessage({ id, text }) };
}

export function tool(name: string): ToolSpec {
  return { name, description: `the tool ${name}`, inputSchema: { type: "object" } };
}

export function processesOf(session: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/u.test(entry))
    .filter((pid) => readProc(pid, "environ").split("\0").includes(`ORCHA_SESSION=${session}`))
    .filter((pid) => !/\) Z /u.test(readProc(pid, "stat")))
    .map(Number);
}

function isDaemon(pid: number): boolean {
  return readProc(String(pid), "cmdline").includes("orcha-runner");
}

function readProc(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    // It ended while we looked.
    return "";
  }
}

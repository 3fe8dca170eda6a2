/**
 * One attempt: from the spec over the running agent to its recorded end. Everything it knows is on disk;
 * the object may vanish at any moment and be loaded again by the next daemon.
 *
 *     start ─▶ preparing ─▶ prepared ─▶ spawned ─▶ exited
 *                 └─▶ prepare-failed                 ▲
 *     stop (at any point, before start too) ─────────┘
 *
 * Its input is in input.ts, its tool calls in calls.ts, its end in stopping.ts, its streaming in stream.ts.
 */
import { type FSWatcher, existsSync, openSync, closeSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { JournalEntry } from "../../src/protocol/journal.ts";
import { AttemptSpec, type InputLine } from "../../src/protocol/requests.ts";
import { type ToolCalls, openToolCalls } from "./calls.ts";
import { PrepareError, RequestError, explainDisk, systemCode } from "./errors.ts";
import { makeDirectory, readIfThere, sizeOf, writeAtomic } from "./files.ts";
import type { Credential } from "./git.ts";
import { completeInput, storeInput } from "./input.ts";
import { JournalFile } from "./journal-file.ts";
import { endInput, launchKeeper, preventKeeper, readKeeper } from "./keeper.ts";
import type { Layout } from "./layout.ts";
import type { Mirrors } from "./mirror.ts";
import { type Launch, launchOf } from "./launch.ts";
import { discardCheckout, prepare } from "./prepare.ts";
import { type ProcessIdentity, bootId, isAlive, sweep } from "./processes.ts";
import { stopAttempt } from "./stopping.ts";
import { type ToolServer, serveTools } from "./tools.ts";

/** How long a keeper may take to report its pid; it does nothing before that but make a fifo. */
const KEEPER_TIMEOUT_MS = 20_000;
/** For one that an earlier daemon started: it had that time already. */
const ADOPT_TIMEOUT_MS = 3000;
/** It only has to kill its `tail` and remove a fifo. */
const KEEPER_END_MS = 2000;
const NO_KEEPER =
  "the keeper did not start: are sh, setsid, tail and mkfifo installed on the runner?";

export interface AttemptContext {
  readonly layout: Layout;
  readonly mirrors: Mirrors;
  /** Directory of the runner program's files. */
  readonly program: string;
  readonly log: (message: string) => void;
}

export class Attempt {
  readonly session: string;
  readonly number: number;
  readonly directory: string;
  readonly journal: JournalFile;
  readonly calls: ToolCalls;
  readonly #context: AttemptContext;
  readonly #listeners = new Set<() => void>();
  #spec: AttemptSpec | undefined;
  #starting: Promise<void> | undefined;
  #preparing: AbortController | undefined;
  #stopping: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #tools: ToolServer | undefined;
  #watcher: FSWatcher | undefined;

  /** Loads what is on disk, or makes the directory of a new attempt. */
  constructor(context: AttemptContext, session: string, number: number) {
    this.#context = context;
    this.session = session;
    this.number = number;
    this.directory = context.layout.attempt(session, number);
    makeDirectory(this.directory);
    this.journal = new JournalFile(join(this.directory, "journal.ndjson"));
    const spec = readIfThere(join(this.directory, "spec.json"));
    if (spec !== undefined) this.#spec = AttemptSpec.parse(JSON.parse(spec));
    this.calls = openToolCalls(this);
  }

  get finished(): boolean {
    return this.journal.finished;
  }
  get running(): boolean {
    return this.journal.last.spawned !== undefined && !this.finished;
  }
  /** A stop came, before or after the start. Survives daemons. */
  get stopRequested(): boolean {
    return existsSync(join(this.directory, "stop"));
  }
  /** Is anything under way that this daemon has to live for? */
  get busy(): boolean {
    return this.running || this.#starting !== undefined || this.#stopping !== undefined;
  }
  /** Path of the checkout relative to the work root, once known. */
  get workspace(): string | undefined {
    return this.#spec?.workspace.path;
  }
  sizes(): { readonly out: number; readonly err: number } {
    return { out: sizeOf(join(this.directory, "out")), err: sizeOf(join(this.directory, "err")) };
  }
  /** Calls back after anything was written: output, journal, end. Returns the function that stops it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  changed(): void {
    for (const listener of this.#listeners) listener();
  }
  append(entry: JournalEntry, outAt = this.sizes().out): void {
    this.journal.append(entry, outAt);
    this.changed();
  }

  /** Answers when the agent runs or `prepare-failed` is journaled. Throws RequestError `stopped`. */
  async start(spec: AttemptSpec, credential: Credential | null): Promise<void> {
    this.#refuseStopped();
    if (this.running || this.finished) return;
    this.#starting ??= this.#start(spec, credential).finally(() => {
      this.#starting = undefined;
    });
    await this.#starting;
    this.#refuseStopped();
  }

  #refuseStopped(): void {
    if (this.stopRequested && this.journal.last.spawned === undefined)
      throw new RequestError("stopped", `attempt ${this.number} of ${this.session} was stopped`);
  }

  async #start(spec: AttemptSpec, credential: Credential | null): Promise<void> {
    try {
      writeAtomic(join(this.directory, "spec.json"), JSON.stringify(spec));
      this.#spec = spec;
      const launch = launchOf(this.#context, spec);
      if (this.journal.last.prepared === undefined) await this.#prepare(launch, credential);
      if (this.stopRequested) return;
      await this.#spawn(spec, launch);
    } catch (error) {
      if (this.stopRequested) return;
      if (!(error instanceof PrepareError) && systemCode(error) === undefined) throw error;
      const {
        stage,
        retry,
        message: reason,
      } = asPrepareError(error, this.#context.layout.workRoot);
      this.append({ kind: "prepare-failed", stage, reason, retry });
    }
  }

  async #prepare(launch: Launch, credential: Credential | null): Promise<void> {
    // A preparation by an earlier daemon may still be at work.
    await sweep(this.session);
    this.#preparing = new AbortController();
    const { layout, mirrors } = this.#context;
    const entry = await prepare({
      directory: this.directory,
      spec: launch.spec,
      credential,
      layout,
      mirrors,
      signal: this.#preparing.signal,
      env: launch.env,
      journal: (happened) => this.append(happened, 0),
    });
    this.append(entry, 0);
  }

  async #spawn(spec: AttemptSpec, launch: Launch): Promise<void> {
    for (const name of ["in", "out", "err"])
      closeSync(openSync(join(this.directory, name), "a", 0o600));
    launch.writeFiles();
    await this.#listen(spec);
    launchKeeper({
      directory: this.directory,
      workspace: launch.workspace,
      command: launch.command,
      env: launch.env,
    });
    await this.#spawned(spec);
  }

  /** Waits for the keeper, ours or one an earlier daemon started, and records that the agent runs. */
  async #spawned(spec: AttemptSpec, adopting = false): Promise<void> {
    const deadline = Date.now() + (adopting ? ADOPT_TIMEOUT_MS : KEEPER_TIMEOUT_MS);
    for (;;) {
      const { keeper, agent, exit } = readKeeper(this.directory);
      if (keeper !== undefined && (agent !== undefined || exit !== undefined)) {
        const pid = agent ?? keeper.pid;
        this.append({ kind: "spawned", pid, bootId: keeper.bootId }, 0);
        break;
      }
      if (keeper !== undefined && !isAlive(keeper)) {
        this.append({ kind: "spawned", pid: keeper.pid, bootId: keeper.bootId }, 0);
        break;
      }
      // A stop waits for us, and then settles itself whether a keeper can still come.
      if (this.stopRequested && !adopting) return;
      if (Date.now() > deadline) {
        if (preventKeeper(this.directory)) throw new PrepareError("spawn", NO_KEEPER, true);
        // It began and reported nothing (killed, or the machine went down): `check` records the loss.
        this.append({ kind: "spawned", pid: 0, bootId: bootId() }, 0);
        break;
      }
      await delay(5);
    }
    this.#watch();
    for (const line of spec.input) storeInput(this.#input(), line);
    await this.check();
  }

  /** After a restart of the daemon: takes up whatever this attempt was doing. */
  async recover(): Promise<void> {
    const spec = this.#spec;
    if (this.finished || spec === undefined) return;
    if (this.running) {
      completeInput(this.#input());
      await this.#listen(spec);
      this.#watch();
      for (const line of spec.input) storeInput(this.#input(), line);
      await this.check();
    } else await this.adopt();
    // A stop the earlier daemon had not finished.
    if (this.stopRequested && !this.finished) await this.stop(0);
  }

  /** Takes up a keeper that was started but not recorded. */
  async adopt(): Promise<void> {
    if (this.running || this.#spec === undefined) return;
    if (!existsSync(join(this.directory, "lock"))) return;
    await this.#listen(this.#spec);
    await this.#spawned(this.#spec, true);
  }

  /** Throws RequestError when there is no agent to read it. */
  async input(line: InputLine): Promise<void> {
    await this.#starting;
    if (this.journal.inputs.has(line.id)) return completeInput(this.#input());
    if (this.finished)
      throw new RequestError("gone", `attempt ${this.number} of ${this.session} has ended`);
    if (!this.running)
      throw new RequestError("busy", "the attempt is not started: repeat `start` first");
    storeInput(this.#input(), line);
    this.changed();
  }

  async endInput(): Promise<void> {
    await this.#starting;
    if (this.running) endInput(this.directory, this.session);
  }

  /** Ends the attempt; resolves when its end is journaled. The first grace period counts. */
  stop(graceMs: number): Promise<void> {
    this.#stopping ??= stopAttempt(this, graceMs, async () => {
      this.#preparing?.abort();
      await this.#starting;
    }).finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  /** Looks whether the agent has ended, and records it. Cheap; called on every sign of change. */
  async check(): Promise<void> {
    if (!this.running) return this.#ending;
    const { keeper, exit } = readKeeper(this.directory);
    if (exit === undefined && keeper !== undefined && isAlive(keeper)) return undefined;
    this.#ending ??= this.#end().finally(() => {
      this.#ending = undefined;
    });
    return this.#ending;
  }

  async #end(): Promise<void> {
    // Read again: the keeper may have written it as its last act, just after we looked.
    const { keeper, exit } = readKeeper(this.directory);
    const lost = exit === undefined;
    // What the agent left running goes with it: its slot and its checkout are free from here on.
    await sweep(this.session, lost || keeper === undefined ? [] : [keeper.pid]);
    // Its last lines, so that no process at all is left when the end is told.
    if (keeper !== undefined && !(await isGone(keeper))) await sweep(this.session);
    const { out: outBytes, err: errBytes } = this.sizes();
    const cause = this.stopRequested ? "stopped" : lost ? "keeper-lost" : "itself";
    this.append({ kind: "exited", ...exitOf(exit), cause, outBytes, errBytes });
    await this.close();
  }

  /** Records an end without an agent. A checkout that is not whole goes; a whole one may still be used. */
  neverStarted(): void {
    if (this.journal.last.prepared === undefined) discardCheckout(this.directory);
    const nothing = { code: null, signal: null, outBytes: 0, errBytes: 0 } as const;
    this.append({ kind: "exited", cause: "never-started", ...nothing }, 0);
  }

  /** Lets go of sockets and watchers. The agent is not touched. */
  async close(): Promise<void> {
    this.#watcher?.close();
    this.#watcher = undefined;
    await this.#tools?.close();
    this.#tools = undefined;
  }

  async #listen(spec: AttemptSpec): Promise<void> {
    if (spec.tools.length === 0) return;
    this.#tools ??= await serveTools({
      path: this.#context.layout.toolSocket(this.session, this.number),
      tools: spec.tools,
      calls: this.calls,
    });
  }

  #watch(): void {
    this.#watcher ??= watch(this.directory, (_event, name) => {
      this.changed();
      // A talking agent writes thousands of times a second; only its end leaves another file.
      if (name === null || name.startsWith("exit")) this.checkLater();
    });
    // Out of watches: the daemon's timer looks as well, only later.
    this.#watcher.on("error", () => {});
  }

  /** `check` from a timer or watcher; trouble (a full disk) is logged and tried again by the timer. */
  checkLater(): void {
    this.check().catch((error: unknown) => {
      this.#context.log(`${this.session}/${this.number}: ${explainDisk(error, this.directory)}`);
    });
  }

  #input(): Parameters<typeof storeInput>[0] {
    return { directory: this.directory, journal: this.journal, outAt: () => this.sizes().out };
  }
}

async function isGone(keeper: ProcessIdentity): Promise<boolean> {
  for (const deadline = Date.now() + KEEPER_END_MS; isAlive(keeper); await delay(5))
    if (Date.now() > deadline) return false;
  return true;
}

function asPrepareError(error: unknown, path: string): PrepareError {
  if (error instanceof PrepareError) return error;
  return new PrepareError("workspace", explainDisk(error, path), true, { cause: error });
}

const SIGNALS: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
};

/** sh tells a signal as 128 + n; a program that exits with such a code itself looks the same. */
function exitOf(status: number | undefined): {
  readonly code: number | null;
  readonly signal: string | null;
} {
  if (status === undefined) return { code: null, signal: null };
  const signal = SIGNALS[status - 128];
  return signal === undefined ? { code: status, signal: null } : { code: null, signal };
}

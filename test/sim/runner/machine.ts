/**
 * A runner machine as a model: what the daemon and its keepers guarantee (src/protocol/README.md) without
 * processes. Its disk outlives daemons and reboots; a reboot ends every agent. Links come and go.
 */
import type { HelloReply, Request } from "../../../src/protocol/requests.ts";
import { PROTOCOL_VERSION } from "../../../src/protocol/requests.ts";
import type { RunnerEvidence } from "../../invariants/evidence.ts";
import type { Checkouts } from "../checkouts.ts";
import type { Sim } from "../sim.ts";
import { ModelProcess, type Process } from "../agent/process.ts";
import { memoryOf, type AgentMemory } from "../agent/memory.ts";
import { Refusal } from "./refusal.ts";
import {
  append,
  isBusy,
  isFinished,
  isRunning,
  lastOf,
  newAttempt,
  type Attempt,
} from "./attempt.ts";

export interface Answered {
  readonly value: unknown;
  readonly attachment?: Uint8Array;
}

type Op = Exclude<Request, { op: "hello" | "attach" | "detach" }>;

interface Failure {
  readonly stage: "workspace" | "fetch";
  readonly reason: string;
  readonly retry: boolean;
}

export class Machine {
  readonly name: string;
  readonly attempts = new Map<string, Attempt>();
  readonly processes = new Map<string, Process>();
  readonly memories = new Map<string, AgentMemory>();
  readonly checkouts: Checkouts;
  readonly #sim: Sim;
  readonly #listeners = new Set<(attempt: Attempt) => void>();
  readonly #cutters = new Set<() => void>();
  /** What it began in whose name, for the invariants. */
  readonly begun: RunnerEvidence["begun"][number][] = [];
  #generation = "";
  installation: string | null = null;
  epoch = 0;
  boot = 1;
  /** Nobody reaches it. */
  partitioned = false;
  /** Its program speaks another version of the protocol, until somebody upgrades the other side, too. */
  skewed = false;
  /** What agents remembered here is gone. */
  forgot = false;

  constructor(sim: Sim, name: string, checkouts: Checkouts) {
    this.#sim = sim;
    this.name = name;
    this.checkouts = checkouts;
  }

  /** Throws Refusal `fenced`: another installation, an older epoch, or the same one of another restored copy. */
  hello(request: {
    readonly installation: string;
    readonly epoch: number;
    readonly generation: string;
  }): HelloReply {
    const { installation, epoch, generation } = request;
    this.installation ??= installation;
    const older = epoch < this.epoch || (epoch === this.epoch && generation !== this.#generation);
    if (this.installation !== installation || older)
      throw new Refusal("fenced", `this runner obeys epoch ${this.epoch}`);
    if (epoch > this.epoch) this.cut();
    this.epoch = epoch;
    this.#generation = generation;
    return {
      protocol: PROTOCOL_VERSION,
      capabilities: [],
      epoch: this.epoch,
      runner: {
        bootId: String(this.boot),
        pid: 1,
        user: "sim",
        node: "24",
        git: "2",
        program: "sim",
      },
      attempts: [...this.attempts.values()].map((attempt) => ({
        session: attempt.session,
        attempt: attempt.number,
        finished: isFinished(attempt),
        outBytes: attempt.out.byteLength,
        errBytes: attempt.err.byteLength,
        seq: attempt.journal.length,
      })),
    };
  }

  /** Called when something was written to an attempt. */
  onChange(listener: (attempt: Attempt) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called when every connection ends: a newer control plane, a daemon's end, a reboot. */
  onCut(cut: () => void): () => void {
    this.#cutters.add(cut);
    return () => this.#cutters.delete(cut);
  }

  cut(): void {
    for (const cut of this.#cutters) cut();
  }

  changed(attempt: Attempt): void {
    for (const listener of this.#listeners) listener(attempt);
  }

  attempt(session: string, number: number): Attempt {
    const found = this.attempts.get(`${session}/${number}`);
    if (found === undefined)
      throw new Refusal("unknown-attempt", `no attempt ${number} of ${session} on this runner`);
    return found;
  }

  /** The daemon dies and comes back: connections end, agents run on. */
  restartDaemon(): void {
    this.#sim.trace.add("daemon restarted", { runner: this.name });
    for (const attempt of this.attempts.values()) attempt.preparing = null;
    this.daemon += 1;
    this.cut();
  }

  /** Counts daemons: a preparation of an earlier one ends nowhere. */
  daemon = 1;

  /** Power off and on: agents die without a word, what was on disk stays. */
  reboot(): void {
    this.#sim.trace.add("host rebooted", { runner: this.name });
    this.boot += 1;
    this.restartDaemon();
    for (const process of this.processes.values()) process.kill();
    this.processes.clear();
    for (const attempt of this.attempts.values())
      if (isRunning(attempt)) this.end(attempt, { code: null, signal: null, cause: "keeper-lost" });
  }

  /** The machine was made anew: nothing of before is there. */
  loseDisk(): void {
    this.#sim.trace.add("host lost its disk", { runner: this.name });
    this.reboot();
    this.forgot = true;
    this.attempts.clear();
    this.memories.clear();
    this.checkouts.clear();
  }

  async perform(request: Op, epoch: number): Promise<Answered> {
    if (epoch < this.epoch) throw new Refusal("fenced", `epoch ${epoch} is over`);
    switch (request.op) {
      case "start":
        return this.#start(request.spec, epoch);
      case "input": {
        const attempt = this.attempt(request.session, request.attempt);
        await attempt.preparing;
        if (attempt.inputs.some(({ id }) => id === request.input.id)) return { value: null };
        if (isFinished(attempt)) throw new Refusal("gone", "the attempt has ended");
        if (!isRunning(attempt)) throw new Refusal("busy", "the attempt is not started");
        this.#input(attempt, request.input);
        return { value: null };
      }
      case "stop":
        return this.#stop(request.session, request.attempt);
      case "answer":
        return this.#answer(request);
      case "export":
        return this.checkouts.export(request.path, request.base);
      case "purge":
        this.attempts.delete(`${request.session}/${request.attempt}`);
        return { value: null };
      case "remove-workspace":
        this.checkouts.remove(request.path);
        return { value: null };
      case "end-input":
      case "doctor":
      case "list":
      case "workspaces":
      case "snapshot":
      case "status":
      case "look":
        throw new Refusal("not-implemented", `this runner does not know ${request.op}`);
    }
  }

  async #start(spec: NonNullable<Attempt["spec"]>, epoch: number): Promise<Answered> {
    const { session, attempt: number } = spec;
    const others = [...this.attempts.values()].filter(
      (other) => other.session === session && other.number !== number,
    );
    if (others.some((other) => other.number > number))
      throw new Refusal("fenced", `attempt ${number} of ${session} is older than another`);
    if (others.some((other) => isBusy(other)))
      throw new Refusal("busy", `another attempt of ${session} has not ended yet`);
    const key = `${session}/${number}`;
    const attempt = this.attempts.get(key) ?? newAttempt(session, number);
    this.attempts.set(key, attempt);
    if (attempt.stopped && lastOf(attempt, "spawned") === undefined)
      throw new Refusal("stopped", `attempt ${number} of ${session} was stopped`);
    if (isRunning(attempt) || isFinished(attempt))
      return { value: { running: isRunning(attempt) } };
    attempt.spec = spec;
    if (attempt.preparing === null) this.begun.push({ session, attempt: number, epoch });
    attempt.preparing ??= this.#prepare(attempt);
    await attempt.preparing;
    return { value: { running: isRunning(attempt) } };
  }

  async #prepare(attempt: Attempt): Promise<void> {
    const { daemon } = this;
    const { spec } = attempt;
    if (spec === null) return;
    const slow = this.#sim.faults.draw("runner disk slow");
    await this.#sim.pause(this.#sim.random.int(500, slow ? 600_000 : 20_000));
    if (
      this.daemon !== daemon ||
      this.attempts.get(`${attempt.session}/${attempt.number}`) !== attempt
    )
      return;
    attempt.preparing = null;
    if (attempt.stopped) {
      this.#neverStarted(attempt);
      return;
    }
    const failure = lastOf(attempt, "prepared") === undefined ? this.#checkout(attempt) : null;
    if (failure !== null) {
      this.#append(attempt, { kind: "prepare-failed", ...failure });
      return;
    }
    this.#append(attempt, { kind: "spawned", pid: 1, bootId: String(this.boot) });
    for (const line of spec.input) this.#store(attempt, line);
    this.#spawn(attempt);
  }

  #checkout(attempt: Attempt): Failure | null {
    const { faults } = this.#sim;
    if (faults.draw("runner disk full"))
      return { stage: "workspace", reason: "no space left on device", retry: true };
    if (faults.draw("checkout failed"))
      return { stage: "fetch", reason: "upstream does not answer", retry: true };
    const made = this.checkouts.make(attempt.spec?.workspace);
    if (!made.ok) return { stage: made.stage, reason: made.reason, retry: false };
    this.#append(attempt, { kind: "prepared", path: made.path, base: made.base, head: made.head });
    return null;
  }

  #spawn(attempt: Attempt): void {
    const memory = memoryOf(this.memories, attempt.session);
    const process = new ModelProcess(this.#sim, {
      machine: this.name,
      attempt,
      memory,
      checkouts: this.checkouts,
      append: (entry) => this.#append(attempt, entry),
      wrote: () => this.changed(attempt),
      exit: (code) => {
        this.processes.delete(`${attempt.session}/${attempt.number}`);
        if (!isFinished(attempt)) this.end(attempt, { code, signal: null, cause: "itself" });
      },
    });
    this.processes.set(`${attempt.session}/${attempt.number}`, process);
    process.wake();
  }

  async #stop(session: string, number: number): Promise<Answered> {
    const key = `${session}/${number}`;
    const attempt = this.attempts.get(key) ?? newAttempt(session, number);
    this.attempts.set(key, attempt);
    if (isFinished(attempt)) return { value: null };
    attempt.stopped = true;
    await attempt.preparing;
    if (isFinished(attempt)) return { value: null };
    if (lastOf(attempt, "spawned") === undefined) {
      this.#neverStarted(attempt);
      return { value: null };
    }
    await this.#sim.pause(this.#sim.random.int(50, 5_000));
    this.processes.get(key)?.kill();
    this.processes.delete(key);
    if (!isFinished(attempt)) this.end(attempt, { code: 0, signal: null, cause: "stopped" });
    return { value: null };
  }

  #neverStarted(attempt: Attempt): void {
    this.#append(attempt, {
      kind: "exited",
      cause: "never-started",
      code: null,
      signal: null,
      outBytes: 0,
      errBytes: 0,
    });
  }

  end(
    attempt: Attempt,
    how: {
      readonly code: number | null;
      readonly signal: string | null;
      readonly cause: "itself" | "stopped" | "keeper-lost";
    },
  ): void {
    this.#append(attempt, {
      kind: "exited",
      ...how,
      outBytes: attempt.out.byteLength,
      errBytes: attempt.err.byteLength,
    });
  }

  #answer(request: Extract<Op, { op: "answer" }>): Answered {
    const attempt = this.attempt(request.session, request.attempt);
    const call = attempt.calls.get(request.call);
    if (call === undefined) throw new Refusal("gone", `no tool call ${request.call}`);
    if (call.kind === "answered") return { value: { won: call.outcome } };
    if (isFinished(attempt)) throw new Refusal("gone", "the agent that made the call has ended");
    const { outcome, isError, content } = request;
    attempt.calls.set(request.call, { kind: "answered", outcome, isError, content });
    this.#append(attempt, { kind: "tool-answered", call: request.call, outcome });
    this.processes.get(`${request.session}/${request.attempt}`)?.wake();
    return { value: { won: outcome } };
  }

  #input(attempt: Attempt, line: { readonly id: string; readonly line: string }): void {
    this.#store(attempt, line);
    this.processes.get(`${attempt.session}/${attempt.number}`)?.wake();
  }

  #store(attempt: Attempt, line: { readonly id: string; readonly line: string }): void {
    if (attempt.inputs.some(({ id }) => id === line.id)) return;
    attempt.inputs.push(line);
    this.#append(attempt, {
      kind: "input-stored",
      id: line.id,
      offset: 0,
      length: line.line.length,
    });
  }

  #append(attempt: Attempt, entry: Parameters<typeof append>[1]): void {
    append(attempt, entry, this.#sim.time.now());
    this.#sim.trace.add(`journal ${entry.kind}`, { session: attempt.session, runner: this.name });
    this.changed(attempt);
  }
}

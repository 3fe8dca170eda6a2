/**
 * A link to a modelled runner, with what connections do: they take time, break in the middle of a request, and
 * come back. Same port and same guarantees as src/fleet/link.ts; its own tests are against real sockets.
 */
import { LinkError, type LinkReply } from "../../../src/fleet/channel.ts";
import type { AttachSink, Link, LinkState, StreamOf } from "../../../src/fleet/link.ts";
import type { HelloReply, Reply } from "../../../src/protocol/requests.ts";
import type { Sim } from "../sim.ts";
import { isFinished, lastOf, type Attempt } from "./attempt.ts";
import type { Machine } from "./machine.ts";
import { Refusal } from "./refusal.ts";

export interface ModelLinkOptions {
  readonly sim: Sim;
  readonly machine: Machine;
  readonly hello: {
    readonly installation: string;
    readonly epoch: number;
    readonly generation: string;
  };
  /** A greater epoch to greet a runner with that obeys this one; null = it is right. */
  readonly outbid: (seen: number) => Promise<number | null>;
  /** False = the control plane that opened it is dead: nothing happens any more. */
  readonly alive: () => boolean;
  /** How long the machine of the control plane still sleeps, in ms; 0 = it does not. */
  readonly asleepMs: () => number;
}

interface Stream {
  readonly of: StreamOf;
  readonly sink: AttachSink;
  out: number;
  err: number;
  seq: number;
  planned: boolean;
}

const BACKOFF_MS = 5_000;
const OUTBIDS_MAX = 3;

export class ModelLink implements Link {
  readonly #options: ModelLinkOptions;
  readonly #streams = new Map<string, Stream>();
  readonly #states = new Set<(state: LinkState) => void>();
  readonly #pending = new Set<(error: LinkError) => void>();
  readonly #forget: readonly (() => void)[];
  #epoch: number;
  #outbids = 0;
  #state: LinkState = "connecting";
  #hello: HelloReply | undefined;
  #problem: string | undefined;

  constructor(options: ModelLinkOptions) {
    this.#options = options;
    this.#epoch = options.hello.epoch;
    const { machine } = options;
    this.#forget = [
      machine.onCut(() => this.cut()),
      machine.onChange((attempt) => this.#changed(attempt)),
    ];
    this.#connect(1);
  }

  get state(): LinkState {
    return this.#state;
  }
  get hello(): HelloReply | undefined {
    return this.#hello;
  }
  get problem(): string | undefined {
    return this.#problem;
  }

  onState(listener: (state: LinkState) => void): () => void {
    this.#states.add(listener);
    return () => this.#states.delete(listener);
  }

  connected(signal?: AbortSignal): Promise<HelloReply> {
    return new Promise((resolve, reject) => {
      const look = (): boolean => {
        if (this.#state === "connected" && this.#hello !== undefined) resolve(this.#hello);
        else if (this.#state === "fenced" || this.#state === "closed")
          reject(new LinkError(this.#state, this.#problem ?? this.#state));
        else if (signal?.aborted === true) reject(new LinkError("aborted", "aborted"));
        else return false;
        return true;
      };
      if (look()) return;
      const changed = (): void => {
        if (look()) this.#states.delete(changed);
      };
      this.#states.add(changed);
    });
  }

  async request(
    request: Parameters<Link["request"]>[0],
    options: Parameters<Link["request"]>[1] = {},
  ): Promise<LinkReply> {
    const { sim, machine, alive } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<LinkReply>();
    const lost = (error: LinkError): void => reject(error);
    const { timeoutMs } = options;
    const cancel =
      timeoutMs === undefined
        ? null
        : sim.time.after(timeoutMs, () => reject(new LinkError("timeout", "no reply yet")));
    const run = async (): Promise<void> => {
      await this.connected();
      this.#pending.add(lost);
      await sim.pause(this.#latency());
      if (!alive() || this.#state !== "connected") return;
      const reply = await answered(machine.perform(request, this.#epoch));
      sim.trace.add(`${request.op} ${reply.reply.ok ? "ok" : reply.reply.code}`, {
        runner: machine.name,
        ...("session" in request ? { session: request.session } : {}),
      });
      if (sim.faults.draw("reply lost") || sim.faults.draw("connection cut")) {
        this.cut();
        return;
      }
      await sim.pause(this.#latency());
      resolve(reply);
    };
    run().catch(reject);
    try {
      return await promise;
    } finally {
      cancel?.();
      this.#pending.delete(lost);
    }
  }

  async attach(of: StreamOf, sink: AttachSink): Promise<Reply> {
    await this.connected();
    await this.#options.sim.pause(this.#latency());
    if (this.#state !== "connected") return this.attach(of, sink);
    return this.#open(of, sink);
  }

  #open(of: StreamOf, sink: AttachSink): Reply {
    const { machine } = this.#options;
    const from = sink.position();
    const attempt = machine.attempts.get(`${of.session}/${of.attempt}`);
    if (attempt === undefined)
      return { ok: false, code: "unknown-attempt", reason: "not on this runner" };
    if (
      from.out > attempt.out.byteLength ||
      from.err > attempt.err.byteLength ||
      from.seq > attempt.journal.length
    )
      return { ok: false, code: "behind", reason: "this runner has less" };
    const stream: Stream = { of, sink, ...from, planned: false };
    this.#streams.set(`${of.session}/${of.attempt}`, stream);
    this.#plan(stream, attempt);
    return { ok: true, value: null };
  }

  async detach({ session, attempt }: StreamOf): Promise<void> {
    this.#streams.delete(`${session}/${attempt}`);
  }

  async close(): Promise<void> {
    this.dispose();
    this.#set("closed");
  }

  /** The control plane died: nothing of it is left here. */
  dispose(): void {
    for (const forget of this.#forget) forget();
    this.#streams.clear();
  }

  /** The connection is gone; the next one comes by itself, streams go on from where their sinks are. */
  cut(): void {
    if (this.#state === "closed" || this.#state === "fenced") return;
    const lost = new LinkError("lost", "the connection to the runner was lost");
    this.#set("connecting");
    for (const reject of this.#pending) reject(lost);
    this.#pending.clear();
    this.#connect(this.#options.sim.random.int(50, BACKOFF_MS));
  }

  #connect(afterMs: number): void {
    const { sim, machine, hello, alive, asleepMs } = this.#options;
    sim.time.after(afterMs, () => {
      if (!alive() || this.#state === "closed" || this.#state === "connected") return;
      if (asleepMs() > 0) return this.#connect(asleepMs());
      if (machine.partitioned || machine.skewed) {
        this.#set("unreachable", machine.skewed ? "speaks protocol 3" : "no route to host");
        return this.#connect(sim.random.int(1_000, 30_000));
      }
      try {
        this.#hello = machine.hello({ ...hello, epoch: this.#epoch });
      } catch (error) {
        void this.#outbid(error instanceof Error ? error.message : "fenced");
        return undefined;
      }
      for (const { of, sink } of Array.from(this.#streams.values())) {
        this.#streams.delete(`${of.session}/${of.attempt}`);
        const reply = this.#open(of, sink);
        if (!reply.ok) sink.refused(reply);
      }
      this.#set("connected");
      return undefined;
    });
  }

  async #outbid(problem: string): Promise<void> {
    const { machine, outbid } = this.#options;
    const epoch = this.#outbids < OUTBIDS_MAX ? await outbid(machine.epoch) : null;
    if (epoch === null) {
      this.#set("fenced", problem);
      return;
    }
    this.#outbids += 1;
    this.#epoch = epoch;
    this.#connect(BACKOFF_MS);
  }

  #set(state: LinkState, problem?: string): void {
    if (this.#state === "closed") return;
    this.#state = state;
    this.#problem = problem;
    for (const listener of Array.from(this.#states)) listener(state);
  }

  #changed(attempt: Attempt): void {
    const stream = this.#streams.get(`${attempt.session}/${attempt.number}`);
    if (stream !== undefined) this.#plan(stream, attempt);
  }

  #plan(stream: Stream, attempt: Attempt): void {
    if (stream.planned) return;
    stream.planned = true;
    this.#options.sim.time.after(this.#latency(), () => {
      stream.planned = false;
      const current = this.#streams.get(`${attempt.session}/${attempt.number}`) === stream;
      if (current && this.#state === "connected" && this.#options.alive())
        this.#send(stream, attempt);
    });
  }

  /** Everything there is, in the order the protocol promises, output in pieces of any size. */
  #send(stream: Stream, attempt: Attempt): void {
    const { random } = this.#options.sim;
    const output = (kind: "out" | "err", until: number): void => {
      while (stream[kind] < until) {
        const end = Math.min(until, stream[kind] + random.int(1, 20_000));
        const bytes = attempt[kind].subarray(stream[kind], end);
        const at = stream[kind];
        stream[kind] = end;
        stream.sink.output(kind, at, bytes);
      }
    };
    for (
      let line = attempt.journal[stream.seq];
      line !== undefined;
      line = attempt.journal[stream.seq]
    ) {
      output("out", line.outAt);
      if (line.entry.kind === "exited") {
        output("out", line.entry.outBytes);
        output("err", line.entry.errBytes);
      }
      stream.seq += 1;
      stream.sink.journal(line);
    }
    if (lastOf(attempt, "spawned") === undefined || isFinished(attempt)) return;
    output("out", attempt.out.byteLength);
    output("err", attempt.err.byteLength);
  }

  #latency(): number {
    const { random, faults } = this.#options.sim;
    return faults.draw("runner slow") ? random.int(1_000, 20_000) : random.int(1, 40);
  }
}

async function answered(
  work: Promise<{ readonly value: unknown; readonly attachment?: Uint8Array }>,
): Promise<LinkReply> {
  try {
    const { value, attachment = new Uint8Array() } = await work;
    return { reply: { ok: true, value }, attachment };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, message: reason } = error;
    return { reply: { ok: false, code, reason }, attachment: new Uint8Array() };
  }
}

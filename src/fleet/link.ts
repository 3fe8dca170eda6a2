/**
 * The link to one runner: requests and streams over one connection that is made again whenever it is lost.
 *
 *     connecting ─▶ connected ─▶ (lost) ─▶ connecting …        unreachable: a try failed, the next one is due
 *                                                               fenced: this runner obeys somebody newer; the end,
 *                                                               unless we take over and may go above its epoch
 *
 * Nothing is kept here but who is attached: after a reconnection every attempt is attached again from where
 * its sink has got to, so nothing is lost or seen twice. A request whose reply was not seen rejects: its
 * outcome is unknown, and the caller repeats it (every request is idempotent).
 */
import type { JournalLine } from "../protocol/journal.ts";
import { HelloReply, PROTOCOL_VERSION, type Reply, type Request } from "../protocol/requests.ts";
import { type Channel, type LinkReply, LinkError, openChannel } from "./channel.ts";
import type { RunnerTransport } from "./transport.ts";

const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 30_000;
/** A daemon that hangs must not hold up our own end: its stream ends with the connection anyway. */
const DETACH_MS_MAX = 2_000;
/** A daemon answers `hello` from memory. */
const HELLO_MS_MAX = 30_000;

/** Time as a parameter. `after` returns the function that cancels. */
export interface LinkClock {
  after(delayMs: number, callback: () => void): () => void;
}

export type LinkState = "connecting" | "connected" | "unreachable" | "fenced" | "closed";

export interface StreamOf {
  readonly session: string;
  readonly attempt: number;
}

/** Where an attempt's stream is to go on: bytes of output and errors, journal entries, all seen. */
export interface StreamPosition {
  readonly out: number;
  readonly err: number;
  readonly seq: number;
}

/** Takes one attempt's stream. Bytes and lines come in order, each exactly once. Called synchronously; must not throw. */
export interface AttachSink {
  /** Asked at every (re)connection: the stream goes on from here. */
  position(): StreamPosition;
  output(kind: "out" | "err", at: number, bytes: Uint8Array): void;
  journal(line: JournalLine): void;
  /** The runner refused to go on (`behind`, `unknown-attempt`) at a reconnection. The attempt is no longer attached. */
  refused(reply: Extract<Reply, { ok: false }>): void;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** Default: none. `start` takes as long as preparing does. */
  readonly timeoutMs?: number;
}

export interface Link {
  readonly state: LinkState;
  /** What the runner said at the latest connection. */
  readonly hello: HelloReply | undefined;
  /** Why the latest try failed, while unreachable or fenced. */
  readonly problem: string | undefined;
  /** Waits for the connection, sends, waits for the reply. Rejects with LinkError. */
  request(
    request: Exclude<Request, { op: "hello" | "attach" | "detach" }>,
    options?: RequestOptions,
  ): Promise<LinkReply>;
  /** Streams the attempt into the sink until `detach`. Resolves with the runner's first reply; not ok = not attached. */
  attach(of: StreamOf, sink: AttachSink): Promise<Reply>;
  detach(of: StreamOf): Promise<void>;
  /** Called at every change. Returns the function that ends that. */
  onState(listener: (state: LinkState) => void): () => void;
  /** Resolves when connected; rejects with LinkError when fenced, closed or aborted. */
  connected(signal?: AbortSignal): Promise<HelloReply>;
  close(): Promise<void>;
}

/** Calls back for every runner's link that comes later. Returns the function that ends that. */
export type OnLink = (listener: (runner: string, link: Link) => void) => () => void;

export interface LinkOptions {
  readonly transport: RunnerTransport;
  readonly hello: {
    readonly installation: string;
    readonly plane: string;
    readonly epoch: number;
    readonly generation?: string;
    /** Its name with us: two runners on one work root are noticed. */
    readonly runner?: string;
  };
  readonly clock: LinkClock;
  /** The runner obeys this epoch, not ours: a greater one to greet it with, null = it is right. Default: it is right. */
  readonly outbid?: (seen: number) => Promise<number | null>;
}

/** Two control planes that both think they take over must not go on outbidding each other. */
const OUTBIDS_MAX = 3;

interface Attachment {
  readonly session: string;
  readonly attempt: number;
  readonly sink: AttachSink;
}

type Outgoing = Parameters<Link["request"]>[0];

/** Begins to connect at once. */
export function openLink(options: LinkOptions): Link {
  return new ReconnectingLink(options);
}

class ReconnectingLink implements Link {
  readonly #options: LinkOptions;
  #epoch: number;
  #outbids = 0;
  readonly #attachments = new Map<string, Attachment>();
  readonly #listeners = new Set<(state: LinkState) => void>();
  readonly #closing = new AbortController();
  #state: LinkState = "connecting";
  #hello: HelloReply | undefined;
  #problem: string | undefined;
  #channel: Channel | undefined;
  #backoffMs = BACKOFF_MS_MIN;
  #cancelRetry: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#epoch = options.hello.epoch;
    void this.#connect();
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
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async request(request: Outgoing, options: RequestOptions = {}): Promise<LinkReply> {
    const limits = [options.signal, timeoutSignal(options.timeoutMs)].filter(
      (one) => one !== undefined,
    );
    const signal = AbortSignal.any(limits);
    await this.connected(signal);
    const channel = this.#channel;
    if (channel === undefined) throw new LinkError("lost", "the connection to the runner was lost");
    return channel.request(request, signal);
  }

  async attach(of: StreamOf, sink: AttachSink): Promise<Reply> {
    const key = keyOf(of);
    if (this.#attachments.has(key)) throw new TypeError(`${key} is attached already`);
    for (;;) {
      await this.connected();
      const channel = this.#channel;
      if (channel === undefined) continue;
      const attachment = { session: of.session, attempt: of.attempt, sink };
      this.#attachments.set(key, attachment);
      try {
        const reply = await attachOver(channel, attachment);
        if (!reply.ok) this.#attachments.delete(key);
        return reply;
      } catch (error) {
        // Lost in between: nothing was streamed, so the next connection begins anew.
        this.#attachments.delete(key);
        if (!(error instanceof LinkError) || error.kind !== "lost") throw error;
        // It may have died without our having been told yet: trying over and over would keep us from hearing of it.
        await channel.closed;
      }
    }
  }

  async detach({ session, attempt }: StreamOf): Promise<void> {
    if (!this.#attachments.delete(keyOf({ session, attempt }))) return;
    const channel = this.#channel;
    if (channel === undefined) return;
    channel.forget(session, attempt);
    try {
      await channel.request({ op: "detach", session, attempt }, AbortSignal.timeout(DETACH_MS_MAX));
    } catch (error) {
      // The stream ends with the connection, too.
      if (!(error instanceof LinkError)) throw error;
    }
  }

  connected(signal?: AbortSignal): Promise<HelloReply> {
    return new Promise((resolve, reject) => {
      const look = (): boolean => {
        if (this.#state === "connected" && this.#hello !== undefined) resolve(this.#hello);
        else if (this.#state === "fenced" || this.#state === "closed")
          reject(new LinkError(this.#state, this.#problem ?? `the link is ${this.#state}`));
        else if (signal?.aborted === true) reject(abortError(signal, this.#problem));
        else return false;
        return true;
      };
      if (look()) return;
      const changed = (): void => {
        if (!look()) return;
        this.#listeners.delete(changed);
        signal?.removeEventListener("abort", changed);
      };
      this.#listeners.add(changed);
      signal?.addEventListener("abort", changed);
    });
  }

  close(): Promise<void> {
    this.#closing.abort();
    this.#cancelRetry?.();
    this.#set("closed");
    this.#channel?.close();
    this.#attachments.clear();
    return this.#options.transport.close();
  }

  #set(state: LinkState, problem?: string): void {
    if (this.#state === "closed") return;
    this.#problem = problem;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }

  async #connect(): Promise<void> {
    this.#cancelRetry = undefined;
    try {
      const channel = openChannel(await this.#options.transport.connect(this.#closing.signal));
      if (this.#closing.signal.aborted) {
        channel.close();
        return;
      }
      await this.#greet(channel);
    } catch (error) {
      if (this.#state === "closed" || this.#state === "fenced") return;
      this.#set("unreachable", error instanceof Error ? error.message : String(error));
      this.#retry();
    }
  }

  async #greet(channel: Channel): Promise<void> {
    const protocol = { min: PROTOCOL_VERSION - 1, max: PROTOCOL_VERSION };
    const request = { op: "hello", protocol, ...this.#options.hello, epoch: this.#epoch } as const;
    const cancel = this.#options.clock.after(HELLO_MS_MAX, () => channel.close());
    const { reply } = await channel.request(request).finally(cancel);
    if (!reply.ok) {
      channel.close();
      const fenced = reply.code === "fenced" && !(await this.#outbid(reply.epoch));
      if (fenced) this.#set("fenced", reply.reason);
      throw new LinkError(fenced ? "fenced" : "lost", reply.reason);
    }
    this.#hello = HelloReply.parse(reply.value);
    this.#backoffMs = BACKOFF_MS_MIN;
    this.#channel = channel;
    void channel.closed.then(() => this.#lost(channel));
    // First the streams that were there, so that whoever waits for the connection comes after them.
    for (const attachment of this.#attachments.values()) void this.#reattach(channel, attachment);
    this.#set("connected");
  }

  /** True = the next try greets with a greater epoch. */
  async #outbid(seen: number | undefined): Promise<boolean> {
    const { outbid } = this.#options;
    if (outbid === undefined || seen === undefined || this.#outbids >= OUTBIDS_MAX) return false;
    const epoch = await outbid(seen);
    if (epoch === null) return false;
    this.#outbids += 1;
    this.#epoch = epoch;
    return true;
  }

  async #reattach(channel: Channel, attachment: Attachment): Promise<void> {
    try {
      const reply = await attachOver(channel, attachment);
      if (reply.ok) return;
      this.#attachments.delete(keyOf(attachment));
      attachment.sink.refused(reply);
    } catch (error) {
      // Lost again: the next connection attaches again.
      if (!(error instanceof LinkError)) throw error;
    }
  }

  #lost(channel: Channel): void {
    if (this.#channel !== channel) return;
    this.#channel = undefined;
    if (this.#state === "closed") return;
    this.#set("connecting");
    this.#retry();
  }

  #retry(): void {
    this.#cancelRetry = this.#options.clock.after(this.#backoffMs, () => void this.#connect());
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MS_MAX);
  }
}

async function attachOver(
  channel: Channel,
  { session, attempt, sink }: Attachment,
): Promise<Reply> {
  const position = sink.position();
  channel.expect(session, attempt, { position, sink });
  const { reply } = await channel.request({ op: "attach", session, attempt, ...position });
  if (!reply.ok) channel.forget(session, attempt);
  return reply;
}

function timeoutSignal(timeoutMs: number | undefined): AbortSignal | undefined {
  return timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
}

function abortError(signal: AbortSignal, problem: string | undefined): LinkError {
  const timedOut = signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
  const why = problem === undefined ? "" : `: ${problem}`;
  const text = timedOut ? `no connection to the runner in time${why}` : "aborted";
  return new LinkError(timedOut ? "timeout" : "aborted", text, { cause: signal.reason });
}

function keyOf({ session, attempt }: StreamOf): string {
  return `${session}/${attempt}`;
}

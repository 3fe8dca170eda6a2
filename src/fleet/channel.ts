/**
 * One connection to a daemon, as long as it lasts: matches replies with requests and hands streams on.
 * Everything pending rejects when it ends. Reconnecting is link.ts.
 */
import type { Duplex } from "node:stream";
import { encodeFrame, type Frame, FrameReader } from "../protocol/frame.ts";
import { JournalLine } from "../protocol/journal.ts";
import { Reply, type Request } from "../protocol/requests.ts";

export interface LinkReply {
  readonly reply: Reply;
  /** The bundle of an export; empty otherwise. */
  readonly attachment: Uint8Array;
}

/** `lost` and `timeout`: the outcome is unknown, repeat. `fenced` and `closed`: there will be no other try. */
export class LinkError extends Error {
  override readonly name = "LinkError";
  readonly kind: "lost" | "timeout" | "aborted" | "fenced" | "closed";
  constructor(kind: LinkError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

export interface StreamReader {
  output(kind: "out" | "err", at: number, bytes: Uint8Array): void;
  journal(line: JournalLine): void;
}

export interface Expectation {
  readonly position: { readonly out: number; readonly err: number; readonly seq: number };
  readonly sink: StreamReader;
}

export interface Channel {
  request(request: Request, signal?: AbortSignal): Promise<LinkReply>;
  /** From now on hands the attempt's frames to the sink; they must go on from the position. */
  expect(session: string, attempt: number, expectation: Expectation): void;
  forget(session: string, attempt: number): void;
  readonly closed: Promise<void>;
  close(): void;
}

interface Pending {
  readonly resolve: (reply: LinkReply) => void;
  readonly reject: (error: LinkError) => void;
}

interface Stream {
  readonly sink: StreamReader;
  out: number;
  err: number;
  seq: number;
}

export function openChannel(stream: Duplex): Channel {
  const reader = new FrameReader();
  const pending = new Map<string, Pending>();
  const streams = new Map<string, Stream>();
  let problem: Error | undefined;
  let ended = false;
  let asked = 0;

  const closed = new Promise<void>((resolve) => {
    stream.once("close", () => {
      ended = true;
      const lost = lostBecause(problem);
      for (const { reject } of pending.values()) reject(lost);
      pending.clear();
      resolve();
    });
  });
  stream.on("error", (error: Error) => {
    problem = error;
    stream.destroy();
  });
  // The daemon ends its side: nothing will come, and nothing we say is read.
  stream.on("end", () => stream.destroy());
  stream.on("data", (chunk: Buffer) => {
    try {
      for (const frame of reader.feed(chunk)) take(frame, pending, streams);
    } catch (error) {
      // Not frames, or not where we are: the next connection starts from what we really have.
      stream.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  });

  return {
    closed,
    close: () => void stream.destroy(),
    expect(session, attempt, { position, sink }) {
      streams.set(`${session}/${attempt}`, { sink, ...position });
    },
    forget: (session, attempt) => void streams.delete(`${session}/${attempt}`),
    request(request, signal) {
      return new Promise((resolve, reject) => {
        if (ended || stream.destroyed) {
          reject(lostBecause(problem));
          return;
        }
        const id = String((asked += 1)); // replies come over the connection that asked
        const settle = (): void => {
          pending.delete(id);
          signal?.removeEventListener("abort", abort);
        };
        const abort = (): void => {
          settle();
          const timedOut =
            signal?.reason instanceof DOMException && signal.reason.name === "TimeoutError";
          reject(new LinkError(timedOut ? "timeout" : "aborted", `no reply to ${request.op} yet`));
        };
        pending.set(id, {
          resolve: (reply) => {
            settle();
            resolve(reply);
          },
          reject: (error) => {
            settle();
            reject(error);
          },
        });
        signal?.addEventListener("abort", abort);
        if (signal?.aborted === true) abort();
        else stream.write(encodeFrame({ k: "request", id }, Buffer.from(JSON.stringify(request))));
      });
    },
  };
}

const lostBecause = (cause: Error | undefined): LinkError =>
  new LinkError("lost", "the connection to the runner was lost", { cause });

function take(
  { header, payload }: Frame,
  pending: ReadonlyMap<string, Pending>,
  streams: ReadonlyMap<string, Stream>,
): void {
  if (header.k === "request") throw new TypeError("a runner sends no requests");
  if (header.k === "reply") {
    // No longer waited for: aborted.
    pending.get(header.id)?.resolve({ reply: Reply.parse(header.body), attachment: payload });
    return;
  }
  const stream = streams.get(`${header.s}/${header.a}`);
  // Detached: what was on its way is dropped.
  if (stream === undefined) return;
  if (header.k === "journal") {
    if (header.seq !== stream.seq + 1)
      throw new RangeError(`journal entry ${header.seq} came after ${stream.seq}`);
    stream.seq = header.seq;
    const line: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
    stream.sink.journal(JournalLine.parse(line));
    return;
  }
  if (header.at !== stream[header.k])
    throw new RangeError(`output at ${header.at} came where ${stream[header.k]} was due`);
  stream[header.k] += payload.byteLength;
  stream.sink.output(header.k, header.at, payload);
}

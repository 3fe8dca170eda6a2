/**
 * One connection of the control plane: frames in, replies and streams out. Requests run side by side; the
 * first one must be `hello`.
 */
import type { Socket } from "node:net";
import { type Frame, FrameReader, encodeFrame } from "../../src/protocol/frame.ts";
import { type Reply, Request } from "../../src/protocol/requests.ts";
import { RequestError, explainDisk } from "./errors.ts";
import { type StreamTarget, streamAttempt } from "./stream.ts";
import type { Attempt } from "./attempt.ts";
import { type Answer, type Service, perform } from "./service.ts";

/** More unanswered requests than any control plane has reason for. */
const REQUESTS_MAX = 1000;
const KNOWN = new Set<string | undefined>(
  Request.def.options.map((option) => option.def.shape.op.def.values[0]),
);

export interface Connection {
  /** Epoch it was greeted with; undefined before `hello`. */
  readonly epoch: number | undefined;
  close(): void;
}

export function serveConnection(socket: Socket, service: Service): Connection {
  const reader = new FrameReader();
  const streams = new Map<string, () => void>();
  let epoch: number | undefined;
  let requests = 0;

  const attach = (attempt: Attempt, from: Parameters<typeof streamAttempt>[1]): void => {
    const key = `${attempt.session}/${attempt.number}`;
    streams.get(key)?.();
    const end = streamAttempt(attempt, from, streamTo(socket, attempt));
    service.attached(attempt, 1);
    streams.set(key, () => {
      end();
      service.attached(attempt, -1);
      streams.delete(key);
    });
  };

  const answer = async (payload: Uint8Array): Promise<Answer> => {
    const request = parseRequest(payload);
    if (request.op === "hello") {
      const value = service.hello(request);
      epoch = request.epoch;
      return { value };
    }
    if (epoch === undefined) throw new RequestError("invalid", "the first request must be hello");
    if (request.op === "detach") {
      streams.get(`${request.session}/${request.attempt}`)?.();
      return { value: null };
    }
    return perform(service, request, attach);
  };

  const handle = async ({ header, payload }: Frame): Promise<void> => {
    if (header.k !== "request") throw new RequestError("invalid", `not a request: ${header.k}`);
    const { body, attachment, after } = await replyTo(() => answer(payload));
    send(socket, encodeFrame({ k: "reply", id: header.id, body }, attachment));
    after?.();
  };

  socket.on("data", (chunk: Buffer) => {
    try {
      for (const frame of reader.feed(chunk)) {
        requests += 1;
        if (requests > REQUESTS_MAX) throw new RangeError("too many requests at once");
        void handle(frame)
          .catch(() => socket.destroy())
          .finally(() => {
            requests -= 1;
          });
      }
    } catch (error) {
      // After a broken frame there is no way to find the next one.
      service.log(`connection closed: ${String(error)}`);
      socket.destroy();
    }
  });
  socket.on("close", () => {
    for (const end of streams.values()) end();
  });
  return {
    get epoch() {
      return epoch;
    },
    close: () => socket.destroy(),
  };
}

async function replyTo(
  answer: () => Promise<Answer>,
): Promise<{ body: Reply; attachment: Uint8Array; after?: () => void }> {
  const nothing = new Uint8Array();
  try {
    const { value, attachment, after } = await answer();
    return {
      body: { ok: true, value },
      attachment: attachment ?? nothing,
      ...(after === undefined ? {} : { after }),
    };
  } catch (error) {
    const code = error instanceof RequestError ? error.code : "failed";
    const reason =
      error instanceof RequestError ? error.message : explainDisk(error, "the runner's work root");
    const epoch = error instanceof RequestError ? error.epoch : undefined;
    const obeyed = epoch === undefined ? {} : { epoch };
    return { body: { ok: false, code, reason, ...obeyed }, attachment: nothing };
  }
}

function parseRequest(payload: Uint8Array): Request {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch (cause) {
    throw new RequestError("invalid", "the request is not JSON", { cause });
  }
  const parsed = Request.safeParse(value);
  if (parsed.success) return parsed.data;
  const op: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "op") : null;
  if (typeof op === "string" && !KNOWN.has(op))
    throw new RequestError(
      "not-implemented",
      `this runner does not know the request ${op.slice(0, 64)}`,
    );
  const issue = parsed.error.issues[0];
  throw new RequestError(
    "invalid",
    `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`,
  );
}

function streamTo(socket: Socket, { session: s, number: a }: Attempt): StreamTarget {
  return {
    output: (k, at, bytes) => sendAndWait(socket, encodeFrame({ k, s, a, at }, bytes)),
    journal: (seq, outAt, line) =>
      sendAndWait(socket, encodeFrame({ k: "journal", s, a, seq, outAt }, line)),
  };
}

function send(socket: Socket, bytes: Uint8Array): boolean {
  return socket.destroyed || socket.write(bytes);
}

/** Resolves when the kernel takes more; rejects when the connection is gone. */
function sendAndWait(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (socket.destroyed) return Promise.reject(new Error("connection is gone"));
  if (socket.write(bytes)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (done: () => void) => (): void => {
      socket.off("drain", drained);
      socket.off("close", closed);
      done();
    };
    const drained = settle(resolve);
    const closed = settle(() => reject(new Error("connection is gone")));
    socket.on("drain", drained);
    socket.on("close", closed);
  });
}

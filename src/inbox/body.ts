/** Reads a request body within limits of size and time. */
import type { IncomingMessage } from "node:http";
import type { Clock } from "../engine/ports.ts";

export type Body =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly status: 400 | 408 | 413 | 503 };

export interface BodyLimits {
  /** Largest body, in bytes. */
  readonly bytesMax: number;
  /** Time from the headers to the last byte. */
  readonly timeoutMs: number;
}

/** Counts the bytes of all bodies that are being read: together they are limited too. */
export interface Budget {
  used: number;
  readonly max: number;
}

/** The whole body, or why there is none. Stops reading as soon as a limit is hit. */
export async function readBody(
  request: IncomingMessage,
  limits: BodyLimits,
  budget: Budget,
  clock: Clock,
): Promise<Body> {
  if (Number(request.headers["content-length"] ?? 0) > limits.bytesMax)
    return { ok: false, status: 413 };
  const chunks: Buffer[] = [];
  let size = 0;
  const { promise, resolve } = Promise.withResolvers<Body>();
  const cancel = clock.after(limits.timeoutMs, () => resolve({ ok: false, status: 408 }));
  const onData = (chunk: Buffer): void => {
    size += chunk.length;
    budget.used += chunk.length;
    if (size > limits.bytesMax) resolve({ ok: false, status: 413 });
    else if (budget.used > budget.max) resolve({ ok: false, status: 503 });
    else chunks.push(chunk);
  };
  const onBroken = (): void => resolve({ ok: false, status: 400 });
  request.on("data", onData);
  request.once("end", () => resolve({ ok: true, bytes: Buffer.concat(chunks) }));
  request.once("error", onBroken);
  request.once("close", onBroken);
  try {
    return await promise;
  } finally {
    cancel();
    request.off("data", onData);
    budget.used -= size;
  }
}

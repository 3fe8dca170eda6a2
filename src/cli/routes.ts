/** What all routes of the control server share: bodies as JSON, refusals in words. */
import type { IncomingMessage } from "node:http";
import * as z from "zod";
import { realClock } from "../compose/clock.ts";
import { DeskError } from "../compose/enroll.ts";
import { readBody } from "../inbox/body.ts";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const LIMITS = { bytesMax: 1024 * 1024, timeoutMs: 10_000 };
const STATUS = { invalid: 400, unknown: 404, taken: 409, busy: 409, failed: 502 } as const;

/** What was asked for wrongly, or cannot be done, is an answer, too. */
export async function answering(work: () => Promise<Answer | null>): Promise<Answer | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DeskError)
      return { status: STATUS[error.kind], body: { error: error.message } };
    if (error instanceof z.ZodError)
      return { status: 400, body: { error: z.prettifyError(error) } };
    throw error;
  }
}

/** An empty one is as good as `{}`. */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request, LIMITS, { used: 0, max: LIMITS.bytesMax }, realClock);
  if (!body.ok)
    throw new DeskError("invalid", `the request's body is too long or too slow (${body.status})`);
  try {
    return JSON.parse(body.bytes.toString("utf8") || "{}") as unknown;
  } catch {
    // Says what is wrong instead of where.
    throw new DeskError("invalid", "the request is no JSON");
  }
}

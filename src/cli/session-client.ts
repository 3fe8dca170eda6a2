/** Asking the running server about one session. */
import * as z from "zod";
import type { Config } from "../config.ts";
import { demand, refusalOf, type Answered } from "./client.ts";
import { CliError } from "./output.ts";

const Line = z.object({
  id: z.string(),
  fate: z.enum(["waits", "sent", "queued", "steered", "delivered", "answer", "ambiguous", "late"]),
  questions: z.array(z.number()),
});
export type Line = z.infer<typeof Line>;

export const Detail = z.object({
  id: z.string(),
  title: z.string(),
  state: z.string(),
  status: z.string(),
  over: z.boolean(),
  attempt: z.number(),
  runner: z.nullable(z.string()),
  away: z.nullable(z.string()),
  workspace: z.nullable(z.string()),
  branch: z.nullable(z.string()),
  takenBy: z.nullable(z.string()),
  questions: z.array(
    z.object({ number: z.number(), text: z.string(), options: z.array(z.string()) }),
  ),
  lines: z.array(Line),
});
export type Detail = z.infer<typeof Detail>;

/** Looking into a checkout, or packing it, on a slow machine. */
const SLOW_MS = 6 * 60_000;

/** What the server answers. Throws CliError with the server's words for a refusal. */
export async function askSession(
  config: Config,
  method: "GET" | "POST",
  path: string,
  body?: unknown,
): Promise<unknown> {
  const options = { timeoutMs: SLOW_MS, ...(body === undefined ? {} : { body }) };
  return accepted(await demand(config, method, `/sessions/${path}`, options));
}

export function accepted(answered: Answered): unknown {
  if (answered.status < 300) return answered.body;
  throw new CliError(refusalOf(answered), answered.status === 404 ? 4 : 1);
}

export const detail = async (config: Config, id: string): Promise<Detail> =>
  Detail.parse(await askSession(config, "GET", encodeURIComponent(id)));

/** Agents whose providers' limits were hit: one mark each, for the whole server. */
import * as z from "zod";
import type { Emitted } from "../domain/step.ts";
import type { Exhausted } from "../domain/limit.ts";
import type { Db } from "./database.ts";
import { listMarks, writeMark } from "./watch-table.ts";

const PREFIX = "exhausted:";

const Row: z.ZodType<Exhausted> = z.object({
  until: z.number(),
  at: z.number(),
  strikes: z.number(),
  reason: z.string(),
});

export const exhausted = (db: Db): ReadonlyMap<string, Exhausted> =>
  new Map(
    [...listMarks(db, PREFIX)].map(([key, value]) => [
      key.slice(PREFIX.length),
      Row.parse(JSON.parse(value)),
    ]),
  );

/** Of two sessions that hit limits of one agent the later end counts. */
export function writeExhausted(db: Db, limits: ReadonlyMap<string, Exhausted>): void {
  const known = exhausted(db);
  for (const [agent, limit] of limits)
    if (limit.until > (known.get(agent)?.until ?? 0))
      writeMark(db, `${PREFIX}${agent}`, JSON.stringify(limit));
}

/** Whether one of these starts an agent that must not be started now: whoever decided so did not know yet. */
export function startsExhausted(db: Db, effects: readonly Emitted[], now: number): boolean {
  const starts = effects.flatMap(({ effect }) =>
    effect.kind === "start-attempt" ? [effect.agent] : [],
  );
  if (starts.length === 0) return false;
  const known = exhausted(db);
  return starts.some((agent) => (known.get(agent)?.until ?? 0) > now);
}

/** The clock was set back: a limit ends as soon as it would have. */
export function moveExhausted(db: Db, byMs: number): void {
  for (const [agent, limit] of exhausted(db))
    writeMark(db, `${PREFIX}${agent}`, JSON.stringify({ ...limit, until: limit.until + byMs }));
}

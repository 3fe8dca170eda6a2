/** `orcha outbox`: effects that wait, were refused, or were given up. */
import type { OutboxRow } from "../store/port.ts";
import { read } from "./client.ts";
import { clockTime, print, printJson, printTable } from "./output.ts";
import { outboxViews } from "./views.ts";

export interface OutboxOptions {
  readonly state: OutboxRow["state"] | "all";
  readonly json?: boolean;
}

export async function outbox({ state, json = false }: OutboxOptions): Promise<void> {
  const found = await read(`/outbox?state=${state}`, (reading) => outboxViews(reading, state));
  if (json) return printJson(found);
  if (found.length === 0)
    return print(`nothing in the outbox is ${state === "all" ? "there" : state}`);
  printTable(
    ["EFFECT", "STATE", "TRIES", "SINCE", "LANE", "WHY"],
    found.map((one) => [
      one.effect,
      one.state,
      String(one.attempts),
      clockTime(one.createdAt),
      one.lane,
      (one.error ?? "").slice(0, 100),
    ]),
  );
}

/** `orcha dead`: webhooks, events and effects that nobody tries any more, with the reason. */
import type { DeadLetter } from "../store/port.ts";
import { read } from "./client.ts";
import { clockTime, print, printJson, printTable } from "./output.ts";
import { deadViews } from "./views.ts";

const KINDS = { delivery: "webhook", inbox: "event", outbox: "effect" } as const;

export async function dead({ json = false }: { readonly json?: boolean }): Promise<void> {
  const found: readonly DeadLetter[] = await read("/dead", deadViews);
  if (json) return printJson(found);
  if (found.length === 0) return print("nothing was given up");
  printTable(
    ["KEY", "WHAT", "KIND", "TRIES", "SINCE", "LANE", "WHY"],
    found.map((one) => [
      one.key,
      KINDS[one.queue],
      one.what,
      String(one.attempts),
      clockTime(one.since),
      one.lane ?? "–",
      one.reason.slice(0, 100),
    ]),
  );
}
